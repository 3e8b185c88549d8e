"""Embeddings from runs of letters: any language, no weights, and no understanding of what words mean.

Each run of three to five letters of a word adds to one of 512 numbers. Texts are near when they share
words or parts of words, so "Kniegelenk" is near "Knieschmerzen", and "Arzt" is not near "doctor". In a
language that an embedder was not trained on this is better than its rows.
"""

from __future__ import annotations

import zlib
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from rpsg.textstats.words import is_spaceless, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from rpsg.protocols import Endpoint

DIM = 512
SHORTEST, LONGEST = 3, 5
#: Shorter words say little about a topic, and are read only where there are no others.
LEAST_LETTERS = 4


class LettersEmbedder:
    """Unit-length rows of hashed runs of letters, each of its text only and the same on every machine."""

    endpoint: Endpoint = "local_model"
    name = f"letters@1:{DIM}"
    dim = DIM

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit-length float32 rows, shape (len(texts), dim); a text without words of length is a zero row."""
        rows = np.zeros((len(texts), DIM), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[:] = _row(text)
        return rows


def _row(text: str) -> npt.NDArray[np.float64]:
    row = np.zeros(DIM)
    said = words(text)
    long = [word for word in said if len(word) >= LEAST_LETTERS or is_spaceless(word)]
    for run, count in Counter(_runs(long or said)).items():
        code = zlib.crc32(run.encode())
        row[code % DIM] += count**0.5 if code >> 31 else -(count**0.5)
    norm = float(np.linalg.norm(row))
    return row / norm if norm else row


def _runs(said: Sequence[str]) -> Iterator[str]:
    """The runs of letters of each word, and one or two letters of a script without spaces."""
    before = ""
    for word in said:
        if is_spaceless(word):
            yield word
            if before:
                yield before + word
            before = word
            continue
        before = ""
        marked = f"<{word}>"
        for length in range(SHORTEST, LONGEST + 1):
            yield from (marked[i : i + length] for i in range(len(marked) - length + 1))
