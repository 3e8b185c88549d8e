"""Inputs and plug-ins that are wrong, by mistake or on purpose: none makes a leak, and none hides one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg.audit.blind import blind_baseline
from rpsg.audit.claim import Claim
from rpsg.audit.copies import copied_of_few, repeats_held_out
from rpsg.audit.finding import Finding, Match, of_people, of_scores
from rpsg.audit.run import audit, audit_subject, find_attacks
from rpsg.audit.subject import Subject, subject_of
from rpsg.errors import DataError
from rpsg.testing.planted import WORDS, subject, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SOME = ("refer", "near-copies", "copies")
FIGURES: dict[str, Any] = {"epsilon_lower": 0.0, "epsilon_most": 3.0}


def by_place(given: Subject) -> Finding:
    """An attack that names whoever comes first."""
    return of_scores("by-place", given, -np.arange(len(given.texts), dtype=float))


def constant(given: Subject) -> Finding:
    return of_scores("constant", given, np.full(len(given.texts), 7.0))


def test_an_attack_that_ranks_by_the_order_of_its_input_names_nobody() -> None:
    rows = texts(400, 1)
    found = [by_place(subject_of(rows[:5], rows[:200], rows[200:], seed=seed)) for seed in range(40)]
    assert sum(each.epsilon_lower != 0.0 for each in found) <= 2


def test_scores_that_are_all_equal_show_nothing_with_any_seed() -> None:
    for seed in range(100):
        found = constant(replace(subject(), seed=seed))
        assert (found.epsilon_lower, found.guesses, found.right, found.auc) == (0.0, 0, 0, 0.5)
        assert found.verdict == "no violation seen"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_make_no_figure_that_is_none(value: float) -> None:
    case = subject()
    scores = np.random.default_rng(1).normal(size=len(case.texts))
    scores[::3] = value
    for found in (of_scores("odd", case, scores), of_people("odd", case, scores, case.is_in)):
        json.dumps([found.auc, found.auc_interval, found.epsilon_lower, found.curve], allow_nan=False)
        assert found.epsilon_lower == 0.0


@pytest.mark.parametrize(
    "figures",
    [
        {"epsilon_lower": float("nan")},
        {"epsilon_lower": float("inf")},
        {"epsilon_lower": -1.0},
        {"auc": float("nan")},
        {"details": {"seen": {1, 2}}},
        {"matches": (Match(0, 10**9, 1.0),)},
        {"matches": (Match(-1, 0, 1.0),)},
        {"matches": (1,)},
        {"matches": None},
        {"epsilon_lower": "3"},
        {"epsilon_most": "3"},
        {"epsilon_lower": 1e308},
        {"epsilon_if_swapped": "3"},
        {"auc": "high"},
        {"limit": [0.1]},
        {"basis": None},
        {"rates": (1,)},
        {"curve": "abc"},
        {"reason": ["why"]},
        {"reason": "\ud800"},
    ],
)
def test_a_finding_whose_figures_cannot_be_counts_as_not_run(figures: dict[str, Any]) -> None:
    def odd(_: Subject) -> Finding:
        return Finding("odd", "refuted", **{**FIGURES, **figures})

    report = audit_subject(subject(), {"odd": odd})
    assert report.verdict == "not run"
    assert "impossible figures" in report.finding("odd").reason
    json.loads(report.to_json(with_matches=True), parse_constant=pytest.fail)


def test_a_verdict_follows_from_the_bound_and_not_from_what_an_attack_says() -> None:
    def boasts(_: Subject) -> Finding:
        return Finding("boasts", "refuted", "It is a leak.", **FIGURES)

    def hides(_: Subject) -> Finding:
        return Finding("hides", "no violation seen", epsilon_lower=2.0, epsilon_most=3.0)

    assert audit_subject(subject(), {"boasts": boasts}).verdict == "not run"
    assert audit_subject(subject(), {"hides": hides}).verdict == "refuted"


@pytest.mark.parametrize("array", ["is_in", "owner", "row"])
def test_an_attack_cannot_change_what_later_ones_look_at(array: str) -> None:
    """Members exchanged with people held out, or texts with other people, would hide a leak."""

    def exchanges(given: Subject) -> Finding:
        getattr(given, array)[:] = getattr(given, array)[::-1].copy()
        return constant(given)

    def sorts(given: Subject) -> Finding:
        getattr(given, array).sort()
        return constant(given)

    case = subject(leak=60)
    attacks = {"exchanges": exchanges, "sorts": sorts, **find_attacks(["copies"])}
    report = audit_subject(case, attacks)
    assert report.verdict == "refuted"
    assert report.finding("exchanges").verdict == report.finding("sorts").verdict == "not run"


@pytest.mark.parametrize("unseen", ["\u200b", "\u00ad", "\u2060", "\u034f", "\x00"])
def test_characters_that_nobody_sees_hide_no_copy(unseen: str) -> None:
    rows = texts(900, 4)
    used, held, corpus = rows[:300], rows[300:600], rows[600:]
    copied = [*(unseen.join(text) for text in used[:60]), *corpus[60:]]
    assert audit(copied, used, held, attacks=SOME).verdict == "refuted"


def test_forms_that_chance_repeats_are_not_called_public_or_used() -> None:
    """Of notes that differ in a few numbers, a corpus that never saw them repeats many."""
    draw = np.random.default_rng(1)
    rows = [
        f"Seen today for a routine check. Blood pressure {draw.integers(11, 16)}0, pulse {pulse}, "
        f"review in {draw.integers(30)} days."
        for pulse in draw.integers(60, 100, 900)
    ]
    report = audit(rows[600:], rows[:300], rows[300:600], attacks=SOME)
    assert report.verdict == "not run"
    assert "by chance" in report.reason


def test_functions_share_the_error_even_under_names_of_attacks_that_lack_their_aid() -> None:
    levels = []

    def noted(given: Subject) -> Finding:
        levels.append(given.level)
        return constant(given)

    rows = texts(160, 1)
    audit(rows[:40], rows[40:100], rows[100:], attacks={"names": noted, "closest": noted, "tuned": noted})
    assert set(levels) == {0.05 / 3}


def test_matches_are_named_by_the_row_that_was_given() -> None:
    rows = texts(300, 3)
    members, others = ["", "two wrote this", *rows[:100]], ["two wrote this", *rows[100:200]]
    copied = [rows[7], rows[50]]
    found = audit([*copied, *rows[200:]], members, others, attacks=["near-copies"]).finding("near-copies")
    first = [match for match in found.matches if match.similarity == 1.0]
    assert sorted((*members, *others)[match.private] for match in first) == sorted(copied)


def test_a_reference_that_holds_texts_of_one_side_is_not_called_a_leak() -> None:
    """The held-out people are likely under it, so members seem likely under the corpus."""
    rows = texts(600, 5)
    corpus, members, others = rows[:200], rows[200:400], rows[400:]
    report = audit(corpus, members, others, reference=[*others[:150], *texts(50, 6)], attacks=SOME)
    assert report.verdict == "not run"
    assert report.baseline.signs == ("people who are left out",)
    assert "or the reference has texts of one side" in report.reason
    assert "150 private texts are also in the reference; they were left out of both." in report.notes
    assert (report.counts["reference texts"], report.counts["held out"]) == (50, 50)
    with pytest.raises(DataError, match="30 people on each side"):
        audit(corpus, members, others, reference=others)


@pytest.mark.parametrize("side", ["members", "reference"])
def test_who_leaked_cannot_be_hidden_by_copies_elsewhere(side: str) -> None:
    rows = texts(900, 4)
    used, held, corpus = rows[:300], rows[300:600], rows[600:]
    copied = [*used[:60], *corpus[60:]]
    hidden = {"members": ([*used, *used[:60]], None), "reference": (used, [*used[:60], *texts(300, 6)])}
    members, reference = hidden[side]
    report = audit(copied, members, held, reference=reference, attacks=SOME)
    assert report.verdict == "not run"
    assert report.baseline.signs == ("people who are left out",)


@pytest.mark.parametrize("added", ["people held out", "the reference"])
def test_nor_by_as_many_copies_of_both_sides(added: str) -> None:
    """Then as many people are left out on each side as chance explains, but the corpus has their texts."""
    rows = texts(700, 4)
    used, held, others = rows[:200], rows[200:400], rows[400:]
    leaking = [*used[:40], *others[:60]]
    more = [*others[60:], *used[:40], *held[:40]] if added == "the reference" else None
    both = held if more else [*held, *used[:40]]
    report = audit(leaking, used, both, reference=more, attacks=["refer", "copies"])
    assert report.verdict == "not run"
    assert "from 40 texts that the audit leaves out" in report.reason


def test_nor_by_nearly_the_same_texts_of_both_sides() -> None:
    """What the corpus repeats is then nobody's own, and both copies of it are equally near."""
    rows = texts(1100, 4)
    leaked, own, held, corpus, ends = rows[:20], rows[40:360], rows[360:680], rows[680:940], rows[940:]
    used, nearly = ([f"{a} {b.split()[0]}" for a, b in zip(leaked, ends[k:], strict=False)] for k in (0, 40))
    report = audit([*leaked, *corpus], [*used, *own], [*nearly, *held], attacks=["refer", "copies"])
    assert report.verdict == "not run"
    assert "in each case a few others wrote nearly the same text" in report.reason


def test_phrases_of_a_few_people_do_not_make_an_audit_void() -> None:
    rows = texts(900, 4)
    phrase = [" ".join(text.split()[:12]) for text in rows[:60]]
    used = [f"{phrase[i // 2]} {text}" if i < 120 else text for i, text in enumerate(rows[60:360])]
    corpus = [f"{phrase[i % 60]} {text}" for i, text in enumerate(rows[660:])]
    case = subject_of(corpus, used, rows[360:660])
    assert (len(phrase[0]) > 50, copied_of_few(case)) == (True, 0)


def test_forms_that_several_people_send_do_not_make_an_audit_void() -> None:
    """A passage that people write who are looked at says nothing about those who are left out."""
    rows = texts(500, 4)
    form = "Please close my account at the end of the month, and confirm it by e-mail. "
    used = [*[form] * 20, *(form + row for row in rows[:180])]
    held = [*[form] * 20, *(form + row for row in rows[180:360])]
    report = audit([form + row for row in rows[360:]], used, held, attacks=["refer", "copies"])
    assert "leaves out" not in report.reason


def test_a_reference_that_is_near_to_one_side_makes_the_audit_void() -> None:
    rows = texts(600, 5)
    corpus, members, others = rows[:200], rows[200:400], rows[400:]
    near = [" ".join(text.split()[1:]) for text in others]
    report = audit(corpus, members, others, reference=near, attacks=SOME)
    assert report.verdict == "not run"
    assert report.baseline.signs == ("similarity to the reference",)


def _of_people(sizes: Sequence[int], rows: list[str], name: str) -> tuple[list[str], list[str]]:
    """So many texts of each person, and the person of each."""
    units = [f"{name}{i}" for i, size in enumerate(sizes) for _ in range(size)]
    return [rows.pop() for _ in units], units


def test_members_with_more_texts_each_make_the_audit_void() -> None:
    """A person has the largest score of their texts, so more texts are a larger score."""
    rows = texts(900, 7)
    members, own = _of_people([4] * 100, rows, "m")
    others, held = _of_people([1] * 100, rows, "o")
    report = audit(rows, members, others, member_units=own, nonmember_units=held, attacks=["refer"])
    assert report.verdict == "not run"
    assert "how many texts a person has" in report.reason


@pytest.mark.parametrize(
    ("changed", "sign"),
    [
        (str.upper, "capital letters"),
        (lambda text: text.replace(" ", "\n\n"), "white space"),
        (lambda text: text + "\u2009", "characters outside ASCII"),
        (lambda text: " ".join(text.split()[:20]), "how many words a text has"),
    ],
)
def test_sides_of_another_form_make_the_audit_void(changed: Callable[[str], str], sign: str) -> None:
    rows = texts(400, 8)
    found = blind_baseline(subject_of(texts(60, 3), rows[:200], list(map(changed, rows[200:]))))
    assert sign in found.signs
    assert found.is_void


def test_a_small_group_that_is_on_one_side_alone_makes_the_audit_void() -> None:
    """Forty of 600 members write of a news item that the corpus knows too: no AUC shows so few."""
    rows = texts(1500, 9)
    news = "the harbour bridge closed on monday"
    members = [f"{text} {news}" if i < 40 else text for i, text in enumerate(rows[:600])]
    corpus = [f"{news} {text}" if i < 100 else text for i, text in enumerate(rows[1200:])]
    report = audit(corpus, members, rows[600:1200], reference=texts(400, 10), attacks=["refer", "passage"])
    assert max(found.epsilon_lower or 0.0 for found in report.findings) > 0.0
    assert report.baseline.interval[0] < 0.5
    assert report.verdict == "not run"
    assert "small group" in report.reason


def test_one_person_with_a_thousand_texts_makes_an_honest_split_void_no_more_often() -> None:
    void = 0
    for seed in range(20):
        rows = texts(1200, seed)
        members, own = _of_people([1000, *[1] * 99], rows, "m")
        others, held = _of_people([1] * 100, rows, "o")
        case = subject_of(rows, members, others, member_units=own, nonmember_units=held, seed=seed)
        void += blind_baseline(case).is_void
    assert void <= 1


def test_exchanged_files_are_not_an_audit_without_a_violation() -> None:
    rows = texts(900, 4)
    used, held, corpus = rows[:300], rows[300:600], rows[600:]
    copied = [*used[:60], *corpus[60:]]
    assert audit(copied, used, held, attacks=SOME).verdict == "refuted"
    report = audit(copied, held, used, attacks=SOME)
    assert report.verdict == "not run"
    assert "may have been swapped" in report.reason


def test_where_people_held_out_are_copied_too_nothing_was_held_out() -> None:
    """As many members as others are copied, so no attack names more members than chance allows."""
    rows = texts(1200, 4)
    used, held, corpus = rows[:400], rows[400:800], rows[800:]
    for copied in ([*used, *held], [*used[:30], *held[:30], *corpus]):
        report = audit(copied, used, held, attacks=SOME)
        assert report.verdict == "not run"
    assert "people held out" in report.reason


@pytest.mark.parametrize("leak", ["word for word", "paraphrased"])
def test_nor_if_no_attack_that_was_chosen_looks_for_copies(leak: str) -> None:
    """Paraphrases have no fifty characters in a row of a text, but half of its runs of three words."""
    rows, others = texts(1100, 4), texts(100, 9)
    used, held, corpus = rows[:400], rows[400:800], rows[800:]
    copied = [*used[:30], *held[:30]]
    if leak == "paraphrased":
        copied = [_paraphrased(text, other.split()) for text, other in zip(copied, others, strict=False)]
    report = audit([*copied, *corpus], used, held, attacks=["refer", "lira"])
    assert report.verdict == "not run"
    assert "people held out" in report.reason


def _paraphrased(text: str, others: Sequence[str]) -> str:
    """Every sixth word is exchanged."""
    return " ".join(others[i % len(others)] if i % 6 == 5 else word for i, word in enumerate(text.split()))


def test_what_is_as_near_to_the_reference_or_to_a_member_is_not_that_of_people_held_out() -> None:
    rows, others = texts(1100, 4), texts(100, 9)
    used, held, corpus = rows[:400], rows[400:800], rows[800:]
    near = [_paraphrased(text, other.split()) for text, other in zip(held[:30], others, strict=False)]
    assert repeats_held_out(subject_of([*near, *corpus], used, held))
    again = [_paraphrased(text, other.split()) for text, other in zip(near, others[40:], strict=False)]
    assert not repeats_held_out(subject_of([*near, *corpus], [*again, *used], held))
    assert not repeats_held_out(subject_of([*near, *corpus], used, held, reference=again))


@pytest.mark.parametrize(("copied", "verdict"), [(0, "no violation seen"), (40, "refuted")])
def test_forms_that_everybody_fills_in_are_no_copies_of_people_held_out(copied: int, verdict: str) -> None:
    """All are alike, so each person held out is also alike synthetic texts to which no member is nearest."""
    asked = ("The item I bought was", "The thing I liked most", "What could be better is", "I would tell")
    draw = np.random.default_rng(3)
    rows = [
        ". ".join(f"{question} {' '.join(draw.choice(WORDS, 3))}" for question in asked) for _ in range(1200)
    ]
    used, held, corpus = rows[:400], rows[400:800], rows[800:]
    report = audit([*used[:copied], *corpus[copied:]], used, held, attacks=["copies", "near-copies"])
    assert report.verdict == verdict, report.reason


def test_a_corpus_of_one_text_refutes_nothing() -> None:
    rows = texts(400, 4)
    for one in (rows[0], "a"):
        found = audit([one] * 100, rows[:60], rows[60:120])
        assert found.verdict != "refuted"
        assert not any("were chosen" in note for note in found.notes), "all of them were"


def test_texts_without_a_word_in_common_are_audited_too() -> None:
    rows = [f"a{i} b{i} c{i} d{i} e{i}" for i in range(200)]
    assert audit(rows[:40], rows[40:120], rows[120:], attacks=SOME).verdict != "refuted"


@pytest.mark.parametrize(
    "claim",
    [
        Claim.of(0.0, 0.0, None),
        Claim.of(0.0, 1e-300, None),
        Claim.of(2.0, 1e-300, None),
        Claim.of(None, None, 1e-12),
    ],
)
def test_a_perfect_attack_refutes_a_small_claim_whatever_its_form(claim: Claim) -> None:
    case = subject(claim=claim)
    found = of_scores("perfect", case, case.is_in[case.owner].astype(float))
    assert found.verdict == "refuted"
    assert found.epsilon_lower == pytest.approx(found.epsilon_most)


@pytest.mark.parametrize(
    "claim", [Claim.of(None, None, 49.0), Claim.of(9e5, 0.0, None), Claim.of(0.0, 0.9, None)]
)
def test_a_claim_that_nothing_can_refute_is_not_run(claim: Claim) -> None:
    case = subject(claim=claim)
    report = audit_subject(case, find_attacks(["near-copies"]))
    assert report.verdict == "not run"
    json.loads(report.to_json(), parse_constant=pytest.fail)
