"""Intervals over seeds: Student's t, none with one seed, and within seeds where two methods are compared."""

from __future__ import annotations

import pytest
from scipy import stats

from rpsg.compare.seeds import T_QUANTILES, is_apart, over_seeds, quantile


def test_the_interval_is_student_s() -> None:
    found = over_seeds([1.0, 2.0, 4.0])
    assert found is not None
    low, _ = stats.t.interval(0.95, 2, loc=7 / 3, scale=stats.sem([1.0, 2.0, 4.0]))
    assert found.mean == pytest.approx(7 / 3)
    assert found.half == pytest.approx(7 / 3 - low, rel=1e-4)


@pytest.mark.parametrize("freedom", T_QUANTILES)
def test_quantiles_are_those_of_the_distribution(freedom: int) -> None:
    assert quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=6e-5)


def test_between_two_known_quantiles_the_wider_interval_is_used() -> None:
    assert quantile(24) == quantile(20) > stats.t.ppf(0.975, 24)
    with pytest.raises(ValueError, match="degree of freedom"):
        quantile(0)


def test_one_seed_has_no_interval_and_no_seed_no_mean() -> None:
    one = over_seeds([2.0, None])
    assert one is not None
    assert (one.mean, one.half, one.n) == (2.0, None, 1)
    assert one.in_words() == "2.00"
    assert over_seeds([None]) is None


def test_a_figure_is_shown_with_its_interval() -> None:
    found = over_seeds([0.27, 0.28, 0.29])
    assert found is not None
    assert found.in_words() == "0.280 ± 0.025"


def test_methods_are_compared_within_seeds() -> None:
    """Every seed has other people: what differs between seeds says nothing about the two methods."""
    first = {0: 1.0, 1: 5.0, 2: 9.0}
    assert is_apart(first, {0: 1.1, 1: 5.11, 2: 9.12}) is True
    assert is_apart(first, {0: 1.5, 1: 4.5, 2: 9.2}) is False


def test_one_shared_seed_cannot_tell() -> None:
    assert is_apart({0: 1.0, 1: 2.0}, {0: 3.0, 2: 4.0}) is None
