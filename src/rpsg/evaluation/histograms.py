"""Distances of two histograms over the same buckets: MAUVE, KL, total variation, Wasserstein; and of words.

KL and Wasserstein are computed as in the AUG-PE and RPSG evaluations, so that figures can be laid beside
theirs: empty buckets count 1e-8, and Wasserstein compares the *sorted heights* of the two histograms, not
where the buckets lie. ``sliced_wasserstein`` and ``sinkhorn`` look at where the texts lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.buckets import buckets
from rpsg.evaluation.diversity import MODEL
from rpsg.evaluation.intervals import (
    GROUPS,
    NORMAL,
    RESAMPLES,
    around,
    from_jackknife,
    groups,
    jackknife_error,
)
from rpsg.evaluation.lengths import total_variation
from rpsg.evaluation.measure import UnavailableError
from rpsg.evaluation.words import encode, words
from rpsg.stages.streams import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.evaluation.measure import Inputs, Measure

Floats = npt.NDArray[np.float64]
SCALE = 5.0
POINTS = 25
EMPTY = 1e-8


def mauve(inputs: Inputs) -> Measure:
    """MAUVE (Pillutla et al. 2021) on the embedder's rows; 1 for the same distribution."""
    return _of_buckets(inputs, "mauve", mauve_score, better=True, high=1.0)


def kl(inputs: Inputs) -> Measure:
    """KL divergence of the corpus' bucket shares from the real ones, empty buckets as 1e-8."""
    return _of_buckets(inputs, "kl", kl_divergence, better=False)


def tv(inputs: Inputs) -> Measure:
    """Total variation between the bucket shares, in [0, 1]."""
    return _of_buckets(inputs, "tv", total_variation, better=False, high=1.0)


def wasserstein(inputs: Inputs) -> Measure:
    """1-Wasserstein distance between the sorted heights of the two histograms, as published elsewhere."""
    return _of_buckets(inputs, "wasserstein", heights_distance, better=False)


def _of_buckets(
    inputs: Inputs,
    name: str,
    distance: Callable[[Floats, Floats], float],
    *,
    better: bool,
    high: float = np.inf,
) -> Measure:
    """A distance of the shared buckets; the interval keeps the buckets and resamples what falls in them."""
    found = buckets(inputs)
    corpus, real = found.shares
    draw = stream(inputs.seed, "bootstrap", "buckets")
    first = draw.multinomial(found.corpus.sum(), corpus, size=RESAMPLES // 2) / found.corpus.sum()
    second = draw.multinomial(found.real.sum(), real, size=RESAMPLES // 2) / found.real.sum()
    spread = NORMAL * float(np.std([distance(p, q) for p, q in zip(first, second, strict=True)]))
    value = distance(corpus, real)
    model = f"{inputs.models.embedder.name}, {len(corpus)} buckets"
    return inputs.measured(name, value, better=better, interval=around(value, spread, 0.0, high), model=model)


def mauve_score(p: Floats, q: Floats) -> float:
    """The area under the divergence curve of two histograms with sum 1.

    For mixtures r = w p + (1 - w) q the curve holds (exp(-c KL(q|r)), exp(-c KL(p|r))), c = 5, from (1, 0)
    to (0, 1); the area is the mean of those over both axes. As the authors' package, but for points with the
    same abscissa, which it takes in any order: two equal histograms are 1 here.
    """
    share = np.linspace(1e-6, 1 - 1e-6, POINTS)[:, None]
    mixed = share * p + (1 - share) * q
    x = np.concatenate([[1.0], np.exp(-SCALE * _kl_rows(q, mixed)), [0.0]])
    y = np.concatenate([[0.0], np.exp(-SCALE * _kl_rows(p, mixed)), [1.0]])
    return 0.5 * (_area(x, y) + _area(y, x))


def _kl_rows(p: Floats, mixed: Floats) -> Floats:
    """KL(p | r) for each row r of ``mixed``, which is positive where p is; shape (rows,)."""
    some = p > 0
    return np.asarray((p[some] * np.log(p[some] / mixed[:, some])).sum(axis=1))


def _area(x: Floats, y: Floats) -> float:
    order = np.lexsort((-y, x))
    return float(np.trapezoid(y[order], x[order]))


def kl_divergence(p: Floats, q: Floats) -> float:
    """The sum of p log(p / q) - p + q, with 1e-8 in the place of zero."""
    a, b = np.where(p > 0, p, EMPTY), np.where(q > 0, q, EMPTY)
    return float((a * np.log(a / b) - a + b).sum())


def heights_distance(p: Floats, q: Floats) -> float:
    """The mean absolute difference of the sorted values of two histograms of the same length."""
    return float(np.abs(np.sort(p) - np.sort(q)).mean())


def word_distance(inputs: Inputs) -> Measure:
    """Total variation between the two distributions of words; no embedder is involved."""
    corpus, real = _word_tables(inputs)
    first, second = corpus.sum(axis=0), real.sum(axis=0)
    if not first.sum() or not second.sum():
        raise UnavailableError("A corpus has no words.")
    value = _variation(first, second)
    errors = (
        jackknife_error(_variation(first - part, second) for part in corpus),
        jackknife_error(_variation(first, second - part) for part in real),
    )
    interval = from_jackknife(value, *errors, low=0.0, high=1.0)
    return inputs.measured("word_distance", value, better=False, interval=interval, model=MODEL)


def _variation(first: Floats, second: Floats) -> float:
    return total_variation(first / max(first.sum(), 1.0), second / max(second.sum(), 1.0))


def _word_tables(inputs: Inputs) -> tuple[Floats, Floats]:
    """How often each word of both corpora stands in each group of texts; shapes (groups, words)."""
    corpus, real = inputs.corpus.texts, inputs.real.texts
    both = encode(words(text) for text in (*corpus, *real))
    group = np.concatenate(
        [
            groups(len(corpus), inputs.seed, "words corpus"),
            groups(len(real), inputs.seed, "words real") + GROUPS,
        ]
    )
    cells = group[both.owner] * both.size + both.codes
    table = np.bincount(cells, minlength=2 * GROUPS * both.size).reshape(2 * GROUPS, both.size)
    return table[:GROUPS].astype(np.float64), table[GROUPS:].astype(np.float64)
