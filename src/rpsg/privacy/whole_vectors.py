"""Vectors of whole numbers whose length is bounded: each from its own numbers alone, exactly.

How far one unit moves a sum of vectors is bounded only if no vector depends on another unit. A sum of floats
does not promise that: its last bit may depend on where a row lies in memory and how many rows lie beside it.
Here floats meet elementwise operations alone, which IEEE 754 defines to the last bit, and maxima, which are
the same in any order; every sum is a sum of 64-bit integers and does not overflow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rpsg.privacy.sensitivity import LONGEST

IntArray = npt.NDArray[np.int64]

#: Entries a row may have: with these all products below stay under 2^63.
MOST_ENTRIES = 1 << 20
_CACHED = 1 << 16  # numbers worked on at a time, so that they stay in the processor's cache
_FINE = 20  # bits after the point of a row before its length is taken
_ROOT = 10  # bits after the point of the length of an integer row


def quantise(vectors: npt.NDArray[np.float64], w: int) -> IntArray:
    """Vectors of length 1 or less as whole numbers of length ``w`` or less.

    A longer vector is first shortened to length 1, a shorter one stays short; then it is multiplied by ``w``
    and rounded to nearest. Where rounding makes it longer than ``w``, as many entries as necessary are
    rounded toward zero, first those that gained most. A row with an entry that is not finite becomes zero.

    Each row of the result is a function of the same row of ``vectors`` alone, bit for bit, whatever stands
    beside it and however the array lies in memory.

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
    finite = np.where(np.isfinite(vectors).all(axis=1, keepdims=True), vectors, 0.0)
    largest = np.abs(finite).max(axis=1, initial=0.0)
    # A row with an entry above 1 is too long in any case; halving it, which is exact, keeps its direction.
    halvings = np.where(largest > 1.0, np.frexp(largest)[1], 0)
    fine = np.rint(finite * np.ldexp(1.0, _FINE - halvings)[:, None]).astype(np.int64)
    length = ceil_root(_squares(fine))
    length = np.where(halvings > 0, length, np.maximum(length, 1 << _FINE))
    return _nearest(w * fine, np.maximum(length, 1), w)


def shortened(rows: IntArray, w: int) -> IntArray:
    """The rows; those longer than ``w`` scaled to the nearest whole numbers of length ``w`` or less.

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
    """The smallest whole number whose square is not below, for numbers up to 2^62."""
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
    """The numerators / divisors rounded to nearest, in each row toward zero where it would be longer than w.

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
    """Take a step off the entries that gained most by rounding, of as few as bring each row to length w.

    Entries that gained the same go in the order of their places. Taking a step off every entry that gained
    leaves nothing above its exact quotient, so the bound is always reached.
    """
    dim = whole.shape[1]
    # One number says how much an entry gained and which it is: no two are equal, so any way of sorting gives
    # the same order.
    order = np.sort(np.arange(dim) - gained * dim, axis=1) % dim
    saved = np.cumsum(np.maximum(2 * np.take_along_axis(whole, order, axis=1) - 1, 0), axis=1)
    excess = _squares(whole) - w * w
    steps = np.arange(dim) <= (saved < excess[:, None]).sum(axis=1, keepdims=True)
    short = whole.copy()
    np.put_along_axis(short, order, np.take_along_axis(whole, order, axis=1) - steps, axis=1)
    return short
