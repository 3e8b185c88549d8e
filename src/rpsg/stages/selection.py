"""Step 7, second half: which candidates stay, from the noisy votes alone (post-processing)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.records import Candidate, Pool

VOTE_FLOOR = 0


def select(pool: Pool, voted: Sequence[Candidate], size: int, label: str | None = None) -> Pool:
    """The pool with only the ``size`` best of the candidates that stood in the vote.

    Each candidate carries its noisy count as the score ``votes``. Below the floor nothing speaks for a
    text; where all are below it, which takes very few people, the best of them stay. With a label the places
    are shared out by the labels' noisy mass, so that the release keeps the private label shares. Ties go to
    the lower id.
    """
    supported = [c for c in voted if c.scores["votes"] > VOTE_FLOOR] or list(voted)
    winners: set[int] = set()
    for group, places in _places(supported, size, label):
        ranked = sorted(group, key=lambda c: (-c.scores["votes"], c.id))
        winners |= {c.id for c in ranked[:places]}
    supported_ids = {c.id for c in supported}
    losers = {c.id: "not chosen by the votes" for c in voted if c.id in supported_ids - winners}
    below = {c.id: "below the vote floor" for c in voted if c.id not in supported_ids}
    return pool.drop("votes", {**losers, **below})


def _places(
    candidates: Sequence[Candidate], size: int, label: str | None
) -> list[tuple[list[Candidate], int]]:
    """Groups of candidates and how many places each has."""
    if label is None:
        return [(list(candidates), size)]
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.card.values[label], []).append(candidate)
    names = sorted(groups)
    mass = np.array([sum(c.scores["votes"] for c in groups[name]) for name in names], np.float64)
    return [(groups[name], int(n)) for name, n in zip(names, shares(mass, size), strict=True)]


def shares(mass: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.int64]:
    """Whole numbers that add up to ``size`` and follow ``mass`` by largest remainders."""
    if not len(mass):
        return np.zeros(0, np.int64)
    exact = size * (mass / mass.sum() if mass.sum() > 0 else np.full(len(mass), 1 / len(mass)))
    whole: npt.NDArray[np.int64] = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: size - int(whole.sum())]] += 1
    return whole
