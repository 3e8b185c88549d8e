"""How long the texts are, in words between spaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rpsg.evaluation.metrics.intervals import NORMAL, around, of_mean, resampled_means

if TYPE_CHECKING:
    import numpy.typing as npt

    from rpsg.evaluation.inputs import Inputs, Texts
    from rpsg.results import Measure

    Floats = npt.NDArray[np.float64]

#: Upper ends of the buckets, each about a third longer than the one before; fixed, so corpora compare.
EDGES = (5, 10, 15, 20, 30, 40, 55, 75, 100, 135, 180, 240, 320, 430, 580, 780, 1050)


def word_counts(corpus: Texts) -> Floats:
    """Words of each text, shape (texts,)."""
    return corpus.once("lengths", lambda: np.array([len(t.split()) for t in corpus.texts], np.float64))


def length_mean(inputs: Inputs) -> Measure:
    """Mean number of words."""
    value, interval = of_mean(word_counts(inputs.corpus), inputs.seed, "length", 0.0)
    return inputs.measured("length_mean", value, better=None, interval=interval, real=False)


def length_distance(inputs: Inputs) -> Measure:
    """Total variation between the two histograms of lengths, in [0, 1]."""
    first, second = _buckets(inputs.corpus), _buckets(inputs.real)
    value = total_variation(first.mean(axis=0), second.mean(axis=0))
    spread = variation_error(first, second, inputs.seed, "length")
    details = {
        "up to words": list(EDGES),
        "corpus": first.mean(axis=0).tolist(),
        "real": second.mean(axis=0).tolist(),
    }
    interval = around(value, NORMAL * spread, 0.0, 1.0)
    return inputs.measured("length_distance", value, better=False, interval=interval, details=details)


def _buckets(corpus: Texts) -> Floats:
    """One row for each text with a one in its bucket, shape (texts, buckets)."""
    place = np.searchsorted(np.array(EDGES), word_counts(corpus), side="left")
    return np.eye(len(EDGES) + 1)[place]


def total_variation(first: Floats, second: Floats) -> float:
    """Half the sum of absolute differences of two distributions; in [0, 1]."""
    return float(0.5 * np.abs(first - second).sum())


def variation_error(first: Floats, second: Floats, seed: int, purpose: str) -> float:
    """The bootstrap's standard error of the total variation between the column means of one-hot rows."""
    a = resampled_means(first, seed, f"{purpose} corpus")
    b = resampled_means(second, seed, f"{purpose} real")
    return float((0.5 * np.abs(a - b).sum(axis=1)).std())
