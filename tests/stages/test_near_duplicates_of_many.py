"""Near-duplicates of many texts are found by cells, nearly as by comparing all with all."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg.models.fake import FakeEmbedder
from rpsg.records import Candidate, Card, Pool
from rpsg.stages import cosine_filter, neighbours
from rpsg.stages.cosine_filter import drop_near_duplicates
from rpsg.stages.exact_similarity import SQUARE, quantized
from rpsg.stages.neighbours import distinct, distinct_of_all
from rpsg.stages.text_rows import TextRows
from rpsg.testing.lab import invented

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = 0.95 * SQUARE


def unit(rows: np.ndarray) -> np.ndarray:
    found: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found.astype(np.float32)


def rows_with_duplicates(count: int, dim: int = 48, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows about some topics, and the indices of those that were moved close to another row."""
    draw = np.random.default_rng(seed)
    rows = unit(draw.normal(size=(12, dim))[draw.integers(12, size=count)] + draw.normal(size=(count, dim)))
    copies, origins = draw.permutation(count)[: count // 5], draw.integers(count, size=count // 5)
    off = unit(draw.normal(size=(len(copies), dim))) * draw.uniform(0.05, 0.3, size=(len(copies), 1))
    rows[copies] = unit(rows[origins] + off)
    return rows, copies


def test_nearly_all_are_found_and_nothing_else_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 64)
    monkeypatch.setattr(neighbours, "CELL", 64)
    rows, copies = rows_with_duplicates(4000)
    every, found = distinct_of_all(rows, LIMIT), distinct(rows, LIMIT)
    assert (~every).sum() > len(copies) / 2
    assert (~found & ~every).sum() >= 0.99 * (~every).sum()
    assert (~found & every).sum() <= 0.01 * (~every).sum()  # a row next to one that should have been dropped


def test_of_very_many_texts_near_duplicates_are_dropped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.repeat(unit(np.random.default_rng(1).normal(size=(20, 48))), 2, axis=0)
    card = Card({})
    pool = Pool(tuple(Candidate(i, f"text {i}", card) for i in range(40)))
    monkeypatch.setattr(cosine_filter, "MOST_COMPARED", 10)
    assert [c.id for c in drop_near_duplicates(pool, rows).alive()] == list(range(0, 40, 2))


def test_rows_that_are_made_when_they_are_read_are_those_of_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 4)
    texts = [f"{row['text']} {i % 7}" for i, row in enumerate(invented(150, people=40))]
    asked: list[int] = []

    class Counting(FakeEmbedder):
        def embed(self, texts: Sequence[str]) -> np.ndarray:
            asked.append(len(texts))
            return super().embed(texts)

    found = distinct(TextRows(Counting(), texts), LIMIT)
    assert found.tolist() == distinct(FakeEmbedder().embed(texts), LIMIT).tolist()
    assert not found.all()
    assert max(asked) <= 4 * neighbours.BLOCKS, "never all of them"


def test_the_first_of_equal_texts_is_kept_wherever_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 16)
    rows, _ = rows_with_duplicates(300)
    assert distinct(np.concatenate([rows, rows]), LIMIT)[300:].sum() == 0


def test_a_cell_that_holds_all_rows_is_compared_in_parts() -> None:
    rows, everywhere = np.zeros((100_000, 8), np.float32), np.tile(np.arange(neighbours.PROBES), (64, 1))
    cells = neighbours.Cells(neighbours.PROBES, 8)
    cells.add(rows, np.arange(len(rows)), np.zeros(len(rows), np.int64))
    tracemalloc.start()
    assert not cells.has_near(rows[:64], everywhere, LIMIT).any()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 << 20, "all rows at once would take 24 MiB"


def test_a_near_duplicate_is_found_in_each_part_of_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 4)
    rows = neighbours.with_rest(quantized(np.eye(10, dtype=np.float32)))
    cells = neighbours.Cells(neighbours.PROBES, 11)
    cells.add(rows, np.arange(9), np.zeros(9, np.int64))
    nearest = np.tile(np.arange(neighbours.PROBES), (10, 1))
    assert cells.has_near(rows, nearest, LIMIT).tolist() == [True] * 9 + [False]


def test_the_number_of_comparisons_does_not_grow_with_the_square_of_the_texts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 128)
    monkeypatch.setattr(neighbours, "CELL", 128)
    counted = [compared(monkeypatch, count) for count in (4000, 16_000)]
    assert counted[1] / counted[0] < 4**1.3


def compared(monkeypatch: pytest.MonkeyPatch, count: int) -> int:
    """The number of pairs that are compared for so many rows without duplicates."""
    pairs = count * max(neighbours.PROBES, count // neighbours.CELL)  # with the centres
    compares = neighbours.near_pairs

    def counts(rows: Any, some: Any, others: Any, among: Any, limit: float) -> Any:
        nonlocal pairs
        pairs += len(some) * len(others if among is None else among)
        return compares(rows, some, others, among, limit)

    with monkeypatch.context() as patched:
        patched.setattr(neighbours, "near_pairs", counts)
        distinct(unit(np.random.default_rng(1).normal(size=(count, 16))), LIMIT)
    return pairs


@pytest.mark.parametrize("searches", [1, 3, 100])
@pytest.mark.parametrize("dim", [2, 5, 48])
@pytest.mark.parametrize("topics", [1, 3, 30])
def test_the_rows_that_stay_are_those_of_comparing_one_pair_after_the_other(
    monkeypatch: pytest.MonkeyPatch, dim: int, topics: int, searches: int
) -> None:
    """Blocks, cells and the first third of the numbers only save time: no pair is found more or less."""
    small_parts(monkeypatch, searches)
    draw = np.random.default_rng(dim * topics)
    about = draw.normal(size=(topics, dim))[draw.integers(topics, size=300)]
    rows = unit(about + draw.uniform(0, 0.6, size=(300, 1)) * draw.normal(size=(300, dim)))
    found = distinct(rows, LIMIT)
    assert distinct_of_all(rows, LIMIT).tolist() == one_by_one(near_in(rows))
    assert found.tolist() == one_by_one(near_in(rows) & seen_in(rows))
    assert 0 < found.sum() < 300


def hard_rows(kind: str) -> np.ndarray:
    draw = np.random.default_rng(3)
    axes = np.eye(48, dtype=np.float32)
    match kind:
        case "all equal":
            return np.repeat(axes[:1], 300, axis=0)
        case "all orthogonal, then again":
            return axes[np.arange(300) % 48]
        case "one dense cluster":
            return unit(1 + draw.normal(size=(300, 48)) / 5)
        case "zeros":
            return axes[draw.integers(6, size=300)] * (draw.random((300, 1)) < 0.7)
    rows = axes[draw.integers(6, size=300)]
    rows[draw.random(300) < 0.3, 5] = np.nan
    return rows


KINDS = ("all equal", "all orthogonal, then again", "one dense cluster", "zeros", "not a number")


@pytest.mark.parametrize("searches", [1, 3, 100])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_all_alike_or_of_no_use_are_compared_as_one_pair_after_the_other(
    monkeypatch: pytest.MonkeyPatch, kind: str, searches: int
) -> None:
    small_parts(monkeypatch, searches)
    rows = hard_rows(kind)
    assert distinct_of_all(rows, LIMIT).tolist() == one_by_one(near_in(rows))
    assert distinct(rows, LIMIT).tolist() == one_by_one(near_in(rows) & seen_in(rows))


@pytest.mark.parametrize("below", [0, 1])
def test_a_product_at_the_limit_is_not_near_and_one_above_it_is(
    monkeypatch: pytest.MonkeyPatch, below: int
) -> None:
    small_parts(monkeypatch, searches=3)
    rows = unit(1 + np.random.default_rng(4).normal(size=(300, 5)) / 5)
    exact = quantized(rows).astype(np.int64)
    limit = int((exact @ exact[0])[200]) - below
    found = distinct(rows, limit)
    assert bool(near_in(rows, limit)[200, 0]) == bool(below)
    assert distinct_of_all(rows, limit).tolist() == one_by_one(near_in(rows, limit))
    assert found.tolist() == one_by_one(near_in(rows, limit) & seen_in(rows))


def small_parts(monkeypatch: pytest.MonkeyPatch, searches: int) -> None:
    sizes = {"BLOCK": 8, "PART": 3, "BLOCKS": 4, "CELL": 16, "SEARCHES": searches}
    for name, value in sizes.items():
        monkeypatch.setattr(neighbours, name, value)


def near_in(rows: np.ndarray, limit: float = LIMIT) -> np.ndarray:
    """Which of the rows are near to which, for all pairs."""
    exact = quantized(rows).astype(np.int64)
    return np.asarray(exact @ exact.T > limit)


def seen_in(rows: np.ndarray) -> np.ndarray:
    """Which rows are compared with which: those of the same block, and of the nearest cells."""
    exact, count = quantized(rows).astype(np.int64), len(rows) // neighbours.CELL
    products = exact @ exact[np.arange(count) * len(rows) // count].T
    cells = np.argsort(-products, axis=1, kind="stable")[:, : neighbours.PROBES]
    seen = (cells[:, np.newaxis] == cells[:, 0][:, np.newaxis]).any(axis=2)
    blocks = np.arange(len(rows)) // neighbours.BLOCK
    return np.asarray(seen | (blocks[:, np.newaxis] == blocks))


def one_by_one(near: np.ndarray) -> list[bool]:
    stays: list[bool] = []
    for row in range(len(near)):
        stays.append(not any(near[row, earlier] and stays[earlier] for earlier in range(row)))
    return stays


def test_of_rows_that_are_all_near_at_most_one_of_a_block_stays_and_memory_is_bounded() -> None:
    rows = np.random.default_rng(0).normal(size=(10_000, 6)) / 30 + 1
    tracemalloc.start()
    assert distinct(unit(rows), LIMIT).sum() <= 5, "one of each block, if their cells are all different"
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 96 << 20, "all pairs at once would take as many bytes as 10,000 squared, half of them"
