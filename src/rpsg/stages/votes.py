"""Step 7, votes: every private record votes for its nearest candidates, and noisy counts come out.

The candidate list is the same on neighbouring data (it came from DP outputs and the public seed), so one
person changes at most c rows of votes: the histogram's sensitivity is c*sqrt(k'), whatever the distance.

Nearest is measured with a correction for hubs. In high dimension a few candidates in the middle are the
nearest of very many records; selecting by plain votes keeps those few, and the spread of the corpus is
lost. Taking a share of each candidate's own mean similarity to its neighbours off the score (the idea of
cross-domain similarity local scaling, Conneau et al. 2018) gives the votes back to the edges. The
correction reads only the candidates, so it costs no privacy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.privacy.ballots import Ballots

if TYPE_CHECKING:
    from rpsg.privacy.private import Private

Floats = npt.NDArray[np.float32]
CHUNK = 8_192
NEIGHBOURS = 10


def hubness(candidates: Floats, neighbours: int = NEIGHBOURS) -> Floats:
    """Mean cosine of each candidate with its nearest other candidates, shape (m,)."""
    count = min(neighbours, len(candidates) - 1)
    if count < 1:
        return np.zeros(len(candidates), np.float32)
    out = np.empty(len(candidates), np.float32)
    for start in range(0, len(candidates), CHUNK):
        similar = candidates[start : start + CHUNK] @ candidates.T
        rows = np.arange(len(similar))
        similar[rows, start + rows] = -np.inf
        out[start : start + len(similar)] = np.partition(similar, -count, axis=1)[:, -count:].mean(axis=1)
    return out


def vote_ballots(
    embeddings: Private[Floats],
    units: Private[npt.NDArray[np.int64]],
    candidates: Floats,
    *,
    votes: int,
    hub_correction: float,
    labels: Private[npt.NDArray[np.int64]] | None = None,
    candidate_labels: npt.NDArray[np.int64] | None = None,
) -> Private[Ballots]:
    """Each row's nearest candidates, ``votes`` different ones; an empty text votes for none.

    With labels a record votes among the candidates that carry its own label: one joint histogram, in
    which a record still has its one row of votes.
    """
    handicap = (hub_correction * hubness(candidates)).astype(np.float32)

    def ballots(vectors: Floats, unit: npt.NDArray[np.int64]) -> Ballots:
        return Ballots(units=unit, cells=nearest_candidates(vectors, candidates, handicap, votes))

    def within_label(own: npt.NDArray[np.int64], all_votes: tuple[Floats, npt.NDArray[np.int64]]) -> Ballots:
        vectors, unit = all_votes
        cells = np.full((len(vectors), votes), -1, np.int64)
        for label in np.unique(candidate_labels):
            mine, theirs = np.flatnonzero(own == label), np.flatnonzero(candidate_labels == label)
            local = nearest_candidates(vectors[mine], candidates[theirs], handicap[theirs], votes)
            cells[mine] = np.where(local < 0, -1, theirs[local])
        return Ballots(units=unit, cells=cells)

    if labels is None or candidate_labels is None:
        return embeddings.zip(units, ballots)
    return labels.zip(embeddings.zip(units, lambda vectors, unit: (vectors, unit)), within_label)


def nearest_candidates(
    vectors: Floats, candidates: Floats, handicap: Floats, votes: int
) -> npt.NDArray[np.int64]:
    """Indices of the ``votes`` best candidates by cosine less handicap, shape (rows, votes), in blocks.

    Columns beyond the number of candidates, and rows without a direction, hold -1.
    """
    usable = min(votes, len(candidates))
    out = np.full((len(vectors), votes), -1, np.int64)
    if not usable:
        return out
    for start in range(0, len(vectors), CHUNK):
        block = np.asarray(vectors[start : start + CHUNK], np.float32)
        scores = block @ candidates.T
        scores -= handicap
        rows = slice(start, start + len(block))
        if usable == 1:
            out[rows, 0] = scores.argmax(axis=1)
        else:
            out[rows, :usable] = np.argpartition(-scores, usable - 1, axis=1)[:, :usable]
        out[rows][~block.any(axis=1)] = -1
    return out
