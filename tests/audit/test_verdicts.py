"""In which order the checks of an audit count: no refutation of a broken split, and none lost for silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rpsg.audit.blind import Baseline
from rpsg.audit.canaries import NOT_HELD_OUT
from rpsg.audit.control import Control
from rpsg.audit.finding import Finding, of_hits
from rpsg.audit.run import audit, find_attacks
from rpsg.audit.verdict import verdict_of
from rpsg.stages.canaries import make_canaries
from rpsg.testing.planted import texts

if TYPE_CHECKING:
    from rpsg.audit.subject import Subject

ALIKE, APART = Baseline(0.5, (0.45, 0.55), 200), Baseline(0.8, (0.75, 0.85), 200)
REFUTED = Finding("refer", "refuted", "It names more.", epsilon_lower=1.0, epsilon_if_swapped=0.0)
QUIET = Finding("refer", "no violation seen", epsilon_lower=0.0, epsilon_if_swapped=0.0)
EXCHANGED = Finding("lira", "no violation seen", epsilon_lower=0.0, epsilon_if_swapped=0.5)
CAUGHT, MISSED = Control("refer", "caught"), Control("refer", "missed")


@pytest.mark.parametrize("found", [QUIET, REFUTED])
@pytest.mark.parametrize(
    ("others", "baseline", "more", "said"),
    [
        ([], APART, {}, "without the corpus"),
        ([], ALIKE, {"canaries_held_out": 1}, "canary that was held out"),
        ([EXCHANGED], ALIKE, {}, "may have been swapped"),
        ([], ALIKE, {"repeats_held_out": True}, "fifty characters"),
    ],
)
def test_where_what_was_held_out_is_in_doubt_nothing_follows(
    found: Finding, others: list[Finding], baseline: Baseline, more: dict[str, Any], said: str
) -> None:
    verdict, reason = verdict_of([found, *others], baseline, [CAUGHT], **more)
    assert verdict == "not run"
    assert said in reason


@pytest.mark.parametrize(("leak", "aside"), [(MISSED, 0), (CAUGHT, 5), (MISSED, 5)])
def test_what_only_devalues_silence_takes_no_refutation_away(leak: Control, aside: int) -> None:
    assert verdict_of([QUIET], ALIKE, [leak], aside=aside)[0] == "not run"
    assert verdict_of([REFUTED], ALIKE, [leak], aside=aside)[0] == "refuted"


@pytest.mark.parametrize("what", ["is_of_few", "is_in_another_language"])
def test_nor_does_a_corpus_in_which_no_attack_could_find_the_leak(what: str) -> None:
    assert verdict_of([QUIET], ALIKE, [CAUGHT], **{what: True})[0] == "not run"
    assert verdict_of([REFUTED], ALIKE, [CAUGHT], **{what: True})[0] == "refuted"


@pytest.mark.parametrize(("held_out", "verdict"), [(3, "refuted"), (5, "not run")])
def test_a_few_copies_of_people_held_out_are_chance(held_out: int, verdict: str) -> None:
    rows = texts(700, 4)
    used, held = rows[:200], rows[200:400]
    corpus = [*used[:80], *held[:held_out], *rows[400:]]
    assert audit(corpus, used, held, attacks=["copies"]).verdict == verdict


def test_a_corpus_that_copies_a_tenth_of_those_held_out_refutes_nothing() -> None:
    """Eighty of 200 members are copied too, which alone would refute every claim up to an epsilon of 1."""
    rows = texts(700, 4)
    used, held = rows[:200], rows[200:400]
    report = audit([*used[:80], *held[:20], *rows[400:]], used, held, attacks=["copies"])
    assert (report.finding("copies").epsilon_lower or 0.0) > 0.5
    assert report.verdict == "not run"
    assert "people held out" in report.reason


def test_an_attack_that_names_those_held_out_voids_what_another_refutes() -> None:
    def opposite(given: Subject) -> Finding:
        return of_hits("opposite", given, given.is_in if given.is_control else ~given.is_in)

    rows = texts(600, 4)
    used, held = rows[:150], rows[150:300]
    attacks = {**find_attacks(["copies"]), "opposite": opposite}
    report = audit([*used[:80], *rows[300:]], used, held, attacks=attacks)
    assert (report.finding("copies").epsilon_lower or 0.0) > 1
    assert report.verdict == "not run"
    assert "opposite named more" in report.reason


def test_a_leak_that_is_found_counts_although_the_planted_one_is_missed() -> None:
    rows = texts(300, 4)
    used, held = rows[:100], rows[100:200]
    report = audit([*used[:40], *rows[240:]], used, held, attacks=["near-copies"])
    assert report.controls["leaky"][0].outcome == "missed"
    assert report.verdict == "refuted"


@pytest.mark.parametrize("attacks", [["copies", "extraction", "exposure"], ["copies"]])
@pytest.mark.parametrize("planted", [0, 3])
def test_a_canary_that_was_held_out_and_is_in_the_corpus_voids_the_audit(
    attacks: list[str], planted: int
) -> None:
    """Also if planted ones are there too, and if no attack looks for canaries."""
    rows = texts(1400, 4)
    made = make_canaries(60, texts(200, 9))
    held_out = next(c.text for c, is_in in zip(made.canaries, made.is_in, strict=True) if not is_in)
    corpus, used, held = rows[:600], rows[600:1000], rows[1000:]
    clean = audit([*corpus, *made.planted[:planted]], used, held, canaries=made, attacks=attacks)
    assert clean.reason != NOT_HELD_OUT
    report = audit([*corpus, *made.planted[:planted], held_out], used, held, canaries=made, attacks=attacks)
    assert (report.verdict, report.reason) == ("not run", NOT_HELD_OUT)
    assert {each.verdict for each in report.findings} == {"not run"}
