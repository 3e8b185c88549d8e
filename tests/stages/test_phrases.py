"""Step 5: a few distinct words of each person, and nothing that looks like an identifier."""

from __future__ import annotations

import numpy as np
import pytest

from rpsg.privacy.private import Private, open_private
from rpsg.records import Card, Document
from rpsg.stages.keyphrases import PHRASES_PER_CARD, add_phrases, by_topic, phrase_items

KEY = b"k" * 32


def items(
    rows: list[tuple[str | None, str]], topics: list[int], k: int = 4, key: bytes = KEY
) -> list[list[str]]:
    documents = tuple(Document(i, text, user=user) for i, (user, text) in enumerate(rows))
    codes = {"topic": np.array(topics, np.int64)}
    return open_private(
        phrase_items(Private(documents), Private(codes), "topic", ["tea", "oil"], per_person=k, key=key)
    )


def test_a_person_gives_k_distinct_pairs_over_all_rows() -> None:
    found = items([("a", "castle window garden"), ("b", "castle"), ("a", "castle mirror candle")], [0, 0, 1])
    assert len(found) == 2
    assert len(found[0]) == len(set(found[0])) == 4
    assert found[1] == ["tea\tcastle"]


def test_a_word_said_often_counts_once() -> None:
    assert items([("a", "castle Castle CASTLE"), ("a", "castle")], [0, 0]) == [["tea\tcastle"]]


def test_the_same_word_with_another_topic_is_another_item() -> None:
    assert set(items([("a", "castle"), ("a", "castle")], [0, 1])[0]) == {"tea\tcastle", "oil\tcastle"}


def test_common_and_short_words_and_numbers_are_no_phrases() -> None:
    assert items([("a", "this is with that and 12345 a bc ann@example.org?")], [0]) == [["tea\texample"]]


def test_a_row_without_a_topic_gives_nothing() -> None:
    assert items([("a", "castle window")], [-1]) == [[]]


def test_rows_without_a_person_are_people_of_their_own() -> None:
    assert items([(None, "castle"), (None, "castle")], [0, 0]) == [["tea\tcastle"]] * 2


def test_which_words_are_given_depends_on_the_key_and_on_nobody_else() -> None:
    words = "castle window garden mirror candle lantern basket"
    alone = items([("a", words)], [0], k=2)
    assert items([("b", "castle garden"), ("a", words)], [0, 0], k=2)[1] == alone[0]
    assert len({tuple(items([("a", words)], [0], k=2, key=bytes([i]) * 32)[0]) for i in range(20)}) > 5


@pytest.mark.parametrize(
    "phrase",
    [
        "ann@example.org",
        "5550104477",
        "+1 555 010 4477",
        "www.example.org",
        "@somebody",
        "x" * 41,
        "a\nb",
        "{label}",
        "",
    ],
)
def test_what_looks_like_an_identifier_or_a_template_is_not_handed_on(phrase: str) -> None:
    assert by_topic([(f"tea\t{phrase}", 50), ("tea\tcastle", 40)]) == {"tea": [("castle", 40)]}


def test_released_items_are_sorted_by_their_topic() -> None:
    released = [("tea\tcastle", 9), ("oil\twindow", 7), ("tea\tgarden", 5), ("oil\tmirror", 0)]
    assert by_topic(released) == {"tea": [("castle", 9), ("garden", 5)], "oil": [("window", 7)]}


def test_a_card_gets_different_phrases_of_its_own_topic(rng: np.random.Generator) -> None:
    phrases = {"tea": [(word, 10) for word in ("castle", "window", "garden", "mirror", "candle")]}
    cards = add_phrases([Card({"topic": "tea"}), Card({"topic": "oil"})] * 20, phrases, "topic", rng)
    for card in cards:
        if card.values["topic"] == "oil":
            assert card.phrases == ()
        else:
            assert len(set(card.phrases)) == PHRASES_PER_CARD


def test_phrases_that_more_people_use_come_more_often(rng: np.random.Generator) -> None:
    phrases = {"tea": [("castle", 90), ("window", 10), ("garden", 1), ("mirror", 1), ("candle", 1)]}
    cards = add_phrases([Card({"topic": "tea"})] * 300, phrases, "topic", rng)
    said = [phrase for card in cards for phrase in card.phrases]
    assert said.count("castle") > said.count("window") > said.count("garden")
