"""From scores and hits to a verdict: noise proves nothing, ties favour nobody, silence has a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rpsg.audit.claim import Claim
from rpsg.audit.finding import of_hits, of_scores
from rpsg.testing.planted import subject


def test_scores_of_pure_noise_show_no_epsilon_in_95_of_100_cases() -> None:
    case = replace(subject(people=150), level=0.05)
    draw = np.random.default_rng(11)
    alarms = sum(of_scores("noise", case, draw.normal(size=300)).epsilon_lower != 0 for _ in range(100))
    assert alarms <= 5


def test_a_perfect_score_shows_as_much_as_is_possible() -> None:
    case = subject()
    found = of_scores("perfect", case, case.is_in[case.owner].astype(float))
    assert found.auc == 1.0
    assert found.verdict == "refuted"
    assert found.epsilon_lower == found.epsilon_most
    assert all(rate.value in {None, 1.0} for rate in found.rates)
    assert found.curve[-1] == (1.0, 1.0)


def test_scores_that_are_no_numbers_count_as_the_lowest() -> None:
    case = subject()
    scores = np.where(case.is_in[case.owner], 1.0, np.nan)
    assert of_scores("some", case, scores).auc == 1.0


def test_a_rate_that_so_few_people_cannot_show_has_a_reason_and_no_value() -> None:
    low, lower = of_scores("noise", subject(), np.random.default_rng(1).normal(size=200)).rates
    assert low.value is not None
    assert low.interval is not None
    assert low.interval[0] <= low.value <= low.interval[1]
    assert lower.value is None
    assert "1,000 people" in lower.reason


def test_a_leak_within_the_claim_is_no_violation() -> None:
    case = subject(claim=Claim(3.0, 1e-6, is_made=True), people=300)
    scores = np.where(case.is_in[case.owner], 1.0, 0.0) + np.random.default_rng(2).normal(size=600)
    found = of_scores("some", case, scores)
    assert 0 < (found.epsilon_lower or 0) < 3
    assert found.verdict == "no violation seen"


def test_where_not_even_a_perfect_attack_could_refute_it_nothing_was_run() -> None:
    case = subject(claim=Claim(20.0, 1e-6, is_made=True))
    found = of_scores("perfect", case, case.is_in[case.owner].astype(float))
    assert found.verdict == "not run"
    assert "even a perfect attack" in found.reason
    assert found.auc == 1.0


def test_hits_of_members_alone_refute_and_as_many_of_both_do_not() -> None:
    case = subject()
    members, others = np.flatnonzero(case.is_in), np.flatnonzero(~case.is_in)
    hit = np.zeros(case.people, np.bool_)
    assert of_hits("hits", case, hit).epsilon_lower == 0.0
    hit[members[:30]] = True
    assert of_hits("hits", case, hit).verdict == "refuted"
    hit[others[:30]] = True
    assert of_hits("hits", case, hit).verdict == "no violation seen"


def test_the_limit_of_hits_is_what_would_have_refuted() -> None:
    case = subject()
    members, nobody = np.flatnonzero(case.is_in), np.zeros(case.people, np.bool_)
    limit = of_hits("hits", case, nobody).limit
    assert limit is not None
    needed = round(limit * len(members))
    for count, verdict in ((needed - 1, "no violation seen"), (needed, "refuted")):
        hit = nobody.copy()
        hit[members[:count]] = True
        assert of_hits("hits", case, hit).verdict == verdict


@pytest.mark.parametrize("attempts", [1, 2, 10])
def test_each_further_test_costs_some_of_what_can_be_shown(attempts: int) -> None:
    case = subject()
    hit = case.is_in & (np.arange(case.people) % 3 == 0)
    once, more = (of_hits("hits", case, hit, tests=n).epsilon_lower or 0.0 for n in (1, attempts))
    assert more < once if attempts > 1 else more == once
