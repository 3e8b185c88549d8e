"""Embeddings from runs of letters: any language, no weights, and no understanding of what words mean.

Each run of three to five letters of a word adds to one of 512 numbers. Two texts are close if they share
words or parts of words, so "Kniegelenk" is close to "Knieschmerzen", and "Arzt" is not close to "doctor". For
a language that another embedder was not trained on, these rows are better than the rows of that embedder.
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
#: Shorter words say little about a topic, and are used only if a text has no longer ones.
LEAST_LETTERS = 4


class LettersEmbedder:
    """Unit-length rows of hashed runs of letters. A row depends on its own text only and is the same on every
    machine.
    """

    endpoint: Endpoint = "local_model"
    name = f"letters@1:{DIM}"
    dim = DIM

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit-length float32 rows, shape (len(texts), dim); a text without words is a zero row."""
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
    """The runs of letters of each word; in a script without spaces, single letters and pairs of them."""
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
