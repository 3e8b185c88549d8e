"""The attack that measures the noise of a run's answers, for somebody who knows all rows but one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from rpsg.audit.answers import CanaryAnswers
from rpsg.audit.claim import Claim
from rpsg.audit.noisy_answers import noise_left, noisy_answers
from rpsg.audit.subject import NotRunError, Subject
from rpsg.privacy.attack_bounds import (
    LARGEST_EPSILON,
    LARGEST_MU,
    chi_squared_quantile,
    noise_left_mu,
)
from rpsg.privacy.gaussian import epsilon_of, mu_for
from rpsg.stages.canaries import Canaries, make_canaries
from rpsg.testing.planted import subject, texts

EPSILON, DELTA, CANARIES = 2.0, 1e-6, 40
MU = mu_for(EPSILON, DELTA)
TEN_DRAWS = 10**-0.5
KNOWN = make_canaries(200, texts(300, 40)).canaries
PLAIN = replace(subject(claim=Claim.of(EPSILON, DELTA, None)), level=0.05)


def run_of(
    part: float, seed: int, *, overlap: float = 0.15, length: float = MU, count: int = CANARIES
) -> Subject:
    """A run whose canaries add vectors of this length, with a common part, under ``part`` of the noise."""
    draw = np.random.default_rng(seed)
    common, own = math.sqrt(overlap), math.sqrt(1 - overlap)
    vectors = length * np.hstack([np.full((count, 1), common), own * np.eye(count)])
    coins = draw.random(count) < 0.5
    answer = coins @ vectors + draw.normal(0.0, part, vectors.shape[1])
    answers = CanaryAnswers(vectors @ vectors.T, vectors @ answer)
    return replace(PLAIN, answers=answers, canaries=Canaries(KNOWN[:count], tuple(coins.tolist())), seed=seed)


@pytest.mark.parametrize("degrees", [1, 2, 30, 200, 3000])
@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.95])
def test_the_quantiles_are_those_of_scipy(share: float, degrees: int) -> None:
    assert chi_squared_quantile(share, degrees) == pytest.approx(stats.chi2.ppf(share, degrees), rel=1e-6)


def test_noise_proves_more_the_less_there_is() -> None:
    shown = [noise_left_mu(200.0 * part**2, 200, MU) for part in (1.0, 0.5, 0.1)]
    assert shown[0] < MU < shown[1] < shown[2]
    assert shown[2] == pytest.approx(10 * shown[0])
    assert noise_left_mu(0.0, 200, MU) == LARGEST_MU


@pytest.mark.parametrize("overlap", [0.0, 0.15, 0.9])
def test_of_a_thousand_runs_with_the_stated_noise_five_in_a_hundred_are_refuted(overlap: float) -> None:
    """No more, and not many fewer, since these canaries add as much as the claim allows."""
    refuted = sum(noise_left(run_of(1.0, seed, overlap=overlap)).verdict == "refuted" for seed in range(1000))
    assert 25 <= refuted <= 75


def test_more_noise_than_stated_is_not_refuted() -> None:
    assert all(noise_left(run_of(1.2, seed)).verdict != "refuted" for seed in range(100))


def test_ten_draws_for_one_charge_are_refuted_by_every_single_run() -> None:
    found = [noise_left(run_of(TEN_DRAWS, seed)) for seed in range(100)]
    assert all(each.verdict == "refuted" for each in found)
    assert "less noise than is claimed" in found[0].reason
    assert "epsilon of at least" in found[0].reason


def test_it_sees_what_the_attack_that_guesses_coins_cannot() -> None:
    """Canaries that add two thirds of what the claim allows, as in real runs, and overlap."""
    runs = [run_of(TEN_DRAWS, seed, length=0.66 * MU, count=200) for seed in range(10)]
    assert all(noise_left(each).verdict == "refuted" for each in runs)
    assert sum(noisy_answers(each).verdict == "refuted" for each in runs) <= 5


def test_the_bound_is_that_of_the_noise_that_there_is() -> None:
    """It stays below the mu of the canary that adds most, and reaches most of it."""
    shown = [float(noise_left(run_of(0.5, seed)).details["mu at least"]) for seed in range(200)]
    assert np.mean(np.array(shown) > 2 * MU) <= 0.09
    assert np.median(shown) > 1.4 * MU


def test_the_noise_that_it_says_it_detects_is_detected_that_often() -> None:
    little = noise_left(run_of(1.0, 0)).details["noise that would be seen"]
    assert 0.6 < little < 0.9
    refuted = sum(noise_left(run_of(little, seed)).verdict == "refuted" for seed in range(400))
    assert 0.92 * 400 <= refuted <= 0.98 * 400


def test_coins_that_are_not_fair_do_not_matter() -> None:
    """It guesses nothing: who was in is known to it."""
    for held in (0, CANARIES):
        coins = np.arange(CANARIES) < held
        noise = np.random.default_rng(held).normal(size=CANARIES)
        answers = CanaryAnswers(MU**2 * np.eye(CANARIES), MU**2 * coins + MU * noise)
        canaries = Canaries(KNOWN[:CANARIES], tuple(coins.tolist()))
        found = noise_left(replace(PLAIN, answers=answers, canaries=canaries, level=0.001))
        assert found.verdict == "no violation seen"
        assert found.details["noise, at its likeliest"] == pytest.approx(1.0, abs=0.4)


def test_answers_without_noise_show_the_largest_bound() -> None:
    found = noise_left(run_of(0.0, 0))
    assert found.epsilon_lower == found.epsilon_most == LARGEST_EPSILON


def test_a_bound_is_the_epsilon_of_its_mu() -> None:
    found = noise_left(run_of(1.0, 1))
    assert found.epsilon_lower == pytest.approx(epsilon_of(found.details["mu at least"], DELTA))
    assert found.details["noise, at its likeliest"] < found.details["noise, at most"]


def test_it_is_not_run_without_answers_without_a_delta_or_if_canaries_add_nothing() -> None:
    case = run_of(1.0, 0)
    with pytest.raises(NotRunError, match="noisy answers of a run that had canaries"):
        noise_left(replace(case, answers=None))
    with pytest.raises(NotRunError, match="no delta"):
        noise_left(replace(case, claim=Claim.of(EPSILON, None, None)))
    nothing = CanaryAnswers(np.zeros((CANARIES, CANARIES)), np.zeros(CANARIES))
    with pytest.raises(NotRunError, match="adds anything"):
        noise_left(replace(case, answers=nothing))
