"""CSV and TSV. The separator is told from the header line alone: comma, semicolon or tab."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from rpsg.errors import DataError
from rpsg.store.readers import lines
from rpsg.store.readers.columns import Columns, check_header
from rpsg.store.readers.rows import Row

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterator
    from pathlib import Path

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}


def read_rows(path: Path, columns: Columns, *, separator: str | None = None) -> Iterator[Row]:
    """The rows under the header; a blank line is no row. DataError says the line, never what is in it."""
    with _long_fields():
        source = lines.read_lines(path)
        first = next(source)
        separator = separator or _separator(first, columns)
        reader = csv.reader(chain((first,), source), delimiter=separator, strict=True)
        header = [name.strip() for _, name_row in _numbered(path, reader, 1) for name in name_row]
        check_header(path, header, columns)
        places = [header.index(name) if name is not None else None for name in _names(columns)]
        for number, fields in _numbered(path, reader):
            if len(fields) != len(header):
                raise _ragged(path, number, len(fields), len(header), _SEPARATORS[separator])
            yield Row(number, *(fields[place] if place is not None else None for place in places))


def _names(columns: Columns) -> tuple[str | None, ...]:
    return (columns.text, columns.label, columns.user)


def _separator(first: str, columns: Columns) -> str:
    """The separator that finds most of the wanted columns; among equals the one that finds most columns."""

    def found(separator: str) -> tuple[int, int]:
        try:
            header = [name.strip() for name in next(csv.reader((first,), delimiter=separator))]
        except csv.Error:
            return (0, 0)
        return (sum(name in header for name in columns.wanted()), len(header))

    return max(_SEPARATORS, key=found)


def _numbered(path: Path, reader: Reader, at_most: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """(line where the row begins, its fields): a quoted field may run over several lines."""
    given = 0
    while at_most is None or given < at_most:
        number = reader.line_num + 1
        fields: list[str] | None = None
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
    """The csv module's limit on a field is one for the whole process, and too small for long texts."""
    before = csv.field_size_limit(lines.MAX_LINE_BYTES)
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


def _ragged(path: Path, number: int, found: int, expected: int, separators: str) -> DataError:
    fields = "1 field" if found == 1 else f"{found} fields"
    return DataError(
        f"{path}, line {number}: the row has {fields}; the header has {expected}.",
        hint=f'Columns are separated by {separators} here. Put texts with one in double quotes: "...".',
    )
