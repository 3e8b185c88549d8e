"""How well a simple classifier tells the corpus from real texts by their words and spelling.

A classifier two-sample test (Lopez-Paz & Oquab 2017): equal numbers of texts from both sides, and a logistic
regression on hashed n-grams in five-fold cross-validation. Its AUC is the probability that a real text gets a
higher score than a corpus text.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.inputs import UnavailableError
from rpsg.evaluation.metrics.downstream import minimise
from rpsg.evaluation.metrics.intervals import around_share
from rpsg.stages.rng import stream
from rpsg.textstats.words import word_marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.evaluation.inputs import Inputs
    from rpsg.measures import Measure

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FOLDS = 5
#: The least and the largest number of texts of each side.
LEAST, MOST = 10, 1000
CELLS = 1 << 18
#: Inverse regularisation strength, tuned on public texts.
C = 10.0
STILL = 1e-3
#: Folds share training texts, so the variance of their mean has the factor 1/k + 1/(k - 1) in place of 1/k
#: (Nadeau & Bengio 2003).
WIDER = (1 + FOLDS / (FOLDS - 1)) ** 0.5
MODEL = f"logistic regression (C = {C:g}) on hashed words, pairs of words and runs of 3 and 4 characters"


@dataclass(frozen=True)
class Grams:
    """A sparse matrix in row order: the cells of each text and their values."""

    cells: Ints
    values: Floats
    lengths: Ints

    @cached_property
    def owner(self) -> Ints:
        """The row of each value."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def rows(self, chosen: npt.NDArray[np.bool_]) -> Grams:
        """The chosen rows."""
        kept = chosen[self.owner]
        return Grams(self.cells[kept], self.values[kept], self.lengths[chosen])

    def times(self, weight: Floats) -> Floats:
        """The product with a vector of cell weights; shape (texts,)."""
        sums = np.bincount(self.owner, weights=self.values * weight[self.cells], minlength=len(self.lengths))
        return np.asarray(sums, np.float64)

    def summed(self, weight: Floats, cells: int) -> Floats:
        """The weighted sum of the rows; shape (cells,)."""
        spread = self.values * weight[self.owner]
        return np.asarray(np.bincount(self.cells, weights=spread, minlength=cells), np.float64)


def two_sample_auc(inputs: Inputs) -> Measure:
    """The mean AUC over the folds; 0.5 if the two sides cannot be told apart."""
    inputs.need(LEAST)
    corpus, real = _matched(inputs)
    texts = [*corpus, *real]
    is_real = np.repeat([False, True], [len(corpus), len(real)])
    fold = folds(texts, inputs.seed)
    right: dict[bool, list[Floats]] = {False: [], True: []}
    areas = []
    grams = grams_of(texts)
    for own in range(FOLDS):
        test = fold == own
        if not (0 < is_real[test].sum() < test.sum()) or not (0 < is_real[~test].sum() < (~test).sum()):
            continue
        scores = _fitted_scores(grams, is_real, test)
        shares = wins(scores[is_real[test]], scores[~is_real[test]])
        for side, share in zip((True, False), shares, strict=True):
            right[side].append(share)
        areas.append(float(shares[0].mean()))
    if not areas:
        raise UnavailableError("The texts are so alike that none are left to test the classifier on.")
    value = float(np.mean(areas))
    error = (
        WIDER * sum(float(np.concatenate(found).var(ddof=1)) / len(corpus) for found in right.values()) ** 0.5
    )
    return inputs.measured(
        "two_sample_auc",
        value,
        interval=around_share(value, error, len(corpus)),
        model=MODEL,
        details={"texts of each side": len(corpus), "by fold": areas},
    )


def _matched(inputs: Inputs) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Equally many texts of both sides, at most a thousand, sampled from a larger side."""
    sides = inputs.corpus.texts, inputs.real.texts
    least = min(MOST, *map(len, sides))
    draw = stream(inputs.seed, "two samples")
    first, second = (tuple(side[i] for i in np.sort(draw.permutation(len(side))[:least])) for side in sides)
    return first, second


def folds(texts: Sequence[str], seed: int) -> Ints:
    """A random fold for each text; texts with the same words share a fold, so no test text was trained on."""
    _, same = np.unique([" ".join(text.lower().split()) for text in texts], return_inverse=True)
    groups = int(same.max()) + 1
    return np.asarray(stream(seed, "two-sample folds").permutation(np.arange(groups) % FOLDS)[same])


def grams_of(texts: Sequence[str]) -> Grams:
    """Tf-idf rows of length one, with logarithmic counts; n-grams of one text alone are left out."""
    found = [np.unique(_cells(text), return_counts=True) for text in texts]
    owner = np.repeat(np.arange(len(texts)), [len(cells) for cells, _ in found])
    cells, counts = (np.concatenate(parts) for parts in zip(*found, strict=True))
    held = np.bincount(cells, minlength=CELLS)[cells]
    owner, cells, counts, held = (of[held > 1] for of in (owner, cells, counts, held))
    values = (1 + np.log(counts)) * (1 + np.log((1 + len(texts)) / (1 + held)))
    norms = np.sqrt(np.bincount(owner, weights=values**2, minlength=len(texts)))
    return Grams(cells, values / norms[owner], np.bincount(owner, minlength=len(texts)))


def _cells(text: str) -> Ints:
    return np.fromiter((zlib.crc32(gram.encode()) % CELLS for gram in _grams(text)), np.int64)


def _grams(text: str) -> Iterator[str]:
    """Words and punctuation marks, pairs of them, and character n-grams."""
    tokens = word_marks(text)
    yield from (f"w {token}" for token in tokens)
    yield from (f"p {first} {second}" for first, second in pairwise(tokens))
    flat = f" {' '.join(text.split())} "
    for n in (3, 4):
        yield from (flat[i : i + n] for i in range(len(flat) - n + 1))


def _fitted_scores(grams: Grams, is_real: npt.NDArray[np.bool_], test: npt.NDArray[np.bool_]) -> Floats:
    """Scores of the tested texts by a classifier trained on the others; higher is more like real text."""
    used, index = np.unique(grams.cells, return_inverse=True)
    small = Grams(index, grams.values, grams.lengths)
    weight = fitted(small.rows(~test), np.where(is_real[~test], 1.0, -1.0), len(used))
    return np.asarray(small.rows(test).times(weight[:-1]) + weight[-1])


def fitted(grams: Grams, sign: Floats, cells: int) -> Floats:
    """Logistic regression: weights of the cells, then the intercept.

    Minimises C * sum of log(1 + exp(-sign * score)) + |weights|^2 / 2; the intercept is not penalised.
    """

    def loss(point: Floats) -> tuple[float, Floats]:
        weight, start = point[:-1], point[-1]
        margin = sign * (grams.times(weight) + start)
        pull = -C * sign * np.exp(-np.logaddexp(0, margin))
        value = C * float(np.logaddexp(0, -margin).sum()) + float(weight @ weight) / 2
        return value, np.append(grams.summed(pull, cells) + weight, pull.sum())

    return minimise(loss, np.zeros(cells + 1), STILL * C * len(sign))


def wins(real: Floats, corpus: Floats) -> tuple[Floats, Floats]:
    """The share of corpus texts below each real text, and of real texts above each corpus text, by score.

    Ties count half. The mean of both is the AUC, and their variances give its standard error (DeLong, DeLong
    & Clarke-Pearson 1988). Computed by sorting.
    """
    return _below(real, corpus), 1 - _below(corpus, real)


def _below(scores: Floats, others: Floats) -> Floats:
    ordered = np.sort(others)
    lower, upper = (np.searchsorted(ordered, scores, side=side) for side in ("left", "right"))
    return np.asarray((lower + upper) / 2 / len(others))
