"""Clean counts go in boxed, whole noisy numbers come out, and strings of one unit stay in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from rpsg.errors import PrivacyError
from rpsg.privacy.histogram import Query, RowCells
from rpsg.privacy.mechanisms import noisy_histogram, noisy_selection
from rpsg.privacy.noise import RoundedGaussian
from rpsg.privacy.private import Private
from rpsg.privacy.sensitivity import selection_threshold
from rpsg.testing.noise import FixedNoise

VOTES = Query("votes", "a test", 4, "S4_k_votes", 2.0)
PHRASES = Query("phrases", "a test", 0, "S3_k_items_per_unit", 3.0, k=2)


def voting(cells: list[int]) -> Private[RowCells]:
    return Private(RowCells(np.arange(len(cells)), np.array(cells, dtype=np.int64).reshape(-1, 1)))


def test_the_noise_is_added_to_the_counts() -> None:
    assert noisy_histogram(VOTES, voting([0, 0, 3]), FixedNoise([1, -5])).tolist() == [3, -5, 1, -4]


def test_two_releases_of_the_same_counts_differ() -> None:
    wide = Query("votes", "a test", 200, "S4_k_votes", 2.0)
    first, second = (noisy_histogram(wide, voting([0]), RoundedGaussian()) for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    "drawn", [np.zeros(4), np.zeros(3, dtype=np.int64), np.zeros((4, 1), dtype=np.int64)]
)
def test_noise_that_is_not_whole_or_not_of_the_size_is_refused(drawn: npt.NDArray[Any]) -> None:
    source = SimpleNamespace(name="testing:wrong", draw=lambda sigma, size: drawn)
    with pytest.raises(PrivacyError, match="whole numbers"):
        noisy_histogram(VOTES, voting([0]), source)


def test_only_strings_that_reach_the_threshold_come_out_in_their_own_order() -> None:
    items = Private([["b", "a"]] * 5 + [["c", "a"]])
    assert noisy_selection(PHRASES, 5, items, FixedNoise([0])) == [("a", 6), ("b", 5)]


def test_the_order_of_the_units_leaves_no_trace_in_a_selection() -> None:
    units = [["b", "a"], ["a", "c"], ["c"]]
    forward = noisy_selection(PHRASES, 1, Private(units), FixedNoise([0, 1, 2]))
    backward = noisy_selection(PHRASES, 1, Private([u[::-1] for u in units[::-1]]), FixedNoise([0, 1, 2]))
    assert forward == backward == [("a", 2), ("b", 2), ("c", 4)]


@pytest.mark.parametrize("units", [[["a", "b", "c"]], [["a", "a"]]])
def test_a_unit_with_too_many_strings_or_one_twice_is_refused(units: list[list[str]]) -> None:
    with pytest.raises(PrivacyError, match="broke its contribution rule"):
        noisy_selection(PHRASES, 5, Private(units), FixedNoise())


def test_no_strings_give_an_empty_selection() -> None:
    assert noisy_selection(PHRASES, 5, Private([]), RoundedGaussian()) == []
    assert noisy_selection(PHRASES, 5, Private([[]]), RoundedGaussian()) == []


def test_a_string_of_one_unit_passes_no_more_often_than_delta_fail() -> None:
    delta_fail, trials = 0.02, 40_000
    one = Query("phrases", "a test", 0, "S3_k_items_per_unit", 3.0, k=1)
    tau = selection_threshold(3.0, 1, delta_fail)
    lonely = Private([[f"string {i}"] for i in range(trials)])  # as many trials as strings, each of one unit
    passed = len(noisy_selection(one, tau, lonely, RoundedGaussian()))
    assert passed < trials * delta_fail + 5 * (trials * delta_fail) ** 0.5
    lower = len(noisy_selection(one, tau - 3, lonely, RoundedGaussian()))
    assert lower > trials * delta_fail + 5 * (trials * delta_fail) ** 0.5
