"""What weakens a claim is said in the ledger, the card, the summary and the report, not in the plan alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Lab


@pytest.mark.parametrize("method", ["strict", "split"])
def test_a_declared_exact_number_is_named_beside_the_claim(lab: Lab, method: str) -> None:
    plan = lab.plan(lab.file(lab.rows(600)), privacy={"n_public": 600}, method={"name": method})
    run = lab.run(plan)
    (declared,) = (line for line in run.ledger["cautions"] if "(600) was declared" in line)
    for name in ("summary.md", "README.md", "report.html"):
        assert declared in (run.release / name).read_text(encoding="utf-8")


def test_a_delta_too_large_for_the_noisy_number_is_named(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(1_500)), privacy={"delta": 1e-4})
    (line,) = (line for line in lab.run(plan).ledger["cautions"] if line.startswith("Delta"))
    assert "of them. Delta should be far below one divided by their number." in line


@pytest.mark.parametrize("method", ["floor", "paper"])
def test_where_nothing_is_claimed_there_is_nothing_to_weaken(lab: Lab, method: str) -> None:
    plan = lab.plan(lab.file(lab.rows(60)), method={"name": method}, corpus={"size": 10})
    assert lab.run(plan).ledger["cautions"] == []


@pytest.mark.parametrize("method", ["strict", "split"])
def test_that_few_people_were_counted_is_said_to_who_gets_the_release(lab: Lab, method: str) -> None:
    few = lab.run(lab.plan(lab.file(lab.rows(8)), method={"name": method}, split={"donors": 0.5}), "few")
    assert any(line.startswith("So few people were counted") for line in few.ledger["cautions"])
    many = lab.run(lab.plan(lab.file(lab.rows(1_500)), method={"name": method}), "many")
    assert not any(line.startswith("So few") for line in many.ledger["cautions"])
