"""The closed form agrees with the golden values, errs on the safe side, and the budget adds up."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.errors import InfeasibleError, UsageError
from rpsg.privacy.accounting import (
    Budget,
    StagePlan,
    calibrate,
    max_candidates,
    sigma_for,
)
from rpsg.privacy.gaussian import (
    attack_success,
    delta_of,
    delta_total,
    epsilon_of,
    mu_for,
    normal_cdf,
)
from rpsg.privacy.sensitivity import Adjacency, group_delta_fail, selection_threshold
from rpsg.privacy.sources import OPENDP

REL = 1e-9


def test_mu_star_is_golden(golden: dict[str, Any]) -> None:
    for name, row in golden["mu_star"].items():
        for epsilon, mu in row.items():
            assert mu_for(float(epsilon), golden["delta"][name]) == pytest.approx(mu, rel=REL)


def test_noise_multipliers_are_golden(golden: dict[str, Any]) -> None:
    for name, rows in golden["z_star"].items():
        for epsilon, row in rows.items():
            for rounds, z in row.items():
                mu = mu_for(float(epsilon), golden["delta"][name])
                assert math.sqrt(int(rounds)) / mu == pytest.approx(z, rel=REL)


def test_delta_is_golden_and_rounded_up(golden: dict[str, Any]) -> None:
    for row in golden["delta_of"]:
        assert delta_of(row["mu"], row["eps"]) == pytest.approx(row["delta"], rel=REL)
        assert delta_of(row["mu"], row["eps"]) >= row["delta"]


def test_replace_one_and_group_epsilons_are_golden(golden: dict[str, Any]) -> None:
    for epsilon, expected in golden["replace_one_eps_of_add_remove_calibration_delta_1e-6"].items():
        mu = mu_for(float(epsilon), 1e-6)
        assert epsilon_of(math.sqrt(2) * mu, 1e-6) == pytest.approx(expected, rel=REL)
    for size, expected in golden["group_eps"].items():
        if size != "base":
            assert epsilon_of(int(size) * mu_for(2, 1e-6), 1e-6) == pytest.approx(expected, rel=REL)


def test_published_noise_values_cost_what_the_golden_file_says(golden: dict[str, Any]) -> None:
    for row in golden["aug_pe_published"]:
        epsilon = epsilon_of(math.sqrt(row["T"]) / row["z_published"], row["delta"])
        assert epsilon == pytest.approx(row["eps_of_published"], rel=REL)
        assert (epsilon <= row["eps_target"]) == row["ok"]


@given(st.floats(0.01, 20), st.floats(-10, -3))
def test_the_found_mu_keeps_the_target_and_a_larger_one_breaks_it(epsilon: float, exponent: float) -> None:
    delta = 10**exponent
    mu = mu_for(epsilon, delta)
    assert delta_of(mu, epsilon) <= delta < delta_of(mu * (1 + 1e-9), epsilon)
    assert epsilon_of(mu, delta) <= epsilon * (1 + 1e-11)


@given(st.floats(0.001, 100), st.floats(1e-12, 0.1))
def test_the_found_epsilon_keeps_delta(mu: float, delta: float) -> None:
    assert delta_of(mu, epsilon_of(mu, delta)) <= delta


@given(st.floats(0.01, 3), st.integers(1, 50))
def test_n_rounds_at_once_cost_what_one_round_costs_n_times(mu: float, rounds: int) -> None:
    each = [StagePlan(f"s{i}", 1 / rounds, "S4_k_votes") for i in range(rounds)]
    together = calibrate(1.0, 1e-6, [StagePlan("s", 1.0, "S4_k_votes", rounds=rounds)])
    apart = calibrate(1.0, 1e-6, each)
    assert together.mu2 == pytest.approx(apart.mu2, rel=1e-12)
    assert together.mu2 == pytest.approx(rounds * together.releases[0].mu2("add_remove"), rel=1e-12)
    assert epsilon_of(mu * math.sqrt(rounds), 1e-6) == epsilon_of(math.sqrt(rounds) * mu, 1e-6)


def test_delta_counts_threshold_failures_and_the_sampler() -> None:
    assert delta_total(0.4, 2.0, 1e-7, 0.0) == pytest.approx(delta_of(0.4, 2.0) + 1e-7)
    assert delta_total(0.4, 2.0, 0.0, 1e-9) == pytest.approx(delta_of(0.4, 2.0) + (1 + math.exp(2)) * 1e-9)
    assert epsilon_of(0.4, 1e-6, 2e-6) == math.inf


def test_extreme_arguments_stay_finite_and_on_the_safe_side() -> None:
    assert epsilon_of(60.0, 1e-6) == pytest.approx(60.0**2 / 2 + 60 * 4.75, rel=0.01)
    assert delta_of(0.0, 1.0) == 0.0
    assert delta_of(1e-9, 1.0) <= 1e-300
    assert epsilon_of(1e-9, 1e-6) == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_numbers_that_are_none_are_refused(bad: float) -> None:
    with pytest.raises(ValueError):
        delta_of(bad, 1.0)
    with pytest.raises(ValueError):
        mu_for(bad, 1e-6)
    with pytest.raises(ValueError):
        epsilon_of(1.0, bad)


@given(st.floats(0.01, 5), st.integers(1, 90))
def test_sigma_is_rounded_up_to_a_millionth(mu: float, square: int) -> None:
    sigma = sigma_for(mu, square)
    exact = math.sqrt(square) / mu
    assert exact * (1 - 1e-15) <= sigma <= exact + 2e-6
    assert square / sigma**2 <= mu * mu
    assert sigma * 1e6 == pytest.approx(round(sigma * 1e6), rel=1e-12)


def test_thresholds_are_golden_and_never_too_low(golden: dict[str, Any]) -> None:
    for row in golden["selection_threshold"]:
        assert selection_threshold(row["sigma"], row["k"], row["delta_fail"]) == row["tau"]


@given(st.floats(0.3, 200), st.integers(1, 50), st.floats(1e-12, 0.1))
def test_a_threshold_keeps_a_units_own_strings_back(sigma: float, k: int, delta_fail: float) -> None:
    tau = selection_threshold(sigma, k, delta_fail)
    one = normal_cdf(-(tau - 1.5) / sigma)
    assert -math.expm1(k * math.log1p(-one)) <= delta_fail
    assert group_delta_fail(sigma, k, tau, 1) <= k * one * (1 + 1e-12)


def test_the_bound_for_groups_covers_every_way_of_sharing_strings() -> None:
    sigma, k, tau = 10.0, 4, 60
    passes = [normal_cdf(-(tau - j - 0.5) / sigma) for j in range(4)]
    for shared in ([1] * 12, [3] * 4, [2] * 6, [3, 3, 3, 1, 1, 1]):
        assert sum(passes[j] for j in shared) <= group_delta_fail(sigma, k, tau, 3)


def example_stages() -> list[StagePlan]:
    return [
        StagePlan("n_estimate", 0.05, "S1_unit_count", dim=1),
        StagePlan("seed_cards", 0.25, "S2_one_cell", dim=200),
        StagePlan("keyphrases", 0.35, "S3_k_items_per_unit", k=8, selects=True),
        StagePlan("votes", 0.35, "S4_k_votes", rounds=2, dim=200),
    ]


def test_calibration_gives_the_noise_of_the_example_ledger(example_ledger: dict[str, Any]) -> None:
    budget = calibrate(2.0, 1e-6, example_stages())
    gaussians = [m for m in example_ledger["mechanisms"] if m["kind"] == "rounded_gaussian"]
    assert [(r.stage, r.sigma) for r in budget.releases] == [(m["stage"], m["sigma"]) for m in gaussians]
    assert budget.mu == pytest.approx(example_ledger["claim"]["mu"], rel=REL)
    assert budget.delta_fail == pytest.approx(1e-7)
    assert budget.release("keyphrases").threshold == 62


@given(
    st.floats(0.05, 20), st.sampled_from([1e-4, 1e-6, 1e-9]), st.sampled_from(["add_remove", "replace_one"])
)
def test_the_noise_found_always_keeps_the_target(epsilon: float, delta: float, adjacency: Adjacency) -> None:
    budget = calibrate(epsilon, delta, example_stages(), adjacency=adjacency)
    assert 0.99 * epsilon < budget.epsilon_spent <= epsilon
    assert epsilon_of(budget.mu, delta, budget.delta_fail) <= epsilon


def test_without_selection_all_of_delta_goes_to_the_noise() -> None:
    with_selection = calibrate(1.0, 1e-6, [StagePlan("p", 1.0, "S3_k_items_per_unit", k=1, selects=True)])
    without = calibrate(1.0, 1e-6, [StagePlan("p", 1.0, "S3_k_items_per_unit", k=1)])
    assert without.delta_fail == 0.0
    assert without.releases[0].sigma < with_selection.releases[0].sigma


def test_replace_one_asks_for_root_two_more_noise() -> None:
    one, two = (calibrate(1.0, 1e-6, example_stages(), adjacency=a) for a in ("add_remove", "replace_one"))
    for a, b in zip(one.releases, two.releases, strict=True):
        assert b.sigma == pytest.approx(math.sqrt(2) * a.sigma, rel=1e-5)


def test_a_coarser_noise_source_is_paid_for() -> None:
    stages = [StagePlan("votes", 1.0, "S4_k_votes", dim=1_000_000)]
    fine, coarse = calibrate(4.0, 1e-6, stages), calibrate(4.0, 1e-6, stages, source=OPENDP)
    assert coarse.releases[0].sigma > fine.releases[0].sigma


@pytest.mark.parametrize(
    ("epsilon", "delta", "stages"),
    [
        (0.0, 1e-6, example_stages()),
        (math.nan, 1e-6, example_stages()),
        (1.0, 0.0, example_stages()),
        (1.0, 1e-3, example_stages()),
        (1.0, 1e-6, []),
        (1.0, 1e-6, [StagePlan("a", 0.7, "S1_unit_count"), StagePlan("b", 0.7, "S1_unit_count")]),
        (1.0, 1e-6, [StagePlan("a", 0.5, "S1_unit_count"), StagePlan("a", 0.5, "S1_unit_count")]),
        (1.0, 1e-6, [StagePlan("a", 0.0, "S1_unit_count")]),
        (1.0, 1e-6, [StagePlan("a", 1.0, "S4_k_votes", selects=True)]),
    ],
)
def test_targets_and_shares_that_cannot_be_are_refused(
    epsilon: float, delta: float, stages: list[StagePlan]
) -> None:
    with pytest.raises(UsageError):
        calibrate(epsilon, delta, stages)


def test_budgets_without_meaning_are_refused() -> None:
    with pytest.raises(InfeasibleError, match="too small"):
        calibrate(1e-7, 1e-9, example_stages())
    with pytest.raises(InfeasibleError, match="too large"):
        calibrate(70.0, 1e-6, example_stages())


def test_the_plan_hash_moves_with_every_number(budget: Budget) -> None:
    other = calibrate(2.0000001, 1e-6, example_stages())
    assert budget.sha256() == budget.sha256()
    assert calibrate(2.0, 1e-6, example_stages()).sha256() != other.sha256()


def test_asking_for_a_stage_that_is_not_planned_names_those_that_are(budget: Budget) -> None:
    with pytest.raises(UsageError, match=r"votes\[0\], votes\[1\]"):
        budget.release("votes")


def test_feasibility_is_that_of_the_table_in_the_design() -> None:
    assert max_candidates(1000, 5.35664) == 93
    assert max_candidates(100_000, 10.15) in range(4920, 4930)


def test_the_best_attack_is_that_on_two_normals() -> None:
    bound = attack_success(1.0)
    assert bound.auc == pytest.approx(0.76024993890652)
    assert bound.tpr_at_fpr_1_percent == pytest.approx(normal_cdf(1 - 2.3263478740408408))
    assert attack_success(0.0).tpr_at_fpr_01_percent == pytest.approx(0.001)
    assert attack_success(0.0, 1e-4).auc == pytest.approx(0.5001)


def test_accounting_needs_no_numpy() -> None:
    code = "import sys, rpsg.privacy.accounting; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_failure_of_a_threshold_helps_the_attacker_at_every_rate() -> None:
    without, fails = attack_success(0.5), attack_success(0.5, 1e-3)
    assert fails.tpr_at_fpr_1_percent == pytest.approx(without.tpr_at_fpr_1_percent + 1e-3)
    assert fails.tpr_at_fpr_01_percent == pytest.approx(without.tpr_at_fpr_01_percent + 1e-3)


@pytest.mark.parametrize("delta", [0.0, 1.0])
def test_a_delta_that_promises_everything_or_nothing_is_refused(delta: float) -> None:
    with pytest.raises(ValueError):
        mu_for(1.0, delta)
    with pytest.raises(ValueError):
        epsilon_of(1.0, delta)


def test_a_stage_that_selects_strings_counts_each_once() -> None:
    with pytest.raises(UsageError, match="w = 1"):
        calibrate(1.0, 1e-6, [StagePlan("a", 1.0, "S3_k_items_per_unit", w=2, selects=True)])
