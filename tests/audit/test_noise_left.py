"""The attack that measures the noise of a run's answers, for somebody who knows all rows but one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from rpsg.audit.answers import AnswerNoise, CanaryAnswers
from rpsg.audit.claim import Claim
from rpsg.audit.noisy_answers import noise_left, noisy_answers
from rpsg.audit.subject import NotRunError
from rpsg.privacy.attack_bounds import (
    LARGEST_EPSILON,
    LARGEST_MU,
    chi_squared_quantile,
    noise_left_mu,
)
from rpsg.privacy.gaussian import epsilon_of, mu_for
from rpsg.privacy.noise import RoundedGaussian
from rpsg.stages.canaries import Canaries, make_canaries
from rpsg.testing.planted import subject, texts

if TYPE_CHECKING:
    from rpsg.audit.subject import Subject

EPSILON, DELTA, CANARIES = 2.0, 1e-6, 200
MU = mu_for(EPSILON, DELTA)
TEN_DRAWS = 10**-0.5
KNOWN = make_canaries(CANARIES, texts(300, 40)).canaries
HALF = Canaries(KNOWN, (True, False) * (CANARIES // 2))
PLAIN = replace(subject(claim=Claim.of(EPSILON, DELTA, None)), level=0.05, canaries=HALF)
#: The entries of the answers of a run, and the share of the claim that each of them gets.
ANSWERS = ((1, 0.05), (30, 0.15), (500, 0.8))


def run_of(part: float, seed: int, length: float = 1.0) -> Subject:
    """A run with a part of its noise, whose canaries add this part of the most that the claim allows."""
    draw = np.random.default_rng(seed)
    noise = tuple(
        AnswerNoise(
            entries,
            part**2 * float(draw.chisquare(entries)),
            np.full(CANARIES, share * (MU * length) ** 2),
        )
        for entries, share in ANSWERS
    )
    nothing = np.zeros((CANARIES, CANARIES))
    return replace(PLAIN, answers=CanaryAnswers(nothing, nothing[0], noise), seed=seed)


def refuted(part: float, runs: int, length: float = 1.0) -> int:
    return sum(noise_left(run_of(part, seed, length)).verdict == "refuted" for seed in range(runs))


@pytest.mark.parametrize("degrees", [1, 2, 30, 200, 3000, 300_000])
@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.95])
def test_the_quantiles_are_those_of_scipy(share: float, degrees: int) -> None:
    assert chi_squared_quantile(share, degrees) == pytest.approx(stats.chi2.ppf(share, degrees), rel=1e-6)


def test_noise_proves_more_the_less_there_is() -> None:
    shown = [noise_left_mu([(200, 200.0 * part**2, MU**2)]) for part in (1.0, 0.5, 0.1)]
    assert shown[0] < MU < shown[1] < shown[2]
    assert shown[2] == pytest.approx(10 * shown[0])
    assert noise_left_mu([(200, 0.0, MU**2)]) == LARGEST_MU
    assert noise_left_mu([(200, 0.0, 0.0)]) == 0.0


def test_of_two_thousand_runs_with_the_stated_noise_at_most_five_in_a_hundred_are_refuted() -> None:
    """These canaries add as much as the claim allows."""
    assert refuted(1.0, 2000) <= 100


def test_one_answer_alone_is_wrongly_refuted_as_often_as_its_level_says() -> None:
    draw = np.random.default_rng(7)
    shown = [noise_left_mu([(300, float(draw.chisquare(300)), MU**2)]) > MU for _ in range(2000)]
    assert 70 <= sum(shown) <= 130


def test_an_answer_that_is_asked_for_because_of_the_noise_of_another_proves_no_more() -> None:
    """The worst that a method could do: after little noise it asks for few entries, after much for many."""
    draw, wrong = np.random.default_rng(8), 0
    for _ in range(2000):
        first = float(draw.chisquare(40))
        more = 1 if first < 40 else 2000
        noise = [(40, first, 0.5 * MU**2), (more, float(draw.chisquare(more)), 0.5 * MU**2)]
        wrong += noise_left_mu(noise) > MU
    assert wrong <= 100


def test_more_noise_than_stated_is_not_refuted() -> None:
    assert refuted(1.2, 100) == 0


@pytest.mark.parametrize("length", [1.0, 0.66])
def test_ten_draws_for_one_charge_are_refuted_by_every_single_run(length: float) -> None:
    """Also if canaries add two thirds of what the claim allows, as in real runs."""
    assert refuted(TEN_DRAWS, 100, length) == 100
    found = noise_left(run_of(TEN_DRAWS, 0, length))
    assert "less noise than is claimed, which shows an epsilon of at least" in found.reason


def test_the_bound_stays_below_the_mu_of_the_noise_that_there_is_and_reaches_most_of_it() -> None:
    shown = [float(noise_left(run_of(0.5, seed)).details["mu at least"]) for seed in range(300)]
    assert sum(mu > 2 * MU for mu in shown) <= 15
    assert np.median(shown) > 1.6 * MU


def test_the_noise_that_it_says_it_detects_is_detected_in_95_of_100_cases_or_more() -> None:
    little = noise_left(run_of(1.0, 0)).details["noise that would be seen"]
    assert 0.7 < little < 1.0
    assert refuted(little, 200) >= 185


def test_rounding_does_not_make_noise_smaller() -> None:
    """One count whose rounded noise is 0 would show an endless bound if it were taken as it is."""
    sigma, draws = 2.0, 4000
    left = np.abs(RoundedGaussian().draw(sigma, draws)) / sigma + 0.5 / sigma
    shown = [noise_left_mu([(1, float(each) ** 2, MU**2)], 0.01) for each in left]
    # One in a hundred may be wrong; more than 80 of 4,000 are so less than once in 10^8 times.
    assert sum(mu > MU for mu in shown) <= 80
    assert max(shown) < LARGEST_MU


def test_coins_do_not_matter() -> None:
    """It guesses nothing: who was in is known to it."""
    case = run_of(1.0, 3)
    other = replace(case, canaries=replace(HALF, is_in=(True,) * CANARIES))
    assert noise_left(case) == noise_left(other)


def test_answers_without_noise_show_the_largest_bound() -> None:
    found = noise_left(run_of(0.0, 0))
    assert found.epsilon_lower == found.epsilon_most == LARGEST_EPSILON


def test_a_bound_is_the_epsilon_of_its_mu() -> None:
    found = noise_left(run_of(1.0, 1))
    assert found.epsilon_lower == pytest.approx(epsilon_of(found.details["mu at least"], DELTA))
    assert found.details["noise, of what is claimed"] == pytest.approx(1.0, abs=0.1)


def test_half_of_the_noise_in_the_largest_answer_alone_is_seen() -> None:
    case = run_of(1.0, 4)
    assert case.answers is not None
    *others, last = case.answers.noise
    less = replace(case.answers, noise=(*others, replace(last, square=last.square / 4)))
    assert noise_left(case).verdict == "no violation seen"
    assert noise_left(replace(case, answers=less)).verdict == "refuted"


def test_the_control_has_a_hundredth_of_the_noise_and_is_caught() -> None:
    case = run_of(1.0, 5)
    assert case.answers is not None
    bare = case.answers.with_noise_times(0.01, np.array(HALF.is_in))
    found = noise_left(replace(case, answers=bare))
    assert found.verdict == "refuted"
    assert found.details["noise, of what is claimed"] == pytest.approx(0.01, abs=0.001)


def test_it_is_not_run_without_answers_without_a_delta_or_if_canaries_add_nothing() -> None:
    case = run_of(1.0, 0)
    with pytest.raises(NotRunError, match="noisy answers of a run with canaries"):
        noise_left(replace(case, answers=None))
    with pytest.raises(NotRunError, match="no delta"):
        noise_left(replace(case, claim=Claim.of(EPSILON, None, None)))
    with pytest.raises(NotRunError, match="adds anything"):
        noise_left(run_of(1.0, 0, length=0.0))
    with pytest.raises(NotRunError, match="too few canaries"):
        noisy_answers(replace(case, canaries=replace(HALF, is_in=(True,) * CANARIES)))
    assert math.isfinite(noise_left(case).epsilon_lower or math.inf)
