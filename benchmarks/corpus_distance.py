"""Distances between a synthetic and a real corpus, for the quality benchmark.

Three use sentence embeddings. One uses only words, because the votes use the same embeddings. All depend on
the number of texts and on the embedder: compare only figures from one run.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.metrics.frechet import Moments, frechet_distance, mean_cosine
from rpsg.evaluation.metrics.knn import K, balls, radii

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = npt.NDArray[np.float64]
WORD = re.compile(r"[a-z']+")


def frechet(first: Floats, second: Floats) -> float:
    """Squared Frechet distance of Gaussian fits: |m1-m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))."""
    return frechet_distance(Moments.of(first), Moments.of(second))


def precision_recall(synthetic: Floats, real: Floats, k: int = K) -> tuple[float, float]:
    """Share of synthetic rows inside the real k-NN balls, and of real rows inside the synthetic ones.

    Kynkaanniemi et al. 2019.
    """
    found = balls(synthetic, real, radii(synthetic, k=k), radii(real, k=k), k)
    return float(found.inside.mean()), float(found.reached.mean())


def word_distance(synthetic: Sequence[str], real: Sequence[str]) -> float:
    """Total variation between the two distributions of words, in [0, 1]; no embedder is involved."""
    first, second = _words(synthetic), _words(real)
    vocabulary = first.keys() | second.keys()
    a, b = max(first.total(), 1), max(second.total(), 1)
    return 0.5 * sum(abs(first[w] / a - second[w] / b) for w in vocabulary)


def _words(texts: Sequence[str]) -> Counter[str]:
    return Counter(word for text in texts for word in WORD.findall(text.lower()))


def self_similarity(rows: Floats) -> float:
    """Mean cosine between two different texts."""
    return mean_cosine(rows.sum(axis=0), float(np.square(rows).sum()), len(rows))
