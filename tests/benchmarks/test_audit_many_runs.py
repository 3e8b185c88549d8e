"""Whole runs of strict mode with one canary and without it: what an attacker learns from many of them."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg.testing.noise import SeededNoise

if TYPE_CHECKING:
    import numpy.typing as npt

RUNS = 8


class PartOfSeeded(SeededNoise):
    """The same part of the same noise whenever this test is run; each of its runs draws other noise."""

    def __init__(self, part: float) -> None:
        super().__init__(14)
        self._part = part

    def draw(self, sigma: float, size: int) -> npt.NDArray[np.int64]:
        return super().draw(self._part * sigma, size)


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("audit_many_runs")


@pytest.mark.parametrize(("part", "is_short"), [(1.0, False), (0.05, True)])
def test_the_stated_noise_is_not_refuted_by_many_runs_and_much_less_is(
    many: Any, part: float, is_short: bool
) -> None:
    seen = many.runs(PartOfSeeded(part), RUNS, many.canary())
    assert [run.is_in for run in seen] == [False, True] * RUNS
    assert all(0.0 < run.added <= many.MU for run in seen)
    assert [run.noise for run in seen] == pytest.approx([part] * len(seen), rel=0.3)
    found = many.attacked(seen, 0.05)
    assert (found["answers"]["mu at least"] > many.MU) == is_short
    assert (found["answers"]["epsilon of that mu"] > many.EPSILON) == is_short
    # The corpus is chosen by these answers, but eight runs of it prove nothing.
    assert found["corpus"]["mu at least"] <= many.MU


def test_the_bounds_are_those_of_their_counts(many: Any) -> None:
    is_in = np.arange(200) < 100
    perfect = many.bounds(np.where(is_in, 1.0, -1.0), is_in, 0.05)
    assert perfect["said of runs with the canary"] == "100 of 100"
    always = 0.025 ** (1 / 100)  # the least share that is seen in all of 100 runs so often
    assert perfect["epsilon at least"] == pytest.approx(math.log((always - 1e-6) / (1 - always)), abs=1e-3)
    chance = many.bounds(np.tile([1.0, -1.0], 100), is_in, 0.05)
    assert chance["epsilon at least"] == chance["mu at least"] == chance["epsilon of that mu"] == 0.0
