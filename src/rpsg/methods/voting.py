"""Choosing by votes: each private record votes for the nearest texts, and noisy counts decide which stay.

The other way, for comparison and for methods of that family; by default a sketch decides (``sketching.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rpsg.errors import ModelError
from rpsg.methods.budget import votes_stage
from rpsg.methods.dp_steps import ANOTHER_WRITER, ask, label_of, public_filters, tell_spent
from rpsg.stages.candidates import write_variants
from rpsg.stages.votes import select, vote_ballots

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpsg.domains import Pack
    from rpsg.methods.base import Job
    from rpsg.privacy.histogram import Query, RowCells
    from rpsg.privacy.private import Private
    from rpsg.records import Candidate, Pool
    from rpsg.stages.annotate import Codes, Traits


def choose_by_votes(job: Job, pack: Pack, traits: Callable[[], Private[Traits]], pool: Pool) -> Pool:
    """The pool with only the texts that the votes chose, in as many rounds as the plan pays for."""
    wanted = len(pool)
    for round_number in range(job.plan.method.rounds):
        if round_number > 0:
            missing = wanted - len(pool.alive())
            pool = write_variants(pool, pool.alive(), missing, pack, job.plan, job.tools.writer, job.progress)
            pool = public_filters(job, pack, pool)
        pool, voted = vote(job, pack, traits, pool, round_number)
        pool = select(pool, voted, places(job, len(voted), round_number), label_of(pack))
    return pool


def ask_votes(job: Job, round_number: int, standing: int) -> Query:
    """The query of a vote for ``standing`` candidates."""
    what = f"votes for the {job.plan.method.votes_per_record} nearest candidates"
    return ask(job, votes_stage(job.plan, round_number), what, standing)


def vote(
    job: Job, pack: Pack, traits: Callable[[], Private[Traits]], pool: Pool, round_number: int
) -> tuple[Pool, Sequence[Candidate]]:
    """The pool with noisy votes as scores, and the candidates that stood."""
    method, standing = job.plan.method, pool.alive()
    if not standing:
        raise ModelError(
            "No text that was written can be used, so there is nothing to vote for.",
            hint=ANOTHER_WRITER,
        )
    asked = ask_votes(job, round_number, len(standing))
    vectors = job.tools.embedder.embed([c.text for c in standing])
    labelled = label_of(pack) is not None

    def ballots() -> Private[RowCells]:
        job.progress.start("voting")
        return vote_ballots(
            job.people.embeddings,
            job.people.units,
            vectors,
            votes=method.votes_per_record,
            hub_correction=method.hub_correction,
            labels=traits().map(lambda values: values["label"]) if labelled else None,
            candidate_labels=label_codes(pack, standing) if labelled else None,
        )

    noisy = job.kernel.release(asked, ballots)
    tell_spent(job, asked.stage)
    pool = pool.score("votes", {c.id: float(v) for c, v in zip(standing, noisy, strict=True)})
    stood = {c.id for c in standing}
    return pool, [c for c in pool if c.id in stood]


def label_codes(pack: Pack, candidates: Sequence[Candidate]) -> Codes:
    """The label of each candidate, by its place in the pack."""
    values = pack.attribute("label").values
    return np.array([values.index(c.card.values["label"]) for c in candidates], np.int64)


def label_traits(job: Job, pack: Pack) -> Private[Traits]:
    """The label of each voter's row, by its place in the pack."""
    values = {value: i for i, value in enumerate(pack.attribute("label").values)}
    return job.people.rows.map(
        lambda rows: {"label": np.array([values.get(row.label or "", -1) for row in rows], np.int64)}
    )


def places(job: Job, standing: int, round_number: int) -> int:
    """How many the votes choose: what is wanted, but never more than half of those that stand."""
    last = round_number == job.plan.method.rounds - 1
    wanted = job.plan.corpus.size if last else standing // 2
    return max(1, min(wanted, standing // 2))
