"""Pools of drafts that were written by hand."""

from __future__ import annotations

from rpsg.records import Candidate, Card, Pool


def pool_of(*texts: str) -> Pool:
    """A draft with an empty card for each text, numbered from 0."""
    return Pool(tuple(Candidate(i, text, Card({})) for i, text in enumerate(texts)))


def alive(pool: Pool) -> list[int]:
    """The numbers of the drafts that were not dropped."""
    return [candidate.id for candidate in pool.alive()]
