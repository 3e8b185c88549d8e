"""Both corpora in shared buckets, by PCA and k-means: the basis of MAUVE and related metrics.

As in MAUVE (Pillutla et al. 2021, with the authors' defaults): unit rows, the principal components that hold
90 % of the variance, n / 10 buckets, the best of five k-means runs. Each bucket is compared with each text,
so larger corpora are sampled (``some_rows``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.metrics.intervals import some_rows
from rpsg.stages.rng import stream

if TYPE_CHECKING:
    from rpsg.evaluation.inputs import Inputs

Floats = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
VARIANCE = 0.9
RUNS = 5
MOST_STEPS = 100


@dataclass(frozen=True, slots=True)
class Buckets:
    """The number of texts of each corpus by bucket; both of shape (buckets,)."""

    corpus: Ints
    real: Ints

    @property
    def shares(self) -> tuple[Floats, Floats]:
        """The two histograms, each with sum 1."""
        return self.corpus / self.corpus.sum(), self.real / self.real.sum()


def buckets(inputs: Inputs) -> Buckets:
    """The corpora of ``inputs`` in shared buckets; computed once."""
    inputs.need(10)
    return inputs.once("buckets", lambda: _of_some(inputs))


def _of_some(inputs: Inputs) -> Buckets:
    corpus = some_rows(inputs.corpus.vectors, inputs.seed, "buckets of the corpus")
    real = some_rows(inputs.real.vectors, inputs.seed, "buckets of real texts")
    return bucketed(corpus, real, inputs.seed)


def bucketed(corpus: npt.NDArray[np.floating], real: npt.NDArray[np.floating], seed: int) -> Buckets:
    """Cluster the rows of both corpora, at least ten each, and count them by bucket."""
    count = max(2, round(min(len(corpus), len(real)) / 10))
    rows = principal(np.concatenate([real, corpus]))
    labels = k_means(rows, count, seed)
    return Buckets(
        np.bincount(labels[len(real) :], minlength=count), np.bincount(labels[: len(real)], minlength=count)
    )


def principal(rows: npt.NDArray[np.floating]) -> Single:
    """Unit rows on the fewest principal components that hold 90 % of their variance."""
    exact = np.asarray(rows, np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    exact = exact / np.where(lengths > 0, lengths, 1.0)
    centred = exact - exact.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    falling = np.clip(values[::-1], 0, None)
    held = np.cumsum(falling) / max(float(falling.sum()), 1e-300)
    kept = int(np.argmax(held >= VARIANCE)) + 1
    return np.asarray(centred @ vectors[:, ::-1][:, :kept], np.float32)


def k_means(rows: Single, count: int, seed: int) -> Ints:
    """The bucket of each row: Lloyd's algorithm from random rows, the best of several runs."""
    best, least = np.zeros(len(rows), np.int64), np.inf
    for run in range(RUNS):
        start = stream(seed, "k-means", run).choice(len(rows), size=min(count, len(rows)), replace=False)
        labels, loss = _lloyd(rows, rows[start])
        if loss < least:
            best, least = labels, loss
    return best


def _lloyd(rows: Single, centres: Single) -> tuple[Ints, float]:
    labels, far = _nearest(rows, centres)
    for _ in range(MOST_STEPS):
        centres = _means(rows, labels, centres, far)
        moved, far = _nearest(rows, centres)
        if np.array_equal(moved, labels):
            break
        labels = moved
    return labels, float(far.sum(dtype=np.float64))


def _nearest(rows: Single, centres: Single) -> tuple[Ints, Single]:
    """The nearest centre of each row and its squared distance."""
    scores = rows @ centres.T
    scores *= -2
    scores += np.square(centres).sum(axis=1)
    labels = scores.argmin(axis=1)
    far = scores[np.arange(len(rows)), labels] + np.square(rows).sum(axis=1)
    return labels, np.maximum(far, 0)


def _means(rows: Single, labels: Ints, centres: Single, far: Single) -> Single:
    """The mean of each bucket; an empty one moves to a row that is far from its own centre."""
    sizes = np.bincount(labels, minlength=len(centres))
    order = np.argsort(labels, kind="stable")
    filled = np.flatnonzero(sizes)
    sums = np.add.reduceat(rows[order], np.concatenate([[0], np.cumsum(sizes[filled])[:-1]]), axis=0)
    moved = centres.copy()
    moved[filled] = sums / sizes[filled, None]
    empty = np.flatnonzero(sizes == 0)
    moved[empty] = rows[np.argsort(-far, kind="stable")[: len(empty)]]
    return moved
