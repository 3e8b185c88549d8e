"""What a strict run will spend where, from public numbers only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rpsg.domains import find_pack, pack_names
from rpsg.errors import InfeasibleError, UsageError
from rpsg.methods.budget import (
    check_declared,
    check_people,
    is_too_few,
    pool_size,
    smallest_size,
    strict_budget,
    strict_stages,
    votes_stage,
)
from rpsg.plan import Plan, resolve
from rpsg.stages.levels import LOWER_END, safe_size
from rpsg.stages.sketch import LENGTH

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.privacy.accounting import Budget

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
        "method": st.fixed_dictionaries(
            {
                "select": st.sampled_from(["sketch", "votes"]),
                "rounds": st.integers(1, 3),
                "votes_per_record": st.integers(1, 4),
            }
        ),
    }
)
BY_VOTES = {"method": {"select": "votes"}}
quickly = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def fewest_of(budget: Budget) -> int:
    """The number of people that these stages need, which all of RPSG's own say."""
    found = smallest_size(budget)
    assert found is not None
    return found


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
    plan = resolve(what, BY_VOTES)
    c = plan.privacy.max_records_per_user if plan.data.user else 1
    releases = {r.stage: r for r in strict_budget(plan, tiny).releases}
    assert (releases["cards"].k, releases["cards"].c) == (2 + (plan.data.label is not None), c)
    if plan.method.select == "votes":
        votes = releases[votes_stage(plan, 0)]
        assert (votes.rule, votes.k, votes.c) == ("S4_k_votes", plan.method.votes_per_record, c)
    else:
        sketch = releases["sketch"]
        assert (sketch.rule, sketch.k, sketch.w, sketch.c) == ("S6_bounded_vector", 1, LENGTH, c)
    assert ("size" in releases) == (plan.privacy.n_public is None)
    assert ("labels" in releases) == (plan.data.label is not None and not plan.data.labels)
    assert ("keyphrases" in releases) == bool(plan.privacy.shares.keyphrases)


def test_stages_come_in_the_order_in_which_they_ask(tiny: Pack) -> None:
    plan = resolve(
        {"data": {"label": "l"}, "privacy": {"shares": {"keyphrases": 0.2}}, "method": {"rounds": 2}}
    )
    before = ["size", "labels", "cards", "keyphrases"]
    assert [r.stage for r in strict_budget(plan, tiny).releases] == [*before, "sketch"]
    plan = plan.model_copy(update={"method": plan.method.model_copy(update={"select": "votes"})})
    assert [r.stage for r in strict_budget(plan, tiny).releases] == [*before, "votes[0]", "votes[1]"]


def test_a_share_of_nothing_is_no_stage(tiny: Pack) -> None:
    plan = resolve({"privacy": {"n_public": 500, "shares": {"cards": 0.5, "sketch": 0.5, "labels": 0}}})
    assert [s.stage for s in strict_stages(plan, tiny)] == ["cards", "sketch"]


@pytest.mark.parametrize("select", ["sketch", "votes"])
def test_the_question_that_chooses_the_texts_needs_a_share(tiny: Pack, select: str) -> None:
    plan = resolve({"privacy": {"shares": {select: 0.0}}, "method": {"select": select}})
    with pytest.raises(UsageError, match=f"share of {select}"):
        strict_stages(plan, tiny)


@pytest.mark.parametrize("votes", [{}, {"privacy": {"n_public": 30}}])
def test_the_pool_is_as_large_as_the_plan_asks_for_however_few_people_there_are(
    votes: dict[str, Any],
) -> None:
    plan = resolve({"corpus": {"size": 10}, "method": {"oversample": 2.05}}, votes)
    assert pool_size(plan) == 21


@given(st.integers(0, 10**6), st.floats(0.5, 100))
def test_the_safe_size_lies_below_the_noisy_count(count: int, sigma: float) -> None:
    assert 0 <= safe_size(count, sigma) <= max(0.0, count - LOWER_END * sigma)


def test_a_declared_number_from_which_nothing_can_be_learnt_is_told_every_way_out(tiny: Pack) -> None:
    plan = resolve({"privacy": {"epsilon": 1.0, "n_public": 5000}})
    budget = strict_budget(plan, tiny)
    with pytest.raises(
        InfeasibleError, match=r"so few rows \(20\) outweighs what their texts say in the step cards"
    ) as caught:
        check_people(plan, 20, budget)
    for way in ("--method floor", "wait until", "pool your data", "--epsilon"):
        assert way in caught.value.hint
    enough = fewest_of(budget)
    assert f"at least {enough:,} rows" in caught.value.hint
    check_people(plan, enough, budget)


def test_few_people_may_be_enough_for_the_schema_and_still_too_few_to_vote(tiny: Pack) -> None:
    plan = resolve({"privacy": {"epsilon": 2.0, "n_public": 5000}, "method": {"select": "votes"}})
    budget = strict_budget(plan, tiny)
    with pytest.raises(InfeasibleError, match="outweighs what their texts say in the step votes"):
        check_people(plan, fewest_of(budget) // 2, budget)


@pytest.mark.parametrize("name", pack_names())
@pytest.mark.parametrize("declared", [{"n_public": 150}, {}])
def test_every_pack_that_ships_is_usable_from_150_people(name: str, declared: dict[str, int]) -> None:
    pack, plan = find_pack(name), resolve({"privacy": declared})
    budget = strict_budget(plan, pack)
    assert fewest_of(budget) <= 150
    check_people(plan, fewest_of(budget), budget)


@pytest.mark.parametrize("name", pack_names())
def test_a_declared_handful_is_refused_and_the_border_lies_between_60_and_100(name: str) -> None:
    pack, plan = find_pack(name), resolve({"privacy": {"n_public": 50}})
    budget = strict_budget(plan, pack)
    with pytest.raises(InfeasibleError):
        check_declared(plan, budget, 50)
    assert 60 < fewest_of(budget) < 100


@given(st.floats(0.5, 8))
def test_with_a_larger_epsilon_fewer_people_are_needed(epsilon: float) -> None:
    pack = find_pack("generic")
    fewest = [
        fewest_of(strict_budget(plan, pack))
        for plan in (resolve({"privacy": {"epsilon": e}}) for e in (epsilon, 1.5 * epsilon))
    ]
    assert fewest[1] < fewest[0]


def test_a_plan_without_any_share_is_refused(tiny: Pack) -> None:
    with pytest.raises(UsageError):
        strict_budget(
            resolve({"privacy": {"shares": dict.fromkeys(("size", "labels", "cards", "sketch"), 0)}}), tiny
        )


@pytest.mark.parametrize("name", pack_names())
@pytest.mark.parametrize("epsilon", [1.0, 2.0, 8.0])
def test_the_number_of_people_that_a_plan_asks_for_carries_every_pack_that_ships(
    name: str, epsilon: float
) -> None:
    pack = find_pack(name)
    for select in ("sketch", "votes"):
        declared = resolve({"privacy": {"epsilon": epsilon, "n_public": 1}, "method": {"select": select}})
        budget = strict_budget(declared, pack)
        enough = fewest_of(budget)
        check_people(declared, enough, budget)
        with pytest.raises(InfeasibleError):
            check_people(declared, int(0.9 * enough), budget)


@pytest.mark.parametrize("name", pack_names())
def test_people_who_are_counted_with_noise_are_enough_even_when_the_count_comes_out_low(name: str) -> None:
    pack, plan = find_pack(name), Plan()
    budget = strict_budget(plan, pack)
    sigma = budget.release("size").sigma
    lowest = safe_size(fewest_of(budget) - LOWER_END * sigma, sigma)
    assert not is_too_few(lowest, budget)
