"""Step 9, cosine filter: near-duplicates inside the synthetic corpus, and copies of the pack's examples.

It compares synthetic texts with each other and with public text, never with a private one: a filter that
surely removes what is close to one record cannot be differentially private.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from rpsg.domains import Pack
    from rpsg.records import Pool

DUPLICATE = 0.95
COPIED_WORDS = 8


def drop_near_duplicates(pool: Pool, vectors: npt.NDArray[np.float32], threshold: float = DUPLICATE) -> Pool:
    """Of texts closer than ``threshold`` (cosine) the one with the lowest id stays.

    ``vectors`` are the unit rows of ``pool.alive()``, in that order.
    """
    alive = pool.alive()
    reasons: dict[int, str] = {}
    kept: list[int] = []
    for row, candidate in enumerate(alive):
        if kept and float((vectors[kept] @ vectors[row]).max()) > threshold:
            reasons[candidate.id] = "near-duplicate"
        else:
            kept.append(row)
    return pool.drop("cosine filter", reasons)


def drop_copies(pool: Pool, pack: Pack, words: int = COPIED_WORDS) -> Pool:
    """Drop texts that repeat ``words`` words in a row of an example they were shown."""
    shown = {gram for example in pack.examples for gram in _grams(example.text, words)}
    copied = {c.id: "copies an example" for c in pool.alive() if shown & _grams(c.text, words)}
    return pool.drop("cosine filter", copied)


def _grams(text: str, size: int) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}
