"""The tests of noise: exact tails, no alarm for the right noise, an alarm for another."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from rpsg.privacy.noise import RoundedGaussian
from rpsg.privacy.residuals import below_threshold, chi_squared_tails, outcome, seen


@pytest.mark.parametrize("degrees", [1, 2, 3, 10, 101, 5000, 100_000])
@pytest.mark.parametrize("place", [0.0, 1e-4, 0.3, 0.9, 1.0, 1.02, 1.5, 4.0])
def test_the_tails_are_those_of_chi_squared(degrees: int, place: float) -> None:
    below, above = chi_squared_tails(place * degrees, degrees)
    law = stats.chi2(degrees)
    for ours, theirs in ((below, law.cdf(place * degrees)), (above, law.sf(place * degrees))):
        assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("sigma", [0.6, 3.0, 40.0])
def test_the_intervals_are_those_of_the_noise(sigma: float) -> None:
    """What is drawn falls evenly into them."""
    drawn = RoundedGaussian().draw(sigma, 20_000).tolist()
    rng = np.random.default_rng(0)
    points = [low + (high - low) * rng.random() for low, high in (seen(value, sigma) for value in drawn)]
    assert stats.kstest(points, "uniform").pvalue > 1e-6


@pytest.mark.parametrize("cells", [1, 2, 30, 3000])
def test_the_right_noise_raises_no_alarm(cells: int) -> None:
    for _ in range(20):
        drawn = RoundedGaussian().draw(3.0, cells).tolist()
        assert outcome("votes", [seen(value, 3.0) for value in drawn]).is_noise(20)


@pytest.mark.parametrize("wrong", [0.5, 2.0])
def test_noise_of_half_or_double_size_raises_one(wrong: float) -> None:
    drawn = RoundedGaussian().draw(wrong * 3.0, 300).tolist()
    found = outcome("votes", [seen(value, 3.0) for value in drawn])
    assert not found.is_noise(10)
    assert found.spread < 1e-6


def test_no_noise_at_all_raises_one_for_many_cells_and_cannot_for_one() -> None:
    assert not outcome("votes", [seen(0, 3.0)] * 300).is_noise(2)
    assert outcome("size", [seen(0, 3.0)]).is_noise(2)


def test_a_drift_raises_one() -> None:
    drawn = (RoundedGaussian().draw(3.0, 300) + 2).tolist()
    assert outcome("votes", [seen(value, 3.0) for value in drawn]).mean < 1e-6


def test_strings_below_their_threshold_tell_what_they_can() -> None:
    """Noisy counts that are cut off at a threshold look right; ones that were kept back on purpose do not."""
    sigma, threshold, counts = 3.0, 20, [15] * 400
    noisy = [15 + int(value) for value in RoundedGaussian().draw(sigma, 400)]

    def intervals(values: list[int]) -> list[tuple[float, float]]:
        return [
            seen(value - count, sigma) if value >= threshold else below_threshold(threshold - count, sigma)
            for value, count in zip(values, counts, strict=True)
        ]

    assert outcome("labels", intervals(noisy)).is_noise(2)
    assert not outcome("labels", intervals([threshold] * 400)).is_noise(2)


def test_nothing_asked_is_nothing_wrong() -> None:
    assert outcome("labels", []).is_noise(2)
    assert not math.isnan(outcome("far", [(1.0, 1.0)]).spread)
