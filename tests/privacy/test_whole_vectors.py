"""Whole vectors keep their length, lose as little as they must, and depend on nothing beside them."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.privacy.sensitivity import LONGEST
from rpsg.privacy.vector_sum import MOST_ENTRIES, at_most, ceil_root, quantise, shortened

Floats = npt.NDArray[np.float64]

any_float = st.floats(allow_nan=True, allow_infinity=True)
near_one = st.floats(-2.0, 2.0)
steps = st.sampled_from([1, 2, 3, 16, 128, 1000, LONGEST])


@st.composite
def batches(draw: st.DrawFn) -> Floats:
    rows, dim = draw(st.integers(1, 6)), draw(st.integers(1, 40))
    entry = draw(st.sampled_from([any_float, near_one]))
    return np.array(draw(st.lists(entry, min_size=rows * dim, max_size=rows * dim))).reshape(rows, dim)


def square(row: npt.NDArray[np.int64]) -> int:
    return sum(int(v) ** 2 for v in row)


@given(batches(), steps)
def test_no_row_is_ever_longer_than_w(vectors: Floats, w: int) -> None:
    whole = quantise(vectors, w)
    assert whole.dtype == np.int64
    assert whole.shape == vectors.shape
    assert all(square(row) <= w * w for row in whole)


@given(st.integers(1, 400), st.sampled_from([0.5, 1.0, 1.5, -1.0]), steps)
def test_rows_whose_entries_all_round_the_same_way_keep_the_bound_too(dim: int, size: float, w: int) -> None:
    whole = quantise(np.full((2, dim), size / w * 1.000001), w)
    assert all(square(row) <= w * w for row in whole)


@given(batches(), steps, st.randoms())
def test_a_row_is_the_same_alone_in_a_batch_and_in_another_order(
    vectors: Floats, w: int, shuffler: object
) -> None:
    whole = quantise(vectors, w)
    for i, row in enumerate(vectors):
        assert np.array_equal(quantise(row[None, :], w)[0], whole[i])
    order = list(range(len(vectors)))
    shuffler.shuffle(order)  # type: ignore[attr-defined]  # it is a random.Random
    assert np.array_equal(quantise(vectors[order], w), whole[order])


@pytest.mark.parametrize("dim", [1, 7, 8, 64, 129, 2000])
def test_how_a_batch_lies_in_memory_changes_nothing(dim: int) -> None:
    generator = np.random.default_rng(dim)
    vectors = generator.normal(size=(300, dim)) * generator.choice([1e-3, 0.3, 1.0, 1e9], size=(300, 1))
    whole = quantise(vectors, 128)
    alone = np.concatenate([quantise(row.copy()[None, :], 128) for row in vectors])
    spread = np.zeros((600, 2 * dim + 1))
    spread[::2, 1::2] = vectors
    unaligned = np.frombuffer(b"x" + vectors.tobytes(), dtype=np.uint8)[1:].view(np.float64)
    for other in (
        np.asfortranarray(vectors),
        spread[::2, 1::2],
        unaligned.reshape(vectors.shape),
        vectors[::-1].copy()[::-1],
    ):
        assert np.array_equal(quantise(other, 128), whole)
    assert np.array_equal(alone, whole)
    assert np.array_equal(np.concatenate([quantise(vectors[:7], 128), quantise(vectors[7:], 128)]), whole)


def test_short_rows_stay_short_and_long_ones_are_cut_to_length() -> None:
    rows = np.array([[0.3, 0.4], [0.6, 0.8], [3.0, 4.0], [-3e200, 4e200], [1e308, 1e308], [0.0, 0.0]])
    assert quantise(rows, 100).tolist() == [[30, 40], [60, 80], [60, 80], [-60, 80], [70, 71], [0, 0]]


def test_a_row_that_is_not_finite_is_zero_and_leaves_its_neighbours_alone() -> None:
    rows = np.array([[math.nan, 1.0], [0.5, 0.5], [math.inf, 0.0], [-math.inf, math.nan]])
    assert quantise(rows, 10).tolist() == [[0, 0], [5, 5], [0, 0], [0, 0]]


@given(batches().filter(lambda v: bool(np.isfinite(v).all())), steps)
def test_no_entry_is_further_from_its_place_than_a_step(vectors: Floats, w: int) -> None:
    for row, whole in zip(vectors, quantise(vectors, w), strict=True):
        exact = [Fraction(float(v)) for v in row]
        long = sum(v * v for v in exact)
        with np.errstate(over="ignore"):
            shrink = 1.0 if long <= 1 else 1 / math.sqrt(long) if long < 10**300 else 0.0
        if shrink:
            assert all(abs(float(v) * shrink * w - q) < 1.06 for v, q in zip(exact, whole, strict=True))


def test_rounding_takes_little_off_the_length_of_a_long_row() -> None:
    vectors = np.random.default_rng(3).normal(size=(40, 2000))
    whole = quantise(vectors, 128)
    kept = (whole * vectors).sum(axis=1) / np.linalg.norm(vectors, axis=1) / 128
    assert float(kept.min()) > 0.99


@pytest.mark.parametrize(
    ("vectors", "w"),
    [
        (np.zeros((2, 2), dtype=np.float32), 10),
        (np.zeros(2), 10),
        (np.zeros((0, MOST_ENTRIES + 1)), 10),
        (np.zeros((2, 2)), 0),
        (np.zeros((2, 2)), LONGEST + 1),
    ],
)
def test_what_cannot_be_quantised_is_refused(vectors: Floats, w: int) -> None:
    with pytest.raises(ValueError):
        quantise(vectors, w)


@given(batches(), st.floats(0.1, 1.0))
def test_rows_are_shortened_to_a_length_and_each_alone(vectors: Floats, longest: float) -> None:
    known = np.where(np.isfinite(vectors), np.clip(vectors, -1e100, 1e100), 0.0)
    short = at_most(known, longest)
    for i, row in enumerate(known):
        assert np.linalg.norm(short[i]) <= longest + 1e-5
        assert np.array_equal(at_most(row[None, :], longest)[0], short[i])
        if np.linalg.norm(row) < longest - 1e-5:
            assert np.array_equal(short[i], row)


def test_nothing_in_gives_nothing_out() -> None:
    assert quantise(np.zeros((0, 5)), 10).shape == (0, 5)
    assert quantise(np.zeros((3, 0)), 10).shape == (3, 0)


@given(st.lists(st.integers(0, 2**62), min_size=1), st.lists(st.integers(0, 2**31), min_size=1))
def test_roots_are_rounded_up_exactly(numbers: list[int], roots: list[int]) -> None:
    tried = np.array([*numbers, *(r * r for r in roots), *(max(0, r * r - 1) for r in roots)], dtype=np.int64)
    for number, root in zip(tried.tolist(), ceil_root(tried).tolist(), strict=True):
        assert root == math.isqrt(max(number - 1, 0)) + (number > 0)


@given(st.lists(st.lists(st.integers(-500, 500), min_size=5, max_size=5), min_size=1), steps)
def test_rows_longer_than_w_are_shortened_to_their_neighbourhood(entries: list[list[int]], w: int) -> None:
    rows = np.array(entries, dtype=np.int64)
    before = rows.copy()
    for row, short in zip(rows, shortened(rows, w), strict=True):
        long = square(row)
        assert square(short) <= w * w
        scale = min(1.0, w / math.sqrt(long)) if long else 1.0
        assert np.all(np.abs(row * scale - short) <= (1.1 if scale < 1 else 0.0))
        assert np.all(row * short >= 0)
    assert np.array_equal(rows, before)
