"""In how much detail the schema is counted: the rule, what is counted by groups, and the cards from it."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpsg.domains import Attribute, Pack, find_pack, pack_names
from rpsg.privacy.private import Private, open_private
from rpsg.stages.cards import CardModel, card_row_cells, cells, in_words, shapes
from rpsg.stages.levels import PER_COMBINATION, PER_VALUE, every_level, fewest_people, thinned

if TYPE_CHECKING:
    from rpsg.stages.annotate import Codes

COLUMNS = (("priority", ("low", "high")), ("month", tuple(map(str, range(24)))))
#: Read once, and not for each example.
PACKS = {name: find_pack(name) for name in pack_names()}
LABELLED = {name: pack.with_label(("yes", "no")) for name, pack in PACKS.items()}
#: Of each pack; there are ten.
each_pack = settings(max_examples=30, deadline=None)
DRINKS = {"hot": ("tea", "coffee", "cocoa"), "cold": ("juice", "soda")}


@pytest.fixture
def drinks() -> Pack:
    values = tuple(value for group in DRINKS.values() for value in group)
    return Pack(
        name="drinks",
        title="Drinks",
        about="drinks",
        marginals=(("topic", "sentiment"), ("sentiment",)),
        attributes=(
            Attribute(name="topic", kind="nearest", values=values, groups=DRINKS),
            Attribute(name="sentiment", kind="sentiment", values=("positive", "mixed", "negative")),
        ),
    )


def together(pack: Pack, n: float) -> tuple[str, int]:
    found = thinned(pack, math.ceil(n), 4.0)
    return in_words(found), cells(found)


def test_with_fewer_people_pairs_go_first_and_then_values(drinks: Pack) -> None:
    pair, values = PER_COMBINATION * 4.0 * 15, PER_VALUE * 4.0 * 5
    assert together(drinks, pair) == ("topic x sentiment; sentiment", 18)
    assert together(drinks, pair - 1) == ("topic; sentiment", 8)
    assert together(drinks, values) == ("topic; sentiment", 8)
    assert together(drinks, values - 1) == ("topic groups; sentiment", 5)
    assert together(drinks, 0) == ("topic groups; sentiment", 5)


def test_an_attribute_without_headings_has_one_level(tiny: Pack) -> None:
    assert in_words(thinned(tiny, 0, 100.0)) == "topic; sentiment x length"
    assert thinned(tiny, 0, 100.0).by_group == ()


@pytest.mark.parametrize("name", PACKS)
@given(n=st.integers(0, 10**5), sigma=st.floats(0.1, 1000))
@each_pack
def test_however_few_people_there_are_every_attribute_is_counted_in_as_many_marginals_as_planned(
    name: str, n: int, sigma: float
) -> None:
    pack = LABELLED[name]
    found = thinned(pack, n, sigma)
    assert len(found.marginals) == len(pack.marginals)
    assert {a for group in found.marginals for a in group} == {a for g in pack.marginals for a in g}
    assert all(set(kept) <= set(whole) for kept, whole in zip(found.marginals, pack.marginals, strict=True))


@pytest.mark.parametrize("name", PACKS)
@given(sigma=st.floats(0.5, 100), n=st.integers(1, 10**5))
@each_pack
def test_more_people_are_never_counted_in_less_detail(name: str, sigma: float, n: int) -> None:
    pack = PACKS[name]
    assert cells(thinned(pack, n, sigma)) <= cells(thinned(pack, n + n // 3 + 1, sigma))


@pytest.mark.parametrize("name", PACKS)
def test_150_people_at_epsilon_2_are_counted_by_groups_of_topics(name: str) -> None:
    found = thinned(PACKS[name], 150, 6.5)
    assert in_words(found).startswith("topic groups;")
    assert 8 <= shapes(found)[0][0] <= 14


def test_the_fewest_people_make_an_average_group_as_large_as_the_noise(drinks: Pack) -> None:
    assert fewest_people(drinks, 2.0) == 16
    assert fewest_people(PACKS["support"], 2.0) == 2 * 13


def test_a_long_list_without_headings_asks_for_no_more_people_than_sixteen_groups(drinks: Pack) -> None:
    names = tuple(f"topic {i}" for i in range(200))
    topic = Attribute(name="topic", kind="nearest", values=names)
    assert fewest_people(drinks.model_copy(update={"attributes": (topic,)}), 2.0) == 32


def coarse(pack: Pack) -> Pack:
    return pack.model_copy(update={"by_group": (0,)})


def test_a_row_adds_to_the_cell_of_its_group(drinks: Pack) -> None:
    values: dict[str, Codes] = {
        "topic": np.array([0, 2, 3, 4, -1]),
        "sentiment": np.array([1, 2, 0, 2, 1]),
    }
    units = np.arange(5, dtype=np.int64)
    rows = open_private(card_row_cells(Private(values), Private(units), coarse(drinks))).cells
    assert shapes(coarse(drinks)) == [(2, 3), (3,)]
    assert rows.tolist() == [[1, 7], [2, 8], [3, 6], [5, 8], [-1, 7]]


def test_cards_of_a_group_have_each_of_its_values_equally_often(
    drinks: Pack, rng: np.random.Generator
) -> None:
    table = np.array([[0.5, 0.0, 0.1], [0.0, 0.2, 0.2]])
    model = CardModel(coarse(drinks), (table, table.sum(axis=0)))
    cards = model.draw(3000, rng)
    topics = Counter(card.values["topic"] for card in cards)
    assert topics == {"tea": 600, "coffee": 600, "cocoa": 600, "juice": 600, "soda": 600}
    cold = Counter(card.values["sentiment"] for card in cards if card.values["topic"] in DRINKS["cold"])
    assert cold["positive"] == 0
    assert cold["mixed"] == pytest.approx(cold["negative"], rel=0.2)


def test_what_is_known_of_a_value_is_looked_up_by_its_group(drinks: Pack, rng: np.random.Generator) -> None:
    both = drinks.model_copy(update={"marginals": (("topic",), ("topic", "sentiment")), "by_group": (1,)})
    only = np.array([0.2, 0.2, 0.2, 0.2, 0.2]), np.array([[0.6, 0.0, 0.0], [0.0, 0.0, 0.4]])
    for card in CardModel(both, only).draw(200, rng):
        hot = card.values["topic"] in DRINKS["hot"]
        assert card.values["sentiment"] == ("positive" if hot else "negative")


@pytest.mark.parametrize("name", PACKS)
@given(n=st.integers(0, 200_000), sigma=st.floats(0.5, 40))
@each_pack
def test_every_level_is_listed_that_a_number_of_people_can_lead_to(name: str, n: int, sigma: float) -> None:
    """Shards count in all of them before anybody knows the number."""
    pack = LABELLED[name].with_columns(COLUMNS)
    listed = every_level(pack, sigma)
    assert thinned(pack, n, sigma) in listed
    assert len({(level.marginals, level.by_group) for level in listed}) == len(listed) < 30
