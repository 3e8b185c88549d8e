"""Comparisons of embeddings are exact, so that a record's vote is its own."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest

from rpsg.stages.annotate import empty_rows
from rpsg.stages.exact_similarity import STEPS, quantized


def unit_rows(count: int, dim: int, seed: int) -> npt.NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((count, dim))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("dim", [32, 384, 768])
def test_every_product_fits_the_whole_numbers_that_a_float_holds_exactly(dim: int) -> None:
    lattice = quantized(unit_rows(500, dim, 1)).astype(np.float64)
    assert float((lattice**2).sum(axis=1).max()) < 2**24


def test_the_product_is_the_same_in_any_company_and_any_order_of_adding() -> None:
    rows, candidates = quantized(unit_rows(700, 384, 2)), quantized(unit_rows(300, 384, 3))
    together = rows @ candidates.T
    order = np.random.default_rng(4).permutation(384)
    exact = rows.astype(np.int64) @ candidates.astype(np.int64).T
    assert (together == exact).all()
    assert (rows[:, order] @ candidates[:, order].T == exact).all()
    assert all((rows[i : i + 1] @ candidates.T == exact[i]).all() for i in range(0, 700, 97))


def test_the_lattice_moves_a_similarity_by_less_than_one_in_a_thousand() -> None:
    rows = unit_rows(200, 384, 5)
    moved = quantized(rows).astype(np.float64) @ quantized(rows).astype(np.float64).T / STEPS**2
    assert float(np.abs(moved - rows @ rows.T).max()) < 1e-3


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_has_no_direction_and_spoils_no_other(broken: float) -> None:
    rows = unit_rows(3, 8, 6)
    sound = quantized(rows)
    rows[1, 2] = broken
    lattice = quantized(rows)
    assert not lattice[1].any()
    assert np.array_equal(lattice[[0, 2]], sound[[0, 2]])
    assert empty_rows(rows).tolist() == [False, True, False]


@pytest.mark.parametrize("times", [1.1, 3.0, 1e30, 3e38])
def test_a_row_longer_than_an_embedder_may_give_has_no_direction_and_warns_of_nothing(times: float) -> None:
    """Its products would not be exact, and others' scores beside them would not be their own."""
    rows = unit_rows(3, 384, 7)
    sound = quantized(rows)
    rows[1] *= np.float32(times)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lattice = quantized(rows)
    assert not lattice[1].any()
    assert np.array_equal(lattice[[0, 2]], sound[[0, 2]])


def test_whether_a_row_is_too_long_is_decided_exactly() -> None:
    """4096 steps are too long, one step of another entry less is not: whatever the order of adding."""
    limit = np.zeros((1, 384), np.float32)
    limit[0, :2] = 4095, 90  # 4095^2 + 90^2 = 2^24 - 91
    rest = np.repeat(limit, 3, axis=0)
    rest[1, 2:93] = 1  # 2^24
    rest[2, 2:92] = 1  # 2^24 - 1
    lattice = quantized(rest / np.float32(STEPS))
    assert np.any(lattice, axis=1).tolist() == [True, False, True]
    assert np.array_equal(quantized(rest[:, ::-1] / np.float32(STEPS)), lattice[:, ::-1])
