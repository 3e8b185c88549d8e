"""No unit moves a histogram further than its rule says, and rows that break the rule stop the run."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.errors import PrivacyError
from rpsg.privacy.histogram import NO_ENTRY, Query, RowCells, clean_histogram
from rpsg.privacy.sensitivity import RULES, SIGNED, sensitivity2

if TYPE_CHECKING:
    import random

    from rpsg.privacy.sensitivity import Adjacency, Rule

DIM = 5
#: Vectors and tokens have test files of their own.
COUNTING = tuple(rule for rule in RULES if rule not in SIGNED)


def test_sensitivities_are_golden(golden: dict[str, Any]) -> None:
    for row in golden["vote_sensitivity2"]:
        assert sensitivity2("S4_k_votes", row["k"], row["w"], row["c"], row["adj"]) == row["value"]


@pytest.mark.parametrize(
    ("rule", "k", "w", "c", "square"),
    [
        ("S1_unit_count", 1, 1, 1, 1),
        ("S2_one_cell", 1, 1, 3, 9),
        ("S2_one_cell", 4, 1, 3, 36),
        ("S3_k_items_per_unit", 8, 1, 5, 8),
        ("S4_k_votes", 2, 3, 1, 18),
        ("S5_l2_normalised", 1, 1, 9, 1),
        ("S5_l2_normalised", 1, 16, 9, 256),
    ],
)
def test_each_rule_that_counts_has_its_square_and_replace_one_twice_that(
    rule: Rule, k: int, w: int, c: int, square: int
) -> None:
    assert sensitivity2(rule, k, w, c, "add_remove") == square
    assert sensitivity2(rule, k, w, c, "replace_one") == 2 * square


@pytest.mark.parametrize(
    ("rule", "k", "w", "c", "adjacency"),
    [
        ("S9", 1, 1, 1, "add_remove"),
        ("S1_unit_count", 2, 1, 1, "add_remove"),
        ("S6_bounded_vector", 2, 1, 1, "add_remove"),
        ("S6_bounded_vector", 1, 2**15 + 1, 1, "add_remove"),
        ("S6_bounded_vector", 1, 2**15, 2**5 + 1, "add_remove"),
        ("S4_k_votes", 0, 1, 1, "add_remove"),
        ("S4_k_votes", 1, 1, 1, "swap"),
    ],
)
def test_rules_that_do_not_exist_are_refused(
    rule: Rule, k: int, w: int, c: int, adjacency: Adjacency
) -> None:
    with pytest.raises(ValueError):
        sensitivity2(rule, k, w, c, adjacency)


def query(rule: Rule, k: int = 1, c: int = 1, w: int = 1, dim: int = DIM) -> Query:
    return Query("stage", "a test", dim, rule, 1.0, k=k, c=c, w=w)


def ballots(units: list[int], cells: list[list[int]]) -> RowCells:
    return RowCells(np.array(units, dtype=np.int64), np.array(cells, dtype=np.int64).reshape(len(units), -1))


@st.composite
def queries(draw: st.DrawFn) -> Query:
    rule = draw(st.sampled_from(COUNTING))
    once = rule == "S1_unit_count"
    k, c = (1, 1) if once else (draw(st.integers(1, 3)), draw(st.integers(1, 4)))
    return query(rule, k, c, draw(st.integers(1, 16)))


@st.composite
def lawful_rows(draw: st.DrawFn, asked: Query) -> RowCells:
    """Rows that keep the rule of ``asked``, with missing entries and rows that agree."""
    units: list[int] = []
    cells: list[list[int]] = []
    for unit in range(draw(st.integers(1, 5))):
        free = list(draw(st.permutations(range(DIM))))[: asked.k]
        for row in range(draw(st.integers(1, asked.c))):
            if asked.rule == "S1_unit_count":
                entries = [draw(st.integers(0, DIM - 1))]
            elif asked.rule == "S3_k_items_per_unit":
                entries = [free.pop() for _ in range(draw(st.integers(0, len(free))))]
            elif row and draw(st.booleans()):
                entries = cells[-1][:]
            else:
                entries = list(draw(st.permutations(range(DIM))))[: draw(st.integers(0, asked.k))]
            units.append(unit * 7 - 3)
            cells.append((entries + [NO_ENTRY] * asked.k)[: asked.k])
    return ballots(units, cells)


@st.composite
def lawful_cases(draw: st.DrawFn) -> tuple[Query, RowCells]:
    asked = draw(queries())
    return asked, draw(lawful_rows(asked))


@st.composite
def lawful_pairs(draw: st.DrawFn) -> tuple[Query, RowCells, RowCells]:
    asked = draw(queries())
    return asked, draw(lawful_rows(asked)), draw(lawful_rows(asked))


@given(lawful_cases())
def test_taking_one_unit_out_moves_the_histogram_by_at_most_the_sensitivity(case: Any) -> None:
    asked, rows = case
    whole = clean_histogram(asked, rows)
    assert whole.shape == (DIM,)
    for unit in np.unique(rows.units):
        stay = rows.units != unit
        without = clean_histogram(asked, RowCells(rows.units[stay], rows.cells[stay]))
        moved = whole - without
        assert np.all(moved >= 0)
        assert int(np.sum(moved**2)) <= asked.sensitivity2("add_remove")


@given(lawful_pairs())
def test_replacing_one_unit_moves_the_histogram_by_at_most_twice_the_square(case: Any) -> None:
    asked, rows, other = case
    whole = clean_histogram(asked, rows)
    stay, comes = rows.units != rows.units[0], other.units == other.units[0]
    units = np.concatenate([rows.units[stay], np.full(int(comes.sum()), 10**6, dtype=np.int64)])
    replaced = RowCells(units, np.concatenate([rows.cells[stay], other.cells[comes]]))
    moved = whole - clean_histogram(asked, replaced)
    assert int(np.sum(moved**2)) <= asked.sensitivity2("replace_one")


@given(lawful_cases(), st.randoms())
def test_the_order_of_the_rows_leaves_no_trace(case: Any, shuffler: random.Random) -> None:
    asked, rows = case
    order = list(range(len(rows.units)))
    shuffler.shuffle(order)
    mixed = RowCells(rows.units[order], rows.cells[order])
    assert np.array_equal(clean_histogram(asked, rows), clean_histogram(asked, mixed))


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        pytest.param(query("S1_unit_count"), ballots([1, 1], [[0], [0]]), id="a unit counted twice"),
        pytest.param(query("S1_unit_count"), ballots([1], [[-1]]), id="a unit not counted"),
        pytest.param(query("S2_one_cell"), ballots([1, 1], [[0], [1]]), id="two rows of one unit, c = 1"),
        pytest.param(query("S2_one_cell", c=2), ballots([1] * 3, [[0], [1], [2]]), id="three rows, c = 2"),
        pytest.param(query("S2_one_cell"), ballots([10**15] * 2, [[0], [1]]), id="two rows, far-off id"),
        pytest.param(query("S2_one_cell"), ballots([1], [[DIM]]), id="a cell that does not exist"),
        pytest.param(query("S2_one_cell"), ballots([1], [[-2]]), id="a negative cell"),
        pytest.param(query("S2_one_cell"), ballots([1], [[0, 1]]), id="two cells, k = 1"),
        pytest.param(query("S4_k_votes", k=2), ballots([1], [[3, 3]]), id="the same candidate twice"),
        pytest.param(query("S4_k_votes", k=3), ballots([1], [[3, -1, 3]]), id="twice with a gap"),
        pytest.param(
            query("S3_k_items_per_unit", k=2), ballots([1, 1], [[0], [0]]), id="one item twice in a unit"
        ),
        pytest.param(query("S3_k_items_per_unit", k=2), ballots([1], [[4, 4]]), id="one item twice in a row"),
        pytest.param(
            query("S3_k_items_per_unit", k=2),
            ballots([1] * 3, [[0], [1], [2]]),
            id="three items in a unit, k = 2",
        ),
    ],
)
def test_rows_that_break_the_rule_are_refused_without_showing_them(asked: Query, rows: RowCells) -> None:
    with pytest.raises(PrivacyError, match="broke its contribution rule") as caught:
        clean_histogram(asked, rows)
    assert "10000" not in str(caught.value)


def test_floats_and_crooked_shapes_are_refused() -> None:
    good = ballots([1], [[0]])
    for bad in (
        replace(good, cells=good.cells.astype(float)),
        replace(good, units=good.units.astype(np.int32)),
        replace(good, cells=good.cells[0]),
        replace(good, units=np.array([1, 2])),
    ):
        with pytest.raises(PrivacyError):
            clean_histogram(query("S2_one_cell"), bad)


def test_no_rows_give_an_empty_histogram() -> None:
    for rule in COUNTING:
        empty = RowCells(np.empty(0, dtype=np.int64), np.empty((0, 1), dtype=np.int64))
        assert clean_histogram(query(rule), empty).tolist() == [0] * DIM


def test_normalised_votes_are_whole_steps_below_length_one() -> None:
    votes = clean_histogram(query("S5_l2_normalised", w=16), ballots([1, 1, 1], [[0], [0], [1]]))
    assert votes.tolist() == [14, 7, 0, 0, 0]  # 16 * (2, 1) / sqrt 5 = (14.3, 7.2)
    single = clean_histogram(query("S5_l2_normalised", w=16), ballots([1], [[2]]))
    assert single.tolist() == [0, 0, 16, 0, 0]


def test_parts_joined_count_like_the_whole() -> None:
    parts = [ballots([1, 2], [[0], [1]]), ballots([3], [[1]])]
    assert clean_histogram(query("S2_one_cell"), RowCells.join(parts)).tolist() == [1, 2, 0, 0, 0]


def test_a_million_rows_are_counted_in_seconds() -> None:
    rows = RowCells(np.arange(1_000_000), np.arange(3_000_000).reshape(-1, 3) % 3000)
    begun = time.perf_counter()
    counts = clean_histogram(query("S4_k_votes", k=3, dim=3000), rows)
    assert counts.sum() == 3_000_000
    assert time.perf_counter() - begun < 5.0
