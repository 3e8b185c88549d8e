"""A sum of vectors of whole numbers, to which each unit adds one of length at most w, and the guard for it.

The vectors are asked for in blocks, so that a million rows of thousands of entries need no more memory than a
few blocks. The clean sum exists only between ``clean_sum`` and the noise in ``mechanisms``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rpsg.privacy.histogram import largest_group, require_kept
from rpsg.privacy.whole_vectors import MOST_ENTRIES, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rpsg.privacy.histogram import IntArray, Query

#: Entries of one block: 8 MiB of whole numbers. A unit with more rows than fit is a block of its own.
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class BoundedVectors:
    """``units`` (rows,): whose row it is. ``vectors``: the vectors of some rows, each of length at most w.

    ``vectors`` is given row numbers, an int64 array of shape (block,) in any order, and returns int32 or
    int64 of shape (block, dim). For a claim to hold, each vector must follow from its own row and public
    parameters alone, bit for bit, whichever other rows are asked for with it. ``quantise`` does not break
    that; a product of float matrices before it does, unless its numbers are on a lattice.
    """

    units: IntArray
    vectors: Callable[[IntArray], npt.NDArray[Any]]


def clean_sum(query: Query, rows: BoundedVectors) -> IntArray:
    """The exact sum, shape (dim,), before any noise. Private: for ``mechanisms`` only.

    The rows of each unit are added up, and where that is longer than w it is shortened to the nearest whole
    numbers of length w or less, in exact integer arithmetic. Then the units are added up.

    Raises:
        PrivacyError: the rows do not keep the query's contribution rule.
    """
    units = rows.units
    require_kept(query.rule == "S6_bounded_vector" and 1 <= query.dim <= MOST_ENTRIES, query)
    require_kept(units.dtype == np.int64 and units.ndim == 1, query)
    most = largest_group(units)
    require_kept(most <= query.c, query)
    total = np.zeros(query.dim, dtype=np.int64)
    if most <= 1:
        size = max(1, BLOCK // query.dim)
        for start in range(0, len(units), size):
            total += _block(query, rows, np.arange(start, min(start + size, len(units)))).sum(axis=0)
        return total
    order = np.argsort(units, kind="stable")
    for start, stop, firsts in _whole_units(units[order], max(1, BLOCK // query.dim)):
        added = np.add.reduceat(_block(query, rows, order[start:stop]), firsts, axis=0)
        total += shortened(added, query.w).sum(axis=0)
    return total


def _whole_units(ordered: IntArray, size: int) -> Iterator[tuple[int, int, IntArray]]:
    """Blocks of about ``size`` rows that part no unit: from, to, and where in the block each unit begins."""
    begins = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    ends = np.append(begins[1:], len(ordered))
    first = 0
    while first < len(begins):
        last = max(first + 1, int(np.searchsorted(ends, begins[first] + size, side="right")))
        start = int(begins[first])
        yield start, int(ends[last - 1]), begins[first:last] - start
        first = last


def _block(query: Query, rows: BoundedVectors, which: IntArray) -> IntArray:
    """The vectors of some rows, once they are known to keep the rule."""
    vectors = rows.vectors(which)
    require_kept(vectors.dtype in (np.int32, np.int64) and vectors.shape == (len(which), query.dim), query)
    # Entries are bounded before they are squared, so nothing here can overflow and look small.
    require_kept(int(vectors.min()) >= -query.w and int(vectors.max()) <= query.w, query)
    whole = vectors.astype(np.int64, copy=False)
    require_kept(int(np.einsum("ij,ij->i", whole, whole).max()) <= query.w * query.w, query)
    return whole
