"""The invented examples of a pack are what a small writer goes on from: it copies their length and manner."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import pytest

from rpsg.domains import Pack, find_pack, pack_names
from rpsg.domains.prompts import fill, first_words
from rpsg.stages.prompts import fields_of

if TYPE_CHECKING:
    from rpsg.domains.pack import Attribute

#: The packs whose candidate prompt is a header that a text follows.
HEADED = tuple(pack_names())
SHARED_WORDS = 5
#: How a header names a label, phrases and the length.
HEADERS = {
    "en": ("Category: ", "Words: ", "Length: "),
    "de": ("Kategorie: ", "Stichworte: ", "Umfang: "),
    "fr": ("Catégorie : ", "Mots : ", "Longueur : "),
    "es": ("Categoría: ", "Palabras: ", "Extensión: "),
}


@pytest.fixture(params=HEADED)
def pack(request: pytest.FixtureRequest) -> Pack:
    return find_pack(request.param)


def length_of(pack: Pack) -> Attribute:
    return next(a for a in pack.attributes if a.kind == "words")


def test_every_pack_has_many_examples_and_some_of_every_length_and_sentiment(pack: Pack) -> None:
    assert len(pack.examples) >= 24
    lengths = Counter(example.card["length"] for example in pack.examples)
    assert all(lengths[value] >= 5 for value in length_of(pack).values)
    for attribute in (a for a in pack.attributes if a.kind == "sentiment"):
        found = Counter(example.card[attribute.name] for example in pack.examples)
        assert all(found[value] >= 5 for value in attribute.values)


def test_no_two_examples_are_about_the_same_topic_or_begin_alike(pack: Pack) -> None:
    for name in ("topic", "opening"):
        assert max(Counter(example.card[name] for example in pack.examples).values()) <= 2
    assert len({example.card["topic"] for example in pack.examples}) == len(pack.examples)


#: In these packs the second sentence of an example begins with words that are never drawn, so that the writer
#: copies less of what follows.
OWN_BEGINNINGS = {"clinical-de": "lead", "survey-fr": "start", "support-es": "start"}


def test_an_example_s_card_holds_a_value_that_the_pack_lists_for_each_attribute(pack: Pack) -> None:
    for example in pack.examples:
        assert set(example.card) == {a.name for a in pack.attributes}
        for name, value in example.card.items():
            attribute = pack.attribute(name)
            group = attribute.groups[example.card[attribute.by]] if attribute.by else attribute.values
            assert (value in group) == (OWN_BEGINNINGS.get(pack.name) != name)


def test_an_example_s_length_is_the_one_that_its_card_says(pack: Pack) -> None:
    length = length_of(pack)
    for example in pack.examples:
        words = len(example.text.split())
        assert example.card["length"] == length.values[bisect_right(length.edges, words)], example.text


def test_a_writer_has_room_for_as_many_words_as_the_longest_example(pack: Pack) -> None:
    assert max(len(example.text.split()) for example in pack.examples) <= 1.25 * max(length_of(pack).words)


def test_an_example_begins_as_its_card_says(pack: Pack) -> None:
    for example in pack.examples:
        assert example.text.startswith(first_words(pack.begins, fields_of(pack, example.card, pack.about)))


def test_two_examples_share_no_five_words(pack: Pack) -> None:
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for example in pack.examples:
        words = re.findall(r"[^\W_]+(?:'[^\W_]+)*", example.text.lower())
        for i in range(len(words) - SHARED_WORDS + 1):
            found[tuple(words[i : i + SHARED_WORDS])].add(example.text)
    assert not [" ".join(run) for run, texts in found.items() if len(texts) > 1]


def test_there_are_many_ways_to_begin_and_several_in_each_group(pack: Pack) -> None:
    groups = pack.attribute("opening").groups.values()
    assert len({opening for group in groups for opening in group}) >= 24
    assert all(len(group) >= 3 for group in groups)


def test_a_header_is_one_field_a_line_and_ends_where_the_text_begins(pack: Pack) -> None:
    card = pack.examples[0].card
    plain = fill(pack.prompts["candidate.txt"], fields_of(pack, card, pack.about)).splitlines()
    told = {**fields_of(pack, card, pack.about, ("dark glass", "cork")), "label": "food"}
    full = fill(pack.prompts["candidate.txt"], told).splitlines()
    category, its_words, length = HEADERS[pack.language]
    assert full == [*plain[:-1], f"{category}food", f"{its_words}dark glass, cork", plain[-1]]
    assert f"{length}{card['length']}" in plain
    assert all(re.fullmatch(r"[A-Z][a-zäéíóœ ]*: \S.*", line) for line in full[:-1])
    assert re.fullmatch(r"[A-Z][a-zé]* ?:", full[-1])
