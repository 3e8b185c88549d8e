"""What a strict run will spend where, from public numbers only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rpsg.domains import find_pack, pack_names
from rpsg.errors import InfeasibleError, UsageError
from rpsg.plan import Plan, resolve
from rpsg.stages.budget import (
    LOWER_END,
    MINIMUM_POOL,
    check_people,
    pool_size,
    safe_size,
    smallest_size,
    strict_budget,
    strict_stages,
    thinned,
    votes_stage,
)
from rpsg.stages.cards import shapes

if TYPE_CHECKING:
    from rpsg.domains import Pack

plans = st.fixed_dictionaries(
    {
        "data": st.sampled_from(
            [
                {},
                {"user": "u"},
                {"label": "l"},
                {"user": "u", "label": "l"},
                {"label": "l", "labels": ("a", "b")},
            ]
        ),
        "privacy": st.fixed_dictionaries(
            {
                "epsilon": st.floats(0.3, 10),
                "delta": st.sampled_from([1e-8, 1e-6, 1e-5]),
                "max_records_per_user": st.integers(1, 5),
                "n_public": st.none() | st.integers(100, 10**6),
                "shares": st.fixed_dictionaries(
                    {}, optional={"keyphrases": st.floats(0.01, 1), "size": st.floats(0.01, 1)}
                ),
            }
        ),
        "method": st.fixed_dictionaries({"rounds": st.integers(1, 3), "votes_per_record": st.integers(1, 4)}),
    }
)
quickly = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@quickly
@given(plans)
def test_shares_add_up_to_one_and_no_more_is_spent_than_asked_for(tiny: Pack, what: dict[str, Any]) -> None:
    plan = resolve(what)
    assert math.fsum(stage.share for stage in strict_stages(plan, tiny)) == pytest.approx(1)
    budget = strict_budget(plan, tiny)
    assert 0.99 * plan.privacy.epsilon < budget.epsilon_spent <= plan.privacy.epsilon
    assert budget.delta_fail < plan.privacy.delta


@quickly
@given(plans)
def test_each_stage_is_planned_with_the_bounds_of_the_plan(tiny: Pack, what: dict[str, Any]) -> None:
    plan = resolve(what)
    c = plan.privacy.max_records_per_user if plan.data.user else 1
    releases = {r.stage: r for r in strict_budget(plan, tiny).releases}
    assert (releases["cards"].k, releases["cards"].c) == (2 + (plan.data.label is not None), c)
    votes = releases[votes_stage(plan, 0)]
    assert (votes.rule, votes.k, votes.c) == ("S4_k_votes", plan.method.votes_per_record, c)
    assert ("size" in releases) == (plan.privacy.n_public is None)
    assert ("labels" in releases) == (plan.data.label is not None and not plan.data.labels)
    assert ("keyphrases" in releases) == bool(plan.privacy.shares.keyphrases)


def test_stages_come_in_the_order_in_which_they_ask(tiny: Pack) -> None:
    plan = resolve(
        {"data": {"label": "l"}, "privacy": {"shares": {"keyphrases": 0.2}}, "method": {"rounds": 2}}
    )
    stages = [r.stage for r in strict_budget(plan, tiny).releases]
    assert stages == ["size", "labels", "cards", "keyphrases", "votes[0]", "votes[1]"]


def test_a_share_of_nothing_is_no_stage(tiny: Pack) -> None:
    plan = resolve({"privacy": {"n_public": 500, "shares": {"cards": 0.5, "votes": 0.5, "labels": 0}}})
    assert [s.stage for s in strict_stages(plan, tiny)] == ["cards", "votes"]


@quickly
@given(st.integers(1, 10**6), st.integers(1, 10_000), st.floats(1, 100), plans)
def test_no_more_candidates_are_written_than_the_votes_can_tell_apart(
    tiny: Pack, n: int, size: int, oversample: float, what: dict[str, Any]
) -> None:
    plan = resolve(what, {"corpus": {"size": size}, "method": {"oversample": oversample}})
    budget = strict_budget(plan, tiny)
    sigma = budget.release(votes_stage(plan, 0)).sigma
    found = pool_size(plan, n, budget)
    least = 0 if plan.privacy.n_public is not None else min(MINIMUM_POOL, size)
    assert found <= max(n * plan.method.votes_per_record / (2 * sigma), least)
    assert found <= math.ceil(size * oversample)


def test_a_small_wish_is_not_blown_up(tiny: Pack) -> None:
    plan = resolve({"corpus": {"size": 10}, "method": {"oversample": 2.0}})
    assert pool_size(plan, 10**6, strict_budget(plan, tiny)) == 20


@given(st.integers(0, 10**6), st.floats(0.5, 100))
def test_the_safe_size_lies_below_the_noisy_count(count: int, sigma: float) -> None:
    assert 0 <= safe_size(count, sigma) <= max(0.0, count - 4.7 * sigma)


def test_marginals_that_people_cannot_fill_are_counted_by_their_first_attribute(tiny: Pack) -> None:
    sigma = 0.2 / 0.399
    assert thinned(tiny, 15, sigma).marginals == (("topic", "sentiment"), ("sentiment", "length"))
    assert thinned(tiny, 14, sigma * 0.999).marginals == (("topic",), ("sentiment", "length"))
    assert [math.prod(shape) for shape in shapes(thinned(tiny, 14, sigma * 0.999))] == [5, 9]


@pytest.mark.parametrize("people", [0, 4, 8])
def test_however_few_people_were_counted_no_attribute_is_lost(tiny: Pack, people: int) -> None:
    assert thinned(tiny, people, 1.0).marginals == (("topic",), ("sentiment", "length"))


def test_a_schema_that_a_declared_number_of_people_cannot_fill_is_named(tiny: Pack) -> None:
    plan = resolve({"privacy": {"epsilon": 1.0}})
    with pytest.raises(InfeasibleError, match="'length' cannot be counted") as caught:
        check_people(plan, tiny, 100, strict_budget(plan, tiny))
    assert "list of values" in caught.value.hint
    with pytest.raises(InfeasibleError, match="room for 0 cells"):
        check_people(plan, tiny, 1, strict_budget(plan, tiny))


def test_too_few_people_for_the_votes_are_told_how_many_are_needed(tiny: Pack) -> None:
    plan = resolve({"privacy": {"epsilon": 1.0, "n_public": 5000}})
    budget = strict_budget(plan, tiny)
    enough = smallest_size(plan, tiny, budget)
    check_people(plan, tiny, enough, budget)
    assert pool_size(plan, enough, budget) >= MINIMUM_POOL
    with pytest.raises(InfeasibleError) as caught:
        check_people(plan, tiny, enough // 2, budget)
    assert "epsilon" in caught.value.hint


def test_a_schema_too_large_for_the_budget_says_what_to_change(tiny: Pack) -> None:
    with pytest.raises(InfeasibleError, match="too large for this many people") as caught:
        check_people(Plan(), tiny, 20, strict_budget(Plan(), tiny))
    assert "--epsilon" in caught.value.hint


def test_a_plan_without_any_share_is_refused(tiny: Pack) -> None:
    with pytest.raises(UsageError):
        strict_budget(
            resolve({"privacy": {"shares": dict.fromkeys(("size", "labels", "cards", "votes"), 0)}}), tiny
        )


@pytest.mark.parametrize("name", pack_names())
@pytest.mark.parametrize("epsilon", [1.0, 2.0, 8.0])
def test_the_number_of_people_that_a_plan_asks_for_carries_every_pack_that_ships(
    name: str, epsilon: float
) -> None:
    pack = find_pack(name)
    declared = resolve({"privacy": {"epsilon": epsilon, "n_public": 1}})
    budget = strict_budget(declared, pack)
    enough = smallest_size(declared, pack, budget)
    check_people(declared, pack, enough, budget)
    with pytest.raises(InfeasibleError):
        check_people(declared, pack, int(0.9 * enough), budget)


@pytest.mark.parametrize("name", pack_names())
def test_people_who_are_counted_with_noise_are_enough_even_when_the_count_comes_out_low(name: str) -> None:
    pack, plan = find_pack(name), Plan()
    budget = strict_budget(plan, pack)
    sigma = budget.release("size").sigma
    lowest = safe_size(smallest_size(plan, pack, budget) - LOWER_END * sigma, sigma)
    check_people(plan, pack, lowest, budget)
