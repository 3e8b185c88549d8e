"""How close two clouds of embeddings are: Frechet distance, self-similarity.

All figures depend on the embedder and on the number of texts: compare them only if both are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.metrics.intervals import around_distance, from_jackknife, groups, jackknife_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.evaluation.inputs import Inputs, Texts
    from rpsg.measures import Measure

Floats = npt.NDArray[np.float64]
FEWEST_FOR_INTERVAL = 30


@dataclass(frozen=True, slots=True)
class Moments:
    """Number, sum and sum of products of rows: sufficient for a Gaussian fit, and additive over texts."""

    count: int
    total: Floats
    products: Floats

    @classmethod
    def of(cls, rows: npt.NDArray[np.floating]) -> Self:
        exact = np.asarray(rows, np.float64)
        return cls(len(exact), exact.sum(axis=0), exact.T @ exact)

    def without(self, other: Moments) -> Moments:
        return Moments(self.count - other.count, self.total - other.total, self.products - other.products)

    @property
    def mean(self) -> Floats:
        return self.total / self.count

    @property
    def covariance(self) -> Floats:
        """The covariance with the divisor n - 1, as numpy's ``cov`` has it."""
        centred = self.products - np.outer(self.total, self.total) / self.count
        return np.asarray(centred / (self.count - 1))


def frechet_distance(first: Moments, second: Moments, root: Floats | None = None) -> float:
    """Squared Frechet distance of Gaussian fits: |m1-m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

    ``root`` is the square root of the first covariance, if it is known; symmetric products keep the last term
    real. Dowson & Landau 1982; as FID: Heusel et al. 2017.
    """
    root, c2 = _root(first.covariance) if root is None else root, second.covariance
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ c2 @ root), 0, None)).sum()
    gap = first.mean - second.mean
    c1_trace = float(np.trace(first.covariance))
    return max(float(gap @ gap + c1_trace + np.trace(c2) - 2 * shared), 0.0)


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T)


def fid(inputs: Inputs) -> Measure:
    """FID: Frechet distance of the embeddings; the interval is a jackknife over ten groups on each side."""
    inputs.need(2)
    corpus, real = moments(inputs.corpus), moments(inputs.real)
    root_of_real = inputs.real.once("root", lambda: _root(real.covariance))
    value = frechet_distance(real, corpus, root_of_real)
    interval = None
    if min(len(inputs.corpus), len(inputs.real)) >= FEWEST_FOR_INTERVAL:
        root = _root(corpus.covariance)
        without = (
            [frechet_distance(real, part, root_of_real) for part in _parts(inputs.corpus, inputs.seed)],
            [frechet_distance(corpus, part, root) for part in _parts(inputs.real, inputs.seed)],
        )
        interval = around_distance(value, without)
    return inputs.measured("fid", value, interval=interval, model=inputs.models.embedder.name)


def moments(texts: Texts) -> Moments:
    """The moments of a corpus' embeddings."""
    return texts.once("moments", lambda: Moments.of(texts.vectors))


def _parts(texts: Texts, seed: int) -> Iterator[Moments]:
    """The moments without each group of texts."""
    group, whole = groups(len(texts), seed, "frechet"), moments(texts)
    for g in range(int(group.max()) + 1):
        yield whole.without(Moments.of(texts.vectors[group == g]))


def self_similarity(inputs: Inputs) -> Measure:
    """Mean cosine between two different texts of the corpus: close to 1 if all say the same."""
    inputs.need(3, real=False)
    rows = inputs.corpus.vectors
    group = groups(len(rows), inputs.seed, "similarity")
    sums, own = [], []
    for g in range(min(len(rows), 10)):
        part = np.asarray(rows[group == g], np.float64)
        sums.append(part.sum(axis=0))
        own.append(float(np.square(part).sum()))
    sizes = np.bincount(group, minlength=len(sums))
    total, squares = np.sum(sums, axis=0), sum(own)
    value = mean_cosine(total, squares, len(rows))
    left = (mean_cosine(total - sums[g], squares - own[g], len(rows) - sizes[g]) for g in range(len(sums)))
    interval = from_jackknife(value, jackknife_error(left), low=-1.0, high=1.0)
    model = inputs.models.embedder.name
    return inputs.measured("self_similarity", value, interval=interval, real=False, model=model)


def mean_cosine(total: Floats, squares: float, n: int) -> float:
    """The mean product of two different rows, from the rows' sum and the sum of their squared lengths."""
    return float((total @ total - squares) / (n * (n - 1)))
