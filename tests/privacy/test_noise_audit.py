"""An attacker with many samples of the real mechanism learns as much as the claim allows, and no more.

One unit is put into every cell of a long histogram: each cell is then one independent trial of the
neighbouring pair "count 0 or count 1". Sums of vectors are attacked along the vector of the one unit. The
best test between the two is a threshold on the noisy count, and mu-GDP means that its power at every
false-positive rate alpha stays below Phi(Phi^-1(alpha) + mu). Clopper-Pearson bounds turn the observed rates
into a lower bound on mu, and that into one on epsilon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from rpsg.privacy.gaussian import epsilon_of
from rpsg.privacy.histogram import Query, RowCells
from rpsg.privacy.mechanisms import noisy_histogram
from rpsg.privacy.noise import OpenDPNoise, RoundedGaussian
from rpsg.privacy.private import Private
from rpsg.privacy.vector_sum import BoundedVectors
from rpsg.testing.noise import FixedNoise

if TYPE_CHECKING:
    from rpsg.protocols import NoiseSource

ERROR = 1e-6  # how often the audit may cry wolf
DELTA = 1e-6


def released(sigma: float, trials: int, units: int, noise: NoiseSource) -> npt.NDArray[np.int64]:
    cells = np.arange(units).reshape(-1, 1)
    query = Query("audit", "one unit in each cell", trials, "S4_k_votes", sigma)
    return noisy_histogram(query, Private(RowCells(np.arange(units), cells)), noise)


def lower_bound_on_mu(sigma: float, trials: int, noise: NoiseSource) -> float:
    without, present = (released(sigma, trials, units, noise) for units in (0, trials))
    thresholds = range(-int(sigma), int(sigma) + 2)
    error = ERROR / len(thresholds) / 2
    bounds = []
    for t in thresholds:
        false, true = int(np.sum(without >= t)), int(np.sum(present >= t))
        highest_false = stats.beta.ppf(1 - error, false + 1, trials - false)
        lowest_true = stats.beta.ppf(error, true, trials - true + 1)
        bounds.append(stats.norm.ppf(lowest_true) - stats.norm.ppf(highest_false))
    return float(max(bounds))


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_the_mechanism_leaks_no_more_than_its_mu(sigma: float) -> None:
    bound = lower_bound_on_mu(sigma, 200_000, RoundedGaussian())
    assert bound <= 1 / sigma
    assert epsilon_of(max(bound, 0.0), DELTA) <= epsilon_of(1 / sigma, DELTA)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_noise_a_fifth_too_small_is_caught(sigma: float) -> None:
    bound = lower_bound_on_mu(0.8 * sigma, 200_000, RoundedGaussian())
    assert bound > 1 / sigma
    assert epsilon_of(bound, DELTA) > epsilon_of(1 / sigma, DELTA)


def lower_bound_for_vectors(sigma: float, absent: int, trials: int = 50_000) -> float:
    """The same bound for sums: one unit with the longest vector, or it ``absent`` times, along that vector.

    The noise of all trials is drawn at once, as one long sum with a unit in it for each trial would draw it.
    """
    w, row = 13, np.array([3, 4, 12])
    query = Query("audit", "a sum of vectors", 3, "S6_bounded_vector", w * sigma, w=w)
    noise = RoundedGaussian()
    scores = []
    for times in (absent, 1):
        table = times * row[None, :]
        rows = BoundedVectors(np.zeros(1, dtype=np.int64), table.__getitem__)
        clean = noisy_histogram(query, Private(rows), FixedNoise())
        drawn = noise.draw(query.sigma, 3 * trials).reshape(trials, 3)
        scores.append((clean + drawn) @ row / w)
    thresholds = np.linspace(-w * sigma, w * sigma, 21)
    error = ERROR / len(thresholds) / 2
    bounds = []
    for t in thresholds:
        false, true = (int(np.sum(score >= t)) for score in scores)
        highest_false = stats.beta.ppf(1 - error, false + 1, trials - false)
        lowest_true = stats.beta.ppf(error, true, trials - true + 1)
        bounds.append(stats.norm.ppf(lowest_true) - stats.norm.ppf(highest_false))
    return float(max(bounds))


@pytest.mark.parametrize(("absent", "distance"), [(0, 1), (-1, 2)])
def test_a_sum_of_vectors_leaks_its_mu_and_no_more(absent: int, distance: int) -> None:
    """Against nobody that is w / sigma, against the opposite vector (one unit replaced) twice as much."""
    bound = lower_bound_for_vectors(2.0, absent)
    assert 0.85 * distance / 2.0 < bound <= distance / 2.0
    assert lower_bound_for_vectors(0.8 * 2.0, absent) > distance / 2.0


def test_the_audit_is_not_blind_on_the_right_noise() -> None:
    assert lower_bound_on_mu(2.0, 200_000, RoundedGaussian()) > 0.9 / 2.0


def test_no_released_value_occurs_on_one_side_only_within_reach() -> None:
    """Floating-point noise gives counts 0 and 1 different fractions; whole numbers have none."""
    without, present = (released(2.0, 100_000, units, RoundedGaussian()) for units in (0, 100_000))
    inner = range(-6, 8)
    assert all(np.any(without == v) and np.any(present == v) for v in inner)


def test_opendp_noise_passes_the_same_audit() -> None:
    pytest.importorskip("opendp", reason="needs the extra 'opendp'")
    assert lower_bound_on_mu(2.0, 20_000, OpenDPNoise()) <= 1 / 2.0
