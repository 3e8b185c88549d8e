"""Which columns to read. They are checked against the header before any row is read."""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from rpsg.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_LOOKS_LIKE_A_NAME = re.compile(r"[^\W\d][\w.:/-]*( [\w.:/()-]+){0,2}")
#: Characters that nobody sees: zero-width ones, soft hyphens and byte-order marks.
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\xad"))
_LONGEST_NAME = 40
_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class Columns:
    """The names the user gave: public configuration."""

    text: str
    label: str | None = None
    user: str | None = None
    beside: tuple[str, ...] = ()

    @property
    def wanted_or_none(self) -> tuple[str | None, ...]:
        """Text, label, user and the columns beside them; None for each column that was not named."""
        return (self.text, self.label, self.user, *self.beside)

    @property
    def in_header(self) -> Columns:
        """The same names as ``name_in_header`` writes them."""
        label, user = (name and name_in_header(name) for name in (self.label, self.user))
        return Columns(name_in_header(self.text), label, user, tuple(map(name_in_header, self.beside)))

    def of(self, header: Sequence[str]) -> list[int | None]:
        """The positions of ``wanted_or_none`` in a header; None for each column that was not named."""
        return [None if name is None else header.index(name) for name in self.wanted_or_none]

    def wanted(self) -> tuple[str, ...]:
        return tuple(name for name in self.wanted_or_none if name is not None)

    def option(self, name: str) -> str:
        """The option that asked for the column ``name``."""
        return {self.user: "user", self.label: "label", self.text: "text"}.get(name, "columns")


def name_in_header(cell: str) -> str:
    """A name of a column as people read it in a table: without line ends and invisible characters."""
    return " ".join(unicodedata.normalize("NFC", cell.translate(_INVISIBLE)).split())


def check_header(
    path: Path | str, header: Sequence[str], columns: Columns, *, may_be_title: bool = False
) -> None:
    """Raise DataError unless every wanted column is in the header, once.

    ``may_be_title`` is for formats in which lines may come before the header.
    """
    for name in columns.wanted():
        found = header.count(name)
        if found == 0:
            _missing(path, header, name, columns.option(name), may_be_title=may_be_title)
        if found > 1:
            raise DataError(
                f"{path}: the header has {found} columns called {name!r}, but only one was expected.",
                hint=f"Rename all but one of them, and give the one to read with --{columns.option(name)}.",
            )


def _missing(
    path: Path | str, header: Sequence[str], name: str, option: str, *, may_be_title: bool
) -> NoReturn:
    names = nameable(header)
    if not names:
        hint = (
            "The header contains more than short names, so it may be the row of a person and is not shown. "
            f"If it has the column names, copy the right one, in quotes: --{option} 'What would you "
            f"change?'. If there is no header, add one with the column names, such as {name}."
        )
    elif close := _closest(name, names):
        # Quotes make the name a single word in a shell, and a value in Python.
        hint = f"Did you mean {close}? Give it with --{option} '{close}'. {_listed(names)}"
    else:
        hint = f"Give the name of the right column with --{option}. {_listed(names)}"
    if may_be_title and sum(map(bool, header)) == 1:
        hint += (
            " Correct the name of the column; upper and lower case count. Or, if the first line is a title "
            "and the name is right, delete the lines above the header; for one line: tail -n +2 OLD > NEW"
        )
    raise DataError(f"{path}: there is no column {name!r} for --{option}.", hint=hint)


def is_below_title(
    above: Iterable[Sequence[str]], header: Sequence[str], below: Iterable[Sequence[str]]
) -> bool:
    """Whether the rows above ``header`` are a title: each of them has one field, the header has several, and
    at least half of the rows below it have several too, but no more than the header.

    Rows of a table have as many fields as their header, so they are never taken for a title. In a table with
    one column, the rows below show that ``header`` is a row too. Otherwise one row that happens to contain
    the column names could decide that the rows above it are left out, and whether a run is refused.
    """
    if _filled(header) <= 1 or any(_filled(names) > 1 for names in above):
        return False
    like = [_filled(row) > 1 and not any(row[len(header) :]) for row in below if any(row)]
    return 0 < len(like) <= 2 * sum(like)


def _filled(fields: Sequence[str]) -> int:
    return sum(map(bool, fields))


def nameable(header: Sequence[str]) -> list[str]:
    """The column names, if each that is not empty looks like a name; else nothing.

    A file without a header begins with somebody's row, which must not be shown.
    """
    names = [name for name in header if name]  # the index of a data frame has none
    # The names of a data frame may have spaces around them, and are still names.
    plain = all(len(name) <= _LONGEST_NAME and _LOOKS_LIKE_A_NAME.fullmatch(name.strip()) for name in names)
    return names if plain and len(set(names)) == len(names) else []


def _closest(name: str, names: Sequence[str]) -> str | None:
    by_folded = {other.casefold(): other for other in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    if close:
        return by_folded[close[0]]
    return next((other for other in names if name.casefold() in other.casefold()), None)


def _listed(names: Sequence[str]) -> str:
    more = "" if len(names) <= _MOST_NAMES else f" and {len(names) - _MOST_NAMES} more"
    return f"Columns in the file: {', '.join(names[:_MOST_NAMES])}{more}."
