"""Passages that several people wrote: who has them, and in what memory this is found out."""

from __future__ import annotations

import tracemalloc
from collections import defaultdict

import numpy as np
import pytest

from rpsg.audit import audit, phantom
from rpsg.audit.copies import character_runs, copied_aside, copied_of_few
from rpsg.audit.phantom import FEW_HOLDERS, holders_of
from rpsg.audit.subject import Subject, subject_of
from rpsg.testing.planted import texts


def forms(count: int, people: int = 0) -> Subject:
    """Texts that all begin in the same way, as the corpus does; of one author each, or of so many people."""
    rows = texts(count + 60, 5)
    begin = " ".join(rows[:8])
    private = [f"{begin} {row}" for row in rows[60:]]
    half = count // 2
    units = [f"{i // half} {i % (people or half)}" for i in range(count)]
    corpus = [f"{begin} {row}" for row in rows[8:60]]
    return subject_of(
        corpus, private[:half], private[half:], member_units=units[:half], nonmember_units=units[half:]
    )


def pieces(case: Subject) -> list[tuple[int, np.ndarray, np.ndarray]]:
    step = 50
    return [
        (start, *character_runs(case.texts[start : start + step]))
        for start in range(0, len(case.texts), step)
    ]


@pytest.mark.parametrize("at_once", [1, 1 << 20])
@pytest.mark.parametrize("people", [0, 4])
def test_the_people_of_each_passage_are_counted_up_to_a_few(
    monkeypatch: pytest.MonkeyPatch, at_once: int, people: int
) -> None:
    monkeypatch.setattr(phantom, "AT_ONCE", at_once)
    case = forms(160, people) if people != 4 else _of_groups()
    known = np.unique(character_runs(case.synthetic)[0])
    runs, who, holders = holders_of(case, known, pieces(case))
    expected: dict[int, set[int]] = defaultdict(set)
    for start, own, owner in pieces(case):
        for run, text in zip(own.tolist(), owner.tolist(), strict=True):
            expected[run].add(int(case.owner[start + text]))
    some = {run: expected[run] for run in set(known.tolist()) & expected.keys()}
    assert any(len(had) > FEW_HOLDERS for had in some.values()) == (people != 4)
    found = sorted(zip(runs.tolist(), who.tolist(), holders.tolist(), strict=True))
    assert found == sorted(
        (run, person, len(had)) for run, had in some.items() if len(had) <= FEW_HOLDERS for person in had
    )


def _of_groups() -> Subject:
    """Groups of one to five people who begin in the same way; the corpus repeats what they share."""
    rows = texts(300, 6)
    shared = [rows[i] for i in range(50)]
    private = [f"{shared[i % 50]} {row}" if i % 50 < i // 50 * 12 else row for i, row in enumerate(rows[50:])]
    return subject_of(shared, private[:125], private[125:])


def test_what_everybody_begins_with_takes_no_memory_for_each_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, a passage of 1,000 characters took 15 KiB of each text that had it."""
    monkeypatch.setattr(phantom, "AT_ONCE", 1 << 12)
    most = []
    for count in (160, 960):
        case = forms(count)
        known = np.unique(character_runs(case.synthetic)[0])
        blocks = ((start, *character_runs(case.texts[start : start + 20])) for start in range(0, count, 20))
        tracemalloc.start()
        holders_of(case, known, blocks)
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most[1] < 1.5 * most[0]


@pytest.mark.parametrize("block", [3, 1000])
def test_a_passage_of_the_reference_or_of_a_text_that_is_used_does_not_count(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """Texts that are left out are those of two people; the corpus repeats the first ten of them."""
    monkeypatch.setattr("rpsg.audit.copies.BLOCK", block)
    rows = texts(400, 4)
    both, used, held = rows[:20], rows[20:120], rows[120:220]
    corpus = [*both[:10], *rows[300:]]
    assert copied_aside(subject_of(corpus, [*both, *used], [*both, *held])) == 10
    nearly = [f"{row} {other}" for row, other in zip(both[:4], used, strict=False)]
    assert copied_aside(subject_of(corpus, [*both, *nearly, *used], [*both, *held])) == 6
    public = subject_of(corpus, [*both, *used], [*both, *held], reference=[*nearly, *rows[220:300]])
    assert copied_aside(public) == 6
    assert copied_of_few(public) == 0


def test_the_report_says_what_of_the_corpus_was_not_judged() -> None:
    """A text of forty characters is too short for a passage; near copies in the reference make all public."""
    rows = texts(1000, 4)
    used, held, corpus = rows[:300], rows[300:600], rows[600:]
    short = [" ".join(row.split()[:5]) for row in rows[700:708]]
    assert max(map(len, short)) < 50
    report = audit([*short, *corpus], [*short, *used], [*short, *held], attacks=["refer", "copies"])
    assert report.verdict == "no violation seen"
    assert any(note.startswith("The corpus has 8 of the texts that were left out") for note in report.words())
    nearly = [f"{row} {other}" for row, other in zip(used[:20], short * 3, strict=False)]
    report = audit([*used[:20], *corpus], used, held, reference=[*nearly, *texts(300, 9)], attacks=["copies"])
    assert report.verdict == "no violation seen"
    assert any("by 20 of the people" in note for note in report.words())
    report = audit(corpus, used, held, reference=texts(300, 9), attacks=["copies"])
    assert not any("not tested" in note for note in report.words())


@pytest.mark.parametrize("by_one_person", [True, False])
def test_the_report_says_how_few_people_wrote_the_texts_that_were_copied(by_one_person: bool) -> None:
    """Eighty texts of one person are the leak of one person, which no attack detects."""
    rows = texts(480, 12)
    used, held, corpus = rows[:120], rows[120:240], rows[240:]
    first = 80 if by_one_person else 0
    units, others = ([f"{side} {max(i, first)}" for i in range(120)] for side in ("used", "held out"))
    report = audit(
        [*used[:80], *corpus[80:]],
        used,
        held,
        member_units=units,
        nonmember_units=others,
        attacks=["copies", "near-copies"],
    )
    told = "The 80 private texts that the corpus has word for word are by 1 person."
    assert any(note.startswith(told) for note in report.notes) == by_one_person
    assert (report.verdict == "refuted") != by_one_person
