"""Encryption of files and rows with AES-256-GCM; changed, truncated or swapped data is an error.

A sealed file is a mark, 16 random bytes (its id) and chunks of 1 MiB. Each file has a separate key, derived
from the run's data key and the id by HKDF-SHA256; the nonce is the number of the chunk. The associated data
of a chunk are the file's name, the chunk's number and whether it is the last one.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARK = b"rpsg-sealed/1\n"
CHUNK = 1 << 20
_ID_BYTES = 16
_TAG_BYTES = 16
_NONCE_BYTES = 12
_HEAD_BYTES = len(MARK) + _ID_BYTES


class SealBroken(Exception):  # noqa: N818  # not shown to users: callers turn it into a message
    """Sealed data was changed, truncated or moved, or needs another key."""


def derived_key(key: bytes, purpose: bytes, salt: bytes = b"") -> bytes:
    """32 bytes for one purpose, by HKDF-SHA256 (RFC 5869)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=purpose).derive(key)


def sealed(data_key: bytes, name: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a sealed file with the content of ``pieces``, as a stream."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    file_id = secrets.token_bytes(_ID_BYTES)
    cipher = AESGCM(_file_key(data_key, file_id))
    yield MARK + file_id
    number, waiting = 0, bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) > CHUNK:  # the last chunk waits here until it is known to be the last
            chunk = bytes(waiting[:CHUNK])
            yield cipher.encrypt(_nonce(number), chunk, _told(name, number, last=False))
            del waiting[:CHUNK]
            number += 1
    yield cipher.encrypt(_nonce(number), bytes(waiting), _told(name, number, last=True))


def unsealed(data_key: bytes, name: str, file: BinaryIO) -> Iterator[bytes]:
    """The content of a sealed file, piece by piece; known to be complete only after the last piece.

    Raises:
        SealBroken: a chunk was changed, or is not the chunk that was written there.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head = file.read(_HEAD_BYTES)
    if len(head) != _HEAD_BYTES or not head.startswith(MARK):
        raise SealBroken
    cipher = AESGCM(_file_key(data_key, head[len(MARK) :]))
    number, chunk = 0, file.read(CHUNK + _TAG_BYTES)
    while True:
        following = file.read(CHUNK + _TAG_BYTES)
        try:
            piece = cipher.decrypt(_nonce(number), chunk, _told(name, number, last=not following))
        except (InvalidTag, ValueError):
            raise SealBroken from None
        yield piece
        if not following:
            return
        number, chunk = number + 1, following


def content_size(file_size: int) -> int:
    """How many bytes a sealed file of this size holds."""
    body = max(0, file_size - _HEAD_BYTES)
    chunks = -(-body // (CHUNK + _TAG_BYTES))
    return max(0, body - chunks * _TAG_BYTES)


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
