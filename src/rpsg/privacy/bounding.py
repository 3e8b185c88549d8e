"""Keeping c rows of each unit, chosen by the operating system's randomness and by nothing in the rows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from rpsg.privacy.histogram import IntArray


def keep_rows(units: IntArray, c: int) -> npt.NDArray[np.bool_]:
    """A mask over the rows that keeps at most ``c`` of each unit, every choice equally likely.

    What is kept of one unit does not depend on any other unit, so the step is 1-stable. It takes no seed.

    Raises:
        ValueError: ``c`` is below 1.
    """
    if c < 1:
        raise ValueError("c is a count of at least 1")
    lots = np.frombuffer(os.urandom(8 * len(units)), dtype=np.uint64)
    order = np.lexsort((lots, units))
    ordered = units[order]
    first = np.searchsorted(ordered, ordered, side="left")
    kept = np.zeros(len(units), dtype=np.bool_)
    kept[order] = np.arange(len(units)) - first < c
    return kept
