"""Divergences of two histograms, of shared buckets or of words: MAUVE, KL, total variation, Wasserstein.

KL and Wasserstein are computed as in the AUG-PE and RPSG evaluations, so that figures can be compared: empty
buckets count as 1e-8, and Wasserstein compares the *sorted heights* of the two histograms and ignores where
the buckets are. ``sliced_wasserstein`` and ``sinkhorn`` use the positions of the texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.inputs import UnavailableError
from rpsg.evaluation.metrics.attributes import total_variation
from rpsg.evaluation.metrics.buckets import buckets
from rpsg.evaluation.metrics.diversity import MODEL
from rpsg.evaluation.metrics.intervals import GROUPS, around_distance, around_root, groups, told_of_rows
from rpsg.textstats.words import encode, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.evaluation.inputs import Inputs
    from rpsg.measures import Measure
    from rpsg.textstats.words import Ints

    Distance = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], float]

Floats = npt.NDArray[np.float64]
Without = tuple[list[float], list[float]]
SCALE = 5.0
POINTS = 25
EMPTY = 1e-8


def mauve(inputs: Inputs) -> Measure:
    """MAUVE (Pillutla et al. 2021) on embeddings; 1 for equal distributions."""
    value, without, model = _of_buckets(inputs, mauve_score)
    low, high = around_root(1 - value, ([1 - left for left in side] for side in without))
    interval = max(1 - high, 0.0), 1 - low
    return inputs.measured("mauve", value, interval=interval, model=model)


def kl(inputs: Inputs) -> Measure:
    """KL divergence of the corpus' bucket shares from the real ones, empty buckets as 1e-8."""
    value, without, model = _of_buckets(inputs, kl_divergence)
    interval = around_root(value, without)
    return inputs.measured("kl", value, interval=interval, model=model)


def tv(inputs: Inputs) -> Measure:
    """Total variation between the bucket shares, in [0, 1]."""
    value, without, model = _of_buckets(inputs, total_variation)
    interval = around_distance(value, without, high=1.0)
    return inputs.measured("tv", value, interval=interval, model=model)


def wasserstein(inputs: Inputs) -> Measure:
    """1-Wasserstein distance between the sorted heights of the two histograms, as in AUG-PE."""
    value, without, model = _of_buckets(inputs, heights_distance)
    interval = around_distance(value, without)
    return inputs.measured("wasserstein", value, interval=interval, model=model)


def _of_buckets(inputs: Inputs, distance: Distance) -> tuple[float, Without, str]:
    """A distance over the shared buckets: its value, the values without each group, and the model's name.

    The buckets stay fixed, and texts of one bucket are interchangeable, so groups are drawn from the counts.
    """
    found = buckets(inputs)
    corpus, real = (
        _in_groups(counts, groups(int(counts.sum()), inputs.seed, f"buckets {side}"))
        for side, counts in (("corpus", found.corpus), ("real", found.real))
    )

    def of(first: Floats, second: Floats) -> float:
        return distance(first / first.sum(), second / second.sum())

    value, without = _apart(of, corpus, real)
    told = told_of_rows(len(inputs.corpus), len(inputs.real))
    return value, without, f"{inputs.models.embedder.name}, {len(found.corpus)} buckets{told}"


def _in_groups(counts: Ints, group: Ints) -> Floats:
    """The number of texts by group and bucket, shape (groups, buckets)."""
    cells = group * len(counts) + np.repeat(np.arange(len(counts)), counts)
    wide = (int(group.max()) + 1) * len(counts)
    return np.bincount(cells, minlength=wide).reshape(-1, len(counts)).astype(np.float64)


def _apart(distance: Distance, corpus: Floats, real: Floats) -> tuple[float, Without]:
    """The distance of two tables summed over groups, and the distances without each group of either table."""
    first, second = corpus.sum(axis=0), real.sum(axis=0)
    return distance(first, second), (
        [distance(first - part, second) for part in corpus],
        [distance(first, second - part) for part in real],
    )


def mauve_score(p: Floats, q: Floats) -> float:
    """The area under the divergence curve of two histograms with sum 1.

    Each mixture r = w p + (1 - w) q gives the point (exp(-c KL(q|r)), exp(-c KL(p|r))) of the curve, with
    c = 5; the curve goes from (1, 0) to (0, 1). The result is the mean of the areas over both axes.
    The authors' package leaves the order of points with equal abscissa open; here they are sorted, so that
    equal histograms give exactly 1.
    """
    share = np.linspace(1e-6, 1 - 1e-6, POINTS)[:, None]
    mixed = share * p + (1 - share) * q
    x = np.concatenate([[1.0], np.exp(-SCALE * _kl_rows(q, mixed)), [0.0]])
    y = np.concatenate([[0.0], np.exp(-SCALE * _kl_rows(p, mixed)), [1.0]])
    return 0.5 * (_area(x, y) + _area(y, x))


def _kl_rows(p: Floats, mixed: Floats) -> Floats:
    """KL(p | r) for each row r of ``mixed``, shape (rows,). Wherever p is positive, ``mixed`` must be too."""
    some = p > 0
    return np.asarray((p[some] * np.log(p[some] / mixed[:, some])).sum(axis=1))


def _area(x: Floats, y: Floats) -> float:
    order = np.lexsort((-y, x))
    return float(np.trapezoid(y[order], x[order]))


def kl_divergence(p: Floats, q: Floats) -> float:
    """The sum of p log(p / q) - p + q, with 1e-8 in place of zero."""
    a, b = np.where(p > 0, p, EMPTY), np.where(q > 0, q, EMPTY)
    return float((a * np.log(a / b) - a + b).sum())


def heights_distance(p: Floats, q: Floats) -> float:
    """The mean absolute difference of the sorted values of two histograms of the same length."""
    return float(np.abs(np.sort(p) - np.sort(q)).mean())


def word_distance(inputs: Inputs) -> Measure:
    """Total variation between the two distributions of words; no embedder is involved."""
    corpus, real = _word_tables(inputs)
    if not corpus.sum() or not real.sum():
        raise UnavailableError("A corpus has no words.")

    def variation(first: Floats, second: Floats) -> float:
        return total_variation(first / max(first.sum(), 1.0), second / max(second.sum(), 1.0))

    value, without = _apart(variation, corpus, real)
    interval = around_distance(value, without, high=1.0)
    return inputs.measured("word_distance", value, interval=interval, model=MODEL)


def _word_tables(inputs: Inputs) -> tuple[Floats, Floats]:
    """Word counts by group of texts for both corpora; shapes (groups, words)."""
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
