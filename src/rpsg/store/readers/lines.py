"""Bytes to lines of text, for the formats that are read line by line."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, NoReturn

from rpsg.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_LINE_BYTES = 64 * 1024 * 1024
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file with their line ends; a byte order mark at the start is taken off.

    Raises:
        DataError: the file is empty, cannot be opened, is not UTF-8, holds a NUL byte or a line over
            64 MiB. Says which line, never what is in it.
    """
    place = 0
    for number, line in enumerate(_raw_lines(path), start=1):
        if len(line) > MAX_LINE_BYTES:
            raise DataError(
                f"{path}, line {number}: the line is longer than {MAX_LINE_BYTES >> 20} MiB.",
                hint="Check that the file has one row a line; a single text may not be that long.",
            )
        yield decode(path, line, number=number, place=place)
        place += len(line)
    if place == 0:
        raise DataError(f"{path} is empty.", hint="Give a file with at least one row.")


def _raw_lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                yield line
    except OSError as error:
        raise cannot_open(path, error) from error


def cannot_open(path: Path, error: OSError) -> DataError:
    reason = error.strerror or "the operating system refused"
    return DataError(
        f"{path} cannot be read: {reason}.", hint="Check the path, and that you may read it (ls -l)."
    )


def decode(path: Path, line: bytes, *, number: int, place: int) -> str:
    """One line as text. ``place`` is the offset of its first byte in the file."""
    if number == 1:
        line = line.removeprefix(codecs.BOM_UTF8)
    wrong_byte = -1
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        wrong_byte = error.start  # the error itself carries the line: it must not travel on as a cause
    if wrong_byte >= 0:
        _not_utf8(path, line, number, place + wrong_byte)
    if "\0" in text:
        raise DataError(
            f"{path}, line {number}: there is a NUL byte, so this is not a UTF-8 text file.",
            hint=f"If it was saved as UTF-16: iconv -f UTF-16 -t UTF-8 {path.name} > utf8-{path.name}",
        )
    return text


def _not_utf8(path: Path, line: bytes, number: int, place: int) -> NoReturn:
    encoding = "UTF-16" if number == 1 and line.startswith(_UTF_16) else "WINDOWS-1252"
    guess = "It looks like UTF-16" if encoding == "UTF-16" else "If it came from Windows"
    raise DataError(
        f"{path}, line {number}: the byte at offset {place} of the file is not UTF-8.",
        hint=f"{guess}: iconv -f {encoding} -t UTF-8 {path.name} > utf8-{path.name}",
    )
