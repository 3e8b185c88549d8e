"""Raw values to Documents: the rules for one row, the same for every format.

A row that cannot be used never affects the others. In a run the plan's rule leaves it out (or counts its
label as "other"), depending on that row alone, so that one row more or less changes one row of the corpus.
The number of such rows, and the reasons, are private.

Equal values have one spelling (``spelling``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from rpsg.errors import DataError
from rpsg.records import OTHER, Document
from rpsg.storage.readers import text as lines
from rpsg.storage.readers.spelling import MISSING, clean, decoded, is_compound, spelled, spelled_text
from rpsg.storage.readers.turns import in_one_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from rpsg.records import PrivateCorpus
    from rpsg.storage.readers.beside import ColumnReader
    from rpsg.storage.readers.columns import Columns

_LONGEST_MISSING = max(map(len, MISSING))
#: The most spellings that are remembered. Sharing them saves memory, and must not use more than it saves.
MOST_NAMES = 1 << 20
_NOT_PRINTED = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
NO_TEXT = "the text is missing or empty"
TEXT_IS_NONE = "the text is a list or an object"
TEXT_TOO_LONG = "the text is too long"
TEXT_NOT_UTF8 = "the text is not UTF-8"
NO_USER = "the user is missing"
USER_IS_NONE = "the entry in the user column is a list or an object"
NO_LABEL = "the label is missing"
LABEL_IS_NONE = "the label is a list or an object"
UNLISTED = "the label is not one of those declared"
_OTHER_LABEL = '; or count such rows under the label "other": --unlisted other'
_QUOTED = "a label with a comma needs quotes: '\"Food, drink\",garden'"

#: One row as the file has it: its line, row or file number, counted from 1, and the values of
#: ``Columns.wanted_or_none`` in their order. It is a tuple because making an object of a class would take as
#: long as all checks of a row.
Row = tuple[int, Sequence[object]]


class Fault(NamedTuple):
    """A row that cannot be used. ``reason`` is the same for all such rows; ``error`` says where this row is.

    ``unlisted``: the row lacks a declared value, so the setting [data] unlisted decides about it.
    """

    number: int
    reason: str
    error: DataError
    unlisted: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What happens to rows that cannot be used; public, part of the plan.

    ``unusable`` is for rows that are broken, have no text, or have no user although a user column is named.
    ``unlisted`` is for rows with a label, or a value of a column beside the text, that is missing or not
    declared.
    """

    unusable: Literal["drop", "refuse"] = "drop"
    unlisted: Literal["drop", "other"] = "drop"


@dataclass(slots=True)
class RowNumbers:
    """How many rows there are, and the row numbers of the first ones."""

    rows: int = field(default=0, repr=False)
    first: list[int] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """A file as it was read; private, and not in the ``repr``, since a notebook keeps what it shows.

    ``left_out`` has the rows that cannot be used, ``as_other`` those counted as "other", and ``hints`` how to
    repair them, each by reason. ``unit`` is what row numbers count ("line").
    """

    corpus: PrivateCorpus
    unit: str
    rows: int
    left_out: Mapping[str, RowNumbers]
    as_other: Mapping[str, RowNumbers]
    hints: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<Reading of {self.unit}s, not shown as they are private: .corpus, .rows, .left_out, .hints>"


@dataclass(slots=True)
class DocumentMaker:
    """Turns rows into Documents, one at a time, and counts those that it cannot use.

    Without ``rules``, for reads that release nothing, the first faulty row is an error, and only empty texts
    are left out. ``unit`` is what row numbers count ("line"); ``shown`` is how many row numbers are kept for
    each reason. ``decoded`` says that no row has half of a surrogate pair, so that this need not be checked.
    """

    path: str
    unit: str
    columns: Columns
    labels: Mapping[str, str] | None = None
    beside: tuple[ColumnReader, ...] = ()
    rules: Rules | None = None
    shown: int = 20
    decoded: bool = False
    rows: int = 0
    left_out: dict[str, RowNumbers] = field(default_factory=dict)
    as_other: dict[str, RowNumbers] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _labels: dict[str, str] = field(default_factory=dict)
    _together: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = field(default_factory=dict)

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
        number, values = row
        text, columns = values[0], self.columns
        # Most texts clearly need no change of spelling, and then no other rule applies. These checks, and the
        # look-up of known names, are written here: calling functions would take as long as the checks.
        if not (
            isinstance(text, str)
            and text[:1].isalnum()
            and "\r" not in text
            and "\0" not in text
            and (self.decoded or text.isascii() or _is_whole(text))
            and _LONGEST_MISSING < len(text) <= lines.MAX_LINE_BYTES // 4
        ):
            text = self._text(number, text)
            if isinstance(text, Fault):
                return text
        user = None
        if columns.user is not None:
            given = values[2]
            if isinstance(given, str):
                user = self._names.get(given) or self._new_name(given)
            else:
                user = self._name(given)
            if user is None:
                return self._no_user(number, given)
        label = self._label(number, values[1]) if columns.label is not None else None
        if isinstance(label, Fault):
            return label
        if not self.beside:
            return Document(position, text, label, user)
        beside = self._beside(number, values[3:])
        return beside if isinstance(beside, Fault) else Document(position, text, label, user, beside)

    def _leave_out(self, fault: Fault) -> None:
        if self.rules is None:
            refused = fault.reason != NO_TEXT
        else:
            refused = self.rules.unusable == "refuse" and not fault.unlisted
        if refused:
            raise fault.error
        self._note(self.left_out, fault)

    def _note(self, noted: dict[str, RowNumbers], fault: Fault) -> None:
        found = noted.setdefault(fault.reason, RowNumbers())
        self.hints.setdefault(fault.reason, fault.error.hint)
        found.rows += 1
        if len(found.first) < self.shown:
            found.first.append(fault.number)

    def _text(self, number: int, given: object) -> str | Fault:
        column = self.columns.text
        if isinstance(given, bytes) and (given := decoded(given)) is None:
            return self._fault(number, TEXT_NOT_UTF8, "Write this row again as UTF-8, or remove it.")
        value = given if isinstance(given, str) else spelled(given) or in_one_text(given)
        is_nan = isinstance(given, float) and math.isnan(given)
        if value is None and given is not None and not is_nan:
            return self._fault(number, TEXT_IS_NONE, f"{column!r} must hold text, or turns, in every row.")
        text = "" if value in MISSING else clean(value or "")
        if not any(c.isprintable() and not c.isspace() for c in text):
            return self._fault(number, NO_TEXT, f"Fill in {column!r}, or remove the row.")
        most = lines.MAX_LINE_BYTES
        if 4 * len(text) > most and len(text.encode()) > most:
            return self._fault(number, TEXT_TOO_LONG, f"A text may have at most {most >> 20} MiB.")
        return text

    def _no_user(self, number: int, given: object) -> Fault:
        reason = USER_IS_NONE if is_compound(given) else NO_USER
        hint = (
            f"Fill in {self.columns.user!r} in every row. Or leave --user out: then single rows are "
            f"protected instead of whole people."
        )
        return self._fault(number, reason, hint)

    def _label(self, number: int, given: object) -> str | Fault | None:
        name = self._name(given)
        if self.labels is None:
            label = None if name is None else _NOT_PRINTED.sub(" ", name).strip() or None
        else:
            label = None if name is None else self.labels.get(name)
        if label is not None:
            return self._labels.setdefault(label, label)
        fault = self._unlabelled(number, given, name)
        if self.rules is None:
            # A read that releases nothing accepts a row without a label, unless labels are declared.
            return None if self.labels is None and fault.reason == NO_LABEL else fault
        if self.rules.unlisted == "other" and self.labels is not None:
            self._note(self.as_other, fault)
            return OTHER
        return fault

    def _unlabelled(self, number: int, given: object, name: str | None) -> Fault:
        if name is not None and self.labels is not None:
            declared = sorted(self.labels.values())
            some = ", ".join(f'"{label}"' if "," in label else label for label in declared[:10])
            some += ", ..." if len(declared) > 10 else ""
            hint = f"Declared: {some}. Correct the row or the list ({_QUOTED}){_OTHER_LABEL}."
            return self._fault(number, UNLISTED, hint)._replace(unlisted=True)
        column = self.columns.label
        if is_compound(given):
            hint = f"{column!r} must hold one short name in every row."
            return self._fault(number, LABEL_IS_NONE, hint)._replace(unlisted=True)
        other = _OTHER_LABEL if self.labels else ""
        hint = f"Fill in {column!r}, or leave --label out{other}."
        return self._fault(number, NO_LABEL, hint)._replace(unlisted=True)

    def _beside(self, number: int, given: Iterable[object]) -> tuple[tuple[str, str], ...] | Fault:
        """The values of the columns beside the text; rows with equal values share one tuple."""
        found = []
        for column, value in zip(self.beside, given, strict=True):
            name = self._name(value)
            declared = None if name is None else column.value_of(name)
            if declared is None:
                fault = self._fault(number, column.problem(value), column.hint)._replace(unlisted=True)
                if self.rules is not None and self.rules.unlisted != "other":
                    return fault
                self._note(self.as_other, fault)
                declared = OTHER
            found.append((column.name, declared))
        values = tuple(found)
        return self._together.setdefault(values, values)

    def _name(self, value: object) -> str | None:
        """A label or a user as text. Equal values share one string, which matters for a million rows."""
        if not isinstance(value, str):
            name = spelled(value)
            return None if name is None else self._names.setdefault(name, name)
        return self._names.get(value) or self._new_name(value)

    def _new_name(self, value: str) -> str | None:
        """``_name`` of a text that was not seen before."""
        name = spelled_text(value)
        if name is None:
            return None
        if len(self._names) >= MOST_NAMES:
            self._names.clear()
        if name != value:
            name = self._names.setdefault(name, name)
        self._names[value] = name
        return name

    def _fault(self, number: int, reason: str, hint: str) -> Fault:
        return fault(self.path, self.unit, number, reason, hint)


def _is_whole(text: str) -> bool:
    """Whether it has no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def fault(path: Path | str, unit: str, number: int, reason: str, hint: str, *, detail: str = "") -> Fault:
    """A fault of the row ``number``; ``detail`` is added to the message of this row."""
    return Fault(number, reason, DataError(f"{path}, {unit} {number}: {detail or reason}.", hint=hint))
