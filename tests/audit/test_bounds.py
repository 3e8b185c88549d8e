"""What counts prove about epsilon: golden figures, and the laws that every bound keeps."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from rpsg.privacy.attack_bounds import (
    at_least,
    clopper_pearson,
    detection_limit,
    extraction_epsilon,
    extraction_p_value,
    gaussian_run_mu,
    gaussian_run_refuted,
    most_auc,
    most_true_positives,
    one_run_epsilon,
    one_run_p_value,
    zero_of,
)
from rpsg.privacy.gaussian import attack_success, mu_for
from rpsg.privacy.histogram import Query
from rpsg.privacy.noise import RoundedGaussian
from rpsg.privacy.token_sampling import RULE, SCALE, TOKEN_SIGMA
from rpsg.testing.many_runs import gaussian_audit, many_run_epsilon

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "privacy" / "golden" / "gaussian_dp.json").read_text()
)


def rows(name: str, *columns: str) -> list[tuple[Any, ...]]:
    """Rows of the golden file, whose figures another program computed."""
    return [tuple(row[column] for column in columns) for row in GOLDEN[name]]


@pytest.mark.parametrize(
    ("units", "guesses", "right", "epsilon"),
    [
        *rows("one_run_audit_eps_lb_delta_1e-5_beta_0.05", "m", "r", "v", "eps_lb"),
        (20, 20, 20, 1.822),
        (50, 50, 50, 2.783),
        (500, 500, 500, 5.101),
        (1000, 1000, 1000, 5.782),
    ],
)
def test_one_run_bounds_epsilon_as_its_authors_do(
    units: int, guesses: int, right: int, epsilon: float
) -> None:
    assert one_run_epsilon(units, guesses, right, delta=1e-5) == pytest.approx(epsilon, abs=1e-3)


@pytest.mark.parametrize(
    ("units", "guesses", "right", "epsilon", "delta", "p"),
    rows("one_run_p_value", "m", "r", "v", "eps", "delta", "p"),
)
def test_the_p_value_of_one_run(
    units: int, guesses: int, right: int, epsilon: float, delta: float, p: float
) -> None:
    assert one_run_p_value(units, guesses, right, epsilon, delta) == pytest.approx(p, rel=1e-9)


def test_coins_that_favour_members_make_a_right_guess_worth_less() -> None:
    fair, loaded = (one_run_epsilon(400, 50, 50, by_chance=chance) for chance in (0.5, 0.8))
    assert loaded == pytest.approx(fair - math.log(4), abs=1e-6)


def test_guesses_by_chance_show_an_epsilon_in_five_of_a_hundred_cases_at_most() -> None:
    right = np.random.default_rng(1).binomial(200, 0.5, 1000)
    alarms = sum(one_run_epsilon(200, 200, int(count)) > 0 for count in right)
    assert alarms <= 65


@pytest.mark.parametrize("counts", [(10, 11, 5), (10, 5, 6), (10, 5, -1)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must hold"):
        one_run_p_value(*counts, 1.0)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    rows("clopper_pearson_one_sided_95", "k", "n", "lower", "upper"),
)
def test_the_bounds_of_a_share(k: int, n: int, low: float, high: float) -> None:
    assert clopper_pearson(k, n) == pytest.approx((low, high), rel=1e-9)


def test_the_bounds_of_a_share_agree_with_the_beta_distribution() -> None:
    for k, n in ((0, 7), (3, 7), (7, 7), (499, 50_000)):
        low, high = clopper_pearson(k, n, 0.025)
        assert low == pytest.approx(stats.beta.ppf(0.025, k, n - k + 1) if k else 0.0, rel=1e-7)
        assert high == pytest.approx(stats.beta.ppf(0.975, k + 1, n - k) if k < n else 1.0, rel=1e-7)


def test_none_of_so_many_leaves_room_for_some() -> None:
    left = [zero_of(n) for n in (50, 100, 200, 500, 1000)]
    assert left == pytest.approx([0.058, 0.030, 0.015, 0.006, 0.003], abs=5e-4)


@pytest.mark.parametrize(
    ("secrets", "epsilon", "delta", "bits", "p"),
    rows("extraction_union_bound", "m", "eps", "delta", "bits", "p"),
)
def test_a_secret_comes_out_by_chance_as_rarely_as_its_bits_say(
    secrets: int, epsilon: float, delta: float, bits: int, p: float
) -> None:
    assert extraction_p_value([2.0**-bits] * secrets, epsilon, delta) == pytest.approx(p, rel=1e-9)


def test_one_extracted_secret_refutes_a_large_epsilon_and_none_refutes_nothing() -> None:
    chances = [1.3e-10] * 200
    assert extraction_epsilon(chances, 0, delta=1e-6) == 0.0
    assert extraction_epsilon(chances, 1, delta=1e-6) > 8
    assert extraction_epsilon([0.1] * 200, 1, delta=1e-6) == 0.0


@pytest.mark.parametrize(
    ("found", "runs", "epsilon"), [(50, 1000, 2.3), (200, 1000, 3.9), (1000, 1000, 5.6), (100, 100, 3.3)]
)
def test_many_runs_bound_epsilon(found: int, runs: int, epsilon: float) -> None:
    assert many_run_epsilon(found, runs, 0, runs, delta=0.0) == pytest.approx(epsilon, abs=0.06)


def test_many_runs_that_never_find_it_bound_nothing() -> None:
    assert many_run_epsilon(0, 100, 0, 100, delta=1e-6) == 0.0
    assert many_run_epsilon(50, 100, 50, 100, delta=1e-6) == 0.0


@pytest.mark.parametrize(("share", "is_short"), [(1.0, False), (0.1, True)])
def test_many_fake_runs_with_and_without_a_person_refute_a_tenth_of_the_noise(
    share: float, is_short: bool
) -> None:
    """Each run releases one noisy count. Its claim is epsilon 2; half of the runs have one person more."""
    runs, epsilon, delta, noise = 5_000, 2.0, 1e-6, RoundedGaussian()
    sigma = share / mu_for(epsilon, delta)
    told = {people: people + noise.draw(sigma, runs) for people in (100, 101)}
    found, false = (int((told[people] > 100).sum()) for people in (101, 100))
    # A level at which secret noise fails this once in 10^9 times.
    bound = many_run_epsilon(found, runs, false, runs, delta=delta, level=1e-9)
    assert (bound > epsilon) == is_short
    assert bound > 0


def _gaussian_bound(mu: float, draws: int, seed: int) -> float:
    draw = np.random.default_rng(seed)
    threshold = mu / 2
    found, false = (int((draw.normal(at, 1.0, draws) > threshold).sum()) for at in (mu, 0.0))
    return gaussian_audit(found, draws, false, draws)


def test_noise_that_is_short_by_a_root_of_two_is_seen_with_ten_thousand_draws() -> None:
    claimed = 1.0
    assert all(_gaussian_bound(claimed * 2**0.5, 10_000, seed) > claimed for seed in range(10))


def test_noise_that_is_short_by_a_fifth_is_seen_with_fifty_thousand_draws() -> None:
    claimed = 1.0
    assert all(_gaussian_bound(claimed * 1.25, 50_000, seed) > claimed for seed in range(10))


def test_noise_as_claimed_is_never_called_short() -> None:
    assert all(_gaussian_bound(1.0, 10_000, seed) <= 1.0 for seed in range(20))


@pytest.mark.parametrize(("sigma", "is_short"), [(1.0, False), (0.5, True)])
def test_the_noise_of_the_kernel_is_as_large_as_it_says_and_half_of_it_is_found(
    sigma: float, is_short: bool
) -> None:
    """Counts of runs with and without a record that adds 1; what is claimed is noise of 1."""
    draws, noise = 20_000, RoundedGaussian()
    found = int((noise.draw(sigma, draws) + 1 > 0).sum())
    false = int((noise.draw(sigma, draws) > 0).sum())
    # A level at which secret noise fails this once in 10^9 times.
    assert (gaussian_audit(found, draws, false, draws, level=1e-9) > 1.0) == is_short


def test_a_gaussian_audit_without_a_hit_bounds_nothing() -> None:
    assert gaussian_audit(0, 100, 0, 100) == 0.0


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 0.0), (1.0, 0.0), (2.0, 1e-6), (0.5, 0.1), (8.0, 1e-5)])
def test_the_largest_area_is_that_under_the_largest_rates(epsilon: float, delta: float) -> None:
    rates = np.linspace(0, 1, 200_001)
    curve = [most_true_positives(epsilon, delta, float(rate)) for rate in rates]
    assert most_auc(epsilon, delta) == pytest.approx(np.trapezoid(curve, rates), abs=1e-5)


def test_a_gaussian_claim_allows_less_than_its_pair_of_epsilon_and_delta() -> None:
    best = attack_success(mu_for(1.0, 1e-6))
    assert 0.5 < best.auc < most_auc(1.0, 1e-6)


def test_the_detection_limit_is_kept() -> None:
    units, guesses, level = 400, (25, 100), 0.005
    limit = detection_limit(units, guesses, 0.0, delta=0.0, level=level, by_chance=0.5)
    assert limit is not None
    draw = np.random.default_rng(3)
    seen = 0
    for _ in range(400):
        right = {r: min(limit, r) + draw.binomial(max(r - limit, 0), 0.5) for r in guesses}
        seen += any(one_run_epsilon(units, r, int(v), level=level) > 0 for r, v in right.items())
    assert seen >= 0.93 * 400


def test_there_is_no_detection_limit_where_not_even_everybody_would_be_enough() -> None:
    assert detection_limit(60, (25, 30), 8.0, delta=1e-6, level=0.005, by_chance=0.5) is None


def test_a_tail_of_the_binomial_is_that_of_scipy() -> None:
    assert at_least(1000, 0.3, 320) == pytest.approx(stats.binom.sf(319, 1000, 0.3), rel=1e-9)


@pytest.mark.parametrize(("epsilon", "mu"), [(float(e), mu) for e, mu in GOLDEN["mu_pure"].items()])
def test_the_mu_of_a_pure_claim_is_that_of_its_best_guess(epsilon: float, mu: float) -> None:
    """Both curves meet where a coin's two lines do; everywhere else the pure claim allows less."""
    corner = 1 / (1 + math.exp(epsilon))
    normal = stats.norm
    assert most_true_positives(epsilon, 0.0, corner) == pytest.approx(
        normal.cdf(normal.ppf(corner) + mu), rel=1e-9
    )
    for rate in (corner / 10, corner / 2, (1 + corner) / 2):
        assert most_true_positives(epsilon, 0.0, rate) < normal.cdf(normal.ppf(rate) + mu)


@pytest.mark.parametrize(("epsilon", "mu"), [(float(e), mu) for e, mu in GOLDEN["mu_pure"].items()])
def test_a_token_is_charged_at_least_the_mu_of_its_pure_claim(epsilon: float, mu: float) -> None:
    """The draw of a token whose scores move by epsilon has the bounded range 2 epsilon: it is such a coin."""
    query = Query("tokens", "the next token", 1, RULE, TOKEN_SIGMA, w=math.ceil(epsilon * SCALE))
    charged = math.sqrt(query.mu2("add_remove"))
    assert mu <= charged <= 1.07 * mu
    if epsilon <= 0.1:
        assert charged == pytest.approx(mu, rel=2e-3)


def most_probable(units: int, guesses: int, right: int, mu: float) -> float:
    """The largest probability of so many right guesses, by a linear program that knows nothing of recursion.

    Each concave constraint is replaced by many of its tangents, which makes the result a little too large.
    """
    normal, numbers = stats.norm, np.arange(guesses + 1)
    rows, limits = [], []
    for i in range(1, guesses + 1):
        hit = np.where(numbers >= i, numbers, 0) / units
        miss = np.where(numbers >= i - 1, guesses - numbers, 0) / units
        for at in np.concatenate([np.geomspace(1e-6, 0.5, 150), np.linspace(0.51, 0.999, 100)]):
            slope = normal.pdf(normal.ppf(at) + mu) / normal.pdf(normal.ppf(at))
            rows.append(hit - slope * miss)
            limits.append(normal.cdf(normal.ppf(at) + mu) - slope * at)
    found = optimize.linprog(
        -(numbers >= right).astype(float), rows, limits, np.ones((1, guesses + 1)), [1.0], bounds=(0, 1)
    )
    return float(-found.fun)


@pytest.mark.parametrize(
    ("units", "guesses", "right", "mu"),
    [(1, 1, 1, 0.7), (4, 4, 4, 0.5), (10, 6, 6, 1.0), (10, 10, 8, 0.3), (20, 10, 9, 0.8), (30, 30, 22, 0.4)],
)
def test_one_run_of_a_gaussian_mechanism_is_bounded_as_a_linear_program_bounds_it(
    units: int, guesses: int, right: int, mu: float
) -> None:
    most = most_probable(units, guesses, right, mu)
    assert gaussian_run_refuted(units, guesses, right, mu, most * 1.01)
    assert not gaussian_run_refuted(units, guesses, right, mu, most * 0.98)


def test_one_person_is_guessed_rightly_as_often_as_the_best_test_does() -> None:
    best = stats.norm.cdf(0.5)
    assert gaussian_run_refuted(1, 1, 1, 1.0, best + 1e-9)
    assert not gaussian_run_refuted(1, 1, 1, 1.0, best - 1e-9)


def test_independent_gaussian_trials_refute_their_own_mu_in_five_of_a_hundred_runs_at_most() -> None:
    draw, refuted, units = np.random.default_rng(3), 0, 400
    for _ in range(500):
        coins = draw.random(units) < 0.5
        seen = 0.5 * coins + draw.normal(size=units)
        named = np.argsort(-np.abs(seen - 0.25))[:80]
        right = int(((seen > 0.25) == coins)[named].sum())
        refuted += gaussian_run_refuted(units, 80, right, 0.5, 0.05)
    assert refuted <= 25


def test_more_right_guesses_show_a_larger_mu() -> None:
    shown = [gaussian_run_mu(200, 100, right) for right in range(50, 101, 5)]
    assert shown == sorted(shown)
    assert shown[0] == 0.0
    assert gaussian_run_mu(200, 0, 0) == 0.0
    with pytest.raises(ValueError, match="right <= guesses"):
        gaussian_run_refuted(10, 5, 6, 1.0, 0.05)
