"""An audit is void where the sides differ without the corpus, and no audit where it finds no planted leak."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg.audit import control
from rpsg.audit.attacks import ATTACKS
from rpsg.audit.blind import blind_baseline
from rpsg.audit.control import fitted_on_members, leaky, with_words_dropped
from rpsg.audit.copies import copies, near_copies
from rpsg.audit.finding import Finding, not_run, of_scores
from rpsg.audit.run import audit, audit_subject, find_attacks
from rpsg.audit.subject import NotRunError, Subject, subject_of
from rpsg.cli.audit import show
from rpsg.cli.console import Screen
from rpsg.errors import PlugInError, RpsgError, UsageError
from rpsg.report.audit_page import audit_page
from rpsg.stages.canaries import make_canaries
from rpsg.testing.lab import plugged
from rpsg.testing.planted import WORDS, subject, texts

if TYPE_CHECKING:
    from collections.abc import Callable


def test_sides_that_were_split_by_chance_cannot_be_told_apart_blindly() -> None:
    void = sum(blind_baseline(subject(people=60, seed=seed)).is_void for seed in range(20))
    assert void <= 1


def test_members_of_another_time_make_the_audit_void() -> None:
    """A shift of words between the sides: a quarter of the members' words are in fashion later."""
    rows, later = texts(400, 1), texts(200, 2, WORDS[::-1])
    mixed = [" ".join([*a.split()[:20], *b.split()[:6]]) for a, b in zip(rows[:200], later, strict=True)]
    found = audit(texts(60, 3), mixed, rows[200:], attacks=["refer", "phantom"])
    assert found.verdict == "not run"
    assert found.baseline.is_void
    assert "without the corpus" in found.reason


def test_held_out_texts_that_a_model_rewrote_make_the_audit_void() -> None:
    draw = np.random.default_rng(1)
    rows = texts(400, 1)
    rewritten = [with_words_dropped(text, draw, 0.2).replace(".", "!") for text in rows[200:]]
    assert blind_baseline(subject_of(texts(60, 3), rows[:200], rewritten)).is_void


def test_sides_that_were_filtered_by_their_words_make_the_audit_void() -> None:
    rows = texts(900, 1)
    word = WORDS[8]
    members = [text for text in rows if word in text.split()][:100]
    others = [text for text in rows if word not in text.split()][:100]
    assert blind_baseline(subject_of(texts(60, 3), members, others)).is_void


def test_the_blind_baseline_never_sees_the_corpus() -> None:
    assert "synthetic" not in inspect.getsource(sys.modules[blind_baseline.__module__])
    one, other = (replace(subject(leak=n), seed=1) for n in (0, 100))
    assert blind_baseline(one) == blind_baseline(other)


def test_the_first_control_is_the_members_own_texts_and_the_planted_canaries() -> None:
    case = subject(people=60, canaries=make_canaries(20, texts(50, 9)))
    inside = case.is_in[case.owner]
    own = {text for text, is_in in zip(case.texts, inside, strict=True) if is_in}
    assert case.canaries is not None
    assert set(fitted_on_members(case).synthetic) == own | set(case.canaries.planted)


def test_the_first_control_takes_some_people_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "PEOPLE", 30)
    few = fitted_on_members(subject(people=60))
    assert (few.people, int(few.is_in.sum()), len(few.synthetic)) == (60, 30, 30)
    assert all(text in few.texts for text in few.synthetic)


def test_the_second_control_leaks_one_text_in_twenty_with_words_dropped() -> None:
    case = subject(size=200)
    control = leaky(case)
    new = [text for text in control.synthetic if text not in set(case.synthetic)]
    assert len(control.synthetic) == 200
    assert len(new) == 10
    pairs = zip(control.texts, control.owner, strict=True)
    members = [set(text.split()) for text, person in pairs if control.is_in[person]]
    assert all(any(set(text.split()) <= own for own in members) for text in new)


def test_who_is_a_member_of_the_second_control_is_drawn_anew() -> None:
    case = subject(people=200, canaries=make_canaries(100, texts(200, 9)))
    control = leaky(case)
    assert case.canaries is not None
    assert control.canaries is not None
    assert control.canaries.canaries == case.canaries.canaries
    pairs = ((case.is_in, control.is_in), (case.canaries.is_in, control.canaries.is_in))
    for before, after in map(np.array, pairs):
        assert before.sum() == after.sum()
        assert 0.3 < (before == after).mean() < 0.7
    assert (leaky(case).is_in == control.is_in).all()


@pytest.mark.parametrize("leak", [0, 5])
def test_a_leak_of_the_corpus_does_not_help_to_find_the_planted_one(leak: int) -> None:
    """Five planted texts of a hundred are missed, and are not found because of five that leaked already."""
    for seed in range(5):
        found = audit(*_sides(people=100, size=100, leak=leak, seed=seed), attacks=["copies", "near-copies"])
        assert {control.outcome for control in found.controls["leaky"]} == {"missed"}
        assert found.verdict == "not run"


def blind(given: Subject) -> Finding:
    """An attack with no power: its scores are noise."""
    return of_scores("blind", given, np.random.default_rng(0).normal(size=len(given.texts)))


def test_an_attack_that_finds_no_planted_leak_counts_as_not_run() -> None:
    found = audit_subject(subject(size=600), {"blind": blind, "near-copies": find_attacks()["near-copies"]})
    assert found.finding("blind").verdict == "not run"
    assert "did not find the members" in found.finding("blind").reason
    assert found.finding("near-copies").verdict == "no violation seen"


def test_an_attack_that_guesses_nobody_is_shown_with_its_bound(capsys: pytest.CaptureFixture[str]) -> None:
    """``noise-left`` measures the noise: it has neither guesses nor an AUC."""
    found = Finding("measures", "no violation seen", epsilon_lower=0.25, epsilon_most=3.0)
    show(Screen.stdout(), audit_subject(subject(), {"measures": lambda _: found}), None)
    assert re.search(r"\n *measures +≥ 0\.25 ", capsys.readouterr().out)


def test_an_attack_that_does_not_count_is_shown_without_figures(capsys: pytest.CaptureFixture[str]) -> None:
    report = audit_subject(subject(size=600), {"blind": blind, "near-copies": find_attacks()["near-copies"]})
    assert report.finding("blind").auc is not None
    assert re.search(r"\n  blind +not run\n", str(report))
    assert f"Not run: blind. {report.finding('blind').reason[:20]}" in " ".join(str(report).split())
    page = audit_page(report.to_json())
    row = page[page.index(">blind<") :].partition("</tr>")[0]
    assert re.findall(r">([^<>]+)<", row) == ["blind", "not run"]
    show(Screen.stdout(), report, None)
    shown = capsys.readouterr().out
    (line,) = (line for line in shown.splitlines() if line.split()[:1] == ["blind"] and "%" not in line)
    assert line.split() == ["blind", "not", "run"]
    assert re.search(r"near-copies +0\.\d\d", shown)


def test_an_audit_of_attacks_without_power_is_not_run() -> None:
    found = audit_subject(subject(), {"blind": blind})
    assert found.verdict == "not run"


def test_an_audit_that_would_have_missed_one_leaked_text_in_twenty_is_not_run() -> None:
    found = audit(*_sides(people=40, size=40), attacks=["near-copies"])
    assert found.controls["fitted on members"][0].outcome == "caught"
    assert found.controls["leaky"][0].outcome == "missed"
    assert found.verdict == "not run"
    assert "one text in twenty" in found.reason


def test_no_attack_has_an_outcome_of_its_own_in_an_audit_that_missed_the_planted_leak() -> None:
    found = audit(*_sides(people=40, size=40), attacks=["near-copies", "identities"])
    assert found.finding("near-copies").verdict == "not run"
    assert found.finding("near-copies").reason == "The audit as a whole has no verdict."
    assert "contains no e-mail address" in found.finding("identities").reason
    assert "no violation seen" not in found.to_json()


def test_no_attack_refutes_anything_where_the_sides_differ_without_the_corpus() -> None:
    rows, later = texts(400, 1), texts(200, 2, WORDS[::-1])
    mixed = [" ".join([*a.split()[:20], *b.split()[:6]]) for a, b in zip(rows[:200], later, strict=True)]
    found = audit([*mixed, *texts(60, 3)], mixed, rows[200:], attacks=["refer", "near-copies"])
    assert max(each.epsilon_lower or 0.0 for each in found.findings) > 1
    assert [each.verdict for each in found.findings] == ["not run", "not run"]
    assert '"refuted"' not in found.to_json()


def _sides(people: int, size: int, leak: int = 0, seed: int = 4) -> tuple[list[str], list[str], list[str]]:
    rows = texts(2 * people + size, seed)
    members = rows[:people]
    return [*members[:leak], *rows[2 * people + leak :]], members, rows[people : 2 * people]


def test_a_corpus_that_learnt_nothing_passes_with_its_limits_told() -> None:
    found = audit(*_sides(people=300, size=800), attacks=["refer", "near-copies", "phantom"])
    assert found.verdict == "no violation seen"
    told = " ".join(found.words())
    assert "no proof" in told
    more = len(ATTACKS) - 3
    assert f"Only these attacks were chosen: refer, near-copies, phantom. RPSG has {more} more" in told
    assert "one text in twenty" in told
    assert "95 of 100" in told


def test_a_leaking_corpus_is_refuted_and_the_bound_is_told() -> None:
    found = audit(
        *_sides(people=300, size=300, leak=120), attacks=["refer", "near-copies"], epsilon=1, delta=1e-6
    )
    assert found.verdict == "refuted"
    assert "the claim is epsilon 1" in found.reason
    assert max(f.epsilon_lower or 0 for f in found.findings) > 1


def _failing(error: BaseException) -> Callable[[Subject], Finding]:
    def attack(_: Subject) -> Finding:
        raise error

    return attack


def test_the_words_of_an_attack_that_is_not_ours_are_not_told_and_it_ends_no_other() -> None:
    """Whatever it raises or gives: its words may quote a private text."""
    text = "a private text"
    raised = (RuntimeError(text), RpsgError(text), NotRunError(text), SystemExit(text))
    theirs: dict[str, Callable[[Subject], Finding]] = {
        **{type(error).__name__: _failing(error) for error in raised},
        "says": lambda _: not_run("says", text),
        "refer": _failing(NotRunError(text)),  # a function of the caller with a name of ours
        "details": lambda case: replace(
            copies(case), reason=text, details={text: 1}, verdict="no violation seen"
        ),
    }
    found = audit_subject(subject(size=600), {**theirs, "near-copies": near_copies})
    assert text not in found.to_json(with_matches=True) + str(found) + " ".join(found.words())
    assert text not in audit_page(found.to_json(with_matches=True))
    for name in ("RuntimeError", "RpsgError", "SystemExit"):
        assert f"The attack '{name}' failed ({name} in test_controls.py" in found.finding(name).reason
    assert "NotRunError in test_controls.py" in found.finding("NotRunError").reason
    assert {found.finding(name).verdict for name in theirs} == {"not run", "no violation seen"}
    assert found.finding("near-copies").verdict == "no violation seen"


def test_an_attack_of_ours_says_why_it_has_no_result() -> None:
    found = audit_subject(subject(), find_attacks(["extraction"]))
    assert found.finding("extraction").reason == "No canaries were put into the data."


def test_who_interrupts_an_attack_ends_the_audit() -> None:
    with pytest.raises(KeyboardInterrupt):
        audit_subject(subject(), {"slow": _failing(KeyboardInterrupt())})


@pytest.mark.parametrize(
    ("attack", "said"), [(lambda _: 0.5, "gives no Finding"), (lambda _: 1 / 0, "failed (ZeroDivisionError")]
)
def test_an_attack_of_another_package_that_fails_is_named_with_its_package(
    attack: Callable[[Subject], Any], said: str
) -> None:
    with plugged("attacks", {"theirs": attack}):
        found = audit_subject(subject(size=200), find_attacks(["theirs"]))
    assert "The attack 'theirs' (rpsg.testing.lab:lent" in found.finding("theirs").reason
    assert "from the package lent-" in found.finding("theirs").reason
    assert said in found.finding("theirs").reason
    assert "pip uninstall lent-" in found.finding("theirs").reason


def test_what_is_not_a_function_is_no_attack() -> None:
    with plugged("attacks", {"theirs": 7}), pytest.raises(PlugInError, match="is not a function"):
        find_attacks(["theirs"])


def test_an_unknown_attack_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="no attack 'magic'") as told:
        audit(*_sides(people=40, size=40), attacks=["magic"])
    assert "phantom" in told.value.hint


def test_each_attack_gets_its_share_of_the_error_that_all_together_may_make() -> None:
    levels = []

    def noted(given: Subject) -> Finding:
        levels.append(given.level)
        return blind(given)

    audit(*_sides(people=40, size=40), attacks={"a": noted, "b": noted, "c": noted, "d": noted})
    assert set(levels) == {0.05 / 4}


def test_attacks_on_canaries_cost_the_others_nothing_where_there_are_none() -> None:
    levels = []

    def noted(given: Subject) -> Finding:
        levels.append(given.level)
        return blind(given)

    found = find_attacks(["extraction", "exposure"])
    audit(*_sides(people=40, size=40), attacks={**found, "a": noted, "b": noted})
    assert set(levels) == {0.05 / 2}


def test_every_attack_of_the_table_can_be_found() -> None:
    assert list(find_attacks()) == list(ATTACKS)
    assert all(callable(attack) for attack in find_attacks().values())
