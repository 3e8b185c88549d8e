"""Intervals of metrics that are no means hold what other draws give: texts of an invented language."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.evaluation.conftest import inputs_of

from rpsg import registry
from rpsg.evaluation.metrics.intervals import around_distance

if TYPE_CHECKING:
    from rpsg.measures import Measure

DISTANCES = ("tv", "mauve", "kl", "wasserstein", "sliced_wasserstein", "word_distance")
DRAWS = 40
WORDS = ["".join(two) for two in product("bdfgklmnprstvz", "aeiou", "nlr")][:120]


def written(draw: np.random.Generator, count: int, rare: float) -> list[str]:
    """Texts of a few topics; their words are as frequent as Zipf says, the later ones rarer with ``rare``."""
    words = np.arange(1, 1 + len(WORDS)) ** -rare
    texts = []
    for topic in draw.integers(0, 6, count):
        chance = np.roll(words, 7 * topic) + words
        places = draw.choice(len(words), size=draw.integers(5, 20), p=chance / chance.sum())
        texts.append(" ".join(WORDS[place] for place in places))
    return texts


@pytest.fixture(scope="module", params=[1.0, 1.4])
def draws(request: pytest.FixtureRequest) -> list[dict[str, Measure]]:
    """All metrics of corpora from the real texts' language, and from another."""
    draw, found = np.random.default_rng(1), []
    for seed in range(DRAWS):
        inputs = inputs_of(written(draw, 120, request.param), written(draw, 160, 1.0), seed=seed)
        found.append({name: registry.find("metrics", name)(inputs) for name in (*DISTANCES, "self_bleu")})
    return found


@pytest.mark.parametrize("name", [*DISTANCES, "self_bleu"])
def test_intervals_hold_the_mean_of_other_draws(name: str, draws: list[dict[str, Measure]]) -> None:
    values = np.array([draw[name].value for draw in draws])
    ends = np.array([draw[name].interval for draw in draws])
    held = (ends[:, 0] <= values.mean()) & (values.mean() <= ends[:, 1])
    assert 0.85 <= held.mean() <= 1.0
    assert (ends[:, 1] - ends[:, 0]).mean() / 2 < 2.1 * 1.96 * values.std()


def squared_gap(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.square(first.mean(axis=0) - second.mean(axis=0)).sum())


@pytest.mark.parametrize("gap", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("is_root", [False, True])
def test_a_distance_that_is_all_chance_has_no_interval_of_double_width(gap: float, *, is_root: bool) -> None:
    """The squared distance of two means, in fifty dimensions."""
    draw, values, widths, power = np.random.default_rng(0), [], [], 0.5 if is_root else 1.0
    for _ in range(200):
        first, second = draw.normal(size=(60, 50)) + gap, draw.normal(size=(100, 50))
        groups = [np.arange(60) % 10, np.arange(100) % 10]
        value = squared_gap(first, second) ** power
        without = (
            [squared_gap(first[groups[0] != g], second) ** power for g in range(10)],
            [squared_gap(first, second[groups[1] != g]) ** power for g in range(10)],
        )
        low, high = around_distance(value, without, is_root=is_root)
        values.append(value)
        widths.append((high - low) / 2)
    assert np.mean(widths) / (1.96 * np.std(values)) == pytest.approx(1.2, abs=0.2)
    assert np.mean(np.abs(np.array(values) - np.mean(values)) <= widths) > 0.93


def test_a_corpus_beside_itself_has_an_interval_from_zero() -> None:
    assert around_distance(0.0, ([0.0, 0.1] * 5, [0.0] * 10))[0] == 0.0
