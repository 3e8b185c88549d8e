"""The inputs of an audit are checked before anything is computed from them."""

from __future__ import annotations

import pytest

from rpsg.audit.claim import Claim
from rpsg.audit.subject import FEWEST, subject_of
from rpsg.errors import DataError, UsageError
from rpsg.privacy.gaussian import attack_success, epsilon_of
from rpsg.testing.planted import texts


def test_a_text_of_two_people_is_left_out_whichever_sides_they_are_on() -> None:
    rows = texts(200, 1)
    members = [*rows[:98], "Good.", "good. "]
    others = [*rows[100:198], "Fine.", rows[3]]
    case = subject_of(texts(20, 2), members, others)
    assert {"Good.", "good. ", rows[3]}.isdisjoint(case.texts)
    assert "Fine." in case.texts
    assert case.notes == (
        "4 private texts were left out, because they are empty or two people have the same text.",
    )
    assert [*case.left_out.values()] == [3, 1]


def test_texts_are_in_random_order_and_keep_their_person_their_side_and_their_row() -> None:
    members = ["shared words", *(f"member text {i}" for i in range(40)), "", "member text of the first again"]
    units = ["a", *(f"m{i}" for i in range(40)), "b", "a"]
    others = ["Shared  words", *(f"other text {i}" for i in range(40))]
    case = subject_of(
        ["a corpus"], members, others, member_units=units, nonmember_units=[f"o{i}" for i in range(41)]
    )
    given = [*members, *others]
    assert set(case.texts) == {*members[1:41], members[-1], *others[1:]}
    assert case.texts != tuple(given[row] for row in sorted(case.row))
    assert case.texts == tuple(given[row] for row in case.row)
    assert case.owner.tolist() == list(range(81))
    assert case.is_in[case.owner].tolist() == [row < len(members) for row in case.row]
    assert "3 private texts" in case.notes[0]
    assert [*case.left_out.values()] == [1, 1]  # the first wrote something else too


def test_texts_of_one_person_have_one_number() -> None:
    rows = [f"text {i}" for i in range(120)]
    units = [f"person {i // 2}" for i in range(120)]
    case = subject_of(["a corpus"], rows[:60], rows[60:], member_units=units[:60], nonmember_units=units[60:])
    people = dict(zip(case.texts, case.owner.tolist(), strict=True))
    assert [people[f"text {i}"] == people[f"text {i + 1}"] for i in range(119)] == [
        i % 2 == 0 for i in range(119)
    ]
    assert case.people == 60
    assert [bool(case.is_in[people[f"text {i}"]]) for i in range(120)] == [True] * 60 + [False] * 60


def test_somebody_on_both_sides_is_refused() -> None:
    rows = texts(100, 1)
    people = [str(i) for i in range(50)]
    with pytest.raises(DataError, match="among both the members and the non-members") as told:
        subject_of(rows, rows[:50], rows[50:], member_units=people, nonmember_units=["7", *people[1:]])
    assert "Split the data by person" in told.value.hint


@pytest.mark.parametrize("sides", [(FEWEST - 1, 100), (100, FEWEST - 1), (0, 100)])
def test_too_few_people_on_a_side_are_refused(sides: tuple[int, int]) -> None:
    rows = texts(200, 1)
    with pytest.raises(DataError, match=f"needs at least {FEWEST} people on each side"):
        subject_of(rows, rows[: sides[0]], rows[100 : 100 + sides[1]])


@pytest.mark.parametrize("corpus", [[], ["", "  "], ["\u200b", " \u00ad"]])
def test_a_corpus_without_text_is_refused(corpus: list[str]) -> None:
    rows = texts(100, 1)
    with pytest.raises(DataError, match="no text"):
        subject_of(corpus, rows[:50], rows[50:])


def test_people_named_for_one_side_alone_are_refused() -> None:
    rows = texts(100, 1)
    with pytest.raises(UsageError, match="Only one of the two files"):
        subject_of(rows, rows[:50], rows[50:], member_units=[str(i) for i in range(50)])


def test_as_many_people_must_be_named_as_there_are_texts() -> None:
    rows = texts(100, 1)
    with pytest.raises(UsageError, match="differs from the number of texts"):
        subject_of(rows, rows[:50], rows[50:], member_units=["a"], nonmember_units=["b"] * 50)


def test_an_error_holds_no_private_text() -> None:
    with pytest.raises(DataError) as told:
        subject_of(["a"], ["my secret"] * 40, ["my secret"] * 40)
    assert "secret" not in str(told.value)


def test_a_subject_shows_no_private_text() -> None:
    rows = texts(100, 1)
    shown = repr(subject_of(texts(20, 2), rows[:50], rows[50:]))
    assert rows[0] not in shown
    assert "synthetic" not in shown


def test_a_claim_of_mu_is_tested_by_the_epsilon_that_follows_from_it() -> None:
    claim = Claim.of(None, None, 0.5)
    assert (claim.epsilon, claim.delta) == (epsilon_of(0.5, 1e-6), 1e-6)
    assert claim.allows()["auc"] == attack_success(0.5).auc


def test_without_a_claim_nobody_may_be_told_apart() -> None:
    claim = Claim.of(None, None, None)
    assert not claim.is_made
    assert claim.allows() == {"auc": 0.5, "tpr at fpr 1 %": 0.01, "tpr at fpr 0.1 %": 0.001}


@pytest.mark.parametrize(
    "claim",
    [(None, 1e-6, None), (1.0, None, 0.5), (-1.0, None, None), (1.0, 1.0, None), (None, None, 0.0)],
)
def test_a_claim_that_cannot_be_is_refused(claim: tuple[float | None, float | None, float | None]) -> None:
    with pytest.raises(UsageError):
        Claim.of(*claim)
