"""The bytes of a file as UTF-8: unpacked and decoded.

The first bytes say what kind of file it is, before its name does: some Excel workbooks are called .csv, and
some .csv files are compressed. But a file of JSON Lines begins with a private row, which must not decide
anything, so its name decides.
"""

from __future__ import annotations

import bz2
import codecs
import functools
import gzip
import io
import lzma
import sys
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, BinaryIO, cast

from rpsg.errors import DataError, UsageError
from rpsg.storage.readers.foreign import named_by_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from _typeshed import WriteableBuffer

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
PACKED_SUFFIXES = frozenset({".gz", ".bz2", ".xz"})
JSONL_SUFFIXES = frozenset({".jsonl", ".ndjson", ".json"})


@dataclass(frozen=True, slots=True)
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

    @property
    def begins_with_a_row(self) -> bool:
        """Whether its name is that of JSON Lines, or it was declared as JSON Lines and its name is not that
        of a packed file.
        """
        suffix = self.path.suffix.lower()
        return suffix in JSONL_SUFFIXES or (self.format == "jsonl" and suffix not in PACKED_SUFFIXES)

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
        with self.raw() as packed:
            stream = packed if self.begins_with_a_row else _unpacked(packed)
            if self.encoding:
                stream = io.BufferedReader(_Recoded(stream, codec_of(self.encoding), self.called), _PIECE)
            elif not isinstance(stream, io.BufferedReader | io.BytesIO):
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
        start = self._start()
        ending = ""
        if start.startswith(_PARQUET):
            what, ending = "a Parquet file", ".parquet"
        elif start.startswith(_EXCEL):
            what, ending = "an Excel workbook or an archive", ".xlsx"
        elif _opener(start) is not None:
            endings = {b"\x1f": ".gz", b"B": ".bz2", b"\xfd": ".xz"}
            what, ending = "compressed", self.path.suffix + endings[start[:1]]
        elif not self.encoding and (wide := wide_encoding(start)):
            return f"saved as {wide.upper()}", f"Add: --encoding {wide}"
        if not ending:
            return self.is_other()
        named = quote(self.path.stem + ending)
        return (
            what,
            f"Give the file a name with the right ending, for example {named}."
            if not self.is_stdin
            else "Leave --format out.",
        )

    def is_other(self) -> tuple[str, str] | None:
        """If the first bytes are those of a kind of file that RPSG cannot read: that kind, and what to do."""
        start = self._start()
        if (opened := _opener(start)) is not None:
            with self.raw() as file:
                try:
                    start = opened(file).read(_SIGN)
                except _BROKEN_PACKING:
                    return None  # damaged: the reader reports it
            if _opener(start) is not None or start.startswith((_PARQUET, *_EXCEL)):
                return "compressed more than once", "Unpack it until you have the table, and give that."
        return named_by_start(start)

    def _start(self) -> bytes:
        with self.raw() as file:
            return file.read(_SIGN)

    def _damaged(self) -> DataError:
        return DataError(
            f"{self.called} is compressed, but damaged or incomplete.", hint="Write or copy the file again."
        )


def wide_encoding(start: bytes) -> str:
    """The encoding of several bytes per character that a byte-order mark shows; "" without one."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ""


def codec_of(encoding: str) -> str:
    """The codec that Python has for the name of an encoding.

    Raises:
        UsageError: there is no such encoding, or it does not encode characters.
    """
    try:
        found = codecs.lookup(encoding)
        "".encode(found.name)
    except (LookupError, ValueError):
        found = None
    if found is None:
        raise UsageError(
            f"There is no encoding {encoding!r}.",
            hint="Common encodings: utf-8, cp1252 (Windows), latin-1, utf-16, shift_jis, gb18030, koi8-r.",
        )
    return found.name


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


class _Recoded(io.RawIOBase):
    """A stream that gives a file of another encoding as UTF-8."""

    def __init__(self, stream: BinaryIO, codec: str, called: str) -> None:
        self._stream = stream
        self._codec = codec
        self._called = called
        # A byte that is not part of a character is passed on as it is, so that only its own row is faulty.
        # That is not possible in encodings with two bytes a character.
        self._decoder = codecs.getincrementaldecoder(codec)(errors="surrogateescape")
        self._waiting = b""
        self._done = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        while not self._waiting and not self._done:
            piece = self._stream.read(_PIECE)
            self._done = not piece
            self._waiting = self._recoded(piece)
        room = memoryview(buffer)
        given = self._waiting[: len(room)]
        self._waiting = self._waiting[len(given) :]
        room[: len(given)] = given
        return len(given)

    def _recoded(self, piece: bytes) -> bytes:
        try:
            return self._decoder.decode(piece, final=self._done).encode("utf-8", "surrogateescape")
        except UnicodeError:
            pass  # the error contains a piece of the file, so no other error may be chained to it
        raise DataError(
            f"{self._called} is not in the encoding {self._codec}.",
            hint="Name the right encoding with --encoding. To guess it: file --mime-encoding FILE",
        )
