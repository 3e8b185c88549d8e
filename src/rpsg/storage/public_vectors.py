"""The embeddings of a release's candidate texts, stored in its evidence as integers.

Selection depends on embeddings, whose last bits depend on the processor. So a run rounds every embedding of a
public text to a lattice, uses the rounded one, and stores it in the evidence. Verification computes the
embeddings again, checks that they agree up to ``TOLERANCE``, and uses the stored ones, so that every machine
selects the same texts.

The file holds for each text its SHA-256 and its row, in the order of the hashes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.errors import VerificationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rpsg.protocols import Embedder, Endpoint

Row = npt.NDArray[np.int16]

#: Steps in a unit length.
STEPS = 4000
#: How far a coordinate may differ on another processor, in steps.
TOLERANCE = 8
_HASH = 32
#: The rows that are written and read at once.
A_CHUNK = 4096
#: The most texts that an embedder gets at once, because rounding needs several times the memory of the rows.
AT_ONCE = 16_384


class PublicVectors:
    """An embedder whose rows are multiples of 1/STEPS, and which remembers them.

    Rows in ``kept``, by the SHA-256 of their text, are returned unchanged.
    """

    def __init__(self, embedder: Embedder, kept: dict[bytes, Row] | None = None) -> None:
        self._embedder = embedder
        self._kept = kept
        self._rows: dict[bytes, Row] = {}

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def endpoint(self) -> Endpoint:
        return self._embedder.endpoint

    @property
    def dim(self) -> int:
        return self._embedder.dim

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Rows of about unit length, shape (len(texts), dim); each text is embedded once.

        Raises:
            VerificationError: ``kept`` has no row for a text, or a row that is not of this embedder.
        """
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._rows}
        waiting = list(missing)
        for start in range(0, len(waiting), AT_ONCE):
            some = waiting[start : start + AT_ONCE]
            rows = _rounded(self._embedder.embed([missing[key] for key in some]))
            for key, row in zip(some, rows, strict=True):
                self._rows[key] = row if self._kept is None else self._same(key, row)
        whole = np.empty((len(keys), self.dim), np.float32)
        for number, key in enumerate(keys):
            whole[number] = self._rows[key]
        whole /= np.float32(STEPS)
        return whole

    def _same(self, key: bytes, row: Row) -> Row:
        kept = (self._kept or {}).get(key)
        if kept is None or kept.shape != row.shape or np.abs(kept.astype(np.int32) - row).max() > TOLERANCE:
            raise VerificationError(
                f"The embeddings in the evidence are not those that {self.name} gives here.",
                hint="If the release was made with another version of its libraries, verify it with that "
                "version.",
            )
        return kept

    def chunks(self) -> Iterator[bytes]:
        """All rows so far, as the file's bytes. They are forgotten: publishing needs their memory."""
        keys = sorted(self._rows)
        for start in range(0, len(keys), A_CHUNK):
            some = keys[start : start + A_CHUNK]
            yield b"".join(key + self._rows.pop(key).astype("<i2").tobytes() for key in some)


def _rounded(rows: npt.NDArray[np.float32]) -> Row:
    """Rows as whole steps; one that is not finite becomes zero, since processors disagree about such rows."""
    sound = np.isfinite(rows).all(axis=1, keepdims=True)
    return np.rint(np.clip(np.where(sound, rows, 0), -1, 1) * np.float32(STEPS)).astype(np.int16)


def read_vectors(file: Path, dim: int) -> dict[bytes, Row]:
    """The rows that a run kept, by the SHA-256 of their text.

    Raises:
        VerificationError: the file is missing, or does not hold rows of ``dim`` numbers.
    """
    size, kept = _HASH + 2 * dim, dict[bytes, Row]()
    try:
        with file.open("rb") as content:
            while chunk := content.read(A_CHUNK * size):
                if len(chunk) % size:
                    raise VerificationError(f"The embeddings in the evidence are not rows of {dim} numbers.")
                lines = np.frombuffer(chunk, np.uint8).reshape(-1, size)
                rows = np.ascontiguousarray(lines[:, _HASH:]).view("<i2").astype(np.int16)
                kept.update(zip((line[:_HASH].tobytes() for line in lines), rows, strict=True))
    except OSError:
        raise VerificationError("The evidence has no embeddings of the texts.") from None
    return kept
