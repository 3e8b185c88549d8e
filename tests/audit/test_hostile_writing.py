"""A corpus that is written in another way than the private texts: what looks the same is the same, and what
is in another language or alphabet has no verdict.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from rpsg.audit import audit
from rpsg.audit.control import is_in_another_language
from rpsg.audit.copies import copied_aside, copies
from rpsg.audit.subject import subject_of
from rpsg.domains import find_pack
from rpsg.stages.canaries import word_list
from rpsg.testing.planted import texts

if TYPE_CHECKING:
    from collections.abc import Callable

OTHERS = word_list()[1500:3000]


def accented(rows: list[str]) -> list[str]:
    """As in a language with many accents, in which no fifty characters in a row are plain."""
    return [row.translate(str.maketrans("aeiou", "\u00e1\u00e9\u00ed\u00f3\u00fa")) for row in rows]


def decomposed(rows: list[str]) -> list[str]:
    """With each accent as a character of its own, as some systems store names and texts."""
    return [unicodedata.normalize("NFD", row) for row in rows]


def test_copies_with_decomposed_accents_are_copies() -> None:
    rows = accented(texts(500, 4))
    used, held, corpus = rows[:200], rows[200:400], rows[400:]
    assert copies(subject_of([*decomposed(used[:30]), *corpus], used, held)).right == 30
    assert copies(subject_of([*used[:30], *corpus], decomposed(used), decomposed(held))).right == 30


def test_two_people_have_the_same_text_however_its_accents_are_stored() -> None:
    rows = accented(texts(500, 4))
    used, held, corpus = rows[:200], rows[200:400], rows[400:]
    case = subject_of([*rows[:20], *corpus], used, [*held, *decomposed(used[:20])])
    assert [*case.left_out.values()] == [20, 20]
    assert copied_aside(case) == 20


def test_korean_whose_letters_are_taken_apart_is_in_the_same_letters() -> None:
    draw = np.random.default_rng(1)
    rows = [
        " ".join("".join(map(chr, word)) for word in draw.integers(0xAC00, 0xD7A0, (30, 2)))
        for _ in range(300)
    ]
    corpus = decomposed([*rows[:60], *rows[200:]])
    assert not is_in_another_language(subject_of(corpus, rows[:100], rows[100:200]))
    assert audit(corpus, rows[:100], rows[100:200], attacks=["copies"]).verdict == "refuted"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_form_of_accents_does_not_make_members_of_people(form: Literal["NFC", "NFD"]) -> None:
    """The corpus is in another form than the people, none of whom it knows."""
    rows = accented(texts(500, 4))
    others = [unicodedata.normalize(form, row) for row in rows[400:]]
    report = audit(others, decomposed(rows[:200]), decomposed(rows[200:400]), attacks=["refer", "copies"])
    assert max(found.epsilon_lower or 0.0 for found in report.findings) == 0.0


def in_the_language_of(pack: str, count: int) -> list[str]:
    """Texts of which each also has words that no other has."""
    shown = [example.text for example in find_pack(pack).examples]
    own = texts(count, 4)
    return [f"{shown[i % len(shown)]} {shown[i // len(shown)]} {own[i]}" for i in range(count)]


@pytest.mark.parametrize(
    ("private", "corpus"),
    [("survey-fr", "support-es"), ("support-es", "clinical"), ("clinical", "clinical-de")],
)
def test_a_corpus_in_another_language_has_no_verdict(private: str, corpus: str) -> None:
    """A planted copy stands out in it. A translation, which is what would leak, is found by no attack."""
    rows, foreign = in_the_language_of(private, 400), in_the_language_of(corpus, 300)
    assert is_in_another_language(subject_of(foreign, rows[:200], rows[200:]))
    report = audit(foreign, rows[:200], rows[200:], attacks=("refer", "near-copies", "copies"))
    assert report.verdict == "not run"


@pytest.mark.parametrize("count", [1, 20])
def test_a_few_texts_in_the_same_language_are_recognized(count: int) -> None:
    rows, others = in_the_language_of("clinical", 200), in_the_language_of("food-reviews", count)
    assert not is_in_another_language(subject_of(others, rows[:100], rows[100:]))


def test_a_corpus_in_other_letters_has_no_verdict() -> None:
    rows = texts(400, 4)
    wide = [
        row.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}) for row in texts(200, 4, OTHERS)
    ]
    assert is_in_another_language(subject_of(wide, rows[:200], rows[200:]))
    capitals = [row.upper() for row in rows[:100]]
    assert not is_in_another_language(subject_of(capitals, rows[:200], rows[200:]))


def test_texts_of_no_known_language_are_audited() -> None:
    rows, others = texts(400, 4), texts(200, 4, OTHERS)
    assert not is_in_another_language(subject_of(others, rows[:200], rows[200:]))


def test_a_corpus_that_is_mostly_in_other_letters_has_no_verdict() -> None:
    """A few plain texts are enough to have each letter of the private texts."""
    rows = texts(500, 4)
    wide = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
    corpus = [*(row.translate(wide) for row in rows[:60]), *rows[400:440]]
    assert is_in_another_language(subject_of(corpus, rows[:200], rows[200:400]))
    assert not is_in_another_language(subject_of(corpus[30:], rows[:200], rows[200:400]))


@pytest.mark.parametrize("code", ["numbers", "emoji"])
def test_a_corpus_without_letters_has_no_verdict(code: Literal["numbers", "emoji"]) -> None:
    """It can have every member's text in a code that no attack reads."""
    rows = texts(400, 4)
    if code == "numbers":
        coded = [" ".join(str(ord(sign)) for sign in row) for row in rows[:200]]
    else:
        coded = ["".join(chr(0x1F600 + ord(sign) % 64) for sign in row) for row in rows[:200]]
    assert audit(coded, rows[:200], rows[200:], attacks=["copies", "near-copies"]).verdict == "not run"
    assert is_in_another_language(subject_of([*coded, *rows[200:220]], rows[:200], rows[200:]))


def test_numbers_in_the_texts_are_no_other_alphabet() -> None:
    rows = texts(500, 4)
    dated = [f"{row[:60]} 2024-01-31 12:30 (0123 456789)" for row in rows]
    assert not is_in_another_language(subject_of(dated[400:], rows[:200], rows[200:400]))
    assert not is_in_another_language(subject_of(rows[400:], dated[:200], dated[200:400]))
    coded = [" ".join(str(ord(sign)) for sign in row) for row in rows]
    assert not is_in_another_language(subject_of(coded[400:], coded[:200], coded[200:400]))


def test_a_corpus_that_is_mostly_in_another_language_has_no_verdict() -> None:
    private, german = (in_the_language_of(pack, 400) for pack in ("clinical", "clinical-de"))
    others = in_the_language_of("food-reviews", 40)
    mostly = subject_of([*german[:60], *others], private[:200], private[200:])
    assert is_in_another_language(mostly)
    assert not is_in_another_language(subject_of([*german[:30], *others], private[:200], private[200:]))


def test_a_few_texts_in_another_language_do_not_make_it_that_of_the_corpus() -> None:
    """The language of short texts is not certain, so a few foreign ones may be all whose language is."""
    private = in_the_language_of("clinical", 200)
    german = in_the_language_of("clinical-de", 12)
    short = [" ".join(row.split()[:4]) for row in texts(88, 4, OTHERS)]
    assert not is_in_another_language(subject_of([*german[:3], *short], private[:100], private[100:]))
    assert is_in_another_language(subject_of([*german, *short], private[:100], private[100:]))


#: Ways to write a copy: a function of each word, what joins the words, and whether the audit finds copies.
WAYS: dict[str, tuple[Callable[[str], str], str, bool]] = {
    "letter by letter": (" ".join, "  ", False),
    "backwards": (lambda word: word[::-1], " ", False),
    "without spaces": (str, "", False),
    "without vowels": (lambda word: re.sub("[aeiou]", "", word), " ", False),
    "digits for letters": (lambda word: word.translate(str.maketrans("aeio", "4310")), " ", False),
    "something added to each word": (lambda word: f"{word}x", " ", False),
    "a word after each word": (lambda word: f"{word} and", " ", True),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_docs_say_of_copies_that_are_written_in_another_way_is_true(way: str) -> None:
    """If the audit learns to find such copies, ``docs/audit.md`` must say so."""
    change, between, is_found = WAYS[way]
    rows = [between.join(map(change, row.split())) for row in texts(800, 11)]
    plain = texts(800, 11)
    found = audit([*rows[:100], *rows[400:700]], plain[:200], plain[200:400], seed=1)
    assert found.verdict == ("refuted" if is_found else "no violation seen")
