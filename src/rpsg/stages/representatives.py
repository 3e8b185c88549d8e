"""Private representatives: 250 scores that stand for those of all private texts.

The scores are sorted and cut into bins of equal size; of each bin the score closest to its mean stands for
it. With fewer scores than bins each stands for itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

BINS = 250


def representatives(scores: npt.NDArray[np.float64], bins: int = BINS) -> npt.NDArray[np.float64]:
    """The representative scores in rising order, shape (min(bins, number of finite scores),)."""
    ordered = np.sort(scores[np.isfinite(scores)])
    parts = np.array_split(ordered, min(bins, len(ordered))) if len(ordered) else []
    return np.array([part[np.abs(part - part.mean()).argmin()] for part in parts], np.float64)
