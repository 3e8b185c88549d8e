"""Which character separates the columns of a table: only its header decides, because rows are private."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from rpsg.storage.readers.columns import name_in_header

if TYPE_CHECKING:
    from rpsg.storage.readers.columns import Columns

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
#: Separators in exports of databases, and in lines such as sep=^. No name of a column holds one.
_RARE = ("^", "~", "\xa6", "\x01", "\x1e", "\x1f")


def separator_of(
    first: list[str], columns: Columns, expected: str | None, *, below_title: bool = False
) -> str:
    """The separator that finds the wanted columns in the header.

    Of the usual separators, the one that finds most of the wanted columns; on a tie, the one that finds most
    columns. A rare separator is taken only if it finds all wanted columns and no usual one does. Below a
    title none is taken: without such a sign in the other lines, any row with the names of the columns could
    pass for a header.
    """

    def found(separator: str) -> tuple[int, int]:
        header = names_of(first, separator)
        return (sum(name in header for name in columns.wanted()), len(header))

    usual = max(SEPARATORS, key=found)
    signs = (*filter(None, (expected,)), usual, *(() if below_title else _RARE))
    return next((sign for sign in signs if has_all(first, sign, columns)), expected or usual)


def has_all(line: list[str], separator: str, columns: Columns) -> bool:
    """Whether the wanted columns are in a header that is separated like this."""
    names = names_of(line, separator)
    return all(name in names for name in columns.wanted())


def names_of(line: list[str], separator: str) -> list[str]:
    """The names in a header that is separated like this; none if it is not CSV."""
    spaced = is_spaced(line, separator)
    try:
        names = next(csv.reader(line, delimiter=separator, skipinitialspace=spaced), [])
    except csv.Error:
        return []
    return [name_in_header(name) for name in names]


def is_spaced(header: list[str], separator: str) -> bool:
    """Whether a space follows each separator. Only the header decides, because rows are private."""
    try:
        names = next(csv.reader(header, delimiter=separator), [])
    except csv.Error:
        return False
    spaced = [name.startswith(" ") for name in names[1:] if name.strip()]
    return bool(spaced) and all(spaced)
