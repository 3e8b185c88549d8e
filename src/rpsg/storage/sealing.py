"""Encryption of files and rows with AES-256-GCM; changed, truncated or swapped data is an error.

A sealed file is a mark, 16 random bytes (its id) and chunks of 1 MiB. Each file has a separate key, derived
from the run's data key and the id by HKDF-SHA256; the nonce is the number of the chunk. The associated data
of a chunk are the file's name, the chunk's number and whether it is the last one. A file with chunks of
another size has another mark, and their size after the id. As each chunk is sealed by itself, some can be
read without the others (``SealedFile``).
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARK, SIZED = b"rpsg-sealed/1\n", b"rpsg-sealed/2\n"
CHUNK = 1 << 20
_ID_BYTES = 16
_TAG_BYTES = 16
_NONCE_BYTES = 12
_HEAD_BYTES = len(MARK) + _ID_BYTES
_SIZE_BYTES = 4


class SealBroken(Exception):  # noqa: N818  # not shown to users: callers turn it into a message
    """Sealed data was changed, truncated or moved, or needs another key."""


def derived_key(key: bytes, purpose: bytes, salt: bytes = b"") -> bytes:
    """32 bytes for one purpose, by HKDF-SHA256 (RFC 5869)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=purpose).derive(key)


def sealed(data_key: bytes, name: str, pieces: Iterable[bytes], chunk_size: int = CHUNK) -> Iterator[bytes]:
    """The bytes of a sealed file with the content of ``pieces``, as a stream."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    file_id = secrets.token_bytes(_ID_BYTES)
    cipher = AESGCM(_file_key(data_key, file_id))
    yield MARK + file_id if chunk_size == CHUNK else SIZED + file_id + chunk_size.to_bytes(_SIZE_BYTES, "big")
    number, waiting = 0, bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) > chunk_size:  # the last chunk waits here until it is known to be the last
            chunk = bytes(waiting[:chunk_size])
            yield cipher.encrypt(_nonce(number), chunk, _told(name, number, last=False))
            del waiting[:chunk_size]
            number += 1
    yield cipher.encrypt(_nonce(number), bytes(waiting), _told(name, number, last=True))


def unsealed(data_key: bytes, name: str, file: BinaryIO) -> Iterator[bytes]:
    """The content of a sealed file, piece by piece; known to be complete only after the last piece.

    Raises:
        SealBroken: a chunk was changed, or is not the chunk that was written there.
    """
    opened = SealedFile(data_key, name, file)
    for first in range(0, opened.chunks, at_once := max(1, CHUNK // opened.chunk_size)):
        yield opened.read(file, first, min(first + at_once, opened.chunks))


class SealedFile:
    """The chunks of the sealed file ``file``, of which any can be read: ``chunks`` of ``chunk_size`` bytes,
    ``size`` bytes of content together.

    Raises:
        SealBroken: it does not begin like a sealed file.
    """

    def __init__(self, data_key: bytes, name: str, file: BinaryIO) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        head = file.read(_HEAD_BYTES)
        sized = file.read(_SIZE_BYTES) if head.startswith(SIZED) else CHUNK.to_bytes(_SIZE_BYTES, "big")
        self.chunk_size = int.from_bytes(sized, "big")
        if len(head) != _HEAD_BYTES or head[: len(MARK)] not in {MARK, SIZED} or not self.chunk_size:
            raise SealBroken
        self._name, self._start = name, file.tell()
        self._cipher = AESGCM(_file_key(data_key, head[len(MARK) :]))
        body = file.seek(0, os.SEEK_END) - self._start
        self.chunks = max(1, -(-body // (self.chunk_size + _TAG_BYTES)))
        self.size = max(0, body - self.chunks * _TAG_BYTES)

    def read(self, file: BinaryIO, first: int, stop: int) -> bytes:
        """The content of the chunks from ``first`` up to ``stop``.

        Raises:
            SealBroken: one was changed, or is not the chunk that was written there.
        """
        from cryptography.exceptions import InvalidTag

        each = self.chunk_size + _TAG_BYTES
        file.seek(self._start + first * each)
        found = memoryview(file.read((stop - first) * each))
        try:
            return b"".join(
                self._cipher.decrypt(
                    _nonce(number),
                    found[(number - first) * each : (number - first + 1) * each],
                    _told(self._name, number, last=number == self.chunks - 1),
                )
                for number in range(first, stop)
            )
        except (InvalidTag, ValueError):
            raise SealBroken from None


class TextSeal:
    """Seals the texts of a table's rows, each to the key of its row. ``data_key`` is the run's."""

    def __init__(self, data_key: bytes, table: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(derived_key(data_key, b"rpsg-rows/1 " + table.encode()))

    def close(self, row: str, text: str) -> str:
        """The encrypted text for the row called ``row``."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), row.encode())).decode()

    def open(self, row: str, kept: str) -> str:
        """The decrypted text.

        Raises:
            SealBroken: it was changed, or belongs to another row.
        """
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.b64decode(kept, validate=True)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], row.encode()).decode()
        except (InvalidTag, ValueError, binascii.Error):
            raise SealBroken from None

    def __repr__(self) -> str:
        return "<TextSeal>"


def _file_key(data_key: bytes, file_id: bytes) -> bytes:
    return derived_key(data_key, b"rpsg-file/1", file_id)


def _nonce(number: int) -> bytes:
    return number.to_bytes(_NONCE_BYTES, "big")


def _told(name: str, number: int, *, last: bool) -> bytes:
    return name.encode() + b"\0" + number.to_bytes(8, "big") + (b"\1" if last else b"\0")
