"""The fit of noisy counts keeps what is known and gives up what noise made: in simulations, always nearer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.stages.shrinking import fitted, project

Floats = npt.NDArray[np.float64]
GROUPS = np.repeat(np.arange(12), 10)
SIGMA = 6.5
counts = st.lists(st.integers(-50, 200), min_size=1, max_size=40)


def away(truth: Floats, found: Floats) -> float:
    """Total variation."""
    return 0.5 * float(np.abs(truth - found).sum())


def topics(rng: np.random.Generator) -> Floats:
    shares = np.concatenate([g * rng.dirichlet(np.full(10, 0.4)) for g in rng.dirichlet(np.full(12, 0.7))])
    return np.asarray(shares)


def noisy(truth: Floats, n: int, rng: np.random.Generator) -> Floats:
    counted = rng.multinomial(n, truth.ravel()).reshape(truth.shape)
    return np.asarray(np.rint(counted + rng.normal(0, SIGMA, truth.shape)))


@given(counts, st.integers(1, 1000))
def test_a_projected_table_is_not_negative_and_sums_to_the_total(noisy: list[int], total: int) -> None:
    table = project(np.array(noisy), total)
    assert (table >= 0).all()
    assert table.sum() == pytest.approx(total)


@given(counts)
def test_a_table_without_noise_is_projected_onto_itself(clean: list[int]) -> None:
    whole = np.maximum(np.array(clean), 0)
    whole[0] += 1
    assert project(whole, whole.sum()) == pytest.approx(whole)


@given(counts, st.integers(1, 1000))
def test_larger_counts_stay_larger(noisy: list[int], total: int) -> None:
    table = project(np.array(noisy), total)
    order = np.argsort(noisy, kind="stable")
    assert (np.diff(table[order]) >= -1e-9).all()


def test_no_other_table_with_that_sum_is_closer(rng: np.random.Generator) -> None:
    noisy = rng.integers(-5, 20, 6)
    best = project(noisy, 30)
    for _ in range(200):
        other = rng.dirichlet(np.ones(6)) * 30
        assert np.linalg.norm(best - noisy) <= np.linalg.norm(other - noisy) + 1e-9


@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=12, max_size=12),
    st.floats(1, 10**6),
    st.floats(0.01, 10**4),
    st.floats(0, 1),
    st.sampled_from([(12,), (3, 4), (2, 3, 2)]),
)
def test_whatever_was_counted_the_fit_is_a_distribution(
    values: list[int], total: float, sigma: float, mix: float, shape: tuple[int, ...]
) -> None:
    table = fitted(np.array(values, np.float64).reshape(shape), total, sigma, mix)
    assert table.shape == shape
    assert (table >= 0).all()
    assert table.sum() == pytest.approx(1)


def test_counts_far_above_their_noise_stay_as_they_are() -> None:
    counted = np.array([7000.0, 2000.0, 0.0, 1000.0])
    assert fitted(counted, 10_000, 1e-3, 0.5) == pytest.approx(counted / 10_000, abs=1e-6)


def test_noise_around_even_counts_is_given_up(rng: np.random.Generator) -> None:
    even = np.full(120, 1 / 120)
    kept = [away(even, fitted(noisy(even, 1000, rng), 1000, SIGMA)) for _ in range(40)]
    raw = [away(even, project(noisy(even, 1000, rng), 1000) / 1000) for _ in range(40)]
    assert np.mean(kept) < 0.4 * np.mean(raw)


def test_what_noise_explains_is_spread_evenly_and_what_was_counted_is_not() -> None:
    sure, unsure = np.array([9000.0, 1000.0, 0.0, 0.0]), np.array([3.0, -2.0, 1.0, 0.0])
    assert fitted(sure, 10_000, 1.0, 0.2)[3] < 1e-4
    assert fitted(unsure, 10, 5.0, 0.2) == pytest.approx(np.full(4, 0.25), abs=0.1)


@pytest.mark.parametrize("n", [150, 300, 1000, 4000])
def test_a_coarse_level_brings_the_fit_nearer_to_the_truth(n: int, rng: np.random.Generator) -> None:
    flat, grouped = [], []
    for _ in range(60):
        truth = topics(rng)
        told = noisy(truth, n, rng)
        flat.append(away(truth, fitted(told, n, SIGMA)))
        grouped.append(away(truth, fitted(told, n, SIGMA, groups=[GROUPS])))
    assert np.mean(grouped) < np.mean(flat) + 0.002


@pytest.mark.parametrize("n", [150, 300, 1000, 4000])
def test_the_fit_is_nearer_to_the_truth_than_the_projected_counts(n: int, rng: np.random.Generator) -> None:
    projected, kept = [], []
    for _ in range(60):
        truth = np.multiply.outer(topics(rng), [0.6, 0.15, 0.25])
        told = noisy(truth, n, rng)
        projected.append(away(truth, project(told, n) / n))
        kept.append(away(truth, fitted(told, n, SIGMA, groups=[GROUPS, None])))
    assert np.mean(kept) < np.mean(projected)


def test_independent_attributes_are_found_to_be_so(rng: np.random.Generator) -> None:
    truth = np.multiply.outer(rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(3)))
    found = fitted(noisy(truth, 400, rng), 400, SIGMA)
    product = np.multiply.outer(found.sum(axis=1), found.sum(axis=0))
    assert away(product, found) < 0.06


def test_a_table_that_is_known_to_be_a_product_is_not_spread_evenly() -> None:
    """Independence explains all of it; that is knowledge, and no reason to mix in even counts."""
    truth = np.multiply.outer([0.9, 0.1, 0.0], [0.7, 0.3])
    assert fitted(10_000 * truth, 10_000, 1.0, 0.5) == pytest.approx(truth, abs=1e-3)
