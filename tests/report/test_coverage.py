"""Who is in the corpus, from noisy counts: the sums, their noise, and those whom the noise hides."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpsg
from rpsg.evaluation.floor import read_finished
from rpsg.release.coverage import Coverage, Noisy, Value, _summed

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.release.reader import Story
    from rpsg.results import Run


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.data())
def test_counts_of_one_attribute_are_sums_over_the_others(shape: list[int], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(shape) - 1))
    cells = np.array(
        data.draw(st.lists(st.integers(-9, 99), min_size=math.prod(shape), max_size=math.prod(shape)))
    )
    others = tuple(i for i in range(len(shape)) if i != place)
    found = _summed(cells.tolist(), shape, place, 2.0)
    assert [n.count for n in found] == cells.reshape(shape).sum(axis=others).tolist()
    assert found[0].sigma == pytest.approx(2.0 * math.sqrt(math.prod(shape) / shape[place]))


@pytest.mark.parametrize("name", ["strict", "labels"])
def test_the_counts_are_those_that_the_evaluation_reads(
    reported: Callable[[str], Run], story_of: Callable[[str], Story], name: str
) -> None:
    theirs = read_finished(reported(name).path).counts
    assert theirs is not None
    mine = {c.attribute: c for c in story_of(name).coverage}
    assert mine.keys() == theirs.counts.keys()
    for attribute, covered in mine.items():
        found = {v.name: v.noisy.count for v in covered.values if v.noisy is not None}
        assert found == theirs.counts[attribute]
        assert all(
            v.noisy and v.noisy.sigma == pytest.approx(theirs.sigma[attribute]) for v in covered.values
        )


@pytest.mark.parametrize("name", ["strict", "labels"])
def test_the_page_says_of_every_value_what_the_evaluation_says(
    reported: Callable[[str], Run], story_of: Callable[[str], Story], name: str
) -> None:
    found = rpsg.evaluate(reported(name).path, write_floor=False, metrics=["attribute_coverage"])
    theirs = found.line("attribute_coverage").corpus.details["attributes"]
    story = story_of(name)
    assert theirs.keys() == {c.attribute for c in story.coverage}
    for covered in story.coverage:
        rows = {row["value"]: row for row in theirs[covered.attribute]}
        for value in covered.values:
            assert value.noisy is not None
            assert covered.counted is not None
            row = rows[value.name]
            assert row["texts"] == value.texts
            assert row["lost in noise"] == (value in covered.unseen)
            assert row["noisy share"] == pytest.approx(max(value.noisy.count, 0) / covered.counted)
    asked = [text.card.values["length"] for text in story.texts]
    lengths = next(c for c in story.coverage if c.measured)
    assert any(value.texts != asked.count(value.name) for value in lengths.values), "cards would do"


def test_every_released_text_has_one_value_of_each_attribute(story_of: Callable[[str], Story]) -> None:
    story = story_of("labels")
    assert all(covered.texts == len(story.texts) for covered in story.coverage)


def test_lengths_are_measured_and_the_rest_is_what_was_asked_for(story_of: Callable[[str], Story]) -> None:
    story = story_of("strict")
    assert {c.attribute for c in story.coverage if c.measured} == {"length"}
    lengths = next(c for c in story.coverage if c.measured)
    short = sum(len(text.text.split()) < lengths.edges[0] for text in story.texts)
    assert lengths.values[0].texts == short


def test_a_release_without_private_data_has_no_counts(story_of: Callable[[str], Story]) -> None:
    story = story_of("floor")
    assert story.people is None
    assert story.coverage
    assert all(c.counted is None and c.moved is None and not c.unseen for c in story.coverage)


def test_the_people_were_counted_with_noise(story_of: Callable[[str], Story]) -> None:
    people = story_of("strict").people
    assert people is not None
    assert abs(people.count - 400) < 8 * people.sigma


def covered(*counts: int, sigma: float = 10.0) -> Coverage:
    values = [Value(str(i), Noisy(count, sigma), 0) for i, count in enumerate(counts)]
    return Coverage("topic", tuple(values), measured=False)


def test_what_lies_within_the_noise_is_told() -> None:
    assert [v.name for v in covered(100, 20, 19, -5).unseen] == ["2", "3"]


def test_a_count_below_zero_is_nobody() -> None:
    found = covered(60, 40, -30, -70)
    assert found.counted == 100
    assert found.moved is not None
    assert found.moved[0] == pytest.approx(0.5)


def test_an_even_spread_is_no_distance_and_one_value_alone_is_far() -> None:
    assert covered(50, 50, 50, 50).moved == pytest.approx((0.0, 0.5 * math.sqrt(2 / math.pi) * 40 / 200))
    far = covered(400, 0, 0, 0).moved
    assert far is not None
    assert far[0] == pytest.approx(0.75)
