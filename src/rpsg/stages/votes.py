"""Step 7, votes: every private text votes for its nearest candidates; noisy counts select the best.

The candidate list is the same on neighbouring data sets (it depends on DP outputs and the public seed), so
one person changes at most c rows of votes: the histogram's L2 sensitivity is c*sqrt(k'), for any distance.

Scores are corrected for hubs. In high dimension a few central candidates are nearest to very many records;
selecting by plain votes keeps those few and loses the spread of the corpus. So a share of each candidate's
mean similarity to its neighbours is subtracted (the idea of cross-domain similarity local scaling, Conneau et
al. 2018). The correction reads only the candidates, so it costs no privacy.

All comparisons are exact, of quantized rows (``exact_similarity``): a record's vote depends on it alone.
The selection is post-processing of the noisy votes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.privacy.histogram import RowCells
from rpsg.stages.exact_similarity import SQUARE, quantized
from rpsg.storage.vectors import drop_pages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.privacy.private import Private
    from rpsg.records import Candidate, Pool
    from rpsg.storage.vectors import Stored

Floats = npt.NDArray[np.float32]
CHUNK = 2_048
SCORES = 1 << 24  # similarities in memory at a time: 64 MiB at most
NEIGHBOURS = 10
VOTE_FLOOR = 0


def block_rows(candidates: int) -> int:
    """The number of rows in a block for ``candidates`` candidates: a power of two, 256 to 2,048."""
    fitting = max(SCORES // max(candidates, 1), 256)
    return 1 << (min(fitting, CHUNK).bit_length() - 1)


def hubness(candidates: Floats, neighbours: int = NEIGHBOURS) -> Floats:
    """Mean cosine of each candidate with its nearest other candidates, shape (m,)."""
    count = min(neighbours, len(candidates) - 1)
    if count < 1:
        return np.zeros(len(candidates), np.float32)
    exact = quantized(candidates)
    out = np.empty(len(candidates), np.float32)
    step = block_rows(len(candidates))
    for start in range(0, len(candidates), step):
        similar = exact[start : start + step] @ exact.T
        rows = np.arange(len(similar))
        similar[rows, start + rows] = -np.inf
        nearest = np.partition(similar, -count, axis=1)[:, -count:]
        out[start : start + len(similar)] = nearest.mean(axis=1, dtype=np.float64) / SQUARE
    return out


def vote_row_cells(
    embeddings: Private[Stored],
    units: Private[npt.NDArray[np.int64]],
    candidates: Floats,
    *,
    votes: int,
    hub_correction: float,
    labels: Private[npt.NDArray[np.int64]] | None = None,
    candidate_labels: npt.NDArray[np.int64] | None = None,
) -> Private[RowCells]:
    """Each row's nearest candidates, ``votes`` different ones; an empty text votes for none.

    With labels a record votes among the candidates with its label. It is one joint histogram, so a record
    still has one row of votes.
    """
    handicap = (hub_correction * hubness(candidates)).astype(np.float32)

    def row_cells(vectors: Stored, unit: npt.NDArray[np.int64]) -> RowCells:
        return RowCells(units=unit, cells=nearest_candidates(vectors, candidates, handicap, votes))

    def within_label(own: npt.NDArray[np.int64], all_votes: tuple[Stored, npt.NDArray[np.int64]]) -> RowCells:
        vectors, unit = all_votes
        cells = np.full((len(vectors), votes), -1, np.int64)
        for label in np.unique(np.asarray(candidate_labels, np.int64)):
            mine, theirs = np.flatnonzero(own == label), np.flatnonzero(candidate_labels == label)
            local = nearest_candidates(vectors, candidates[theirs], handicap[theirs], votes, rows=mine)
            cells[mine] = np.where(local < 0, -1, theirs[local])
        return RowCells(units=unit, cells=cells)

    if labels is None or candidate_labels is None:
        return embeddings.zip(units, row_cells)
    return labels.zip(embeddings.zip(units, lambda vectors, unit: (vectors, unit)), within_label)


def nearest_candidates(
    vectors: Stored,
    candidates: Floats,
    handicap: Floats,
    votes: int,
    *,
    rows: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.int64]:
    """Indices of the ``votes`` best candidates by cosine less handicap, shape (rows, votes), best first.

    Ties go to the lowest index. Columns beyond the number of candidates, and zero rows, are -1. With ``rows``
    only those rows of ``vectors`` vote. Only one block of rows and its scores is in memory at a time, also
    when ``vectors`` is memory-mapped.
    """
    number = len(vectors) if rows is None else len(rows)
    out = np.full((number, votes), -1, np.int64)
    if not len(candidates):
        return out
    exact = quantized(candidates).T
    off = np.rint(handicap * np.float32(SQUARE))
    step = block_rows(len(candidates))
    room = np.empty((min(step, number), len(candidates)), np.float32)
    for start in range(0, number, step):
        part = slice(start, min(start + step, number))
        block = quantized(vectors[part] if rows is None else vectors[rows[part]])
        scores = np.matmul(block, exact, out=room[: len(block)])
        scores -= off
        _take_best(scores, out[part])
        out[part][~block.any(axis=1)] = -1
        drop_pages(vectors)
    return out


def _take_best(scores: Floats, out: npt.NDArray[np.int64]) -> None:
    """Write the indices of the highest scores into the columns of ``out``; overwrites ``scores``.

    One ``argmax`` for each column is several times faster than a partition of the whole row.
    """
    every = np.arange(len(scores))
    for column in range(min(out.shape[1], scores.shape[1])):
        out[:, column] = best = scores.argmax(axis=1)
        scores[every, best] = -np.inf


def select(pool: Pool, voted: Sequence[Candidate], size: int, label: str | None = None) -> Pool:
    """The pool with only the ``size`` best of the candidates in the vote.

    Each candidate has its noisy count as the score ``votes``. Candidates at or below the vote floor are
    dropped, unless this would drop all of them (with very few people). If there are labels, each gets a
    number of texts in proportion to its noisy votes, so that the release keeps the private label shares.
    Ties: the lower id.
    """
    supported = [c for c in voted if c.scores["votes"] > VOTE_FLOOR] or list(voted)
    winners: set[int] = set()
    for group, quota in _groups_with_quotas(supported, size, label):
        ranked = sorted(group, key=lambda c: (-c.scores["votes"], c.id))
        winners |= {c.id for c in ranked[:quota]}
    supported_ids = {c.id for c in supported}
    losers = {c.id: "not chosen by the votes" for c in voted if c.id in supported_ids - winners}
    below = {c.id: "below the vote floor" for c in voted if c.id not in supported_ids}
    return pool.drop("votes", {**losers, **below})


def _groups_with_quotas(
    candidates: Sequence[Candidate], size: int, label: str | None
) -> list[tuple[list[Candidate], int]]:
    """Groups of candidates, each with the number to select."""
    if label is None:
        return [(list(candidates), size)]
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.card.values[label], []).append(candidate)
    names = sorted(groups)
    mass = np.array([sum(c.scores["votes"] for c in groups[name]) for name in names], np.float64)
    return [(groups[name], int(n)) for name, n in zip(names, shares(mass, size), strict=True)]


def shares(mass: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.int64]:
    """``size`` divided in proportion to ``mass`` into whole numbers, by largest remainders."""
    if not len(mass):
        return np.zeros(0, np.int64)
    exact = size * (mass / mass.sum() if mass.sum() > 0 else np.full(len(mass), 1 / len(mass)))
    whole: npt.NDArray[np.int64] = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: size - int(whole.sum())]] += 1
    return whole
