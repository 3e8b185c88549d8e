"""Canaries: coins that no seed decides, ends that nobody writes, and one hit that is enough."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from rpsg.audit.canaries import exposure, extraction
from rpsg.audit.claim import Claim
from rpsg.audit.subject import NotRunError, Subject
from rpsg.errors import UsageError
from rpsg.stages.canaries import (
    CODE_LENGTH,
    CODE_SIGNS,
    END_WORDS,
    LIST_SIZE,
    Canaries,
    chance_of_hit,
    extracted,
    make_canaries,
    word_list,
)
from rpsg.testing.planted import subject, texts
from rpsg.textstats.words import words

BEGINNINGS = texts(300, 99)


def _with(canaries: Canaries, corpus: list[str], **settings: object) -> Subject:
    return replace(subject(), synthetic=tuple(corpus), canaries=canaries, **settings)  # type: ignore[arg-type]


def test_the_list_has_8192_different_words() -> None:
    assert len(set(word_list())) == len(word_list()) == LIST_SIZE


def test_a_canary_begins_like_its_surroundings_and_ends_like_nothing_else() -> None:
    made = make_canaries(50, BEGINNINGS)
    starts = {" ".join(text.split()[:12]) for text in BEGINNINGS}
    assert {" ".join(c.beginning.split()[:12]) for c in made.canaries} <= starts
    assert len({" ".join(c.beginning.split()[:12]) for c in made.canaries}) == 50
    assert all(len(c.end) == END_WORDS and len(c.code) == CODE_LENGTH for c in made.canaries)
    assert all(c.text.endswith(f"{' '.join(c.end)}, ref {c.code}.") for c in made.canaries)
    assert len(CODE_SIGNS) ** CODE_LENGTH == 2**60


def test_about_half_of_the_canaries_are_planted_and_no_two_draws_are_alike() -> None:
    one, other = make_canaries(300, BEGINNINGS), make_canaries(300, BEGINNINGS)
    assert 100 < sum(one.is_in) < 200
    assert len(one.planted) == sum(one.is_in)
    assert one != other


def test_the_coins_are_no_random_numbers_of_numpy_or_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rpsg.stages.canaries.secrets.randbits", lambda _: 1)
    assert all(make_canaries(20, BEGINNINGS).is_in)


@pytest.mark.parametrize(
    "code",
    [
        "GG26ZTMYQFAL",  # a bank account with the right check digits
        "KRW366UHCUAV",  # an amount of money
        "CHE234567892",  # the Swiss number of a firm
        "234567892345",  # a telephone number
    ],
)
def test_a_code_that_looks_like_an_identifier_is_drawn_again(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a canary would be scrubbed from the corpus, or be counted as the identifier of a person."""
    signs = iter(f"{code}ABCDEFGH2345")

    class Dice(random.Random):
        def choice(self, seq: Any) -> Any:
            return next(signs) if seq == CODE_SIGNS else seq[0]

    monkeypatch.setattr("rpsg.stages.canaries.secrets.SystemRandom", Dice)
    assert [canary.code for canary in make_canaries(1, BEGINNINGS).canaries] == ["ABCDEFGH2345"]


@pytest.mark.parametrize("beginnings", [BEGINNINGS[:5], ["too short"] * 50])
def test_canaries_need_as_many_beginnings(beginnings: list[str]) -> None:
    with pytest.raises(UsageError, match="10 canaries need 10 public texts to begin with"):
        make_canaries(10, beginnings)


def test_four_words_in_a_row_or_the_code_are_a_hit_and_three_are_none() -> None:
    made = make_canaries(4, BEGINNINGS)
    first, second, third, _ = made.canaries
    corpus = [
        f"Somebody said {' '.join(first.end[1:5])} yesterday.",
        f"my order was {second.code.lower()} ok",
        f"and {' '.join(third.end[:3])} too",
    ]
    assert extracted(made, corpus) == (True, True, False, False)


def test_the_chance_of_a_hit_is_computed_from_what_the_corpus_holds() -> None:
    corpus = texts(100, 3)
    runs = sum(max(len(words(text)) - 3, 0) for text in corpus)
    assert chance_of_hit(corpus) == pytest.approx(3 * runs / 8192**4, rel=0.5)
    assert chance_of_hit([*corpus, *corpus]) == pytest.approx(2 * chance_of_hit(corpus))


def test_one_planted_canary_in_the_corpus_refutes_a_claim_of_eight() -> None:
    made = make_canaries(200, BEGINNINGS)
    case = _with(made, [*texts(200, 5), made.planted[0]], claim=Claim(8.0, 1e-6, is_made=True))
    found = extraction(case)
    assert found.verdict == "refuted"
    assert found.right == 1
    assert found.limit == pytest.approx(1 / len(made.planted))


def test_where_a_canary_that_was_held_out_is_in_the_corpus_nothing_follows() -> None:
    made = make_canaries(200, BEGINNINGS)
    held_out = next(c.text for c, is_in in zip(made.canaries, made.is_in, strict=True) if not is_in)
    found = extraction(_with(made, [*texts(200, 5), held_out, *made.planted]))
    assert found.verdict == "not run"
    assert "the coin tosses did not decide" in found.reason
    assert found.details["held out and found"] == 1


def test_where_no_canary_is_found_it_is_said_how_often_one_still_may_be() -> None:
    made = make_canaries(200, BEGINNINGS)
    found = extraction(_with(made, texts(200, 5)))
    assert found.epsilon_lower == 0.0
    assert 0.02 < found.details["at most, if none is found"] < 0.05


def test_an_end_that_was_learnt_has_more_exposure_than_one_that_was_not() -> None:
    made = make_canaries(120, BEGINNINGS)
    found = exposure(_with(made, [*texts(100, 5), *made.planted]))
    means = found.details["mean exposure in bits"]
    assert means["planted"] > 12
    assert means["held out"] < 3
    assert found.verdict == "refuted"
    assert (found.auc or 0) > 0.95


def test_ends_that_nobody_learnt_are_exposed_by_chance_alone() -> None:
    """The coins are the system's, so the mean of a hundred may be off by 0.15 bits; learnt ends have ten."""
    found = exposure(_with(make_canaries(200, BEGINNINGS), texts(100, 5)))
    assert all(0.5 < value < 2.4 for value in found.details["mean exposure in bits"].values())
    assert found.epsilon_lower == 0.0


@pytest.mark.parametrize("attack", [extraction, exposure])
def test_without_canaries_there_is_nothing_to_look_for(attack: object) -> None:
    with pytest.raises(NotRunError, match="No canaries"):
        attack(subject())  # type: ignore[operator]


def test_canaries_that_are_all_planted_cannot_be_compared() -> None:
    made = make_canaries(20, BEGINNINGS)
    with pytest.raises(NotRunError, match="too few canaries"):
        exposure(_with(replace(made, is_in=(True,) * 20), texts(20, 1)))


def test_a_beginning_alone_is_no_hit() -> None:
    made = make_canaries(50, BEGINNINGS)
    assert not any(extracted(made, [c.beginning for c in made.canaries]))
