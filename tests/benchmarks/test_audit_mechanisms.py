"""Every class of mechanism is attacked with many runs on the two inputs that it hides least.

With the noise that is planned for a claim no bound on mu exceeds that claim; with too little noise it does.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.privacy.histogram import Query
from rpsg.privacy.sensitivity import RULES

if TYPE_CHECKING:
    from rpsg.privacy.sensitivity import Adjacency

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
audits: Any = importlib.import_module("audit_mechanisms")
sys.path.pop(0)
GOLDEN = json.loads((Path(__file__).parents[1] / "privacy" / "golden" / "gaussian_dp.json").read_text())
#: A level at which secret noise fails a test once in 10^9 times.
LEVEL, TRIALS = 1e-9, 12_000
EVERY = [
    pytest.param(mechanism, adjacency, id=f"{mechanism.words}-{adjacency}")
    for mechanism in audits.CLASSES
    for adjacency in audits.ADJACENCIES
]


def bound(mechanism: Any, adjacency: Adjacency, part: float, planned: Any = None) -> float:
    planned = planned or mechanism.planned(adjacency)
    trials = audits.trials_of(mechanism, TRIALS)
    shown: float = audits.bound(*mechanism.scores(planned, adjacency, part, trials), LEVEL)
    return shown


@pytest.mark.parametrize(("mechanism", "adjacency"), EVERY)
def test_the_planned_noise_is_not_refuted_and_a_third_of_it_is(mechanism: Any, adjacency: Adjacency) -> None:
    claimed = math.sqrt(mechanism.planned(adjacency).mu2(adjacency))
    # All of delta, or what a threshold leaves of it, is for the noise.
    assert claimed == pytest.approx(GOLDEN["mu_star"]["1e-6"]["2"], rel=0.02)
    assert 0.0 < bound(mechanism, adjacency, 1.0) <= claimed
    assert bound(mechanism, adjacency, audits.TEN_DRAWS) > claimed


def test_every_rule_is_attacked() -> None:
    assert {mechanism.stage.rule for mechanism in audits.CLASSES} == set(RULES)
    assert any(mechanism.stage.selects for mechanism in audits.CLASSES)


@pytest.mark.parametrize(
    ("paid", "adjacency"),
    [
        ({"k": 1}, "add_remove"),
        ({"c": 1}, "add_remove"),
        ({"k": 1}, "replace_one"),
        ({"c": 1}, "replace_one"),
    ],
)
def test_votes_or_rows_that_were_not_paid_for_are_refuted(paid: dict[str, int], adjacency: Adjacency) -> None:
    """The noise of one vote or one row a person, where people have five and three."""
    votes = next(m for m in audits.CLASSES if (m.stage.k, m.stage.c) == (5, 3))
    cheap = audits.replace(votes, stage=audits.replace(votes.stage, **paid)).planned(adjacency)
    asked = audits.replace(votes.planned(adjacency), sigma=cheap.sigma)
    assert bound(votes, adjacency, 1.0, asked) > math.sqrt(cheap.mu2(adjacency))


@pytest.mark.parametrize("mechanism", [m for m in audits.CLASSES if m.cells], ids=lambda m: m.words)
def test_people_who_are_replaced_where_leaving_was_paid_for_are_refuted(mechanism: Any) -> None:
    """A replaced person changes a count by the root of two more than one who leaves."""
    paid = mechanism.planned("add_remove")
    shown = audits.bound(*mechanism.scores(paid, "replace_one", 1.0, 4 * TRIALS), LEVEL)
    assert math.sqrt(paid.mu2("add_remove")) < shown <= math.sqrt(paid.mu2("replace_one"))


def test_inputs_that_are_not_the_furthest_apart_are_no_attack() -> None:
    people = audits.replace(audits.CLASSES[0], other=((0,),))
    with pytest.raises(ValueError, match="not the furthest apart"):
        people.scores(people.planned("replace_one"), "replace_one", 1.0, 10)
    assert Query.of(people.planned("add_remove"), "people", 1).k == 1
