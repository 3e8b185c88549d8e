"""Which texts have no near-duplicate before them: comparing all with all, or each with some.

Comparing all takes quadratic time. If there are more than ``MOST_COMPARED`` texts, one in ``CELL`` of them
becomes a centre, and each text belongs to the cell of the nearest centre. A text is then compared with its
block, and with the texts kept earlier in the ``PROBES`` cells whose centres are nearest to it. A cell holds
about ``CELL`` texts however many there are, so the time grows with the number of texts; only finding the
nearest centres takes quadratic time, and that is a small part of it up to a million texts. A near-duplicate
is missed if it is in none of these cells. That is rare, because two such texts have almost the same distances
to all centres.

All comparisons are of quantized rows and so exact: every machine finds the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.stages.exact_similarity import quantized

if TYPE_CHECKING:
    import numpy.typing as npt

    from rpsg.stages.text_rows import TextRows

    Kept = npt.NDArray[np.bool_]

#: The largest number of texts that are all compared with each other.
MOST_COMPARED = 10_000
#: The mean number of texts in a cell.
CELL = 512
#: The number of cells that are searched for near-duplicates of a text.
PROBES = 6
#: The number of rows in a block, whose rows are compared with each other; the size of a part of a block; and
#: the number of blocks between two searches of all cells.
BLOCK, PART, BLOCKS = 2_048, 256, 8


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
    count = max(PROBES, len(vectors) // CELL)
    centres = quantized(vectors[np.arange(count) * len(vectors) // count])
    cells = Cells(count, centres.shape[1], np.int16)
    stays = np.zeros(len(vectors), np.bool_)
    for start in range(0, len(vectors), BLOCK * BLOCKS):
        blocks = slice(start, min(start + BLOCK * BLOCKS, len(vectors)))
        rows = quantized(vectors[blocks])
        nearest = np.concatenate(
            [_nearest(rows[at : at + BLOCK] @ centres.T) for at in range(0, len(rows), BLOCK)]
        )
        near = cells.has_near(rows, nearest, limit)
        own = _distinct_in_cells(rows, nearest, near, Cells(count, centres.shape[1], np.float32), limit)
        cells.add(rows[own], nearest[own, 0])
        stays[blocks] = own
    return stays


def _distinct_in_cells(
    rows: npt.NDArray[np.float32], nearest: npt.NDArray[np.int64], near: Kept, cells: Cells, limit: float
) -> Kept:
    """Which rows are kept.

    A row is dropped if ``near`` marks it, or if a kept row before it in its cells is near it.
    """
    own = np.zeros(len(rows), np.bool_)
    for start in range(0, len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        close = near[block] | cells.has_near(rows[block], nearest[block], limit)
        own[block] = _distinct_inside(rows[block], close, limit)
        cells.add(rows[block][own[block]], nearest[block][own[block], 0])
    return own


def _nearest(products: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """The ``PROBES`` centres with the largest product for each row, the largest first; ties to the first."""
    found = np.empty((len(products), PROBES), np.int64)
    every = np.arange(len(products))
    for place in range(PROBES):
        found[:, place] = products.argmax(axis=1)
        products[every, found[:, place]] = -np.inf
    return found


def _distinct_inside(block: npt.NDArray[np.float32], near: Kept, limit: float) -> Kept:
    """Which rows of the block are kept.

    A row is dropped if ``near`` marks it, or if a kept row before it in the block is near it.
    """
    own = np.zeros(len(block), np.bool_)
    for start in range(0, len(block), PART):  # a row is compared only with rows before it
        part = slice(start, start + PART)
        inside = block[part] @ block[: part.stop].T > limit
        for row, close in enumerate(inside, start):
            own[row] = not near[row] and not (close[:row] & own[:row]).any()
    return own


class Cells:
    """The kept rows of each cell. As 16-bit integers they take half of the memory, but comparing them takes
    longer.
    """

    def __init__(self, count: int, dim: int, stored: type[np.int16 | np.float32]) -> None:
        self._rows: list[npt.NDArray[Any]] = [np.zeros((0, dim), stored) for _ in range(count)]
        #: The number of rows of each cell.
        self.held = [0] * count

    def add(self, rows: npt.NDArray[np.float32], cells: npt.NDArray[np.int64]) -> None:
        """Add each row to its cell."""
        order = np.argsort(cells, kind="stable")
        whole = rows.astype(self._rows[0].dtype, copy=False)[order]  # of unit length: none is above STEPS
        some, starts = np.unique(cells[order], return_index=True)
        for cell, start, end in zip(some, starts, np.append(starts, len(order))[1:], strict=True):
            new, held = whole[start:end], self.held[cell]
            self.held[cell] += len(new)
            if self.held[cell] > len(self._rows[cell]):  # spare space, so that rows are rarely copied
                room = np.empty((self.held[cell] + held // 2, rows.shape[1]), new.dtype)
                room[:held] = self._rows[cell][:held]
                self._rows[cell] = room
            self._rows[cell][held : self.held[cell]] = new

    def has_near(self, block: npt.NDArray[np.float32], nearest: npt.NDArray[np.int64], limit: float) -> Kept:
        """Which rows of a block are nearer than ``limit`` to a row of one of their ``nearest`` cells."""
        near = np.zeros(len(block), np.bool_)
        order = np.argsort(nearest, axis=None, kind="stable")
        cells, starts = np.unique(nearest.ravel()[order], return_index=True)
        for cell, places in zip(cells, np.split(order, starts[1:]), strict=True):
            rows = places // PROBES
            for start in range(0, self.held[cell], BLOCK):  # in the worst case one cell holds all rows
                rows = rows[~near[rows]]
                if not len(rows):
                    break
                held = self._rows[cell][start : min(start + BLOCK, self.held[cell])]
                near[rows] = (block[rows] @ held.astype(np.float32, copy=False).T > limit).any(axis=1)
        return near
