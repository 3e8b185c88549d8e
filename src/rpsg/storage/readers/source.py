"""The bytes of a file as UTF-8: unpacked and decoded.

The first bytes say what kind of file it is, before its name does: some Excel workbooks are called .csv, and
some .csv files are compressed. But a file of JSON Lines begins with a private row, and no single row may
decide how the others are read. So under a name of JSON Lines the first bytes only decide if no line is an
object of JSON: as JSON Lines, such a file would be refused because it has no usable row.
"""

from __future__ import annotations

import bz2
import codecs
import functools
import gzip
import io
import json
import lzma
import sys
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from rpsg.errors import DataError
from rpsg.storage.readers.encodings import Recoded, codec_of, wide_encoding
from rpsg.storage.readers.foreign import named_by_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: The path that names standard input.
STDIN = "-"
_PIECE = 1 << 20
#: For each kind of packed file: its first bytes, what unpacks some bytes of it, and what reads it as a file.
_PACKINGS: tuple[tuple[bytes, Callable[[bytes], bytes], Callable[[BinaryIO], BinaryIO]], ...] = (
    (
        b"\x1f\x8b",
        lambda start: zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(start),
        lambda file: cast("BinaryIO", gzip.GzipFile(fileobj=file)),
    ),
    (
        b"BZh",
        lambda start: bz2.BZ2Decompressor().decompress(start),
        lambda file: cast("BinaryIO", bz2.BZ2File(file)),
    ),
    (
        b"\xfd7zXZ\0",
        lambda start: lzma.LZMADecompressor().decompress(start),
        lambda file: cast("BinaryIO", lzma.LZMAFile(file)),  # noqa: SIM115  # closed with the file below it
    ),
)
_SIGN = 512
_NO_TEXT = frozenset(range(9))  # control characters: no text has any, packed data have many
_BROKEN_PACKING = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)
_EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_PARQUET = b"PAR1"
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
#: More bytes than a row may have.
_LONGEST = 1 << 27
PACKED_SUFFIXES = frozenset({".gz", ".bz2", ".xz"})
JSONL_SUFFIXES = frozenset({".jsonl", ".ndjson", ".json"})


@dataclass(frozen=True)
class Source:
    """A file, and what was declared for it: its encoding, "" for UTF-8, and its format."""

    path: Path
    encoding: str = ""
    format: str | None = None

    @property
    def is_stdin(self) -> bool:
        return str(self.path) == STDIN

    @property
    def called(self) -> str:
        """The name of the file in messages."""
        return "standard input" if self.is_stdin else str(self.path)

    @functools.cached_property
    def begins_with_a_row(self) -> bool:
        """Whether it is JSON Lines as it is, by its name or as declared, so that its first bytes are a row's.

        Raises:
            OSError: it cannot be opened.
        """
        suffix = self.path.suffix.lower()
        if not (suffix in JSONL_SUFFIXES or (self.format == "jsonl" and suffix not in PACKED_SUFFIXES)):
            return False
        return not _shows_a_kind(self._start()) or self._has_an_object()

    @contextmanager
    def raw(self) -> Iterator[BinaryIO]:
        """The bytes as they are.

        Raises:
            OSError: it cannot be opened.
        """
        if self.is_stdin:
            yield io.BytesIO(_standard_input())
            return
        with self.path.open("rb") as file:
            yield file

    @contextmanager
    def lines(self) -> Iterator[BinaryIO]:
        """The bytes as UTF-8, for ``readline``; bytes that are not part of a character stay as they are.

        Raises:
            OSError: it cannot be opened.
            DataError: it is packed and damaged, or is not in its encoding.
        """
        as_it_is = self.begins_with_a_row
        with self.raw() as packed:
            stream = self._recoded(packed if as_it_is else _unpacked(packed))
            if not isinstance(stream, io.BufferedReader | io.BytesIO):
                stream = io.BufferedReader(cast("io.RawIOBase", stream), _PIECE)
            try:
                yield stream
            except _BROKEN_PACKING:
                raise self._damaged() from None

    def kind(self) -> str | None:
        """What the file is by its first bytes: "parquet", "excel", or None if they do not show it.

        Raises:
            OSError: it cannot be opened.
            DataError: it is packed in a way that is not read here.
        """
        if self.begins_with_a_row:
            return None
        start = self._start()
        if start.startswith(_PARQUET):
            return "parquet"
        if start.startswith(_EXCEL):
            return "excel"
        if start.startswith(_ZSTANDARD) and not _NO_TEXT.isdisjoint(start):
            hint = f"Unpack it first: unzstd '{self.called}'"
            raise DataError(f"{self.called} is compressed with zstd, which RPSG cannot read.", hint=hint)
        return None

    def is_packed(self) -> bool:
        """Whether it has to be unpacked before it can be read."""
        return not self.begins_with_a_row and _opener(self._start()) is not None

    def looks_like(self) -> tuple[str, str] | None:
        """What a file without a single row of JSON may be, and what to do; None if nothing shows
        what it is.
        """
        if not self.encoding and (wide := wide_encoding(self.start())):
            return f"saved as {wide.upper()}", f"Add: --encoding {wide}"
        return self.is_other()

    def is_other(self) -> tuple[str, str] | None:
        """If the first bytes are those of a kind of file that RPSG cannot read: that kind, and what to do."""
        start = self.start()
        if self.is_packed() and (_opener(start) is not None or start.startswith((_PARQUET, *_EXCEL))):
            return "compressed more than once", "Unpack it until you have the table, and give that."
        return named_by_start(start)

    def start(self) -> bytes:
        """The first bytes of what it holds; none if it is packed and damaged."""
        start = self._start()
        if self.begins_with_a_row or (opened := _opener(start)) is None:
            return start
        with self.raw() as file:
            try:
                return opened(file).read(_SIGN)
            except _BROKEN_PACKING:
                return b""  # the reader reports it

    def _start(self) -> bytes:
        with self.raw() as file:
            return file.read(_SIGN)

    def _has_an_object(self) -> bool:
        """Whether any line, as it is in the file, is an object of JSON with a key."""
        with self.raw() as file:
            stream = self._recoded(file)
            pieces = iter(functools.partial(stream.readline, _LONGEST), b"")
            try:
                return any(_is_object(line) for piece in pieces for line in piece.splitlines())
            except DataError:  # as it is, it is not in its encoding
                return False

    def _recoded(self, stream: BinaryIO) -> BinaryIO:
        if not self.encoding:
            return stream
        return io.BufferedReader(Recoded(stream, codec_of(self.encoding), self.called), _PIECE)

    def _damaged(self) -> DataError:
        return DataError(
            f"{self.called} is compressed, but damaged or incomplete.", hint="Write or copy the file again."
        )


def _shows_a_kind(start: bytes) -> bool:
    """Whether a file begins like one that is packed, or that is not text."""
    return start.startswith((_PARQUET, *_EXCEL, _ZSTANDARD)) or _opener(start) is not None


def _is_object(line: bytes) -> bool:
    line = line.strip().removeprefix(codecs.BOM_UTF8)
    try:
        return line.startswith(b"{") and bool(json.loads(line))
    except (ValueError, RecursionError):
        return False


@functools.cache
def _standard_input() -> bytes:
    """All of standard input, read once: a command may look at the header before it reads the rows."""
    if sys.stdin is None or sys.stdin.isatty():
        raise DataError(
            f"Standard input is {'closed' if sys.stdin is None else 'a terminal'}, but a file was expected.",
            hint="Pipe the file in: zcat reviews.jsonl.gz | rpsg check - --text review",
        )
    return sys.stdin.buffer.read()


def _unpacked(file: BinaryIO) -> BinaryIO:
    opened = _opener(file.read(_SIGN))
    file.seek(0)
    return file if opened is None else opened(file)


def _opener(start: bytes) -> Callable[[BinaryIO], BinaryIO] | None:
    """What reads a packed file that begins like this; None if it is not packed.

    The first bytes must really unpack. Otherwise one row that begins like a packed file would decide how all
    rows are read. A gzip header may contain a file name of any length, and text could pass for one, so some
    of these bytes must be bytes that no text has.
    """
    for sign, unpack, opened in _PACKINGS:
        if start.startswith(sign):
            if sign != b"BZh" and _NO_TEXT.isdisjoint(start[3:]):
                return None
            try:
                unpack(start)
            except (OSError, lzma.LZMAError, zlib.error):
                return None
            return opened
    return None
