"""CSV and TSV. The header line alone decides the separator: comma, semicolon or tab.

A row with too many or too few fields, or a huge one, does not affect other rows. If a quote is not closed, or
something follows a closing one, the start of the next row is unknown: that is a fault of the file, and so is
an encoding other than UTF-8.
"""

from __future__ import annotations

import csv
import re
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from rpsg.errors import DataError
from rpsg.storage.readers import text as lines
from rpsg.storage.readers.columns import Columns, check_header
from rpsg.storage.readers.rows import Fault, Row, fault

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterator
    from pathlib import Path

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
#: Text between quotes and line ends; only its first and last byte change the state of a CSV parser.
_BETWEEN = re.compile(rb'[^"\r\n]{3,}')
_NO_LIMIT = 2**31 - 1
RAGGED = "the row has another number of fields than the header"
TOO_LONG = "the row is too long"


def read_rows(path: Path, columns: Columns, *, separator: str | None = None) -> Iterator[Row | Fault]:
    """The rows under the header; a blank line is no row.

    Raises:
        DataError: the file cannot be split into rows; names the line, never its content.
    """
    with _long_fields():
        source = _Source(path)
        first = next(source)
        if source.is_long:
            raise _too_long(path, 1).error
        if "\0" in first:
            raise DataError(
                f"{path}, line 1: there is a NUL byte, so this is not a UTF-8 text file.",
                hint=f"If it was saved as UTF-16: iconv -f UTF-16 -t UTF-8 {path.name} > utf8-{path.name}",
            )
        separator = separator or _separator(first, columns)
        reader = csv.reader(chain((first,), source), delimiter=separator, strict=True)
        header = [name.strip() for _, name_row in _numbered(path, reader, source, 1) for name in name_row]
        check_header(path, header, columns)
        wanted = (columns.text, columns.label, columns.user)
        places = [header.index(name) if name is not None else None for name in wanted]
        for number, fields in _numbered(path, reader, source):
            if source.is_long:
                yield _too_long(path, number)
            elif len(fields) != len(header):
                yield _ragged(path, number, len(fields), len(header), _SEPARATORS[separator])
            else:
                yield Row(number, *(fields[place] if place is not None else None for place in places))


class _Source:
    """The lines of a file for the CSV parser, which may join several to one row.

    Of a row over the limit the parser gets little more than the quotes, which suffice to find its end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = lines.raw_lines(path, self._skeleton)
        self._number = self._place = self._size = 0

    @property
    def is_long(self) -> bool:
        """Whether the parser's current row is over the limit."""
        return self._size > lines.MAX_LINE_BYTES

    def begin_row(self) -> None:
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line, size = next(self._lines)
        self._number += 1
        self._size += size
        if self.is_long and size <= lines.MAX_LINE_BYTES:  # longer lines come as their skeleton
            line = self._skeleton(line)
        text = lines.decoded(self._path, line, number=self._number, place=self._place)
        self._place += size
        if isinstance(text, lines.Problem):
            raise DataError(f"{self._path}, line {self._number}: {text.detail}.", hint=text.hint)
        return text

    @staticmethod
    def _skeleton(line: bytes) -> bytes:
        return _BETWEEN.sub(_ends, line)


def _ends(between: re.Match[bytes]) -> bytes:
    """The first and the last byte, with anything but a separator replaced by a letter."""
    return bytes(c if c in b",;\t" else 0x78 for c in (between[0][0], between[0][-1]))


def _separator(first: str, columns: Columns) -> str:
    """The separator that gives most of the wanted columns; on a tie, the one that gives most columns."""

    def found(separator: str) -> tuple[int, int]:
        try:
            header = [name.strip() for name in next(csv.reader((first,), delimiter=separator))]
        except csv.Error:
            return (0, 0)
        return (sum(name in header for name in columns.wanted()), len(header))

    return max(_SEPARATORS, key=found)


def _numbered(
    path: Path, reader: Reader, source: _Source, at_most: int | None = None
) -> Iterator[tuple[int, list[str]]]:
    """(line where the row begins, its fields): a quoted field may run over several lines."""
    given = 0
    while at_most is None or given < at_most:
        number = reader.line_num + 1
        fields: list[str] | None = None
        source.begin_row()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            fields = None
        if fields is None:
            raise _broken(path, number)
        if fields:
            given += 1
            yield number, fields


@contextmanager
def _long_fields() -> Iterator[None]:
    """Raises the csv module's limit on field sizes, which is global and would stop the whole file."""
    before = csv.field_size_limit(_NO_LIMIT)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _broken(path: Path, number: int) -> DataError:
    return DataError(
        f"{path}: the row that begins on line {number} is not valid CSV.",
        hint="A quote is opened and never closed, or something follows a closing quote. Inside a quoted text "
        'write each quote twice: "she said ""yes"" to it".',
    )


def _ragged(path: Path, number: int, found: int, expected: int, separators: str) -> Fault:
    fields = "1 field" if found == 1 else f"{found} fields"
    hint = f'Columns are separated by {separators} here. Put texts with one in double quotes: "...".'
    detail = f"the row has {fields}; the header has {expected}"
    return fault(path, "line", number, RAGGED, hint, detail=detail)


def _too_long(path: Path, number: int) -> Fault:
    hint = "Check that every quote is closed; a single text may not be that long."
    detail = f"the row is longer than {lines.MAX_LINE_BYTES >> 20} MiB"
    return fault(path, "line", number, TOO_LONG, hint, detail=detail)
