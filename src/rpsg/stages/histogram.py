"""The AUG-PE step of the paper: private records vote for texts, and the texts with most votes stay.

Each record votes for its nearest text. With noise sigma > 0 the counts are clipped at 0.5 sigma^1.5, which is
then taken off, and those of highest count stay. Without noise every text stays. In the released code one
number served as epsilon and as sigma, so that a larger "epsilon" made more noise; here they are apart. The
candidates are functions of the same records, so no budget pays for this vote and no claim is built on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rpsg.stages.votes import nearest_candidates

if TYPE_CHECKING:
    import numpy.typing as npt

    from rpsg.protocols import NoiseSource

    Floats = npt.NDArray[np.float32]


def vote_counts(private: Floats, candidates: Floats) -> npt.NDArray[np.int64]:
    """How many private rows are nearest to each candidate, shape (candidates,)."""
    handicap = np.zeros(len(candidates), np.float32)
    cells = nearest_candidates(private, candidates, handicap, 1)[:, 0]
    return np.bincount(cells[cells >= 0], minlength=len(candidates)).astype(np.int64)


def clipped(counts: npt.NDArray[np.int64], sigma: float, noise: NoiseSource) -> npt.NDArray[np.float64]:
    """The counts with noise, less the threshold 0.5 sigma^1.5, nothing below 0."""
    noisy = counts + noise.draw(sigma, len(counts))
    left: npt.NDArray[np.float64] = np.maximum(noisy - 0.5 * sigma**1.5, 0.0)
    return left


def ranked(counts: npt.NDArray[np.float64], keep: int) -> list[int]:
    """The places of the ``keep`` highest counts; of equals the first."""
    order = np.argsort(-counts, kind="stable")
    return sorted(int(i) for i in order[:keep])
