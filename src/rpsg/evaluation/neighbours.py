"""Nearest neighbours in embedding space: is each text among real ones, and is each real one reached?

A ball reaches from a row to its k-th nearest other row of the same corpus. Precision and recall:
Kynkaanniemi et al. 2019; density and coverage: Naeem et al. 2020. Distances are computed in blocks of rows,
so memory stays small. Intervals hold the balls fixed and resample the texts that are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.intervals import NORMAL, around, of_mean, resampled_means

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.evaluation.measure import Inputs, Measure, Texts

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.floating]
K = 3
BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Balls:
    """For each measured text: in a real ball, and in how many. For each real text: is it in a ball of the
    measured texts, and is a measured text in its own ball. Shapes (corpus,), (corpus,), (real,), (real,).
    """

    inside: Floats
    crowd: Floats
    reached: Floats
    covered: Floats


def squared_distances(first: Rows, second: Rows) -> Iterator[tuple[slice, Floats]]:
    """Squared distances of all pairs, a block of rows of ``first`` at a time: (rows, second)."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    squares = np.square(b).sum(axis=1)
    for start in range(0, len(a), BLOCK):
        rows = slice(start, start + BLOCK)
        far = np.square(a[rows]).sum(axis=1)[:, None] + squares - 2 * a[rows] @ b.T
        yield rows, np.maximum(far, 0.0)


def radii(rows: Rows, k: int = K) -> Floats:
    """The squared distance of each row to its k-th nearest other row, shape (rows,)."""
    out = np.empty(len(rows))
    for block, far in squared_distances(rows, rows):
        far[np.arange(len(far)), np.arange(len(rows))[block]] = 0.0  # itself, first in the order
        out[block] = np.partition(far, k, axis=1)[:, k]
    return out


def balls(corpus: Rows, real: Rows, of_corpus: Floats, of_real: Floats, k: int = K) -> Balls:
    """Who lies in whose ball, from the rows and their squared radii."""
    inside, crowd = np.empty(len(corpus)), np.empty(len(corpus))
    reached, covered = np.zeros(len(real), np.bool_), np.zeros(len(real), np.bool_)
    for rows, far in squared_distances(corpus, real):
        within = far <= of_real
        inside[rows] = within.any(axis=1)
        crowd[rows] = within.sum(axis=1) / k
        covered |= within.any(axis=0)
        reached |= (far <= of_corpus[rows, None]).any(axis=0)
    return Balls(inside, crowd, reached.astype(np.float64), covered.astype(np.float64))


def _found(inputs: Inputs) -> Balls:
    inputs.need(K + 2)

    def of(texts: Texts) -> Floats:
        return texts.once("radii", lambda: radii(texts.vectors))

    return inputs.once(
        "balls",
        lambda: balls(inputs.corpus.vectors, inputs.real.vectors, of(inputs.corpus), of(inputs.real)),
    )


def _share(inputs: Inputs, name: str, counted: Floats, high: float = 1.0) -> Measure:
    value, interval = of_mean(counted, inputs.seed, name, 0.0, high)
    model = f"{inputs.models.embedder.name}, k = {K}"
    return inputs.measured(name, value, better=True, interval=interval, model=model)


def knn_precision(inputs: Inputs) -> Measure:
    """Share of texts that lie in the ball of a real one."""
    return _share(inputs, "knn_precision", _found(inputs).inside)


def knn_recall(inputs: Inputs) -> Measure:
    """Share of real texts that lie in the ball of a measured one."""
    return _share(inputs, "knn_recall", _found(inputs).reached)


def density(inputs: Inputs) -> Measure:
    """In how many real balls a text lies, over k, mean; can be above 1."""
    return _share(inputs, "density", _found(inputs).crowd, np.inf)


def coverage(inputs: Inputs) -> Measure:
    """Share of real texts with a measured one in their ball."""
    return _share(inputs, "coverage", _found(inputs).covered)


def knn_f1(inputs: Inputs) -> Measure:
    """Harmonic mean of precision and recall."""
    found = _found(inputs)
    value = _harmonic(found.inside.mean(), found.reached.mean())
    precision = resampled_means(found.inside[:, None], inputs.seed, "knn_precision")[:, 0]
    recall = resampled_means(found.reached[:, None], inputs.seed, "knn_recall")[:, 0]
    spread = NORMAL * float(np.std(_harmonic(precision, recall)))
    model = f"{inputs.models.embedder.name}, k = {K}"
    interval = around(float(value), spread, 0.0, 1.0)
    return inputs.measured("knn_f1", float(value), better=True, interval=interval, model=model)


def _harmonic(first: Floats, second: Floats) -> Floats:
    total = np.asarray(first + second, np.float64)
    return np.asarray(2 * first * second / np.where(total > 0, total, 1.0))
