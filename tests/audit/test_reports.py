"""The report as data: whole, plain, and without a promise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rpsg.audit
from rpsg.audit.claim import Claim
from rpsg.audit.control import Control
from rpsg.audit.run import audit_subject, find_attacks
from rpsg.testing.planted import subject

if TYPE_CHECKING:
    from rpsg.audit.report import AuditReport


@pytest.fixture(scope="module")
def reports() -> list[AuditReport]:
    attacks = find_attacks(["refer", "near-copies", "copies", "extraction"])
    return [audit_subject(subject(people=100, size=600, leak=leak), attacks) for leak in (0, 60)]


def test_a_report_is_json_and_holds_no_private_text(reports: list[AuditReport]) -> None:
    for report in reports:
        told = report.to_json(with_matches=True)
        assert json.loads(told)["form"] == "rpsg-audit/1"
        assert not any(text in told for text in subject(people=100, size=600).texts)


def test_matches_are_told_only_where_they_are_asked_for(reports: list[AuditReport]) -> None:
    without, with_them = (json.loads(reports[1].to_json(with_matches=flag)) for flag in (False, True))
    assert all("matches" not in finding for finding in without["findings"])
    assert any(finding["matches"] for finding in with_them["findings"])


def test_the_word_safe_does_not_occur(reports: list[AuditReport]) -> None:
    assert all("safe" not in report.to_json().lower() for report in reports)
    sources = Path(rpsg.audit.__path__[0]).glob("*.py")
    assert all("safe" not in source.read_text("utf-8").lower() for source in sources)


def test_attacks_that_were_not_run_are_named(reports: list[AuditReport]) -> None:
    assert any("extraction" in line and "say nothing about the corpus" in line for line in reports[0].words())


def test_an_audit_that_rests_on_its_canaries_says_so(reports: list[AuditReport]) -> None:
    """Of a small corpus only a canary may show a leak; a limit in canaries is none in people."""
    quiet = replace(reports[0].finding("refer"), limit=0.2)
    canaries = replace(quiet, name="extraction", limit=0.02)
    for caught, rests in (("extraction", True), ("refer", False)):
        controls = [
            Control(name, "caught" if name == caught else "missed") for name in ("refer", "extraction")
        ]
        report = replace(reports[0], findings=(quiet, canaries), controls={"leaky": tuple(controls)})
        told = " ".join(report.words())
        assert ("this audit relies on its canaries" in told) == rests
        assert ("2 % of the planted canaries had leaked" in told) == rests
        assert ("the texts of 20 % of the members stood out" in told) != rests


def test_a_refuted_claim_is_said_first(reports: list[AuditReport]) -> None:
    claimed = replace(reports[1], claim=Claim.of(1.0, 1e-6, None))
    assert claimed.words()[0].startswith("The claim is refuted: the corpus reveals more")


def test_without_a_claim_the_report_speaks_of_none(reports: list[AuditReport]) -> None:
    assert not reports[1].claim.is_made
    first = "The corpus reveals who was in the data: more was found out than chance explains."
    assert reports[1].words()[0] == first
    assert "no claim was made" in reports[1].reason
    assert not any("claim is refuted" in told for told in (reports[1].to_json(), str(reports[1])))
    assert "claim" not in reports[0].reason


def test_the_report_says_how_many_whole_texts_of_each_side_the_corpus_has(
    reports: list[AuditReport],
) -> None:
    assert "The corpus has 60 whole texts of members, and 0 of people held out" in reports[1].words()[2]
    assert reports[1].counts["texts of members in the corpus"] == 60
    assert not any("word for word. A short text" in line for line in reports[0].words())


def test_the_report_says_what_was_compared(reports: list[AuditReport]) -> None:
    assert dict(reports[0].counts) == {
        "synthetic texts": 600,
        "private texts": 200,
        "members": 100,
        "held out": 100,
        "reference texts": 0,
    }
    assert reports[0].allowed["auc"] == 0.5


def test_progress_tells_how_far_it_is_and_no_private_count() -> None:
    class Heard:
        def __init__(self) -> None:
            self.told: list[object] = []

        def start(self, stage: str, total: int | None = None) -> None:
            self.told.append((stage, total))

        def advance(self, n: int = 1, *, tokens: int = 0) -> None:
            self.told.append(n)

        def note(self, message: str) -> None:
            self.told.append(message)

        def done(self, **facts: object) -> None:
            self.told.append(facts)

    heard = Heard()
    audit_subject(subject(), find_attacks(["near-copies", "copies"]), heard)
    stages = ["attack the corpus", "attack a planted leak, 1 of 2", "attack a planted leak, 2 of 2"]
    asked = [event for stage in stages for event in ((stage, 2), 1, 1)]
    last = [("decide on a verdict", None), {}]
    assert heard.told == [("try without the corpus", None), *asked, *last]
