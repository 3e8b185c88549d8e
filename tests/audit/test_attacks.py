"""The law of every attack, and what each must find: that nothing was learnt, and that much was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rpsg.audit.attacks import ATTACKS, NEEDS
from rpsg.audit.copies import CHARACTERS, character_runs
from rpsg.audit.finding import not_run, of_scores
from rpsg.audit.membership import passage
from rpsg.audit.run import find_attacks
from rpsg.audit.subject import NotRunError, subject_of
from rpsg.audit.surrogate import BLOCK, Words, best_passages, signals
from rpsg.testing.laws import AttackLaws
from rpsg.testing.planted import subject, texts
from rpsg.textstats.words import Tokens, word_marks

if TYPE_CHECKING:
    from rpsg.audit.finding import Attack, Finding
    from rpsg.audit.subject import Subject

WITHOUT_AIDS = sorted(ATTACKS.keys() - NEEDS.keys() - {"identities"})


class TestTheLawOfAttacks(AttackLaws):
    @pytest.fixture(params=WITHOUT_AIDS)
    def attack(self, request: pytest.FixtureRequest) -> Attack:
        found: Attack = find_attacks([request.param])[request.param]
        return found


class Careless(AttackLaws):
    pass


def test_an_attack_that_looks_at_who_is_in_is_found() -> None:
    def sly(case: Subject) -> Finding:
        return of_scores("sly", case, case.is_in[case.owner].astype(float))

    with pytest.raises(AssertionError):
        Careless().test_what_it_guesses_does_not_depend_on_who_is_in(sly)
    with pytest.raises(AssertionError):
        Careless().test_a_corpus_that_learnt_nothing_is_not(sly)


def test_an_attack_that_quotes_is_found() -> None:
    def talkative(case: Subject) -> Finding:
        return replace(not_run("talkative", ""), details={"first": case.texts[0]})

    with pytest.raises(AssertionError):
        Careless().test_a_finding_quotes_no_text(talkative)


def test_two_sentences_of_a_long_text_are_found_by_their_passage() -> None:
    rows = [" ".join(texts(8, seed)) for seed in range(300)]
    leaked = [" ".join(row.split()[60:85]) for row in rows[:40]]
    case = subject_of([*rows[200:], *leaked], rows[:100], rows[100:200])
    assert passage(case).verdict == "refuted"


def test_an_average_hides_what_leaked_of_few_and_the_guesses_do_not() -> None:
    found = find_attacks(["refer"])["refer"](subject(people=400, size=200, leak=30))
    assert found.auc is not None
    assert found.auc_interval is not None
    assert found.auc < 0.6
    assert found.verdict == "refuted"


def test_no_text_is_scored_by_a_reference_that_was_trained_on_it() -> None:
    case = subject()
    own = np.isnan(signals(case).under_each)
    assert (own.sum(axis=1) == 1).all()
    assert (own.argmax(axis=1) == case.part).all()
    held = [set(part) for part in case.references]
    assert all(text in held[part] for text, part in zip(case.texts, case.part, strict=True))


def test_all_texts_of_a_person_are_in_one_part_of_the_reference() -> None:
    rows = texts(240, 5)
    people = [str(i // 3) for i in range(120)], [str(100 + i // 3) for i in range(120)]
    case = subject_of(texts(50, 6), rows[:120], rows[120:], member_units=people[0], nonmember_units=people[1])
    assert all(len(set(case.part[case.owner == person])) == 1 for person in range(case.people))


def test_a_person_is_named_by_the_text_of_theirs_that_leaked() -> None:
    rows = texts(300, 7)
    units = [str(i % 50) for i in range(100)], [f"out {i % 50}" for i in range(100)]
    corpus = [*rows[:40], *rows[200:260]]
    case = subject_of(corpus, rows[:100], rows[100:200], member_units=units[0], nonmember_units=units[1])
    assert case.people == 100
    assert find_attacks(["near-copies"])["near-copies"](case).right == 25


def test_the_best_passage_of_each_text_is_its_largest_sum_in_a_row() -> None:
    draw = np.random.default_rng(2)
    lengths = np.array([4, 0, 7, 1, 30])
    gains = draw.normal(-0.3, 1, int(lengths.sum()))
    found = best_passages(gains, Tokens(np.zeros(len(gains), np.int64), lengths, 1))
    ends = np.cumsum(lengths)
    for value, end, length in zip(found, ends, lengths, strict=True):
        own = gains[end - length : end]
        sums = [own[i:j].sum() for i in range(length) for j in range(i + 1, length + 1)]
        assert value == pytest.approx(max([0.0, *sums]))


def test_runs_of_characters_are_equal_where_the_characters_are() -> None:
    long = " ".join(texts(3, 1))
    hashes, owner = character_runs([long, "short", f"x{long[:60]}"])
    plain = [long.lower(), "short", f"x{long[:60]}".lower()]
    own = [text[i : i + CHARACTERS] for text in plain for i in range(len(text) - CHARACTERS + 1)]
    assert len(hashes) == len(own)
    assert len(np.unique(hashes)) == len(set(own))
    assert dict(zip(hashes.tolist(), own, strict=True)) == {
        h: own[place] for place, h in enumerate(hashes.tolist())
    }
    assert set(owner.tolist()) == {0, 2}


def test_texts_shorter_than_a_run_are_no_copies() -> None:
    hashes, owner = character_runs(["short", ""])
    assert len(hashes) == len(owner) == 0


def test_common_turns_of_phrase_are_no_phantoms() -> None:
    phrase = "and I would buy this again for my whole family any day"
    rows = [f"{text} {phrase}" for text in texts(200, 3)]
    case = subject_of([phrase], rows[:100], rows[100:])
    assert find_attacks(["phantom"])["phantom"](case).guesses == 0


def test_what_the_reference_says_is_nobodys_own() -> None:
    rows = texts(260, 4)
    case = subject_of([*rows[:50], *rows[200:]], rows[:100], rows[100:200], reference=rows[:50])
    assert find_attacks(["copies"])["copies"](case).guesses == 0
    assert find_attacks(["phantom"])["phantom"](case).guesses == 0


def test_identifiers_are_told_apart_by_whose_they_are() -> None:
    rows = texts(200, 8)
    members = [f"{text} Write to me: person{i}@mail.example" for i, text in enumerate(rows[:100])]
    others = [f"{text} Write to me: other{i}@mail.example" for i, text in enumerate(rows[100:])]
    corpus = [*(f"Ask person{i}@mail.example" for i in range(40)), "Ask OTHER3@mail.example", "a@b.example"]
    found = find_attacks(["identities"])["identities"](subject_of(corpus, members, others))
    assert found.verdict == "refuted"
    counts = found.details["identifiers in the corpus"]
    assert counts == {"members": 40, "held out": 1, "both": 0, "public": 0, "invented": 1}
    assert (found.guesses, found.right) == (41, 40)


def test_a_telephone_number_is_the_same_however_it_is_written() -> None:
    rows = texts(200, 9)
    members = [f"{rows[0]} Call 0171 5550 1234.", *rows[1:100]]
    case = subject_of(["Call (0171) 5550-1234 now."], members, rows[100:])
    found = find_attacks(["identities"])["identities"](case)
    assert found.details["identifiers in the corpus"]["members"] == 1


def test_a_corpus_without_identifiers_is_not_attacked_by_them() -> None:
    with pytest.raises(NotRunError, match="no e-mail address"):
        find_attacks(["identities"])["identities"](subject())


def test_blocks_of_texts_give_what_one_block_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [
        find_attacks([name])[name](subject(leak=40)) for name in ("phantom", "copies", "echo-pairs", "lira")
    ]
    for module in ("surrogate", "copies"):
        monkeypatch.setattr(f"rpsg.audit.{module}.BLOCK", 7)
    parts = [
        find_attacks([name])[name](subject(leak=40)) for name in ("phantom", "copies", "echo-pairs", "lira")
    ]
    assert BLOCK > 200
    for one, other in zip(whole, parts, strict=True):
        assert (one.right, one.guesses, one.epsilon_lower) == (
            other.right,
            other.guesses,
            other.epsilon_lower,
        )
        assert one.auc == (None if other.auc is None else pytest.approx(other.auc))


@pytest.mark.parametrize("reference", [0, 300])
def test_words_that_are_too_many_to_keep_are_read_again_with_the_same_outcome(
    monkeypatch: pytest.MonkeyPatch, reference: int
) -> None:
    attacks = ("ppl", "lira", "passage", "echo-pairs", "echo-similarity", "phantom", "copies")
    monkeypatch.setattr("rpsg.audit.surrogate.BLOCK", 7)
    case = subject(leak=20, reference=reference)
    kept = [find_attacks([name])[name](case) for name in attacks]
    monkeypatch.setattr("rpsg.audit.surrogate.MOST_KEPT", 100)
    case = subject(leak=20, reference=reference)
    again = [find_attacks([name])[name](case) for name in attacks]
    assert Words.of(case, word_marks).kept is None
    assert again == kept


def test_the_worst_matches_are_pairs_of_the_members() -> None:
    case = subject(leak=10)
    found = find_attacks(["near-copies"])["near-copies"](case)
    assert len(found.matches) == 20
    assert {(m.synthetic, case.row[m.private]) for m in found.matches[:10]} == {(i, i) for i in range(10)}
    assert all(case.is_in[case.owner[match.private]] for match in found.matches)
