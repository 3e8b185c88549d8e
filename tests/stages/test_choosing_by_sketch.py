"""Texts are chosen so that their mean comes near a target."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from rpsg.stages import choose as choosing
from rpsg.stages.choose import Block, Chosen, Objective, choose, choose_in_parts, distance, parts_of
from rpsg.stages.sketch_target import Target


def target(mean: np.ndarray, products: np.ndarray) -> Target:
    return Target(mean, products, np.zeros(0), (1.0, 1.0, 1.0))


def objective_of(
    z: np.ndarray, like: np.ndarray, spread: float = 1.0, blocks: tuple[Block, ...] = ()
) -> Objective:
    return Objective.of(z, target(like.mean(axis=0), like.T @ like / len(like)), spread, blocks)


def points(count: int, seed: int, dim: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim))


def test_the_choice_is_as_good_as_the_best_of_all_small_ones_or_nearly() -> None:
    z, like = points(12, 1), points(200, 2) * 0.5
    objective = objective_of(z, like)
    found = distance(objective, choose(objective, 4))
    every = [distance(objective, np.array(some)) for some in combinations(range(12), 4)]
    assert found <= sorted(every)[4]


def test_the_distance_is_that_of_means_and_of_products() -> None:
    z, like = points(10, 3), points(50, 4)
    objective, some = objective_of(z, like, spread=2.0), np.array([1, 4, 7])
    told = (z[some].mean(axis=0) - like.mean(axis=0), z[some].T @ z[some] / 3 - like.T @ like / 50)
    whole = (told[0] ** 2).sum() + 2 * (told[1] ** 2).sum()
    shared = (like.mean(axis=0) ** 2).sum() + 2 * ((like.T @ like / 50) ** 2).sum()
    assert distance(objective, some) == pytest.approx(whole - shared)


def test_more_weight_on_spread_brings_the_covariance_nearer() -> None:
    z, like = points(400, 5) * 0.6, points(400, 6)

    def gap(spread: float) -> float:
        some = z[choose(objective_of(z, like, spread), 40)]
        return float(np.abs(some.T @ some / 40 - like.T @ like / 400).sum())

    assert gap(8.0) < gap(0.0) / 2


def test_wanted_shares_are_kept() -> None:
    z = points(300, 7) * 0.1
    codes = np.repeat([0, 1, 2], 100)
    wanted = (Block.of_codes(codes, np.array([0.7, 0.2, 0.1]), 10.0),)
    chosen = choose(objective_of(z, z, blocks=wanted), 50)
    assert np.bincount(codes[chosen], minlength=3).tolist() == [35, 10, 5]


def test_a_text_without_a_value_counts_for_none() -> None:
    z = points(30, 8) * 0.1
    codes = np.repeat([0, -1], 15)
    chosen = choose(objective_of(z, z, blocks=(Block.of_codes(codes, np.array([1.0]), 10.0),)), 10)
    assert (codes[chosen] == 0).all()


def test_the_same_objective_gives_the_same_choice_and_equal_texts_come_in_order() -> None:
    z = np.zeros((6, 2))
    objective = objective_of(z, points(5, 9, 2))
    assert choose(objective, 3).tolist() == [0, 1, 2]


def test_all_are_chosen_where_there_are_not_more() -> None:
    z = points(3, 10)
    assert choose(objective_of(z, z), 5).tolist() == [0, 1, 2]
    assert choose(objective_of(z[:0], z), 5).tolist() == []


def test_a_choice_in_parts_is_about_as_good_as_one_among_all(monkeypatch: pytest.MonkeyPatch) -> None:
    z, like = points(900, 11), points(500, 12) * 0.7 + 0.3
    whole = objective_of(z, like, 4.0)
    best, any_of_them = distance(whole, choose(whole, 90)), distance(whole, np.arange(90))
    monkeypatch.setattr(choosing, "MOST_TOGETHER", 300)
    monkeypatch.setattr(choosing, "PART", 300)
    found, _ = choose_in_parts(len(z), 90, lambda part: objective_of(z[part], like, 4.0))
    assert len(set(found.tolist())) == 90
    assert distance(whole, found) - best < (any_of_them - best) / 20


def test_a_part_makes_up_for_what_the_parts_before_it_left_over() -> None:
    """The first part has texts on one side of the target alone."""
    draw = np.random.default_rng(13)
    one_sided, even = draw.uniform(0.2, 1, (100, 1)), draw.uniform(-1, 1, (100, 1))
    first, second = (objective_of(z, np.array([[-0.1], [0.1]]), 0.0) for z in (one_sided, even))
    some = choose(first, 20, Chosen.none(first))
    before = Chosen.none(first).with_these(first, some)
    aware, alone = (even[choose(second, 20, given)].mean() for given in (before, Chosen.none(first)))
    assert abs(alone) < 0.01
    assert abs(one_sided[some].mean() + aware) < 0.01


def test_parts_cover_all_texts_and_ask_for_as_many_as_are_wanted() -> None:
    assert parts_of(choosing.MOST_TOGETHER, 7) == [(slice(0, choosing.MOST_TOGETHER), 7)]
    parts = parts_of(280_001, 100_000)
    assert [part.start for part, _ in parts[1:]] == [part.stop for part, _ in parts[:-1]]
    assert (parts[0][0].start, parts[-1][0].stop) == (0, 280_001)
    assert sum(wanted for _, wanted in parts) == 100_000
    assert all(wanted <= part.stop - part.start <= choosing.PART for part, wanted in parts)
