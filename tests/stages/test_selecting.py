"""Step 7, second half: which candidates stay, from the noisy votes alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.records import Candidate, Card, Pool
from rpsg.stages.votes import select, shares


def pool_of(votes: list[float], labels: str = "") -> Pool:
    cards = [Card({"label": label}) for label in labels] or [Card({})] * len(votes)
    candidates = [
        Candidate(i, f"text {i}", card, scores={"votes": v})
        for i, (v, card) in enumerate(zip(votes, cards, strict=True))
    ]
    return Pool(tuple(candidates))


def kept(votes: list[float], size: int, labels: str = "") -> list[int]:
    pool = pool_of(votes, labels)
    return [c.id for c in select(pool, pool.alive(), size, "label" if labels else None).alive()]


def test_the_most_voted_stay() -> None:
    assert kept([1, 9, 3, 7], 2) == [1, 3]


def test_of_equals_the_first_stays() -> None:
    assert kept([5, 5, 5, 5], 2) == [0, 1]


def test_what_nobody_speaks_for_goes_even_when_there_is_room() -> None:
    pool = select(pool_of([3, 0, -4, 2]), pool_of([3, 0, -4, 2]).alive(), 4)
    assert [c.id for c in pool.alive()] == [0, 3]
    assert pool.drops() == {("votes", "below the vote floor"): 2}


def test_those_not_chosen_are_told_apart_from_those_below_the_floor() -> None:
    pool = pool_of([3, 2, 1, 0])
    assert select(pool, pool.alive(), 2).drops() == {
        ("votes", "not chosen by the votes"): 1,
        ("votes", "below the vote floor"): 1,
    }


def test_with_labels_the_places_follow_the_labels_votes() -> None:
    assert kept([30, 20, 10, 12, 8, 1], 4, "aaabbb") == [0, 1, 2, 3]
    assert kept([10, 10, 10, 10, 10, 10], 4, "aaabbb") == [0, 1, 3, 4]


def test_a_label_with_more_places_than_candidates_leaves_them_empty() -> None:
    assert kept([90, 5, 5], 3, "abb") == [0]


def test_without_any_supported_candidate_the_best_of_them_stay() -> None:
    """Ending the run instead would waste a budget that is spent."""
    assert kept([-1, 0, -7], 2) == [0, 1]
    assert kept([-1, 0, -7, -9], 2, "aabb") == [1, 2]


def test_candidates_that_did_not_stand_are_left_as_they_are() -> None:
    pool = pool_of([1, 2])
    extended = pool.extend([Candidate(2, "not voted on", Card({}))])
    assert [c.id for c in select(extended, pool.alive(), 1).alive()] == [1, 2]


@given(st.lists(st.floats(0, 1e6), max_size=12), st.integers(0, 500))
def test_shares_are_whole_add_up_and_are_within_one_of_exact(mass: list[float], size: int) -> None:
    found = shares(np.array(mass, np.float64), size)
    if not mass:
        assert found.tolist() == []
        return
    total = sum(mass)
    exact = [size * m / total if total > 0 else size / len(mass) for m in mass]
    assert found.sum() == size
    assert np.abs(found - exact).max() < 1 + 1e-6
    assert found.min() >= 0


@pytest.mark.parametrize(
    ("mass", "size", "places"), [([1, 1, 1], 4, [2, 1, 1]), ([3, 1], 2, [2, 0]), ([0, 0], 3, [2, 1])]
)
def test_the_largest_remainders_get_the_places_left(mass: list[float], size: int, places: list[int]) -> None:
    assert shares(np.array(mass, np.float64), size).tolist() == places
