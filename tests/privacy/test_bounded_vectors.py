"""Sums of bounded vectors: no unit moves one further than w, and rows that break the rule stop the run."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.errors import PrivacyError
from rpsg.privacy import vector_sum as bounded_vectors
from rpsg.privacy.histogram import Query, RowCells, clean_histogram
from rpsg.privacy.sensitivity import sensitivity2
from rpsg.privacy.vector_sum import BoundedVectors, clean_sum, quantise

if TYPE_CHECKING:
    import random

    from rpsg.privacy.histogram import IntArray

DIM = 4


def asked(w: int = 10, c: int = 1, dim: int = DIM) -> Query:
    return Query("sketch", "the sum of all vectors", dim, "S6_bounded_vector", 1.0, w=w, c=c)


def vectors(units: Any, rows: Any) -> BoundedVectors:
    table = np.array(rows, dtype=np.int64)
    return BoundedVectors(np.array(units, dtype=np.int64), table.__getitem__)


def squared(vector: IntArray) -> int:
    return sum(int(v) ** 2 for v in vector)


@pytest.mark.parametrize(("w", "c"), [(1, 1), (128, 1), (128, 9), (2**15, 2**5)])
def test_the_square_is_that_of_the_bound_and_replacing_makes_it_four_times_as_large(w: int, c: int) -> None:
    assert sensitivity2("S6_bounded_vector", 1, w, c, "add_remove") == w * w
    assert sensitivity2("S6_bounded_vector", 1, w, c, "replace_one") == 4 * w * w


@st.composite
def cases(draw: st.DrawFn) -> tuple[Query, list[int], list[list[int]]]:
    """Rows that keep the rule: some units have many that agree, some have rows that point elsewhere."""
    w, c = draw(st.sampled_from([1, 3, 10, 128])), draw(st.integers(1, 4))
    units: list[int] = []
    rows: list[list[int]] = []
    for unit in range(draw(st.integers(1, 5))):
        for number in range(draw(st.integers(1, c))):
            if number and draw(st.booleans()):
                rows.append(rows[-1])
            else:
                floats = draw(st.lists(st.floats(-2, 2), min_size=DIM, max_size=DIM))
                rows.append(quantise(np.array([floats]), w)[0].tolist())
            units.append(unit * 7 - 3)
    return asked(w, c), units, rows


@given(cases())
def test_taking_one_unit_out_moves_the_sum_by_at_most_w(case: Any) -> None:
    query, units, rows = case
    whole = clean_sum(query, vectors(units, rows))
    assert whole.shape == (DIM,)
    for unit in set(units):
        stay = [i for i, u in enumerate(units) if u != unit]
        without = clean_sum(query, vectors([units[i] for i in stay], [rows[i] for i in stay] or [[0] * DIM]))
        assert squared(whole - without) <= query.sensitivity2("add_remove")


@given(cases(), cases())
def test_replacing_one_unit_moves_the_sum_by_at_most_twice_w(case: Any, other: Any) -> None:
    (query, units, rows), (theirs, _, those) = case, other
    comes = [quantise(np.array([r]) / theirs.w, query.w)[0].tolist() for r in those[: query.c]]
    stay = [i for i, u in enumerate(units) if u != units[0]]
    replaced = vectors([units[i] for i in stay] + [10**15 for _ in comes], [rows[i] for i in stay] + comes)
    moved = clean_sum(query, vectors(units, rows)) - clean_sum(query, replaced)
    assert squared(moved) <= query.sensitivity2("replace_one")


def test_two_units_can_be_as_far_apart_as_the_bound_says() -> None:
    one, other = ([[10, 0, 0, 0]], [[-10, 0, 0, 0]])
    moved = clean_sum(asked(), vectors([1], one)) - clean_sum(asked(), vectors([1], other))
    assert squared(moved) == asked().sensitivity2("replace_one")


@given(cases(), st.randoms(), st.integers(1, 20))
def test_neither_order_nor_blocks_leave_a_trace(case: Any, shuffler: random.Random, block: int) -> None:
    query, units, rows = case
    order = list(range(len(units)))
    shuffler.shuffle(order)
    before = clean_sum(query, vectors(units, rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounded_vectors, "BLOCK", block)
        after = clean_sum(query, vectors([units[i] for i in order], [rows[i] for i in order]))
    assert np.array_equal(before, after)


def test_rows_of_a_unit_are_added_up_before_they_are_bounded() -> None:
    opposed = vectors([1, 1, 2], [[10, 0, 0, 0], [-10, 0, 0, 0], [1, 2, 0, 0]])
    assert clean_sum(asked(c=2), opposed).tolist() == [1, 2, 0, 0]
    agreeing = vectors([1, 1, 1], [[6, 8, 0, 0]] * 3)
    assert clean_sum(asked(c=3), agreeing).tolist() == [6, 8, 0, 0]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        pytest.param(asked(), vectors([1], [[8, 7, 0, 0]]), id="a row longer than w"),
        pytest.param(asked(), vectors([1, 2], [[1, 0, 0, 0], [0, -11, 0, 0]]), id="an entry beyond w"),
        pytest.param(asked(), vectors([1], [[2**33, 0, 0, 0]]), id="a square that would overflow"),
        pytest.param(asked(), vectors([1], [[-(2**63), 0, 0, 0]]), id="a number that has no absolute value"),
        pytest.param(asked(), vectors([5, 5], [[1, 0, 0, 0]] * 2), id="two rows of one unit, c = 1"),
        pytest.param(asked(c=2), vectors([5] * 3, [[1, 0, 0, 0]] * 3), id="three rows, c = 2"),
        pytest.param(asked(), vectors([1], [[1, 0, 0]]), id="too few entries"),
        pytest.param(asked(dim=0), vectors([1], [[]]), id="no entries"),
        pytest.param(asked(), vectors([[1]], [[1, 0, 0, 0]]), id="units of another shape"),
        pytest.param(
            asked(), BoundedVectors(np.array([1.0]), lambda which: which), id="units that are floats"
        ),
        pytest.param(
            asked(),
            BoundedVectors(np.array([1]), lambda which: np.ones((len(which), DIM))),
            id="vectors that are floats",
        ),
        pytest.param(
            asked(),
            BoundedVectors(np.array([1, 2]), lambda which: np.ones((1, DIM), dtype=np.int64)),
            id="fewer rows than asked for",
        ),
        pytest.param(replace(asked(), rule="S4_k_votes"), vectors([1], [[1, 0, 0, 0]]), id="another rule"),
    ],
)
def test_rows_that_break_the_rule_are_refused_without_showing_them(
    query: Query, rows: BoundedVectors
) -> None:
    with pytest.raises(PrivacyError, match=f"broke its contribution rule {query.rule}") as caught:
        clean_sum(query, rows)
    assert "8" not in caught.value.message.replace(query.rule, "")


def test_ballots_are_no_answer_to_a_question_for_vectors() -> None:
    with pytest.raises(PrivacyError, match="S6_bounded_vector"):
        clean_histogram(asked(), RowCells(np.array([1]), np.array([[0]])))


def test_no_rows_give_zeros_and_narrow_numbers_are_added_up_in_wide_ones() -> None:
    assert clean_sum(asked(), vectors([], np.zeros((0, DIM)))).tolist() == [0] * DIM
    table = np.full((70_000, 1), 2**15, dtype=np.int32)
    rows = BoundedVectors(np.arange(70_000), lambda which: table[which])
    assert clean_sum(asked(w=2**15, dim=1), rows).tolist() == [70_000 * 2**15]


def test_many_wide_rows_are_added_up_in_seconds_and_in_little_memory() -> None:
    table = quantise(np.random.default_rng(1).normal(size=(64, 2000)) / 50, 128)
    rows = BoundedVectors(np.arange(100_000), lambda which: table[which % 64])
    tracemalloc.start()
    begun = time.process_time()
    total = clean_sum(asked(w=128, dim=2000), rows)
    seconds, (_, most) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(total, table.sum(axis=0) * (100_000 // 64) + table[: 100_000 % 64].sum(axis=0))
    assert seconds < 5.0
    assert most < 64e6
