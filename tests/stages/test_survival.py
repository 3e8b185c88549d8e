"""Which texts of a generation stay, on votes made by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from rpsg.stages.rng import stream
from rpsg.stages.survival import quotas_of_labels, survivors

VOTES = np.array([3, 9, -4, 9, 0, 5], np.int64)


@pytest.mark.parametrize(
    ("places", "stay"), [(1, [1]), (3, [1, 3, 5]), (6, [1, 3, 5, 0, 4, 2]), (9, [1, 3, 5, 0, 4, 2])]
)
def test_by_rank_those_with_most_votes_stay_and_of_equals_the_first(places: int, stay: list[int]) -> None:
    assert survivors(VOTES, places, "rank", 0.0, stream(0, "rank"), last=False) == stay


def test_a_threshold_does_not_change_a_rank() -> None:
    ranked = [
        survivors(VOTES, 4, "rank", threshold, stream(0, "rank"), last=True) for threshold in (0.0, 8.0, 99.0)
    ]
    assert ranked == [[1, 3, 5, 0]] * 3


def test_a_sample_follows_the_votes_above_the_threshold() -> None:
    """Less 3: weights 0, 6, 0, 6, 0 and 2."""
    drawn = Counter(survivors(VOTES, 14_000, "sample", 3.0, stream(0, "sample"), last=False))
    assert set(drawn) == {1, 3, 5}
    assert [drawn[i] / 14_000 for i in (1, 3, 5)] == pytest.approx([6 / 14, 6 / 14, 2 / 14], abs=0.02)


def test_the_last_sample_holds_each_text_once_and_is_filled_up_by_rank() -> None:
    for seed in range(50):
        stay = survivors(VOTES, 5, "sample", 3.0, stream(seed, "last"), last=True)
        assert sorted(stay[:3]) == [1, 3, 5]
        assert stay[3:] == [0, 4]


def test_the_first_of_the_last_sample_is_drawn_by_the_votes() -> None:
    firsts = Counter(
        survivors(VOTES, 1, "sample", 3.0, stream(i, "first"), last=True)[0] for i in range(4_000)
    )
    assert [firsts[i] / 4_000 for i in (1, 3, 5)] == pytest.approx([6 / 14, 6 / 14, 2 / 14], abs=0.03)


def test_without_a_vote_above_the_threshold_the_best_stay() -> None:
    assert survivors(VOTES, 2, "sample", 50.0, stream(0, "none"), last=False) == [1, 3]


@pytest.mark.parametrize(
    ("heard", "size", "places"),
    [
        ([300.0, 100.0], 20, [15, 5]),
        ([300.0, -40.0], 20, [19, 1]),
        ([-5.0, -9.0], 20, [10, 10]),
        ([1000.0, 1.0, 0.0], 3, [1, 1, 1]),
        ([1000.0, 1.0, 0.0], 2, [2, 0, 0]),
        ([7.0], 20, [20]),
    ],
)
def test_labels_share_the_places_by_their_votes_and_none_dies_out(
    heard: list[float], size: int, places: list[int]
) -> None:
    assert quotas_of_labels(np.array(heard), size).tolist() == places
