"""Distances between a synthetic and a real corpus, for the quality benchmark.

Three look at sentence embeddings, one at words only, because the votes see the same embeddings. All depend
on the number of texts and on the embedder: compare only figures from one run.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = npt.NDArray[np.float64]
NEIGHBOURS = 3
WORD = re.compile(r"[a-z']+")


def frechet(first: Floats, second: Floats) -> float:
    """Squared Frechet distance of Gaussian fits: |m1-m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))."""
    c1, c2 = np.cov(first.T), np.cov(second.T)
    values, vectors = np.linalg.eigh(c1)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ c2 @ root), 0, None)).sum()
    gap = first.mean(axis=0) - second.mean(axis=0)
    return float(gap @ gap + np.trace(c1) + np.trace(c2) - 2 * shared)


def precision_recall(synthetic: Floats, real: Floats, k: int = NEIGHBOURS) -> tuple[float, float]:
    """Share of synthetic rows inside the real k-NN balls, and of real rows inside the synthetic ones.

    Kynkaanniemi et al. 2019, on unit rows.
    """
    across = 2 - 2 * real @ synthetic.T
    inside_real = across <= _radii(real, k)[:, None]
    inside_synthetic = across <= _radii(synthetic, k)[None, :]
    return float(inside_real.any(axis=0).mean()), float(inside_synthetic.any(axis=1).mean())


def _radii(rows: Floats, k: int) -> Floats:
    radii: Floats = np.partition(2 - 2 * rows @ rows.T, k, axis=1)[:, k]
    return radii


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
    n = len(rows)
    return float(((rows @ rows.T).sum() - n) / (n * (n - 1)))
