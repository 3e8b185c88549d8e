"""The distances of the quality benchmark are those that ``rpsg evaluate`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import numpy.typing as npt

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def unit_rows(count: int, seed: int, shift: float) -> npt.NDArray[np.float64]:
    rows = np.random.default_rng(seed).normal(size=(count, 4)) + shift
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_precision_and_recall_are_those_of_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from corpus_distance import precision_recall

    first, second = unit_rows(30, 1, 0.3), unit_rows(40, 2, 0.0)

    def inside(points: npt.NDArray[np.float64], centres: npt.NDArray[np.float64]) -> float:
        among = np.linalg.norm(centres[:, None] - centres, axis=2)
        radius = np.sort(among, axis=1)[:, 3]  # its own distance comes first
        return float((np.linalg.norm(points[:, None] - centres, axis=2) <= radius).any(axis=1).mean())

    assert precision_recall(first, second) == pytest.approx((inside(first, second), inside(second, first)))
    assert precision_recall(first, first) == (1.0, 1.0)
