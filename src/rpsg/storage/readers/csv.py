"""CSV and TSV. The header line alone decides the separator: comma, semicolon, tab or vertical bar.

If none of these separates the wanted columns, rarer signs are tried. A first line such as ``sep=;``, which
spreadsheets write, overrides the header. A title above the header is skipped if each of its lines has one
field, a line below it has the wanted columns, and at least half of the rows below have several. A row that
repeats the header, as in a file that was joined from several, is left out. Empty fields after the last
column, which a separator at the end of a row makes, do not count. If a space follows each separator of the
header, spaces after separators are not part of a field, so that ``, "a text"`` is a quoted field.

A row with too many or too few fields, or a huge row, does not affect other rows. If a quote is not closed, or
something follows a closing quote, nobody knows where the next row starts. That is an error of the whole file,
and so is an encoding other than UTF-8.
"""

from __future__ import annotations

import csv
import re
from contextlib import contextmanager
from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING

from rpsg.errors import DataError
from rpsg.storage.readers import text as lines
from rpsg.storage.readers.columns import Columns, check_header, is_below_title, name_in_header
from rpsg.storage.readers.rows import Fault, Row, fault
from rpsg.storage.readers.separators import SEPARATORS, has_all, is_spaced, names_of, separator_of

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterator

    from rpsg.storage.readers.source import Source

#: A quote that opens a field; a quote after a number, as in 5", opens none.
_OPENS = re.compile(r'(?:\A|[^\w ])"')
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w"\r\n])"?\s*', re.IGNORECASE)
#: Text between quotes and line ends. Only its first and its last byte can change the state of a CSV parser.
_BETWEEN = re.compile(rb'[^"\r\n]+')
_NO_LIMIT = 2**31 - 1
#: The most lines that a title may have.
_TITLE = 20
RAGGED = "the number of fields in the row is not that of the header"
TOO_LONG = "the row is too long"
REPEATED = "the row repeats the header"


def read_rows(file: Source, columns: Columns, *, separator: str | None = None) -> Iterator[Row | Fault]:
    """The rows under the header; a blank line is not a row.

    Raises:
        DataError: the file cannot be split into rows; names the line, never its content.
    """
    path = file.called
    with _long_fields():
        source, columns = _PhysicalLines(file), columns.in_header
        reader, separator, written = _opened(file, source, columns, separator)
        header = [name_in_header(name) for name in written]
        check_header(path, header, columns, may_be_title=True)
        values = itemgetter(*(index or 0 for index in columns.of(header)))  # 0 stands for no column
        separators = SEPARATORS.get(separator, f"the characters {separator!r}")
        width, first = len(header), written[0]
        for number, fields in _numbered(path, reader, source):
            if source.size > lines.MAX_LINE_BYTES:
                yield _too_long(path, number)
            elif len(fields) != width and (len(fields) < width or any(fields[width:])):
                yield _ragged(path, number, len(fields), width, separators)
            elif fields[0].strip() == first and [name.strip() for name in fields[:width]] == written:
                hint = "Several files were joined, each with its header. You do not have to do anything."
                yield fault(path, "line", number, REPEATED, hint)
            else:
                yield number, values(fields)


def header_of(file: Source, *, separator: str | None = None, columns: Columns | None = None) -> list[str]:
    """The names of the columns; ``columns`` finds a header under a title. Errors as in ``read_rows``."""
    with _long_fields():
        wanted = (columns or Columns("text")).in_header
        written = _opened(file, _PhysicalLines(file), wanted, separator)[2]
    header = [name_in_header(name) for name in written]
    while header and not header[-1]:
        header.pop()
    return header


def check_lines(file: Source) -> None:
    """Raise DataError for the first byte that is not text, or if nothing follows the header.

    Lines are not split into fields.
    """
    source, rows = _PhysicalLines(file), -1
    for number, line in enumerate(source, start=2):
        rows += not (line.isspace() or _SEPARATOR_LINE.fullmatch(line))
        source.begins, source.size = number, 0
    if rows < 1:
        raise lines.no_rows(file.called)


def _opened(
    file: Source, source: _PhysicalLines, columns: Columns, separator: str | None
) -> tuple[Reader, str, list[str]]:
    """The parser, which has read the header; the separator; and the header as it is written."""
    path = file.called
    rows = _whole_rows(source)
    first = next(rows)
    if source.is_long:
        raise _too_long(path, 1).error
    if "\0" in first[0]:
        raise DataError(
            f"{path}, line 1: there is a NUL byte, so this is not a UTF-8 text file.",
            hint="If the file was saved as UTF-16, add: --encoding utf-16",
        )
    if first[0].startswith('{"'):
        raise DataError(f"{path} is JSON.", hint="If each line is one object, add: --format jsonl")
    before, sign = 0, ""
    if declared := _SEPARATOR_LINE.fullmatch("".join(first)):
        sign, first, before = declared[1], next(rows, [""]), 1
    if not has_all(first, sign or separator_of(first, columns, separator), columns):
        for _ in range(_title(file, columns, sign, separator)):
            before, first = before + len(first), next(rows)
    separator = sign or separator_of(first, columns, separator)
    reader = csv.reader(
        chain(first, source.texts),
        delimiter=separator,
        skipinitialspace=is_spaced(first, separator),
        strict=True,
    )
    source.lines_before = before
    header = [name.strip() for _, names in islice(_numbered(path, reader, source), 1) for name in names]
    if not any(header):
        raise lines.no_content(path)
    return reader, separator, header


def _title(file: Source, columns: Columns, sign: str, separator: str | None) -> int:
    """The number of rows that are a title above the header; ``sign`` is that of a separator line, or ""."""
    source, top = _PhysicalLines(file), list[list[str]]()
    for row in islice(_whole_rows(source), 2 * _TITLE + 2):
        top.append(row)
        source.size = 0
    top = top[bool(sign) :]
    for index, row in enumerate(top[1 : _TITLE + 1], start=1):
        by = sign or separator_of(row, columns, separator, below_title=True)
        if has_all(row, by, columns):
            names = [names_of(other, by) for other in top[: index + 1 + _TITLE]]
            return index if is_below_title(names[:index], names[index], names[index + 1 :]) else 0
    return 0


def _whole_rows(source: _PhysicalLines) -> Iterator[list[str]]:
    """The lines of each row: a quoted name of a column may run over several, as questions of a survey do."""
    for line in source:
        row = [line]
        while _OPENS.search(line) and sum(part.count('"') for part in row) % 2 and len(row) < _TITLE:
            if (more := next(source, None)) is None:
                break
            row.append(more)
        yield row


class _PhysicalLines:
    """The lines of a file for the CSV parser, which may join several lines to one row.

    Of a row over the size limit, little more than the quotes reaches the parser: they are enough to find its
    end.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.texts = self._read()
        #: The number of lines that the parser never sees.
        self.lines_before = 0
        #: The line, counted from 1, in which the parser's current row begins; and an upper bound on the row's
        #: bytes in earlier blocks of lines.
        self.begins, self.size = 1, 0

    @property
    def is_long(self) -> bool:
        """Whether the parser's current row is over the limit."""
        return self.size > lines.MAX_LINE_BYTES

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self.texts)

    def _read(self) -> Iterator[str]:
        """The lines for the parser. A generator takes less time per line than a method."""
        number = at = 0
        has_utf8 = False
        for block in lines.line_blocks(self._source, self._skeleton):
            if block.texts is not None and self.size + block.size <= lines.MAX_LINE_BYTES:
                yield from block.texts
                number += len(block.texts)
                at += block.size
                has_utf8 = has_utf8 or sum(map(len, block.texts)) < block.size
                before = len(block.texts) - (number + 1 - self.begins)  # lines before the current row
                own = map(str.encode, block.texts[max(before, 0) :])
                self.size += sum(map(len, own))
                continue
            for line, size in block.lines:
                number += 1
                self.size += size
                # Longer lines are squeezed before they come here.
                squeezed = self.is_long and size <= lines.MAX_LINE_BYTES
                kept = self._skeleton(line) if squeezed else line
                text = lines.decoded(self._source, kept, number=number, offset=at, mixed=has_utf8)
                at += size
                has_utf8 = has_utf8 or not kept.isascii()
                if isinstance(text, lines.Problem):
                    raise DataError(f"{self._source.called}, line {number}: {text.detail}.", hint=text.hint)
                yield text

    @staticmethod
    def _skeleton(line: bytes) -> bytes:
        return _BETWEEN.sub(_ends, line)


def _ends(between: re.Match[bytes]) -> bytes:
    """The first and the last byte; a byte that is part of a longer character is replaced by a letter."""
    found = between[0]
    return bytes(c if c < 0x80 else 0x78 for c in found[:1] + found[1:][-1:])


def _numbered(path: str, reader: Reader, source: _PhysicalLines) -> Iterator[tuple[int, list[str]]]:
    """(line where the row begins, its fields): a quoted field may run over several lines."""
    first, is_broken = source.lines_before + 1, False
    source.begins, source.size = reader.line_num + first, 0
    try:
        for fields in reader:
            if fields:
                yield source.begins, fields
            source.begins, source.size = reader.line_num + first, 0
    except csv.Error:
        is_broken = True  # the error contains a piece of the row, so no other error may be chained to it
    if is_broken:
        raise _broken(path, source.begins, is_header=source.begins == first)


@contextmanager
def _long_fields() -> Iterator[None]:
    """Raises the csv module's limit on the size of a field; a field over the limit would stop the
    whole file.
    """
    before = csv.field_size_limit(_NO_LIMIT)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _broken(path: str, number: int, *, is_header: bool) -> DataError:
    other = (
        " If another sign, such as a colon, separates the columns, name it above the header: sep=:"
        * is_header
    )
    return DataError(
        f"{path}: the row that begins on line {number} is not valid CSV.",
        hint="A quote is opened and never closed, or something follows a closing quote. Inside a quoted text "
        f'write each quote twice: "she said ""yes"" to it".{other}',
    )


def _ragged(path: str, number: int, found: int, expected: int, separators: str) -> Fault:
    fields = "1 field" if found == 1 else f"{found} fields"
    hint = f'In this file {separators} separate columns. Put texts that have one in double quotes: "...".'
    detail = f"the row has {fields}; the header has {expected}"
    return fault(path, "line", number, RAGGED, hint, detail=detail)


def _too_long(path: str, number: int) -> Fault:
    hint = "Check that every quote is closed. If this row really is that long, shorten its text."
    detail = f"the row is longer than {lines.MAX_LINE_BYTES >> 20} MiB"
    return fault(path, "line", number, TOO_LONG, hint, detail=detail)
