"""A claim that promises little says so beside itself."""

from __future__ import annotations

from typing import Any

from rpsg.privacy.cautions import cautions

UNIT = {"unit": "user", "adjacency": "add_remove"}
STRONG = {"epsilon": 0.5, "delta": 1e-6, "epsilon_group": {"2": 1.0, "10": 6.0}}


def said(claim: dict[str, Any] | None = None, unit: dict[str, Any] | None = None, **numbers: Any) -> str:
    known = {"n_public": None, "counted": None, **numbers}
    return " | ".join(cautions({**STRONG, **(claim or {})}, {**UNIT, **(unit or {})}, **known))


def test_a_strong_claim_for_few_people_needs_no_caution() -> None:
    assert said(counted=20_000) == ""


def test_a_declared_exact_number_is_named_where_taking_part_is_to_be_hidden() -> None:
    assert "The exact number of people (512) was declared" in said(n_public=512)
    assert "The exact number of rows (512)" in said(unit={"unit": "record"}, n_public=512)
    assert said(unit={"adjacency": "replace_one"}, n_public=512) == ""


def test_a_delta_that_is_not_far_below_one_over_the_people_is_named() -> None:
    assert "may fail for about 0.2 of them" in said(counted=200_000)
    assert "Delta is 1e-06, and there are about 100001 people." in said(counted=100_001)
    assert said(counted=99_999) == ""


def test_the_declared_number_counts_when_there_is_one() -> None:
    assert "Delta" in said(unit={"adjacency": "replace_one"}, n_public=10**6)


def test_the_smallest_group_that_is_hardly_protected_is_named() -> None:
    groups = {"2": 4.32, "3": 6.87, "5": 12.6, "10": 30.7}
    assert "For a group of 5 people, epsilon is 12.6." in said({"epsilon_group": groups})


def test_an_epsilon_that_protects_little_says_so_once() -> None:
    told = cautions(
        {**STRONG, "epsilon": 9.0, "epsilon_group": {"2": 20.0}}, UNIT, n_public=None, counted=None
    )
    assert told == ["Epsilon is above 8, so the claim rules out little of what an attacker could learn."]
