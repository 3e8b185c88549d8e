"""The encoding of a file: its codec, its byte-order mark, and a stream that gives the file as UTF-8."""

from __future__ import annotations

import codecs
import io
from typing import TYPE_CHECKING, BinaryIO

from rpsg.errors import DataError, UsageError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PIECE = 1 << 20


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


class Recoded(io.RawIOBase):
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
