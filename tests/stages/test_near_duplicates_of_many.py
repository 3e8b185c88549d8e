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
    cells.add(rows, np.zeros(len(rows), np.int64))
    tracemalloc.start()
    assert not cells.has_near(rows[:64], everywhere, LIMIT).any()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 << 20, "all rows at once would take 24 MiB"


def test_a_near_duplicate_is_found_in_each_part_of_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 4)
    rows = neighbours.with_rest(quantized(np.eye(10, dtype=np.float32)))
    cells = neighbours.Cells(neighbours.PROBES, 11)
    cells.add(rows[:9], np.zeros(9, np.int64))
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
        pairs += len(some) * len(among)
        return compares(rows, some, others, among, limit)

    with monkeypatch.context() as patched:
        patched.setattr(neighbours, "near_pairs", counts)
        distinct(unit(np.random.default_rng(1).normal(size=(count, 16))), LIMIT)
    return pairs


@pytest.mark.parametrize("dim", [2, 5, 48])
@pytest.mark.parametrize("topics", [1, 3, 30])
def test_the_rows_that_stay_are_those_of_comparing_one_pair_after_the_other(
    monkeypatch: pytest.MonkeyPatch, dim: int, topics: int
) -> None:
    """Blocks, cells and the first third of the numbers only save time: no pair is found more or less."""
    for name, value in {"BLOCK": 8, "PART": 3, "BLOCKS": 4, "CELL": 16}.items():
        monkeypatch.setattr(neighbours, name, value)
    draw = np.random.default_rng(dim * topics)
    about = draw.normal(size=(topics, dim))[draw.integers(topics, size=300)]
    rows = unit(about + draw.uniform(0, 0.6, size=(300, 1)) * draw.normal(size=(300, dim)))
    found, every = distinct(rows, LIMIT), distinct_of_all(rows, LIMIT)
    exact = quantized(rows).astype(np.int64)
    near, count = exact @ exact.T > LIMIT, 300 // 16
    cells = np.argsort(-(exact @ exact[np.arange(count) * 300 // count].T), axis=1, kind="stable")
    seen = (cells[:, np.newaxis, : neighbours.PROBES] == cells[:, 0][:, np.newaxis]).any(axis=2)
    seen |= np.arange(300)[:, np.newaxis] // 8 == np.arange(300) // 8
    assert every.tolist() == one_by_one(near)
    assert found.tolist() == one_by_one(near & seen)
    assert 0 < found.sum() < 300


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
    assert most < 256 << 20
