"""What the noisy sum of a sketch says: the target for the choice of drafts, and two shares of texts.

All of it is post-processing of the released sum (``sketch.py``) and costs no budget.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rpsg.stages.sketch import LENGTH, POOR_FIT

if TYPE_CHECKING:
    from rpsg.stages.sketch import Features, Floats, Numbers


@dataclass(frozen=True, slots=True)
class Target:
    """The target for the mean of chosen texts: a noisy mean after shrinkage.

    ``mean`` (d,) and ``products`` (d, d) are means of coordinates and of their products, in the units of
    ``Features.raw`` (unweighted products). ``words`` (words,) is the mean of the words' roots. ``trust`` has
    the shrinkage factors of coordinates, products and words, from 0 (only noise) to 1.
    """

    mean: Floats
    products: Floats
    words: Floats
    trust: tuple[float, float, float]


def target_of(noisy: Numbers, features: Features, people: float, sigma: float) -> Target:
    """The target from a noisy sum of ``people`` vectors; ``sigma`` is the noise of an entry, in steps.

    The noisy mean is shrunk toward the drafts' mean by the James-Stein positive-part estimator, separately
    for coordinates, products and words: there are far more products, so more of them is noise.
    """
    d, ends = features.count, len(features.base)
    words_end = ends + len(features.words)
    told = noisy.astype(np.float64) / (LENGTH * max(people, 1.0))
    error = sigma / (LENGTH * max(people, 1.0))
    mean, products, words = (_shrunk(part, error) for part in (told[:d], told[d:ends], told[ends:words_end]))
    raw = np.concatenate([mean[0], products[0]]) / features.scale + features.base
    return Target(
        raw[:d],
        features.unpacked(raw[d:]),
        words[0] / features.word_scale + features.word_base,
        (mean[1], products[1], words[1]),
    )


def poor_share(noisy: Numbers, people: float, sigma: float) -> tuple[float, float]:
    """The noisy share of texts that fit no topic, and the standard deviation of its noise.

    ``noisy`` has a row for each label, shape (labels, dim), or one row.
    """
    return _share(noisy[:, -1], people, sigma)


def other_language_share(noisy: Numbers, people: float, sigma: float) -> tuple[float, float]:
    """As ``poor_share``, of texts in another language; only for features that have a language."""
    return _share(noisy[:, -2], people, sigma)


def _share(entries: Numbers, people: float, sigma: float) -> tuple[float, float]:
    whole = POOR_FIT * LENGTH * max(people, 1.0)
    return float(entries.sum()) / whole, sigma * math.sqrt(len(entries)) / whole


def _shrunk(part: Floats, error: float) -> tuple[Floats, float]:
    square = float(part @ part)
    trust = max(0.0, 1 - len(part) * error**2 / square) if square > 0 else 0.0
    return part * trust, trust
