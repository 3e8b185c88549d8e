"""Optimal transport between two clouds of embeddings: sliced Wasserstein and the Sinkhorn divergence."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.metrics.intervals import GROUPS, around, around_distance, groups
from rpsg.stages.rng import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.evaluation.inputs import Inputs
    from rpsg.measures import Measure

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.floating]
DIRECTIONS = 128
BLUR = 0.05
MOST_ROWS = 1000
MOST_STEPS = 500
STILL = 3e-6
DRAWS = 5


def sliced_wasserstein(inputs: Inputs) -> Measure:
    """Sliced 2-Wasserstein distance: root mean square over 128 random directions (Bonneel et al. 2015)."""
    inputs.need(20)
    a, b = (np.asarray(side.vectors, np.float64) for side in (inputs.corpus, inputs.real))
    directions = random_directions(a.shape[1], DIRECTIONS, inputs.seed)
    first, second = a @ directions, b @ directions
    left, right = (groups(len(side), inputs.seed, "sliced") for side in (a, b))
    gone = [(-1, -1), *((g, -1) for g in range(GROUPS)), *((-1, g) for g in range(GROUPS))]
    value, *others = _distances(first, second, left, right, gone).tolist()
    without = others[:GROUPS], others[GROUPS:]
    return inputs.measured(
        "sliced_wasserstein",
        value,
        interval=around_distance(value, without, is_root=True),
        model=inputs.models.embedder.name,
    )


def random_directions(dim: int, count: int, seed: int) -> Floats:
    """Unit columns, shape (dim, count)."""
    drawn = stream(seed, "directions").standard_normal((dim, count))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=0))


def sliced(first: Floats, second: Floats) -> float:
    """The distance from the projections of two corpora, shapes (texts, directions)."""
    left, right = (np.zeros(len(side), np.int64) for side in (first, second))
    return float(_distances(first, second, left, right, [(-1, -1)])[0])


def _distances(
    first: Floats, second: Floats, left: Ints, right: Ints, without: Sequence[tuple[int, int]]
) -> Floats:
    """The distances of two corpora, each time without a group of either; -1 is a group without texts.

    Each direction is sorted only once, because the rows that remain without a group are in the same order.
    """
    steps = cache(_steps)
    squares = np.empty((len(without), first.shape[1]))
    for direction, columns in enumerate(zip(_columns(first), _columns(second), strict=True)):
        sides = []
        for values, group in zip(columns, (left, right), strict=True):
            order = np.argsort(values)
            sides.append((values[order], group[order]))
        for place, gone in enumerate(without):
            a, b = (
                values if out < 0 else values[group != out]
                for (values, group), out in zip(sides, gone, strict=True)
            )
            width, own, others = steps(len(a), len(b))
            squares[place, direction] = (width * np.square(a[own] - b[others])).sum()
    return np.asarray(np.sqrt(squares.mean(axis=1)))


def _columns(projections: Floats) -> Floats:
    """One row for each direction: a column would be spread over memory, which takes several times as long."""
    return np.ascontiguousarray(projections.T)


def _steps(one: int, other: int) -> tuple[Floats, Ints, Ints]:
    """The steps at which the quantiles of these numbers of texts change: their widths, and the ranks of both
    sides.
    """
    steps = np.unique(np.concatenate([np.arange(1, count + 1) / count for count in (one, other)]))
    width = np.diff(steps, prepend=0.0)
    middle = steps - width / 2
    return width, (middle * one).astype(np.int64), (middle * other).astype(np.int64)


def sinkhorn(inputs: Inputs) -> Measure:
    """Debiased Sinkhorn divergence with cost |x - y|^2 / 2 and blur .05 (Feydy et al. 2019).

    Quadratic in the number of texts, so at most 1,000 of each corpus are sampled. The interval comes from
    five disjoint parts of them.
    """
    inputs.need(20)
    a = _some(inputs.corpus.vectors, inputs.seed, "sinkhorn corpus")
    b = _some(inputs.real.vectors, inputs.seed, "sinkhorn real")
    own = inputs.real.once("sinkhorn", lambda: transport_cost(b, b))
    value = max(transport_cost(a, b) - (transport_cost(a, a) + own) / 2, 0.0)
    parts = [_divergence(a[g::DRAWS], b[g::DRAWS]) for g in range(DRAWS)]
    spread = 2.776445 * float(np.std(parts, ddof=1)) / np.sqrt(DRAWS)  # Student's t, four degrees
    return inputs.measured(
        "sinkhorn",
        value,
        interval=around(value, spread, 0.0),
        model=f"{inputs.models.embedder.name}, {len(a)} x {len(b)} texts, blur {BLUR:g}",
    )


def _some(rows: Rows, seed: int, purpose: str) -> Rows:
    return rows[stream(seed, purpose).permutation(len(rows))[:MOST_ROWS]]


def _divergence(a: Rows, b: Rows) -> float:
    return transport_cost(a, b) - (transport_cost(a, a) + transport_cost(b, b)) / 2


def transport_cost(a: Rows, b: Rows, blur: float = BLUR) -> float:
    """The entropic cost of moving the rows of ``a``, with equal weights, onto those of ``b``.

    Sinkhorn iterations on the dual potentials in the log domain, with the blur halved from the diameter down;
    the result is the dual value <f> + <g>. Computed in the precision of the rows.
    """
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)
    cost = np.maximum(squares / 2 - a @ b.T, 0)
    f = np.zeros(len(a), a.dtype)
    g = f if b is a else np.zeros(len(b), a.dtype)
    scale = max(float(np.sqrt(2 * cost.max(initial=0.0))), blur)
    while scale > blur:
        f, g = _step(cost, f, g, scale**2)
        scale /= 2
    value = np.inf
    for _ in range(MOST_STEPS):
        f, g = _step(cost, f, g, blur**2)
        before, value = value, float(f.mean(dtype=np.float64) + g.mean(dtype=np.float64))
        if abs(value - before) < STILL:
            break
    return float(_soft_min(cost - g, blur**2, 1).mean(dtype=np.float64) + g.mean(dtype=np.float64))


def _step(cost: Rows, f: Rows, g: Rows, temperature: float) -> tuple[Rows, Rows]:
    """One averaged update of both potentials, which converges faster than alternating ones (Feydy 2020).

    If both are the same array, a cloud is compared with itself and there is only one potential.
    """
    new_f = _soft_min(cost - g, temperature, 1)
    if f is g:
        both = (f + new_f) / 2
        return both, both
    new_g = _soft_min(cost - f[:, None], temperature, 0)
    return (f + new_f) / 2, (g + new_g) / 2


def _soft_min(values: Rows, temperature: float, axis: int) -> Rows:
    """-t log mean exp(-values / t) along an axis."""
    least = values.min(axis=axis, keepdims=True)
    mean = np.exp((least - values) / temperature).mean(axis=axis)
    return np.asarray(least.squeeze(axis) - temperature * np.log(mean))
