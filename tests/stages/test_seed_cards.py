"""Step 4: what is counted, the fit, and the cards drawn from it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from rpsg.domains import find_pack
from rpsg.privacy.private import Private, open_private
from rpsg.stages.cards import (
    CardModel,
    card_row_cells,
    cells,
    rows_counted,
    shapes,
    systematic,
)

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.stages.annotate import Codes

SIZES = {"topic": 5, "sentiment": 3, "length": 3}


def traits(rng: np.random.Generator, rows: int) -> dict[str, Codes]:
    return {name: rng.integers(-1, size, rows) for name, size in SIZES.items()}


def ballots(pack: Pack, values: dict[str, Codes]) -> Codes:
    units = np.arange(len(values["topic"]), dtype=np.int64)
    return open_private(card_row_cells(Private(values), Private(units), pack)).cells


def histogram(pack: Pack, values: dict[str, Codes]) -> Codes:
    flat = ballots(pack, values).ravel()
    return np.bincount(flat[flat >= 0], minlength=cells(pack))


def test_the_marginals_lie_end_to_end(tiny: Pack) -> None:
    assert shapes(tiny) == [(5, 3), (3, 3)]
    assert cells(tiny) == 24


def test_a_row_adds_to_one_cell_of_each_marginal_or_to_none(tiny: Pack) -> None:
    values = {"topic": [2, -1, 4], "sentiment": [1, 2, 2], "length": [0, 1, -1]}
    rows = ballots(tiny, {name: np.array(v, np.int64) for name, v in values.items()})
    assert rows.tolist() == [[2 * 3 + 1, 15 + 1 * 3 + 0], [-1, 15 + 2 * 3 + 1], [4 * 3 + 2, -1]]


def test_one_row_changes_at_most_one_count_of_each_marginal_by_one(
    tiny: Pack, rng: np.random.Generator
) -> None:
    values = traits(rng, 40)
    whole = histogram(tiny, values)
    for gone in range(40):
        change = whole - histogram(tiny, {name: np.delete(v, gone) for name, v in values.items()})
        assert set(change.tolist()) <= {0, 1}
        assert change.sum() <= len(tiny.marginals)


def test_cards_follow_the_marginals(tiny: Pack, rng: np.random.Generator) -> None:
    joint = rng.dirichlet(np.ones(15)).reshape(5, 3)
    follow = rng.dirichlet(np.ones(3), size=3) * joint.sum(axis=0)[:, None]
    count = 20_000
    cards = CardModel(tiny, (joint, follow)).draw(count, rng)
    for names, table in ((("topic", "sentiment"), joint), (("sentiment", "length"), follow)):
        values = [tiny.attribute(name).values for name in names]
        seen = np.zeros(table.shape)
        for card in cards:
            seen[tuple(v.index(card.values[name]) for name, v in zip(names, values, strict=True))] += 1
        assert chisquare(seen.ravel(), count * table.ravel()).pvalue > 1e-4


def test_cards_name_every_attribute_and_free_values_are_spread_evenly(
    tiny: Pack, rng: np.random.Generator
) -> None:
    cards = CardModel.uniform(tiny).draw(40, rng)
    assert {frozenset(card.values) for card in cards} == {
        frozenset({"topic", "sentiment", "length", "opening"})
    }
    openings = [card.values["opening"] for card in cards]
    assert {openings.count(value) for value in tiny.attribute("opening").values} == {10}


def test_a_free_value_comes_from_the_group_of_the_value_it_goes_by(rng: np.random.Generator) -> None:
    pack = find_pack("food-reviews")
    opening = pack.attribute("opening")
    cards = CardModel.uniform(pack).draw(600, rng)
    for sentiment, group in opening.groups.items():
        drawn = Counter(c.values["opening"] for c in cards if c.values["sentiment"] == sentiment)
        assert set(drawn) == set(group)
        assert max(drawn.values()) - min(drawn.values()) <= 1


def test_a_group_that_no_card_needs_is_no_trouble(rng: np.random.Generator) -> None:
    assert CardModel.uniform(find_pack("food-reviews")).draw(1, rng)[0].values["opening"]


def test_the_fit_follows_counts_far_above_their_noise(tiny: Pack) -> None:
    noisy = np.zeros(24, np.int64)
    noisy[[0, 15]] = 300
    topic, length = CardModel.fit(tiny, noisy, 300, 0.5, 0.15).marginals
    assert topic.sum() == pytest.approx(1)
    assert topic[0, 0] == pytest.approx(1, abs=0.01)
    assert length[0, 0] == pytest.approx(1, abs=0.01)


def test_the_fit_keeps_every_value_alive_where_noise_may_have_taken_it(tiny: Pack) -> None:
    noisy = np.zeros(24, np.int64)
    noisy[[0, 15]] = 5
    topic, _ = CardModel.fit(tiny, noisy, 5, 3.0, 0.15).marginals
    assert topic.min() > 0.001


def test_a_fit_of_nothing_but_noise_is_a_distribution(tiny: Pack, rng: np.random.Generator) -> None:
    for table in CardModel.fit(tiny, rng.integers(-9, 0, 24), 1, 5.0, 0.0).marginals:
        assert table.sum() == pytest.approx(1)
        assert (table >= 0).all()


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=20).filter(lambda w: sum(w) > 0.01), st.integers(1, 200)
)
def test_systematic_draws_are_as_even_as_whole_numbers_can_be(weights: list[float], count: int) -> None:
    drawn = systematic(np.array(weights), count, np.random.default_rng(1))
    assert len(drawn) == count
    exact = count * np.array(weights) / sum(weights)
    assert (np.abs(np.bincount(drawn, minlength=len(weights)) - exact) < 1 + 1e-6).all()


def test_systematic_draws_come_in_random_order(rng: np.random.Generator) -> None:
    drawn = systematic(np.ones(2), 100, rng)
    assert 20 < np.abs(np.diff(drawn)).sum() < 80


@pytest.mark.parametrize(
    ("brought", "most", "found"), [(500, 5, 500), (500, 1, 100), (60, 5, 100), (900, 5, 500)]
)
def test_the_number_of_rows_is_read_off_the_smallest_marginal(
    tiny: Pack, brought: int, most: int, found: int
) -> None:
    noisy = np.full(24, 7_000, np.int64)
    noisy[15:] = brought // 9
    noisy[15] += brought % 9
    assert rows_counted(tiny, noisy, 100, most) == found


def test_people_who_bring_fewer_rows_than_they_may_are_not_drowned_in_even_mass(
    tiny: Pack, rng: np.random.Generator
) -> None:
    truth = rng.multinomial(900, rng.dirichlet(np.full(15, 0.2)))
    noisy = np.concatenate([truth, rng.multinomial(900, np.ones(9) / 9)])
    topic = CardModel.fit(tiny, noisy, rows_counted(tiny, noisy, 900, 5), 0.01, 0.0).marginals[0]
    assert topic.ravel() == pytest.approx(truth / 900, abs=1e-5)
