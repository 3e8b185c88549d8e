"""Raw values to Documents: the per-record rules, the same for every format.

A text that is missing, NaN or only white space becomes "": it stays a row and votes for nothing. What
one person wrote must not decide whether the run goes on. Labels and users are told apart by their text,
so 5, 5.0 and "5" are the same one.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from rpsg.errors import DataError
from rpsg.records import Document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rpsg.store.readers.columns import Columns

_HALF_PAIR = re.compile("[\ud800-\udfff]")


class Row(NamedTuple):
    """One row as the file has it: ``number`` is its line, row or file number, counted from 1."""

    number: int
    text: object
    label: object = None
    user: object = None


@dataclass(frozen=True, slots=True)
class DocumentMaker:
    """Checks rows one at a time. ``unit`` is what ``Row.number`` counts ("line")."""

    path: Path
    unit: str
    columns: Columns
    labels: frozenset[str] | None = None
    seen: dict[str, str] = field(default_factory=dict)

    def documents(self, rows: Iterable[Row]) -> Iterator[Document]:
        for position, row in enumerate(rows):
            yield Document(position, self._text(row), self._label(row), self._user(row))

    def _text(self, row: Row) -> str:
        value = row.text
        if isinstance(value, str):
            return clean(value)
        if is_missing(value):
            return ""
        raise self._fault(
            row, "the text is not a string", f"{self.columns.text!r} must hold text in every row."
        )

    def _label(self, row: Row) -> str | None:
        if self.columns.label is None:
            return None
        name = self._name(row, row.label, "label")
        if self.labels is not None and name not in self.labels:
            self._undeclared(row)
        return name

    def _user(self, row: Row) -> str | None:
        if self.columns.user is None:
            return None
        name = self._name(row, row.user, "user")
        if name is None:
            raise self._fault(
                row,
                "the user is missing",
                f"Fill in {self.columns.user!r} in every row; or leave --user out, and one row is protected "
                "instead of one person.",
            )
        return name

    def _name(self, row: Row, value: object, what: str) -> str | None:
        """A label or a user as text; equal ones share one string, which matters at a million rows."""
        if isinstance(value, str) and value in self.seen:
            return self.seen[value]
        if is_missing(value):
            return None
        if isinstance(value, bool):
            value = str(value).lower()
        elif isinstance(value, float) and value.is_integer():
            value = str(int(value))
        elif isinstance(value, int | float):
            value = str(value)
        if not isinstance(value, str):
            raise self._fault(row, f"the {what} is not a string or a number", "Use one short name a row.")
        name = clean(value).strip()
        return self.seen.setdefault(name, name) if name else None

    def _undeclared(self, row: Row) -> NoReturn:
        declared = sorted(self.labels or ())
        some = ", ".join(declared[:10]) + (", ..." if len(declared) > 10 else "")
        raise self._fault(
            row,
            "the label is not one of those declared",
            f"Declared: {some}. Correct the row, or declare every label that can occur before the run.",
        )

    def _fault(self, row: Row, what: str, hint: str) -> DataError:
        return DataError(f"{self.path}, {self.unit} {row.number}: {what}.", hint=hint)


def is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def clean(text: str) -> str:
    """Text as it is worked with: no NUL, line feeds only, no broken characters; "" for white space."""
    if "\r" in text or "\0" in text:
        text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii() and _HALF_PAIR.search(text):
        text = _HALF_PAIR.sub("\N{REPLACEMENT CHARACTER}", text)  # they cannot be written as UTF-8
    return "" if text.isspace() else text
