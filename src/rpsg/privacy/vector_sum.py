"""A sum of integer vectors, to which each unit adds one of length at most w, and the check of that bound.

The sensitivity is bounded only if no vector depends on another unit. A sum of floats does not guarantee that:
its last bit may depend on the memory layout and on the number of rows. So ``quantise`` uses only elementwise
float operations, which IEEE 754 defines to the last bit, and maxima, which are the same in any order; every
sum is one of 64-bit integers and does not overflow.

The vectors are computed in blocks, so that a million rows of thousands of entries need only the memory of a
few blocks. The exact sum exists only between ``clean_sum`` and the noise in ``mechanisms``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rpsg.privacy.histogram import largest_group, require_kept
from rpsg.privacy.sensitivity import LONGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rpsg.privacy.histogram import IntArray, Query

#: The most entries of a row: with these all products below stay under 2^63.
MOST_ENTRIES = 1 << 20
_CACHED = 1 << 16  # numbers worked on at a time, so that they stay in the processor's cache
_FINE = 20  # bits after the point of a row before its length is taken
_ROOT = 10  # bits after the point of the length of an integer row
#: Entries of one block: 8 MiB of whole numbers. A unit with more entries is a separate block.
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class BoundedVectors:
    """``units`` (rows,): the unit of each row. ``vectors``: the vectors of some rows, of length at most w.

    ``vectors`` takes row numbers, an int64 array of shape (block,) in any order, and returns int32 or int64
    of shape (block, dim). For a claim to hold, each vector must be a function of its own row and public
    parameters alone, bit for bit, whatever other rows are in the block. ``quantise`` preserves that; a
    product of float matrices breaks it, unless its numbers are on a lattice.
    """

    units: IntArray
    vectors: Callable[[IntArray], npt.NDArray[Any]]


def clean_sum(query: Query, rows: BoundedVectors) -> IntArray:
    """The exact sum, shape (dim,), before any noise. Private: for ``mechanisms`` only.

    The rows of each unit are added up; a sum longer than w is shortened to the nearest whole numbers of
    length w or less, in exact integer arithmetic. Then the units are added up.

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
    """Blocks of about ``size`` rows that split no unit: start, end, and the start of each unit in it."""
    begins = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    ends = np.append(begins[1:], len(ordered))
    first = 0
    while first < len(begins):
        last = max(first + 1, int(np.searchsorted(ends, begins[first] + size, side="right")))
        start = int(begins[first])
        yield start, int(ends[last - 1]), begins[first:last] - start
        first = last


def _block(query: Query, rows: BoundedVectors, which: IntArray) -> IntArray:
    """The vectors of some rows, checked against the rule."""
    vectors = rows.vectors(which)
    require_kept(vectors.dtype in (np.int32, np.int64) and vectors.shape == (len(which), query.dim), query)
    # Entries are bounded before they are squared, so nothing here can overflow and look small.
    require_kept(int(vectors.min()) >= -query.w and int(vectors.max()) <= query.w, query)
    whole = vectors.astype(np.int64, copy=False)
    require_kept(int(np.einsum("ij,ij->i", whole, whole).max()) <= query.w * query.w, query)
    return whole


def quantise(vectors: npt.NDArray[np.float64], w: int) -> IntArray:
    """Vectors of length 1 or less as whole numbers of length ``w`` or less.

    A longer vector is first shortened to length 1; then it is multiplied by ``w`` and rounded to nearest. If
    rounding makes it longer than ``w``, entries are rounded toward zero until it is not, beginning with those
    that gained most. A row with an entry that is not finite becomes zero.

    Each row of the result is a function of the same row of ``vectors`` alone, bit for bit, whatever the other
    rows and the memory layout are.

    Args:
        vectors: float64 of shape (rows, dim).
        w: the length in steps, 1 to ``LONGEST``.

    Returns:
        int64 of shape (rows, dim), the sum of the squares of each row at most w * w.

    Raises:
        ValueError: the array has another shape or type, or ``w`` or ``dim`` is too large.
    """
    if vectors.dtype != np.float64 or vectors.ndim != 2 or vectors.shape[1] > MOST_ENTRIES:
        raise ValueError(f"vectors are float64 of shape (rows, dim), with dim at most {MOST_ENTRIES}")
    if not 1 <= w <= LONGEST:
        raise ValueError(f"w must be between 1 and {LONGEST}")
    whole = np.empty(vectors.shape, dtype=np.int64)
    size = max(1, _CACHED // max(1, vectors.shape[1]))
    for start in range(0, len(vectors), size):
        whole[start : start + size] = _quantised(vectors[start : start + size], w)
    return whole


def _quantised(vectors: npt.NDArray[np.float64], w: int) -> IntArray:
    fine, bits, length = _fine(vectors)
    length = np.where(bits < _FINE, length, np.maximum(length, 1 << _FINE))
    return _nearest(w * fine, np.maximum(length, 1), w)


def _fine(vectors: npt.NDArray[np.float64]) -> tuple[IntArray, IntArray, IntArray]:
    """Rows as whole numbers of ``2 ** -bits``, and their lengths in the same unit, rounded up.

    ``bits`` is ``_FINE``, or less for a row with an entry above 1. A row that is not finite becomes zero.
    """
    finite = np.where(np.isfinite(vectors).all(axis=1, keepdims=True), vectors, 0.0)
    largest = np.abs(finite).max(axis=1, initial=0.0)
    # A row with an entry above 1 is too long in any case; halving it, which is exact, keeps its direction.
    bits = _FINE - np.where(largest > 1.0, np.frexp(largest)[1], 0).astype(np.int64)
    fine = np.rint(finite * np.ldexp(1.0, bits)[:, None]).astype(np.int64)
    return fine, bits, ceil_root(_squares(fine))


def at_most(vectors: npt.NDArray[np.float64], longest: float) -> npt.NDArray[np.float64]:
    """The rows, those longer than ``longest`` shortened to it.

    As with ``quantise``, each row of the result is a function of the same row alone, bit for bit.
    """
    _, bits, length = _fine(vectors)
    parts = np.ldexp(longest, bits) / np.maximum(length, 1)
    return vectors * np.minimum(parts, 1.0)[:, None]


def shortened(rows: IntArray, w: int) -> IntArray:
    """The rows, with those longer than ``w`` scaled to the nearest whole numbers of length ``w`` or less.

    The sum of the squares of a row must be at most 2^40 (``w * c`` of the rule at most 2^20).
    """
    squares = _squares(rows)
    longer = np.flatnonzero(squares > w * w)
    if not len(longer):
        return rows
    short = rows.copy()
    short[longer] = _nearest((w << _ROOT) * rows[longer], ceil_root(squares[longer] << (2 * _ROOT)), w)
    return short


def ceil_root(squares: IntArray) -> IntArray:
    """The square root rounded up, for numbers up to 2^62."""
    # The root of a float is off by less than one, so this starts at or above the answer.
    guess = np.sqrt(squares.astype(np.float64)).astype(np.int64) + 2
    for _ in range(3):
        guess -= (guess > 0) & ((guess - 1) * (guess - 1) >= squares)
    return guess


def _squares(rows: IntArray) -> IntArray:
    """The sum of the squares of each row."""
    total: IntArray = np.einsum("ij,ij->i", rows, rows)
    return total


def _nearest(numerators: IntArray, divisors: IntArray, w: int) -> IntArray:
    """The quotients, rounded to nearest; in rows that would then be longer than w, some are rounded toward
    zero.

    The exact quotients of a row must not be longer than ``w``.
    """
    sizes, each = np.abs(numerators), divisors[:, None]
    whole = (2 * sizes + each) // (2 * each)
    longer = np.flatnonzero(_squares(whole) > w * w)
    if len(longer):
        gained = whole[longer] * each[longer] - sizes[longer]
        whole[longer] = _fewer_steps(whole[longer], gained, w)
    return np.where(numerators < 0, -whole, whole)


def _fewer_steps(whole: IntArray, gained: IntArray, w: int) -> IntArray:
    """Reduce by one step the entries that gained most by rounding, as few as needed to bring each row to
    length w.

    Ties are broken by position. Reducing every entry that gained leaves none above its exact quotient, so the
    bound is always reached.
    """
    dim = whole.shape[1]
    # One number encodes gain and position; all are distinct, so every sorting algorithm gives
    # the same order.
    order = np.sort(np.arange(dim) - gained * dim, axis=1) % dim
    saved = np.cumsum(np.maximum(2 * np.take_along_axis(whole, order, axis=1) - 1, 0), axis=1)
    excess = _squares(whole) - w * w
    steps = np.arange(dim) <= (saved < excess[:, None]).sum(axis=1, keepdims=True)
    short = whole.copy()
    np.put_along_axis(short, order, np.take_along_axis(whole, order, axis=1) - steps, axis=1)
    return short
