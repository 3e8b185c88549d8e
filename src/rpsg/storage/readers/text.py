"""Bytes to lines of text, for the formats that are read line by line."""

from __future__ import annotations

import codecs
import re
from shlex import quote
from typing import TYPE_CHECKING, NamedTuple

from rpsg.arguments import shown
from rpsg.errors import DataError
from rpsg.storage.readers.encodings import wide_encoding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from rpsg.storage.readers.source import Source

MAX_LINE_BYTES = 64 * 1024 * 1024
#: The number of bytes that are read at a time. Up to the same number again is read to the end of the last
#: line.
BLOCK = 1 << 18
#: The positions in a block where a line ends: after a line feed, or after a return without a line feed.
_AFTER_LINE = re.compile(rb"(?<=\n)(?!\Z)|(?<=\r)(?![\r\n]|\Z)")
TOO_LONG = "the line is too long"
NOT_UTF8 = "the line is not UTF-8 text"
#: A wrong encoding of one byte per character gives wrong letters and no error.
OF_WINDOWS = (
    "If it came from Windows, add: --encoding cp1252 for Western Europe, cp1250 for Central Europe, cp1251 "
    "for Cyrillic, cp932 for Japanese, gb18030 for Chinese, cp949 for Korean"
)
NOT_ENCODED = "the line is not text of the declared encoding"


_ADDRESS = re.compile(r"[a-z][a-z0-9]+:/", re.IGNORECASE)


class Problem(NamedTuple):
    """What is wrong with a line: the reason, which many lines can share, and the details of this line."""

    reason: str
    detail: str
    hint: str


def read_lines(source: Source) -> Iterator[tuple[int, str | Problem]]:
    """The lines of a file with their numbers and line ends, without a byte order mark.

    A line over 64 MiB is skipped without being held in memory.

    Raises:
        DataError: the file is empty or cannot be opened.
    """
    number, offset, has_utf8 = 1, 0, False
    for block in line_blocks(source, lambda _: b""):
        if block.texts is not None:
            yield from enumerate(block.texts, number)
            number += len(block.texts)
            offset += block.size
            has_utf8 = has_utf8 or sum(map(len, block.texts)) < block.size
            continue
        for line, size in block.lines:
            if size > MAX_LINE_BYTES:
                yield number, too_long()
            else:
                found = decoded(source, line, number=number, offset=offset, mixed=has_utf8)
                has_utf8 = has_utf8 or not (line.isascii() or isinstance(found, Problem))
                yield number, found
            number += 1
            offset += size


class LineBlock(NamedTuple):
    """Some lines as bytes, each with its size. Their text too, unless one of them needs a closer look.

    ``size`` is the number of bytes of all ``texts`` together.
    """

    lines: Iterable[tuple[bytes, int]]
    texts: list[str] | None = None
    size: int = 0


def line_blocks(source: Source, squeezed: Callable[[bytes], bytes]) -> Iterator[LineBlock]:
    """The lines in blocks. From a line over 64 MiB, only what ``squeezed`` keeps of its pieces remains.

    A line also ends at each return without a line feed, which is how some programs end lines. How other lines
    end does not matter, because no single row may decide how all rows are read.

    Raises:
        DataError: the file is empty or cannot be opened.
    """
    empty, held, size = True, list[bytes](), 0
    try:
        with source.lines() as file:
            for block in _blocks(file):
                empty = False
                pieces, ends = _pieces(block), block.endswith(b"\n") or not block
                if ends and not held and max(map(len, pieces)) <= MAX_LINE_BYTES:  # nearly always
                    yield LineBlock(
                        zip(pieces, map(len, pieces), strict=True), _texts(block, pieces), len(block)
                    )
                    continue
                for left, piece in enumerate(pieces, 1 - len(pieces)):
                    was_long, size = size > MAX_LINE_BYTES, size + len(piece)
                    is_long = size > MAX_LINE_BYTES
                    if is_long and not was_long:
                        held = [squeezed(part) for part in held]
                    held.append(squeezed(piece) if is_long else piece)
                    if left or ends:
                        yield LineBlock(((b"".join(held), size),))
                        held, size = [], 0
            if held:
                yield LineBlock(((b"".join(held), size),))
    except OSError as error:
        raise cannot_open(source.called, error) from error
    if empty:
        raise no_content(source.called)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of the file. A block ends with a line, unless it is the last of the file or in a long line.

    Long lines are read in parts: as a whole, one row with many returns would take many times its size in
    memory. An empty block says that the return at the end of the block before it was the end of a line.
    """
    after_return = False
    while block := file.read(BLOCK):
        if not block.endswith(b"\n"):
            block += file.readline(BLOCK)
        if after_return and not block.startswith((b"\r", b"\n")):
            yield b""
        yield block
        after_return = block.endswith(b"\r")


def _pieces(block: bytes) -> list[bytes]:
    plain = b"\r" not in block or block.count(b"\r") == block.count(b"\r\n")
    return (block.splitlines(keepends=True) or [b""]) if plain else _AFTER_LINE.split(block)


def _texts(block: bytes, pieces: list[bytes]) -> list[str] | None:
    """The lines of a block as text; None if one is not UTF-8 or has a byte order mark.

    Lines are converted together, because calling a function for each line takes twice as long.
    """
    if codecs.BOM_UTF8 in block:
        return None
    try:
        return list(map(bytes.decode, pieces))
    except UnicodeDecodeError:
        return None


def no_content(called: object) -> DataError:
    """The error of a file that has not even a header."""
    return DataError(f"{called} is empty.", hint="Give a file with at least one row.")


def no_rows(called: object) -> DataError:
    """The error for a file that has nothing but a header."""
    return DataError(f"{called} has no rows.", hint="Give at least one row under the header.")


def no_usable_row(called: object, path: Path | None, *, declared: bool = False) -> DataError:
    """The error for a file, or for data in memory without a ``path``, in which every row is left out.

    ``declared``: whether the plan declares labels or values, which is public, unlike the true cause.
    """
    check = "rpsg.check(data, ...)" if path is None else f"rpsg check {quote(str(path))}"
    hint = f"See which rows, and why, with the same options: {check}"
    if declared:
        hint = f"If no row has one of the declared values, check how they are written: case counts. {hint}"
    return DataError(f"{called} has no usable row.", hint=hint)


def no_file(path: Path) -> DataError:
    """The error for a path that does not lead to a file."""
    hint = "Check the path (ls -l shows what is there)."
    if _ADDRESS.match(str(path)):
        hint = "RPSG reads files of this machine: download it first, and give the path."
    elif path.parts[:1] == ("~",):
        hint = f"The sign ~ is not read here. Write the whole path: {quote(str(path.expanduser()))}"
    elif "\\" in str(path):
        hint = (
            "On this system, folders are separated by a slash (/), as "
            f"in {quote(str(path).replace(chr(92), '/'))}."
        )
    return DataError(f"{shown(path)} {'is not a file' if path.exists() else 'does not exist'}.", hint=hint)


def cannot_open(called: object, error: OSError) -> DataError:
    reason = error.strerror or "the operating system refused"
    return DataError(
        f"{called} cannot be read: {reason}.",
        hint="Check the path, and check that you may read the file (ls -l).",
    )


def too_long() -> Problem:
    return Problem(
        TOO_LONG,
        f"the line is longer than {MAX_LINE_BYTES >> 20} MiB",
        "Check that the file has one row per line. If this text really is that long, shorten it.",
    )


def decoded(source: Source, line: bytes, *, number: int, offset: int, mixed: bool) -> str | Problem:
    """One line as text, or why it is not text.

    ``offset`` is the position of its first byte in the file. ``mixed`` says that earlier lines have letters
    in UTF-8, which would be wrong in another encoding.
    """
    if line.isascii():
        return line.decode()
    line = line.removeprefix(codecs.BOM_UTF8)  # also inside a file, where a second file was appended
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        wrong_byte = error.start  # the error contains the line, so no other error may be chained to it
    if source.encoding:
        return Problem(
            NOT_ENCODED,
            f"the line has a byte that is not part of any character in the encoding {source.encoding}",
            "Name the right encoding with --encoding, or remove the line.",
        )
    if mixed:
        return Problem(
            NOT_UTF8,
            f"the byte at offset {offset + wrong_byte} of the file is not UTF-8, although earlier lines are",
            "The file mixes two encodings. Correct this line and others like it, or save the whole file as "
            "UTF-8.",
        )
    wide = wide_encoding(line) if number == 1 else ""
    return Problem(
        NOT_UTF8,
        f"the byte at offset {offset + wrong_byte} of the file is not UTF-8",
        f"It looks like {wide.upper()}, add: --encoding {wide}" if wide else OF_WINDOWS,
    )
