"""The noisy choice: how often each candidate is taken is what theory says; scores and gate by hand."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from rpsg.privacy.noise import RoundedGaussian
from rpsg.stages.noisy_choice import (
    Judged,
    NominalEpsilon,
    Sigma,
    agreement,
    choice_sigma,
    considered,
    noisy_argmax,
    scaled,
    score,
    second_is_better,
)
from rpsg.testing.noise import FixedNoise

SCORES = (0.0, 0.25, 0.5, 0.75, 1.0)


def chances(scores: tuple[float, ...], sigma: float) -> list[float]:
    """P(candidate j has the highest noisy score): the integral of its density times the others' laws."""

    def taken(j: int) -> float:
        def density(x: float) -> float:
            others = [stats.norm.cdf((x - s) / sigma) for i, s in enumerate(scores) if i != j]
            return float(stats.norm.pdf((x - scores[j]) / sigma) / sigma * np.prod(others))

        return float(integrate.quad(density, -12 * sigma, 1 + 12 * sigma, limit=200)[0])

    return [taken(j) for j in range(len(scores))]


@pytest.mark.parametrize("nominal", [1.0, 4.0, 20.0])
def test_each_candidate_is_taken_as_often_as_the_theory_says(nominal: float) -> None:
    sigma = choice_sigma(NominalEpsilon(nominal), 1000, 5, "paper")
    draws = 20_000
    taken = Counter(noisy_argmax([SCORES] * draws, sigma, RoundedGaussian()))
    expected = np.array(chances(SCORES, sigma)) * draws
    p_value = stats.chisquare([taken[j] for j in range(5)], expected * draws / expected.sum()).pvalue
    assert p_value > 1e-6


def test_a_wrong_sigma_would_be_noticed() -> None:
    draws = 20_000
    taken = Counter(noisy_argmax([SCORES] * draws, Sigma(2.0), RoundedGaussian()))
    expected = np.array(chances(SCORES, 1.0)) * draws
    assert stats.chisquare([taken[j] for j in range(5)], expected * draws / expected.sum()).pvalue < 1e-6


@pytest.mark.parametrize(("nominal", "sigma"), [(1.0, 4.26), (2.0, 2.13), (4.0, 1.06)])
def test_the_formula_gives_the_known_figures_for_a_thousand_seeds(nominal: float, sigma: float) -> None:
    assert choice_sigma(NominalEpsilon(nominal), 1000, 5, "paper") == pytest.approx(sigma, abs=0.006)


def test_the_sound_sensitivity_is_the_root_of_the_number_of_candidates() -> None:
    paper = choice_sigma(NominalEpsilon(2.0), 1000, 5, "paper")
    assert choice_sigma(NominalEpsilon(2.0), 1000, 5, "sound") == pytest.approx(math.sqrt(5) * paper)


@pytest.mark.parametrize("nominal", [0.0, math.inf])
def test_without_a_number_there_is_no_noise_and_the_best_is_taken(nominal: float) -> None:
    sigma = choice_sigma(NominalEpsilon(nominal), 1000, 5, "paper")
    assert float(sigma) == 0.0
    assert noisy_argmax([(0.1, 0.9, 0.3), (), (2.0,)], sigma, RoundedGaussian()) == [1, -1, 0]


def test_seeds_without_candidates_take_no_noise_from_the_others() -> None:
    noise = FixedNoise([0, 500, -500])
    assert noisy_argmax([(0.5, 0.5), (), (0.0,)], Sigma(1.0), noise) == [1, -1, 0]


def test_ties_are_broken_by_chance() -> None:
    taken = Counter(noisy_argmax([(1.0, 1.0)] * 400, Sigma(1.0), FixedNoise()))
    assert 120 < taken[0] < 280


def test_nobody_at_all_is_nobody() -> None:
    assert noisy_argmax([], Sigma(1.0), RoundedGaussian()) == []
    assert noisy_argmax([(), ()], Sigma(1.0), RoundedGaussian()) == [-1, -1]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_scaled_scores_lie_between_nought_and_one_and_keep_their_order(scores: list[float]) -> None:
    found = scaled(scores)
    assert all(0 <= value <= 1 for value in found)
    assert np.all(np.diff(np.array(found)[np.argsort(scores, kind="stable")]) >= 0)


def test_the_score_is_the_one_of_the_paper() -> None:
    fits, flips, free = Judged(0.8, 1.0, 0.9), Judged(0.8, 0.0, 0.9), Judged(0.8, 0.5, 0.0)
    told = [
        score(judged, has_target=target, weight=0.75, penalty=0.15)
        for judged, target in ((fits, True), (flips, True), (free, False))
    ]
    assert told == pytest.approx([0.75 * 0.8 + 0.25, 0.75 * 0.8 - 0.15, 0.75 * 0.8 + 0.125])


def test_agreement_is_one_nought_or_a_half() -> None:
    assert [agreement("positive", t) for t in ("positive", "negative", "")] == [1.0, 0.0, 0.5]


def test_the_gate_keeps_those_that_surely_fit_or_all() -> None:
    sure, unsure, other = Judged(0.5, 1.0, 0.6), Judged(0.9, 1.0, 0.5), Judged(0.9, 0.0, 0.9)
    assert considered([other, sure, unsure], 0.55) == [1]
    assert considered([other, unsure], 0.55) == [0, 1]


@pytest.mark.parametrize(
    ("first", "second", "better"),
    [
        (Judged(0.5, 0.0, 0.9), Judged(0.4, 1.0, 0.9), True),
        (Judged(0.5, 0.0, 0.9), Judged(0.4, 1.0, 0.8), False),
        (Judged(0.5, 1.0, 0.5), Judged(0.6, 0.0, 0.1), True),
        (Judged(0.5, 1.0, 0.5), Judged(0.5, 0.0, 0.9), False),
    ],
)
def test_the_second_pick_is_taken_as_the_paper_takes_it(first: Judged, second: Judged, better: bool) -> None:
    assert second_is_better(first, second) is better
