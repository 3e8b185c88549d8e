"""Intervals are as wide as they should be, and do not depend on blocks."""

from __future__ import annotations

import numpy as np
import pytest

from rpsg.evaluation.metrics.intervals import (
    GROUPS,
    around_share,
    from_jackknife,
    groups,
    jackknife_error,
    of_mean,
    of_ratio,
    of_share,
    weights,
)


def test_the_bootstrap_of_a_mean_has_the_width_of_theory() -> None:
    values = np.random.default_rng(0).normal(size=300)
    value, (low, high) = of_mean(values, 0, "test")
    assert value == pytest.approx(values.mean())
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / np.sqrt(300), rel=0.12)


def test_the_jackknife_of_a_mean_has_the_width_of_theory() -> None:
    rng = np.random.default_rng(0)
    found = []
    for i in range(40):
        values = rng.normal(size=200)
        group = groups(200, i, "test")
        found.append(jackknife_error(values[group != g].mean() for g in range(GROUPS)))
    assert np.mean(found) == pytest.approx(1 / np.sqrt(200), rel=0.12)


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for i in range(200):
        above = rng.poisson(3.0, size=80).astype(float)
        value, error = of_ratio(above, np.full(80, 10.0), i, "test")
        held += abs(value - 0.3) < 1.96 * error
    assert 180 <= held <= 199


def test_the_same_seed_gives_the_same_resamples_and_another_gives_others() -> None:
    first, again, other = (np.concatenate(list(weights(50, seed, "test"))) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_many_texts_are_resampled_in_blocks() -> None:
    blocks = list(weights(100, 0, "test", most_cells=1000))
    assert {block.shape for block in blocks} == {(10, 100)}
    assert all((block.sum(axis=1) == 100).all() for block in blocks)


def test_groups_are_of_like_size() -> None:
    sizes = np.bincount(groups(57, 0, "test"))
    assert len(sizes) == GROUPS
    assert set(sizes.tolist()) == {5, 6}


def test_an_interval_stays_within_what_the_metric_can_be() -> None:
    assert from_jackknife(0.05, 0.1, low=0.0, high=1.0)[0] == 0.0


def test_a_share_has_wilson_s_interval() -> None:
    value, ends = of_share(np.array([1.0] * 8 + [0.0] * 2))
    assert value == 0.8
    assert ends == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_an_interval_of_none_or_of_all_has_a_width() -> None:
    assert of_share(np.zeros(50))[1] == pytest.approx((0.0, 0.0713), abs=1e-4)
    assert of_share(np.ones(50))[1] == pytest.approx((0.9287, 1.0), abs=1e-4)


def test_a_share_with_a_larger_error_is_one_of_fewer_texts() -> None:
    alone = around_share(0.3, np.sqrt(0.3 * 0.7 / 100), 100)
    assert around_share(0.3, 0.0, 100) == pytest.approx(alone)
    assert around_share(0.3, 1e-9, 100) == pytest.approx(alone), "no more texts than there are"
    assert around_share(0.3, np.sqrt(0.3 * 0.7 / 25), 100) == pytest.approx(around_share(0.3, 0.0, 25))


@pytest.mark.parametrize("truth", [0.01, 0.2, 0.97])
def test_intervals_of_shares_hold_the_truth_near_none_and_all_too(truth: float) -> None:
    drawn = np.random.default_rng(0).random((400, 60)) < truth
    ends = np.array([of_share(texts.astype(np.float64))[1] for texts in drawn])
    assert 0.9 <= ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean() <= 1.0
