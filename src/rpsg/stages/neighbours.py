"""Which texts have no near-duplicate before them: comparing all with all, or each with some.

Comparing all takes quadratic time. If there are more than ``MOST_COMPARED`` texts, every n-th one becomes a
centre, and each text belongs to the cell of the nearest centre. A text is then compared with its block, and
with the texts kept earlier in the ``PROBES`` cells whose centres are nearest to it. There are about as many
cells as texts in a cell, so the time grows like n to the power 1.5, with a small factor. A near-duplicate is
missed if it is in none of these cells. That is rare, because two such texts have almost the same distances to
all centres.

All comparisons are of quantized rows and so exact: every machine finds the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rpsg.stages.exact_similarity import quantized

if TYPE_CHECKING:
    import numpy.typing as npt

    from rpsg.stages.text_rows import TextRows

    Kept = npt.NDArray[np.bool_]

#: The most texts that are all compared with each other.
MOST_COMPARED = 50_000
#: The number of cells that are searched for near-duplicates of a text.
PROBES = 8
BLOCK = 2_048


def distinct_of_all(vectors: npt.NDArray[np.float32], limit: float) -> Kept:
    """Which rows are not nearer than ``limit`` (in steps squared) to any earlier row that is kept; shape
    (rows,).
    """
    exact = quantized(vectors)
    stays = np.zeros(len(exact), np.bool_)
    for start in range(0, len(exact), BLOCK):
        block = exact[start : start + BLOCK]
        near = np.zeros(len(block), np.bool_)
        before = np.flatnonzero(stays[:start])
        for part in range(0, len(before), BLOCK):
            near |= (block @ exact[before[part : part + BLOCK]].T > limit).any(axis=1)
        stays[start : start + BLOCK] = _distinct_inside(block, near, limit)
    return stays


def distinct(vectors: npt.NDArray[np.float32] | TextRows, limit: float) -> Kept:
    """As ``distinct_of_all``, but each row is compared only with its block and with ``PROBES`` cells."""
    count = 2 * math.isqrt(len(vectors))
    centres = quantized(vectors[np.arange(count) * len(vectors) // count])
    cells = Cells(count, centres.shape[1])
    stays = np.zeros(len(vectors), np.bool_)
    for start in range(0, len(vectors), BLOCK):
        block = quantized(vectors[start : start + BLOCK])
        nearest = np.argsort(-(block @ centres.T), axis=1, kind="stable")[:, :PROBES]
        own = _distinct_inside(block, cells.has_near(block, nearest, limit), limit)
        cells.add(block[own], nearest[own, 0])
        stays[start : start + BLOCK] = own
    return stays


def _distinct_inside(block: npt.NDArray[np.float32], near: Kept, limit: float) -> Kept:
    """Which rows are neither ``near`` to a row kept earlier, nor to a kept row before them in the block."""
    inside = block @ block.T > limit
    own = np.zeros(len(block), np.bool_)
    for row in range(len(block)):
        own[row] = not near[row] and not (inside[row, :row] & own[:row]).any()
    return own


class Cells:
    """The kept rows of each cell, as 16-bit integers: half of the memory that the comparison itself needs."""

    def __init__(self, count: int, dim: int) -> None:
        self._rows = [np.zeros((0, dim), np.int16) for _ in range(count)]
        #: The number of rows of each cell.
        self.held = [0] * count

    def add(self, rows: npt.NDArray[np.float32], cells: npt.NDArray[np.int64]) -> None:
        """Add each row to its cell."""
        whole = rows.astype(np.int16)  # of unit length, so no number is above STEPS
        for cell in np.unique(cells):
            new, held = whole[cells == cell], self.held[cell]
            if held + len(new) > len(self._rows[cell]):  # twice the room, so that few rows are copied often
                room = np.zeros((held + 2 * len(new), rows.shape[1]), np.int16)
                self._rows[cell] = np.concatenate([self._rows[cell][:held], room])
            self._rows[cell][held : held + len(new)] = new
            self.held[cell] += len(new)

    def has_near(self, block: npt.NDArray[np.float32], nearest: npt.NDArray[np.int64], limit: float) -> Kept:
        """Which rows of a block are nearer than ``limit`` to a row of one of their ``nearest`` cells."""
        near = np.zeros(len(block), np.bool_)
        for cell in np.unique(nearest):
            rows = np.flatnonzero((nearest == cell).any(axis=1) & ~near)
            if len(rows) and self.held[cell]:
                held = self._rows[cell][: self.held[cell]].astype(np.float32)
                near[rows] |= (block[rows] @ held.T > limit).any(axis=1)
        return near
