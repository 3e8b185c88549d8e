"""What the votes do to be fast and small changes no vote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from rpsg.stages import votes
from rpsg.stages.votes import block_rows, nearest_candidates

if TYPE_CHECKING:
    from pathlib import Path

Floats = npt.NDArray[np.float32]


def grid_rows(number: int, seed: int) -> Floats:
    """Rows of eighths, shorter than 1: their products are exact, so equals are really equal."""
    return np.random.default_rng(seed).integers(-2, 3, (number, 6)).astype(np.float32) / np.float32(8)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(votes, "CHUNK", 64)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("number", [1, 2, 5, 16])
def test_the_best_candidates_come_best_first_and_equals_by_the_lowest_index(number: int) -> None:
    rows, pool = grid_rows(150, 1), grid_rows(9, 2)
    handicap = (np.arange(9) / 128).astype(np.float32)
    usable = min(number, 9)
    expected = np.full((150, number), -1)
    expected[:, :usable] = np.argsort(-(rows @ pool.T - handicap), axis=1, kind="stable")[:, :usable]
    expected[~rows.any(axis=1)] = -1
    assert np.array_equal(nearest_candidates(rows, pool, handicap, number), expected)


@pytest.mark.usefixtures("small_blocks")
def test_rows_in_a_file_vote_as_rows_in_memory_do(tmp_path: Path) -> None:
    rows, pool, none = grid_rows(150, 3), grid_rows(9, 4), np.zeros(9, np.float32)
    np.save(tmp_path / "rows.npy", rows)
    mapped: Floats = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert np.array_equal(nearest_candidates(mapped, pool, none, 2), nearest_candidates(rows, pool, none, 2))
    assert np.array_equal(mapped, rows), "the pages that were let go must still be readable"


@pytest.mark.usefixtures("small_blocks")
def test_some_rows_vote_as_they_do_among_all_rows() -> None:
    rows, pool, none = grid_rows(150, 5), grid_rows(9, 6), np.zeros(9, np.float32)
    some = np.arange(1, 150, 2)
    everybody = nearest_candidates(rows, pool, none, 2)
    assert np.array_equal(nearest_candidates(rows, pool, none, 2, rows=some), everybody[some])


@pytest.mark.parametrize("candidates", [1, 2_000, 2_049, 20_000, 10**7])
def test_a_block_of_scores_stays_within_its_room(candidates: int) -> None:
    rows = block_rows(candidates)
    assert rows.bit_count() == 1
    assert 256 <= rows <= 8_192
    assert rows == 256 or rows * candidates <= votes.SCORES
