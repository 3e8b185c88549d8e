"""Which texts have no near-duplicate before them: comparing all with all, or each with some.

Comparing all takes quadratic time. If there are more than ``MOST_COMPARED`` texts, one in ``CELL`` of them
becomes a centre, and each text belongs to the cell of the nearest centre. A text is then compared with its
block, and with the texts kept earlier in the ``PROBES`` cells whose centres are nearest to it. A cell holds
about ``CELL`` texts however many there are, so the time grows with the number of texts; only finding the
nearest centres takes quadratic time, and that is a small part of it up to a million texts. A near-duplicate
is missed if it is in none of these cells. That is rare, because two such texts have almost the same distances
to all centres.

All comparisons are of quantized rows and so exact: every machine finds the same. Most pairs need only a third
of their numbers: the product of two rows is at most that of their first numbers plus the product of the
lengths of the rest, and for nearly all pairs this is already too small.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from rpsg.stages.exact_similarity import quantized

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    from rpsg.stages.text_rows import TextRows

    Kept = npt.NDArray[np.bool_]
    #: Whole rows, after the length of what is not in their head (``with_rest``).
    Rows = npt.NDArray[np.float32]
    AnyRows = Rows | npt.NDArray[np.int16]
    Indices = npt.NDArray[np.int64]
    #: Rows, rows that may be near, and which of these are near to which of those.
    Near = tuple[Indices, Indices, Kept]

#: The largest number of texts that are all compared with each other.
MOST_COMPARED = 10_000
#: The mean number of texts in a cell.
CELL = 512
#: The number of cells that are searched for near-duplicates of a text.
PROBES = 6
#: The number of rows in a block, whose rows are compared with each other; the number of rows compared at
#: once; and the number of blocks that are read at once.
BLOCK, PART, BLOCKS = 2_048, 256, 8
#: How often all cells are searched in a large corpus: between this many times and twice as many. More
#: searches, each for fewer rows, would take longer.
SEARCHES = 8
#: The share of the numbers of a row that are compared first: one in so many.
HEAD = 3


def distinct_of_all(vectors: npt.NDArray[np.float32], limit: float) -> Kept:
    """Which rows are not nearer than ``limit`` (in steps squared) to any earlier row that is kept; shape
    (rows,).
    """
    rows = with_rest(quantized(vectors))
    stays = np.zeros(len(rows), np.bool_)
    for start in range(0, len(rows), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(rows)))
        near = np.zeros(len(block), np.bool_)
        before = np.flatnonzero(stays[:start])
        for part in range(0, len(before), BLOCK):
            near[near_pairs(rows, block, rows, before[part : part + BLOCK], limit)[0] - start] = True
        stays[block] = _first_ones(near, _in_blocks(rows[start : start + BLOCK], near, limit))
    return stays


def distinct(vectors: npt.NDArray[np.float32] | TextRows, limit: float) -> Kept:
    """As ``distinct_of_all``, but each row is compared only with its block and with ``PROBES`` cells."""
    count = max(PROBES, len(vectors) // CELL)
    centres = np.ascontiguousarray(quantized(vectors[np.arange(count) * len(vectors) // count]).T)
    cells = Cells(count, 1 + len(centres))
    stays = np.zeros(len(vectors), np.bool_)
    read = BLOCK * BLOCKS
    size = read * max(1, len(vectors) // (read * SEARCHES))
    for start in range(0, len(vectors), size):
        several = slice(start, min(start + size, len(vectors)))
        rows = np.empty((several.stop - start, 1 + len(centres)), np.float32)
        nearest = np.empty((len(rows), PROBES), np.min_scalar_type(count))  # short numbers are sorted quickly
        for at in range(0, len(rows), read):
            given = vectors[start + at : min(start + at + read, several.stop)]
            for part in range(0, len(given), PART):  # few rows stay in the processor's cache
                whole = quantized(given[part : part + PART])
                places = slice(at + part, at + part + len(whole))
                rows[places], nearest[places] = with_rest(whole), _nearest(whole @ centres)
        stays[several] = cells.keep(rows, nearest, limit)
    return stays


def with_rest(whole: npt.NDArray[np.float32]) -> Rows:
    """Quantized rows, each after the length of its numbers beyond the head, rounded up to whole steps."""
    rest = whole[:, whole.shape[1] // HEAD :]
    length = np.ceil(np.sqrt(np.einsum("ri,ri->r", rest, rest)))
    return np.concatenate([length[:, np.newaxis], whole], axis=1)


def _nearest(products: npt.NDArray[np.float32]) -> Indices:
    """The ``PROBES`` centres with the largest product for each row, the largest first; ties to the first."""
    found = np.empty((len(products), PROBES), np.int64)
    every = np.arange(len(products))
    for place in range(PROBES):
        found[:, place] = products.argmax(axis=1)
        products[every, found[:, place]] = -np.inf
    return found


def near_pairs(rows: Rows, some: Indices, others: AnyRows, among: Indices | None, limit: float) -> Near:
    """The rows in ``some`` that are nearer than ``limit`` to one in ``among``, the ones that may be near, and
    which are near to which. ``among`` are indices of the same rows, of which only earlier ones count, or None
    for all of ``others``. Both are in ascending order.
    """
    head = 1 + (rows.shape[1] - 1) // HEAD
    if among is None:
        heads, among, late = others[:, :head], np.arange(len(others)), len(others)
    else:
        heads, late = others[:, :head][among], int(np.searchsorted(among, some[0]))
    maybe = rows[:, :head][some] @ heads.astype(np.float32, copy=False).T > limit
    maybe[:, late:] &= among[late:] < some[:, np.newaxis]
    lines = np.unique(np.flatnonzero(maybe) // maybe.shape[1])  # ``any`` takes long for many short lines
    maybe = maybe[lines]
    columns = np.flatnonzero(maybe.any(axis=0))
    some, among, maybe = some[lines], among[columns], maybe[:, columns]
    maybe &= rows[:, 1:][some] @ others[:, 1:][among].astype(np.float32, copy=False).T > limit
    found = maybe.any(axis=1)
    return some[found], among, maybe[found]


def _in_blocks(rows: Rows, near: Kept, limit: float) -> Iterator[Near]:
    """Pairs of rows in the same block; a row that is ``near`` to a row kept before is in none of them."""
    left = np.flatnonzero(~near)
    for first in range(0, len(rows), BLOCK):
        block = left[slice(*np.searchsorted(left, [first, first + BLOCK]))]
        for start in range(0, len(block), PART):
            yield near_pairs(rows, block[start : start + PART], rows, block[: start + PART], limit)


def _in_cells(rows: Rows, nearest: Indices, near: Kept, limit: float) -> Iterator[Near]:
    """Pairs of a row and a row before it, of which the nearest cell is one of its nearest cells; neither is
    ``near`` to a row kept before.
    """
    for _, all_places in _by_cell(nearest):
        places = all_places[~near[all_places // PROBES]]
        visitors, members = places // PROBES, places[places % PROBES == 0] // PROBES
        for start in range(0, len(visitors), 2 * PART):
            some = visitors[start : start + 2 * PART]
            yield near_pairs(rows, some, rows, members[: np.searchsorted(members, some[-1])], limit)


def _by_cell(nearest: Indices) -> Iterator[tuple[int, Indices]]:
    """Each cell, with its places in ``nearest.ravel()``."""
    order = np.argsort(nearest, axis=None, kind="stable")
    cells, starts = np.unique(nearest.ravel()[order], return_index=True)
    ends = np.append(starts[1:], len(order))
    return ((int(c), order[start:end]) for c, start, end in zip(cells, starts, ends, strict=False))


def _first_ones(near: Kept, pairs: Iterable[Near]) -> Kept:
    """Which rows are neither ``near`` to a row kept before, nor in a pair with an earlier row that stays."""
    earlier: dict[int, list[tuple[Indices, Kept]]] = defaultdict(list)
    for rows, others, which in pairs:
        for row, line in zip(rows.tolist(), which, strict=True):
            earlier[row].append((others, line))
    own = ~near
    for row in sorted(earlier):
        own[row] = not any((own[others] & line).any() for others, line in earlier[row])
    return own


class Cells:
    """The kept rows of each cell, as 16-bit integers, because these take half of the memory."""

    def __init__(self, count: int, numbers: int) -> None:
        self._rows = [np.empty((CELL, numbers), np.int16) for _ in range(count)]
        #: The number of rows of each cell.
        self.held = [0] * count

    def keep(self, rows: Rows, nearest: Indices, limit: float) -> Kept:
        """Add the rows that stay to their cells; which rows these are."""
        near = self.has_near(rows, nearest, limit)
        pairs: list[Near] = []
        room = 4 * BLOCK**2  # of one block there are half as many at most
        for pair in chain(_in_blocks(rows, near, limit), _in_cells(rows, nearest, near, limit)):
            pairs.append(pair)
            room -= pair[2].size
            if room < 0:  # of fewer rows at once, more are near to a row that is already kept, and in no pair
                half = -(-len(rows) // BLOCK // 2) * BLOCK
                parts = slice(half), slice(half, None)
                return np.concatenate([self.keep(rows[part], nearest[part], limit) for part in parts])
        own = _first_ones(near, pairs)
        self.add(rows, np.flatnonzero(own), nearest[own, 0])
        return own

    def add(self, rows: Rows, some: Indices, cells: Indices) -> None:
        """Add each row in ``some`` to its cell."""
        for cell, places in _by_cell(cells):
            new, held = rows[some[places]].astype(np.int16), self.held[cell]  # no number is above STEPS
            self.held[cell] += len(new)
            if self.held[cell] > len(self._rows[cell]):  # spare space, so that rows are rarely copied
                room = np.empty((self.held[cell] + held // 2, rows.shape[1]), new.dtype)
                room[:held] = self._rows[cell][:held]
                self._rows[cell] = room
            self._rows[cell][held : self.held[cell]] = new

    def has_near(self, rows: Rows, nearest: Indices, limit: float) -> Kept:
        """Which rows are nearer than ``limit`` to a row of one of their ``nearest`` cells."""
        near = np.zeros(len(rows), np.bool_)
        for cell, places in _by_cell(nearest):
            for first in range(0, len(places), BLOCK):  # in the worst case one cell holds all rows
                some = places[first : first + BLOCK] // PROBES
                for start in range(0, self.held[cell], BLOCK):
                    some = some[~near[some]]
                    if not len(some):
                        break
                    held = self._rows[cell][start : min(start + BLOCK, self.held[cell])]
                    near[near_pairs(rows, some, held, None, limit)[0]] = True
        return near
