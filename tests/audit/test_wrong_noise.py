"""Whole runs whose noise is too small are refuted by their canaries, and those with the stated noise are not.

The method counts, for each of many public texts, the people whose text begins like it, and releases one
text with each noisy count. A canary of each beginning is then a trial of one person more or less: no corpus
tells more under its claim, and no attacker has it easier.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from rpsg.audit import canary_run
from rpsg.audit.finding import of_people
from rpsg.methods.base import Method
from rpsg.methods.dp_steps import ask
from rpsg.privacy.accounting import StagePlan, calibrate
from rpsg.privacy.histogram import RowCells
from rpsg.privacy.noise import RoundedGaussian
from rpsg.records import Candidate, Card, Pool
from rpsg.testing.lab import plugged
from rpsg.testing.planted import texts

if TYPE_CHECKING:
    from tests.conftest import Lab

    from rpsg.audit.finding import Finding
    from rpsg.audit.report import AuditReport
    from rpsg.audit.subject import Subject
    from rpsg.methods.base import Job
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.private import Private
    from rpsg.protocols import NoiseSource
    from rpsg.records import Document

EPSILON, WORDS = 2.0, 12
COUNTED = re.compile(r" counted (-?\d+)$")
CODE = re.compile(r"ref (\w+)\.?$")
PUBLIC = texts(10_200, 3)


def beginning(text: str) -> str:
    return " ".join(text.split()[:WORDS])


PLACES = {beginning(text): place for place, text in enumerate(PUBLIC)}


def counted(job: Job) -> Pool:
    """One text for each public beginning, with the noisy number of people who begin like it."""

    def cells(rows: tuple[Document, ...]) -> RowCells:
        held = [PLACES.get(beginning(row.text), len(PLACES)) for row in rows]
        return RowCells(np.arange(len(rows)), np.array(held, np.int64).reshape(-1, 1))

    def contributions() -> Private[RowCells]:
        return job.people.rows.map(cells)

    query = ask(job, "beginnings", "people by the beginning of their text", len(PLACES) + 1)
    noisy = job.kernel.release(query, contributions)
    return Pool(
        tuple(
            Candidate(place, f"{text} counted {noisy[place]}", Card({})) for place, text in enumerate(PLACES)
        )
    )


def budget(plan: Plan, _: object) -> Budget:
    stage = StagePlan("beginnings", share=1.0, rule="S2_one_cell", dim=len(PLACES) + 1)
    return calibrate(plan.privacy.epsilon, plan.privacy.delta, [stage], adjacency="add_remove")


ROLL_CALL = Method("roll-call", "counts of beginnings", "noisy_answers", counted, budget)


def read_off(subject: Subject) -> Finding:
    """The count beside the beginning of each canary; a text with its code counts as certain."""
    counts, codes = dict[str, float](), set[str]()
    for text in subject.synthetic:
        if number := COUNTED.search(text):
            counts[beginning(text)] = float(number[1])
        elif code := CODE.search(text):
            codes.add(code[1])
    canaries = subject.canaries
    assert canaries is not None
    scores = [
        1e6 if canary.code in codes else counts.get(beginning(canary.text), 0.0)
        for canary in canaries.canaries
    ]
    return of_people("read-off", subject, np.array(scores), np.array(canaries.is_in))


class TenthOfTheNoise:
    """A tenth of what is asked for, under the name of the source of every claim."""

    name = RoundedGaussian.name

    def draw(self, sigma: float, size: int) -> npt.NDArray[np.int64]:
        return RoundedGaussian().draw(sigma / 10, size)


class TenDrawsForOneCharge:
    """Ten answers where one was paid for, as ten copies of a folder once gave: known is their mean."""

    name = RoundedGaussian.name

    def draw(self, sigma: float, size: int) -> npt.NDArray[np.int64]:
        drawn = [RoundedGaussian().draw(sigma, size) for _ in range(10)]
        mean: npt.NDArray[np.float64] = np.mean(drawn, axis=0)
        return np.rint(mean).astype(np.int64)


def audited(lab: Lab, noise: NoiseSource, canaries: int) -> AuditReport:
    public = lab.file([{"text": text} for text in PUBLIC], "public.jsonl")
    rows = [{"text": text, "user": f"person-{i}"} for i, text in enumerate(texts(200, 1))]
    plan = lab.plan(
        lab.file(rows),
        method={"name": "roll-call"},
        data={"audit_canaries": canaries, "canary_texts": str(public)},
        privacy={"epsilon": EPSILON},
    )
    with plugged("methods", {"roll-call": ROLL_CALL}):
        return canary_run(plan, lab.folder / "audit", attacks={"read-off": read_off}, noise=noise)


def test_the_stated_noise_shows_no_violation(lab: Lab) -> None:
    report = audited(lab, RoundedGaussian(), 1000)
    assert report.verdict == "no violation seen"
    found = report.finding("read-off")
    assert (found.epsilon_lower or 0.0) <= EPSILON
    assert (found.epsilon_most or 0.0) > EPSILON
    assert 0.55 < (found.auc or 0.0) < 0.7


def test_a_tenth_of_the_noise_is_refuted_in_one_run(lab: Lab) -> None:
    report = audited(lab, TenthOfTheNoise(), 1000)
    assert report.verdict == report.finding("read-off").verdict == "refuted"
    assert (report.finding("read-off").epsilon_lower or 0.0) > EPSILON


@pytest.mark.slow
def test_ten_draws_for_one_charge_are_refuted_in_one_run(lab: Lab) -> None:
    """So little is missing that it takes more canaries: the noise is a third of what it should be."""
    report = audited(lab, TenDrawsForOneCharge(), 10_000)
    assert report.verdict == report.finding("read-off").verdict == "refuted"


def test_strict_with_its_stated_noise_shows_no_violation(lab: Lab) -> None:
    """A whole run of the method itself, with canaries, on a writer that knows nothing."""
    public = lab.file([{"text": text} for text in texts(400, 3)], "public.jsonl")
    rows = [{"text": text, "user": f"person-{i}"} for i, text in enumerate(texts(300, 1))]
    plan = lab.plan(
        lab.file(rows),
        corpus={"size": 300},
        data={"audit_canaries": 300, "canary_texts": str(public)},
        privacy={"epsilon": EPSILON},
    )
    report = canary_run(
        plan, lab.folder / "audit", attacks=("copies", "near-copies", "extraction", "exposure")
    )
    assert report.verdict == "no violation seen"
    assert report.finding("extraction").right == 0
    assert all(not found.epsilon_lower for found in report.findings)
