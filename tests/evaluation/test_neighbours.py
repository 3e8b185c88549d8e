"""Balls without a group of texts are those of the texts that are left; the intervals know of both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.evaluation.conftest import GARDEN, HARBOUR, inputs_of, sentences

from rpsg import registry
from rpsg.evaluation.metrics.intervals import groups
from rpsg.evaluation.metrics.knn import balls, radii

if TYPE_CHECKING:
    from rpsg.measures import Measure

NAMES = ("knn_precision", "knn_recall", "knn_f1", "density", "coverage")


def cloud(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 6))


@pytest.mark.parametrize(("first", "second"), [(60, 90), (7, 12), (5, 5)])
def test_radii_without_a_group_are_those_of_the_rows_that_are_left(first: int, second: int) -> None:
    for rows in (cloud(first, 0), cloud(second, 1)):
        group = groups(len(rows), 0, "test")
        found = radii(rows, group)
        assert found[0] == pytest.approx(radii(rows)[0])
        for g in range(int(group.max()) + 1):
            left = group != g
            assert found[g + 1, left] == pytest.approx(radii(rows[left])[0])
            assert (found[g + 1, ~left] == -1).all()


@pytest.mark.parametrize("side", [0, 1])
def test_balls_without_some_rows_are_those_of_the_others(side: int) -> None:
    clouds = [cloud(60, 0), cloud(90, 1)]
    group = groups(len(clouds[side]), 0, "test")
    given = [radii(rows) for rows in clouds]
    given[side] = radii(clouds[side], group)[4:5]
    found = balls(clouds[0], clouds[1], given[0], given[1])
    left = [np.ones(len(rows), np.bool_) for rows in clouds]
    left[side] = group != 3
    few = [rows[kept] for rows, kept in zip(clouds, left, strict=True)]
    wanted = balls(few[0], few[1], radii(few[0]), radii(few[1]))
    assert found.crowd[0, left[0]] == pytest.approx(wanted.crowd[0])
    assert found.reached[0, left[1]].tolist() == wanted.reached[0].tolist()
    assert found.covered[0, left[1]].tolist() == wanted.covered[0].tolist()


@pytest.fixture(scope="module", params=[0.0, 0.6])
def draws(request: pytest.FixtureRequest) -> list[dict[str, Measure]]:
    """All metrics of forty draws of two clouds, near to each other and farther apart."""
    rng = np.random.default_rng(0)
    found = []
    for seed in range(40):
        inputs = inputs_of([""] * 80, [""] * 120, seed=seed)
        for side, shift in ((inputs.corpus, request.param), (inputs.real, 0.0)):
            side.__dict__["vectors"] = rng.normal(size=(len(side), 5)) + shift
        found.append({name: registry.find("metrics", name)(inputs) for name in NAMES})
    return found


@pytest.mark.parametrize("name", NAMES)
def test_intervals_hold_the_mean_of_other_draws(name: str, draws: list[dict[str, Measure]]) -> None:
    values = np.array([draw[name].value for draw in draws])
    ends = np.array([draw[name].interval for draw in draws])
    held = (ends[:, 0] <= values.mean()) & (values.mean() <= ends[:, 1])
    assert 0.85 <= held.mean() <= 1.0
    assert (ends[:, 1] - ends[:, 0]).mean() / 2 < 1.7 * 1.96 * values.std()


@pytest.mark.parametrize(("name", "value"), [("knn_precision", 0.0), ("coverage", 0.0), ("knn_f1", 0.0)])
def test_none_of_forty_is_not_none_at_all(name: str, value: float) -> None:
    inputs = inputs_of(sentences(40, HARBOUR, seed=1), sentences(40, GARDEN))
    found = registry.find("metrics", name)(inputs)
    assert found.value == value
    assert found.interval[0] == 0.0
    assert 0.03 < found.interval[1] < 0.15
