"""Step 7: k' different votes for the nearest candidates, whatever the others do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.privacy.private import Private, open_private
from rpsg.stages.votes import hubness, nearest_candidates, vote_row_cells

if TYPE_CHECKING:
    from rpsg.privacy.histogram import RowCells

Floats = npt.NDArray[np.float32]


def units_of(rng: np.random.Generator, rows: int, dim: int = 8) -> Floats:
    made = rng.standard_normal((rows, dim))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def voted(
    vectors: Floats,
    candidates: Floats,
    votes: int = 1,
    hub_correction: float = 0.0,
    labels: list[int] | None = None,
    candidate_labels: list[int] | None = None,
) -> RowCells:
    return open_private(
        vote_row_cells(
            Private(vectors),
            Private(np.arange(len(vectors), dtype=np.int64)),
            candidates,
            votes=votes,
            hub_correction=hub_correction,
            labels=None if labels is None else Private(np.array(labels, np.int64)),
            candidate_labels=None if candidate_labels is None else np.array(candidate_labels, np.int64),
        )
    )


@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 12), st.integers(1, 5))
def test_the_nearest_candidates_are_those_of_a_search_by_hand(
    seed: int, rows: int, candidates: int, votes: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors, pool = units_of(rng, rows), units_of(rng, candidates)
    handicap = rng.uniform(0, 0.5, candidates).astype(np.float32)
    found = nearest_candidates(vectors, pool, handicap, votes)
    assert found.shape == (rows, votes)
    for row, vector in zip(found, vectors, strict=True):
        scores = [
            float(vector.astype(float) @ c.astype(float)) - float(h)
            for c, h in zip(pool, handicap, strict=True)
        ]
        best = sorted(scores, reverse=True)[:votes]
        chosen = [i for i in row.tolist() if i >= 0]
        assert len(set(chosen)) == len(chosen) == min(votes, candidates)
        assert sorted((scores[i] for i in chosen), reverse=True) == pytest.approx(best, abs=1e-3)


def test_each_row_has_exactly_its_votes_and_all_for_different_ones(rng: np.random.Generator) -> None:
    cells = voted(units_of(rng, 100), units_of(rng, 20), votes=4).cells
    assert cells.shape == (100, 4)
    assert all(len(set(row)) == 4 for row in cells.tolist())


def test_duplicate_candidates_get_one_vote_each_and_never_two(rng: np.random.Generator) -> None:
    pool = np.repeat(units_of(rng, 3), 3, axis=0)
    cells = voted(units_of(rng, 50), pool, votes=3).cells
    assert all(len(set(row)) == 3 for row in cells.tolist())


def test_with_fewer_candidates_than_votes_the_rest_is_for_none(rng: np.random.Generator) -> None:
    cells = voted(units_of(rng, 10), units_of(rng, 2), votes=3).cells
    assert {tuple(sorted(row)) for row in cells.tolist()} == {(-1, 0, 1)}


def test_without_candidates_every_vote_is_for_none(rng: np.random.Generator) -> None:
    assert (
        nearest_candidates(units_of(rng, 4), np.zeros((0, 8), np.float32), np.zeros(0, np.float32), 2) == -1
    ).all()


@pytest.mark.parametrize("votes", [1, 3])
def test_an_empty_text_votes_for_none(rng: np.random.Generator, votes: int) -> None:
    vectors = units_of(rng, 5)
    vectors[2] = 0
    cells = voted(vectors, units_of(rng, 6), votes).cells
    assert (cells[2] == -1).all()
    assert (np.delete(cells, 2, axis=0) >= 0).all()


def test_with_labels_a_record_votes_among_its_own(rng: np.random.Generator) -> None:
    labels, theirs = [0, 1, 2, -1] * 10, [0, 1] * 6
    cells = voted(units_of(rng, 40), units_of(rng, 12), 2, 0.5, labels, theirs).cells
    for label, row in zip(labels, cells.tolist(), strict=True):
        assert {theirs[c] for c in row if c >= 0} <= {label}
        assert (-1 in row) == (label not in (0, 1))


def test_within_a_label_the_vote_is_the_one_among_those_candidates_alone(rng: np.random.Generator) -> None:
    vectors, pool = units_of(rng, 30), units_of(rng, 10)
    theirs = [0] * 4 + [1] * 6
    joint = voted(vectors, pool, labels=[1] * 30, candidate_labels=theirs).cells
    assert np.array_equal(joint, voted(vectors, pool[4:]).cells + 4)


@pytest.mark.parametrize("labelled", [False, True])
def test_taking_a_row_away_changes_no_other_vote(rng: np.random.Generator, labelled: bool) -> None:
    vectors, pool = units_of(rng, 33), units_of(rng, 9)
    labels = [i % 2 for i in range(33)] if labelled else None
    theirs = [i % 2 for i in range(9)] if labelled else None
    whole = voted(vectors, pool, 2, 0.5, labels, theirs).cells
    for gone in range(33):
        fewer = [x for i, x in enumerate(labels) if i != gone] if labels is not None else None
        rest = voted(np.delete(vectors, gone, axis=0), pool, 2, 0.5, fewer, theirs).cells
        assert np.array_equal(np.sort(rest), np.sort(np.delete(whole, gone, axis=0)))


def test_votes_are_the_same_in_one_block_and_in_many(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, pool = units_of(rng, 50), units_of(rng, 20)
    whole = voted(vectors, pool, 3, 0.5)
    monkeypatch.setattr("rpsg.stages.votes.block_rows", lambda _candidates: 7)
    again = voted(vectors, pool, 3, 0.5)
    assert np.array_equal(np.sort(whole.cells), np.sort(again.cells))


def test_hubness_is_the_mean_similarity_to_the_nearest_others(rng: np.random.Generator) -> None:
    pool = units_of(rng, 12)
    similar = pool @ pool.T
    np.fill_diagonal(similar, -np.inf)
    by_hand = np.sort(similar, axis=1)[:, -4:].mean(axis=1)
    assert hubness(pool, 4) == pytest.approx(by_hand, abs=2e-4)  # on the lattice


def test_hubness_of_a_lonely_candidate_is_zero(rng: np.random.Generator) -> None:
    assert hubness(units_of(rng, 1)).tolist() == [0.0]
    assert hubness(np.zeros((0, 8), np.float32)).shape == (0,)


def test_the_correction_for_hubs_reads_only_the_candidates(rng: np.random.Generator) -> None:
    """The votes of a row are the same whoever else votes, at any strength of the correction."""
    pool = units_of(rng, 20)
    mine, some, others = units_of(rng, 1), units_of(rng, 30), units_of(rng, 30)
    for strength in (0.0, 0.5, 1.0):
        first = voted(np.concatenate([mine, some]), pool, 1, strength).cells[0]
        second = voted(np.concatenate([mine, others]), pool, 1, strength).cells[0]
        assert first == second


def test_the_correction_takes_votes_from_the_middle_to_the_edge() -> None:
    middle, ring = np.array([[1.0, 0, 0]]), [[0.8, 0.6, 0], [0.8, -0.6, 0], [0.8, 0, 0.6], [0.8, 0, -0.6]]
    pool = np.concatenate([middle, ring]).astype(np.float32)
    vector = np.array([[0.96, 0.28, 0.0]], np.float32)
    assert voted(vector, pool, 1, 0.0).cells.tolist() == [[0]]
    assert voted(vector, pool, 1, 1.0).cells.tolist() == [[1]]
