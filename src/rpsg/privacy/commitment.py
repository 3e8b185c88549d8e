"""Fingerprints of private rows: a hiding commitment for publication, and a private digest.

A plain hash of the data would confirm a guess of them. The published commitment is a hash over 256 secret
random bits and the rows; the bits stay in the private folder, and with them the operator can prove later
which data were used.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.disk.json_text import canonical_ascii_json
from rpsg.privacy.private import Private, open_private

if TYPE_CHECKING:
    from rpsg.records import Document, PrivateCorpus

SCHEME = "sha256(nonce256||canonical_jsonl)"


@dataclass(frozen=True, slots=True)
class Commitment:
    """``value`` is public; ``nonce`` (32 bytes) belongs to the private ledger."""

    nonce: bytes
    value: str

    def __repr__(self) -> str:
        return f"<Commitment {self.value}>"

    def to_json(self) -> dict[str, Any]:
        return {"scheme": SCHEME, "value": self.value}


@dataclass(frozen=True, slots=True)
class RowsRead:
    """What shards read to answer a question: the digest (hex) of each shard's file, in their order."""

    question: int
    rows: list[str]


def commit_to(corpus: Private[PrivateCorpus], nonce: bytes | None = None) -> Commitment:
    """The hiding commitment to all rows in their order; the same ``nonce`` gives the same commitment."""
    secret = secrets.token_bytes(32) if nonce is None else nonce
    if len(secret) != 32:
        raise ValueError("the nonce has 32 bytes")
    digest = hashlib.sha256(secret)
    for document in open_private(corpus):
        digest.update(_content(document) + b"\n")
    return Commitment(secret, digest.hexdigest())


def commit_to_readings(readings: Private[list[RowsRead]], nonce: bytes | None = None) -> Commitment:
    """The hiding commitment to the files from which shards were counted, for each question that they
    answered.
    """
    secret = secrets.token_bytes(32) if nonce is None else nonce
    lines = (
        canonical_ascii_json({"question": reading.question, "rows_sha256": reading.rows}) + b"\n"
        for reading in open_private(readings)
    )
    return Commitment(secret, hashlib.sha256(secret + b"".join(lines)).hexdigest())


def content_digest(corpus: Private[PrivateCorpus]) -> Private[bytes]:
    """The odometer's digest of the rows, independent of their order. It stays in ``Private``."""

    def of_all(rows: PrivateCorpus) -> bytes:
        digests = RowDigests()
        for row in rows:
            digests.add(row)
        return digests.together()

    return corpus.map(of_all)


class RowDigests:
    """The digests of rows that are read one after the other, only to be used inside ``Private``."""

    def __init__(self) -> None:
        self._found = bytearray()

    def add(self, row: Document) -> None:
        self._found += hashlib.sha256(_content(row)).digest()

    def together(self) -> bytes:
        """The ``content_digest`` of these rows."""
        np.frombuffer(self._found, f"S{hashlib.sha256().digest_size}").sort()  # in place
        return hashlib.sha256(self._found).digest()


def _content(document: Document) -> bytes:
    """The canonical JSON of a row. Most rows have no columns beside the text; writing these piece by piece
    takes a third of the time.
    """
    text, label, user = document.text, document.label, document.user
    if document.columns:  # earlier commitments were made without this key
        return canonical_ascii_json({"text": text, "label": label, "user": user, "columns": document.columns})
    named, owner = "null" if label is None else quoted(label), "null" if user is None else quoted(user)
    return f'{{"label":{named},"text":{quoted(text)},"user":{owner}}}'.encode("ascii")
