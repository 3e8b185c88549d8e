"""Raw values to Documents: the rules for one row, the same for every format.

A row that cannot be used never affects the others. In a run the plan's rule leaves it out (or counts its
label as "other"), depending on that row alone, so that one row more or less changes one row of the corpus.
The number of such rows, and the reasons, are private.

Equal values have one spelling: 12, 12.0, "12" and "12.0" are the same label and the same person in every file
format, and so are true, "true" and "True". NaN is a missing value in every format, also as the text "nan".
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple
from uuid import UUID

from rpsg.disk.json_text import whole
from rpsg.errors import DataError
from rpsg.records import OTHER, Document
from rpsg.storage.readers import text as lines
from rpsg.storage.readers.turns import in_one_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from rpsg.records import PrivateCorpus
    from rpsg.storage.readers.columns import Columns

_NOT_PRINTED = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
#: Whole numbers as files write them: 12.0, and 1.2e+17 for a large float. Longer ones are names.
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,400})\.0{1,400}|-?[1-9](?:\.[0-9]{1,400})?[eE]\+[0-9]{2,3}")
_TRUTHS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
#: How a missing number is written when a column of numbers is made text.
_MISSING = frozenset({"nan", "NaN"})

NO_TEXT = "the text is missing or empty"
TEXT_IS_NONE = "the text is a list or an object"
TEXT_TOO_LONG = "the text is too long"
NO_USER = "the user is missing"
USER_IS_NONE = "the user is a list or an object"
NO_LABEL = "the label is missing"
LABEL_IS_NONE = "the label is a list or an object"
UNLISTED = "the label is not one of those declared"
_OTHER_LABEL = "; or count such rows as another label: --unlisted other"
_QUOTED = "a label with a comma needs quotes: '\"Food, drink\",garden'"


class Row(NamedTuple):
    """One row as the file has it: ``number`` is its line, row or file number, counted from 1."""

    number: int
    text: object
    label: object = None
    user: object = None


class Fault(NamedTuple):
    """A row that cannot be used. ``reason`` is the same for all such rows; ``error`` locates this one."""

    number: int
    reason: str
    error: DataError


@dataclass(frozen=True, slots=True)
class Rules:
    """What happens to rows that cannot be used; public, part of the plan.

    ``unusable`` is for rows without a text, without a user where one is asked for, or broken in themselves;
    ``unlisted`` for labels that are missing or not declared.
    """

    unusable: Literal["drop", "refuse"] = "drop"
    unlisted: Literal["drop", "other"] = "drop"


@dataclass(slots=True)
class RowNumbers:
    """The number of rows, and the numbers of the first ones."""

    rows: int = field(default=0, repr=False)
    first: list[int] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as it was read. ``left_out`` and ``as_other`` are by reason; all of it is private.

    ``unit`` is what row numbers count ("line"); ``hints`` says by reason how to repair such rows. None of it
    is in the ``repr``, since a notebook keeps what it shows.
    """

    corpus: PrivateCorpus = field(repr=False)
    unit: str
    rows: int = field(repr=False)
    left_out: Mapping[str, RowNumbers] = field(repr=False)
    as_other: Mapping[str, RowNumbers] = field(repr=False)
    hints: Mapping[str, str] = field(repr=False)


@dataclass(slots=True)
class DocumentMaker:
    """Turns rows into Documents, one at a time, and counts those that it cannot use.

    Without ``rules``, for reads that release nothing, the first faulty row is an error, and only empty texts
    are left out. ``unit`` is what row numbers count ("line"); ``shown`` is how many are kept for each reason.
    """

    path: str
    unit: str
    columns: Columns
    labels: Mapping[str, str] | None = None
    rules: Rules | None = None
    shown: int = 20
    rows: int = 0
    left_out: dict[str, RowNumbers] = field(default_factory=dict)
    as_other: dict[str, RowNumbers] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _shared: dict[str, str] = field(default_factory=dict)

    def documents(self, rows: Iterable[Row | Fault]) -> Iterator[Document]:
        """The rows that can be used; DataError for any other if the rules refuse it."""
        position = 0
        for row in rows:
            self.rows += 1
            made = row if isinstance(row, Fault) else self._document(position, row)
            if isinstance(made, Fault):
                self._leave_out(made)
            else:
                yield made
                position += 1

    def _document(self, position: int, row: Row) -> Document | Fault:
        text = self._text(row)
        if isinstance(text, Fault):
            return text
        user = self._user(row)
        if isinstance(user, Fault):
            return user
        label = self._label(row)
        return label if isinstance(label, Fault) else Document(position, text, label, user)

    def _leave_out(self, fault: Fault) -> None:
        about_labels = fault.reason in (NO_LABEL, LABEL_IS_NONE, UNLISTED)
        if self.rules is None:
            refused = fault.reason != NO_TEXT
        else:
            refused = self.rules.unusable == "refuse" and not about_labels
        if refused:
            raise fault.error
        self._note(self.left_out, fault)

    def _note(self, noted: dict[str, RowNumbers], fault: Fault) -> None:
        found = noted.setdefault(fault.reason, RowNumbers())
        self.hints.setdefault(fault.reason, fault.error.hint)
        found.rows += 1
        if len(found.first) < self.shown:
            found.first.append(fault.number)

    def _text(self, row: Row) -> str | Fault:
        column = self.columns.text
        value = row.text if isinstance(row.text, str) else spelled(row.text) or in_one_text(row.text)
        is_nan = isinstance(row.text, float) and math.isnan(row.text)
        if value is None and row.text is not None and not is_nan:
            return self._fault(row, TEXT_IS_NONE, f"{column!r} must hold text, or turns, in every row.")
        text = "" if value in _MISSING else clean(value or "")
        if not any(c.isprintable() and not c.isspace() for c in text):
            return self._fault(row, NO_TEXT, f"Fill in {column!r}, or take the row out.")
        most = lines.MAX_LINE_BYTES
        if 4 * len(text) > most and len(text.encode()) > most:
            return self._fault(row, TEXT_TOO_LONG, f"A text may have at most {most >> 20} MiB.")
        return text

    def _user(self, row: Row) -> str | Fault | None:
        if self.columns.user is None:
            return None
        name = self._name(row.user)
        if name is None:
            reason = NO_USER if not isinstance(row.user, list | dict | tuple) else USER_IS_NONE
            hint = (
                f"Fill in {self.columns.user!r} in every row; or leave --user out, and one row is protected "
                "instead of one person."
            )
            return self._fault(row, reason, hint)
        return name

    def _label(self, row: Row) -> str | Fault | None:
        if self.columns.label is None:
            return None
        name = self._name(row.label)
        if self.labels is None:
            label = None if name is None else _NOT_PRINTED.sub(" ", name).strip() or None
        else:
            label = None if name is None else self.labels.get(name)
        if label is not None:
            return self._shared.setdefault(label, label)
        fault = self._unlabelled(row, name)
        if self.rules is None:
            # A read that releases nothing accepts a row without a label, unless labels are declared.
            return None if self.labels is None and fault.reason == NO_LABEL else fault
        if self.rules.unlisted == "other" and self.labels is not None:
            self._note(self.as_other, fault)
            return OTHER
        return fault

    def _unlabelled(self, row: Row, name: str | None) -> Fault:
        if name is not None and self.labels is not None:
            declared = sorted(self.labels.values())
            some = ", ".join(declared[:10]) + (", ..." if len(declared) > 10 else "")
            hint = f"Declared: {some}. Correct the row or the list ({_QUOTED}){_OTHER_LABEL}."
            return self._fault(row, UNLISTED, hint)
        column = self.columns.label
        if isinstance(row.label, list | dict | tuple):
            return self._fault(row, LABEL_IS_NONE, f"{column!r} must hold one short name in every row.")
        other = _OTHER_LABEL if self.labels else ""
        return self._fault(row, NO_LABEL, f"Fill in {column!r}, or leave --label out{other}.")

    def _name(self, value: object) -> str | None:
        """A label or a user as text; equal ones share one string, which matters at a million rows."""
        if isinstance(value, str) and value in self._names:
            return self._names[value]
        name = spelled(value)
        if name is None:
            return None
        name = self._shared.setdefault(name, name)
        if isinstance(value, str):
            self._names[value] = name
        return name

    def _fault(self, row: Row, reason: str, hint: str) -> Fault:
        return fault(self.path, self.unit, row.number, reason, hint)


def fault(path: Path | str, unit: str, number: int, reason: str, hint: str, *, detail: str = "") -> Fault:
    """A fault of the row ``number``; ``detail`` is added to the message of this row."""
    return Fault(number, reason, DataError(f"{path}, {unit} {number}: {detail or reason}.", hint=hint))


def spelled(value: object) -> str | None:
    """The one spelling of a value, whatever its type in the file; None for an empty one.

    Whole numbers have no decimal point and no exponent, booleans are "true" and "false", Unicode is composed.
    Lists and objects have no spelling.
    """
    if isinstance(value, str | bool):
        return _spelled_text(str(value))
    if isinstance(value, float | Decimal):
        return _spelled_number(Decimal(repr(value)) if isinstance(value, float) else value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return _spelled_bytes(value)
    return str(value) if isinstance(value, date | time | timedelta | UUID) else None


def _spelled_text(value: str) -> str | None:
    name = clean(value).strip()
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if name in _MISSING:
        return None
    if name in _TRUTHS:
        return _TRUTHS[name]
    if _WHOLE.fullmatch(name):
        return _spelled_number(Decimal(name))
    return name or None


def _spelled_number(value: Decimal) -> str | None:
    if value.is_nan():
        return None
    if value.is_infinite():
        return "inf" if value > 0 else "-inf"
    if value == value.to_integral_value():
        return str(int(value))
    return format(value, "f").rstrip("0")


def _spelled_bytes(value: bytes) -> str | None:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    return _spelled_text(text) if text.isprintable() else value.hex()


def clean(text: str) -> str:
    """Normalised text: no NUL, line feeds only, no broken characters; "" for white space."""
    if "\r" in text or "\0" in text:
        text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = whole(text)
    return "" if text.isspace() else text
