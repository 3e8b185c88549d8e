"""Exact sums of a shard, encrypted for the machine that will add them up.

The content is encrypted with AES-256-GCM under a key that only the holder of an X25519 private key (RFC 7748)
can compute: by HKDF-SHA256 from the secret shared with a new key pair for each file, and both public keys.
A machine that computes a sum needs no secret, and cannot open a file that another one sealed.

    mark, SHA-256 of the question (32), number of the shard (4), of how many (4), public key (32)
    encrypted: SHA-256 of the rows in the shard's file (32), the sums (8 bytes for each entry)

So the size follows from the question alone. The bytes before the encrypted part are authenticated with it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from rpsg.errors import DataError
from rpsg.privacy.exact_sums import ExactSum
from rpsg.privacy.private import Private, open_private
from rpsg.privacy.sensitivity import SIGNED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.privacy.histogram import Query

MARK = b"rpsg-shard/1\n"
_HEAD = struct.Struct("<32sII")
_TAG = 16
#: The largest entry of a total. No real total comes close to it, and floating-point numbers hold it exactly.
LARGEST_TOTAL = 1 << 48
_KEY_BYTES = _DIGEST_BYTES = 32
#: A key encrypts one file only, so the nonce need not differ.
_NONCE = bytes(12)


@dataclass(frozen=True, slots=True)
class ShardAddress:
    """The label of a sealed file: the question that it answers, its shard, and the number of shards."""

    question: bytes
    shard: int
    shards: int

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The address of a sealed file; DataError if it is no sealed file."""
        if not content.startswith(MARK) or len(content) < len(MARK) + _HEAD.size:
            raise DataError(
                "A file was not written by rpsg count.", hint="Name only the files of this run's shards."
            )
        return cls(*_HEAD.unpack_from(content, len(MARK)))

    def to_bytes(self) -> bytes:
        return MARK + _HEAD.pack(self.question, self.shard, self.shards)


@dataclass(frozen=True, slots=True)
class ShardSums:
    """What a shard has counted, and a digest of the rows in the file that it read. Private."""

    sums: tuple[Private[ExactSum], ...]
    rows: Private[bytes]


def sealed_size(queries: Sequence[Query]) -> int:
    """The size in bytes of a sealed file with the sums of these queries."""
    entries = sum(query.dim for query in queries)
    return len(MARK) + _HEAD.size + _KEY_BYTES + _DIGEST_BYTES + 8 * entries + _TAG


def new_key() -> bytes:
    """A new private key, 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.generate().private_bytes_raw()


def public_half(key: bytes) -> bytes:
    """The public key of a private key, 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()


def sealed_sums(address: ShardAddress, held: ShardSums, recipient: bytes) -> bytes:
    """The sums as a file for the holder of the private key of ``recipient``; DataError if it is no key."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    own = X25519PrivateKey.generate()
    mine = own.public_key().public_bytes_raw()
    told = address.to_bytes() + mine
    clear = open_private(held.rows)
    for found in held.sums:
        clear += open_private(found).values.astype("<i8").tobytes()
    key = _shared(own.private_bytes_raw(), recipient, mine + recipient)
    return told + AESGCM(key).encrypt(_NONCE, clear, told)


def opened_sums(content: bytes, key: bytes, queries: Sequence[Query]) -> ShardSums:
    """The sums in a file that was sealed for this private key, one for each query.

    Each file is checked by itself, whatever the others contain, and no accepted file can make the total too
    large to be added. Otherwise somebody who made up one file could learn from an error what the others
    counted.

    Raises:
        DataError: the file was changed, cut off, or sealed for another key or other queries, or it holds
            numbers that are too large to be counts.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head = len(MARK) + _HEAD.size
    told, closed = content[: head + _KEY_BYTES], content[head + _KEY_BYTES :]
    theirs = told[head:]
    clear = b""
    if len(content) == sealed_size(queries):
        try:
            clear = AESGCM(_shared(key, theirs, theirs + public_half(key))).decrypt(_NONCE, closed, told)
        except InvalidTag:
            clear = b""
    if not clear:
        raise DataError(
            f"The file of shard {ShardAddress.of(content).shard} was changed, is cut off, or was made for "
            "another run.",
            hint="Copy it again from where it was counted, or count that shard again.",
        )
    numbers = np.frombuffer(clear, "<i8", offset=_DIGEST_BYTES).astype(np.int64)
    most = LARGEST_TOTAL // max(1, ShardAddress.of(content).shards)
    least = np.repeat([-most if q.rule in SIGNED else 0 for q in queries], [q.dim for q in queries])
    if (numbers < least).any() or (numbers > most).any():
        raise DataError(
            f"The file of shard {ShardAddress.of(content).shard} holds numbers that nobody can have "
            "counted, so somebody made it up.",
            hint="Ask who counted that shard; nothing was spent.",
        )
    ends = np.cumsum([query.dim for query in queries])[:-1]
    parts = zip(queries, np.split(numbers, ends), strict=True)
    return ShardSums(
        tuple(Private(ExactSum(query, values)) for query, values in parts), Private(clear[:_DIGEST_BYTES])
    )


def _shared(key: bytes, other: bytes, both: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    try:
        secret = X25519PrivateKey.from_private_bytes(key).exchange(X25519PublicKey.from_public_bytes(other))
    except ValueError:  # a key of low order, which would make the secret known to everybody
        raise DataError(
            "A shard's file, or a question, holds something that is not a key.", hint="Copy the file again."
        ) from None
    return HKDF(algorithm=SHA256(), length=32, salt=both, info=MARK).derive(secret)
