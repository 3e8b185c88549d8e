"""Estimates distributions from noisy counts, by shrinkage that depends on the noise.

Two estimates of a table are mixed. One is the noisy table projected onto possible counts, with most of its
noise. The other is simpler and has less noise: the coarse level for a list of values, equal counts for a list
without one, independence for a table of two attributes. The weights minimise Stein's unbiased estimate of the
squared error (Stein, 1981) on the noisy counts: a table whose differences are no larger than the noise is
replaced by the simpler one. The noise is known, so nothing else is needed, and all of it is post-processing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Estimate:
    """Counts, their degrees of freedom, and the share of them that was not distinguishable from noise (one
    for equal counts).
    """

    counts: Floats
    free: float
    explained: float


def fitted(
    noisy: Floats,
    total: float,
    sigma: float,
    uniform_mix: float = 0.0,
    groups: Sequence[Codes | None] | None = None,
) -> Floats:
    """The estimated distribution behind noisy counts; same shape, not negative, sum one.

    Args:
        noisy: counts with normal noise of standard deviation ``sigma`` in each cell.
        total: the sum of the true counts, at least one.
        sigma: see above.
        uniform_mix: this share of the mass explained by noise is spread evenly over all cells. That mass is
            at least ``sigma``, because noise may have emptied single cells.
        groups: for each axis the group of each index, or None for an axis without a coarse level.
    """
    levels = groups or [None] * noisy.ndim
    found = _line(noisy, total, sigma, levels[0]) if noisy.ndim == 1 else _table(noisy, total, sigma, levels)
    mix = uniform_mix * max(found.explained, min(sigma / total, 1.0))
    shares: Floats = (1 - mix) * found.counts / found.counts.sum() + mix / noisy.size
    return shares


def project(noisy: npt.NDArray[np.int64] | Floats, total: float) -> Floats:
    """The closest non-negative table with the given sum (Euclidean projection onto the simplex).

    Clipping at zero instead would keep the positive half of the noise in empty cells.
    """
    flat = noisy.astype(np.float64).ravel()
    falling = np.sort(flat)[::-1]
    excess = (np.cumsum(falling) - max(total, 1.0)) / np.arange(1, len(flat) + 1)
    above = np.flatnonzero(falling > excess)
    last = above[-1] if len(above) else 0  # immense counts: rounding may leave none above
    table: Floats = np.maximum(flat - excess[last], 0.0).reshape(noisy.shape)
    return table


def _table(noisy: Floats, total: float, sigma: float, groups: Sequence[Codes | None]) -> _Estimate:
    """For two or more attributes; the simpler estimate is the product of their distributions."""
    sides = []
    for axis, group in enumerate(groups):
        others = tuple(i for i in range(noisy.ndim) if i != axis)
        beside = noisy.size // noisy.shape[axis]
        sides.append(_line(noisy.sum(axis=others), total, sigma * beside**0.5, group))
    product: Floats = np.array(total, np.float64)
    for side in sides:
        product = np.multiply.outer(product, side.counts / total)
    return _mixed(
        noisy, _Estimate(product, sum(s.free for s in sides), max(s.explained for s in sides)), total, sigma
    )


def _line(noisy: Floats, total: float, sigma: float, groups: Codes | None) -> _Estimate:
    """For one attribute; the simpler estimate is its coarse level, fitted in the same way, or equal
    counts.
    """
    even = np.full(len(noisy), total / len(noisy))
    if groups is None:
        return _mixed(noisy, _Estimate(even, 0.0, 1.0), total, sigma)
    wide = np.bincount(groups)
    evenly = _Estimate(_sums(groups, even), 0.0, 1.0)
    coarse = _mixed(_sums(groups, noisy), evenly, total, sigma * float(wide.mean()) ** 0.5)
    return _mixed(
        noisy, _Estimate((coarse.counts / wide)[groups], coarse.free, coarse.explained), total, sigma
    )


def _sums(groups: Codes, counts: Floats) -> Floats:
    return np.bincount(groups, counts).astype(np.float64)


def _mixed(noisy: Floats, simple: _Estimate, total: float, sigma: float) -> _Estimate:
    """The mixture of the projected counts and a simpler estimate that has the least estimated squared error.

    The error of w * projected + (1 - w) * simple is estimated by |noisy - mixture|^2 + 2 sigma^2 df(w) up to
    a constant, with df(w), the degrees of freedom, linear in w: the projection has one less than its positive
    cells. The minimum is where the derivative is zero, clipped to [0, 1].
    """
    projected = project(noisy, total)
    apart = projected - simple.counts
    square = float((apart * apart).sum())
    if square <= 0.0:
        return simple
    free = float((projected > 0).sum() - 1)
    centred = noisy - (noisy.sum() - total) / noisy.size
    gain = float(((centred - simple.counts) * apart).sum()) - sigma * sigma * (free - simple.free)
    w = min(max(gain / square, 0.0), 1.0)
    mixture = w * projected + (1 - w) * simple.counts
    return _Estimate(mixture, w * free + (1 - w) * simple.free, (1 - w) * simple.explained)
