"""Choosing by votes: each private text votes for the nearest texts, and noisy counts decide which are kept.

Split mode chooses like this. Strict mode does this on request: by default it chooses by a sketch
(``sketching.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rpsg.errors import ModelError
from rpsg.methods.budget import votes_stage
from rpsg.methods.dp_steps import ANOTHER_WRITER, ask, label_of, public_filters, report_spent
from rpsg.stages.candidates import write_variants
from rpsg.stages.votes import select, vote_row_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from rpsg.domains import Pack
    from rpsg.methods.base import Job
    from rpsg.privacy.histogram import Query, RowCells
    from rpsg.privacy.private import Private
    from rpsg.records import Candidate, Pool
    from rpsg.stages.annotate import Codes, Traits


def choose_by_votes(job: Job, pack: Pack, traits: Callable[[], Private[Traits]], pool: Pool) -> Pool:
    """The pool with only the texts that the votes chose, after the plan's number of rounds."""
    wanted = len(pool)
    for round_number in range(job.plan.method.rounds):
        if round_number > 0:
            missing = wanted - len(pool.alive())
            pool = write_variants(pool, pool.alive(), missing, pack, job.plan, job.tools.writer, job.progress)
            pool = public_filters(job, pack, pool)
        pool, voted = vote(job, pack, traits, pool, round_number)
        pool = select(pool, voted, number_to_choose(job, len(voted), round_number), label_of(pack))
    return pool


def ask_votes(job: Job, round_number: int, candidates: int) -> Query:
    """The query of a vote among ``candidates`` texts."""
    what = f"votes for the {job.plan.method.votes_per_record} nearest candidates"
    return ask(job, votes_stage(job.plan, round_number), what, candidates)


def vote(
    job: Job, pack: Pack, traits: Callable[[], Private[Traits]], pool: Pool, round_number: int
) -> tuple[Pool, Sequence[Candidate]]:
    """The pool with noisy votes as scores, and the candidates of the vote."""
    candidates = some_candidates(pool)
    asked = ask_votes(job, round_number, len(candidates))
    vectors = job.tools.embedder.embed([c.text for c in candidates])
    noisy = noisy_votes(job, pack, traits, asked, candidates, vectors, job.plan.method.hub_correction)
    pool = pool.score("votes", {c.id: float(v) for c, v in zip(candidates, noisy, strict=True)})
    voted = {c.id for c in candidates}
    return pool, [c for c in pool if c.id in voted]


def some_candidates(pool: Pool) -> tuple[Candidate, ...]:
    """The candidates of a vote; ModelError if there are none."""
    if not pool.alive():
        raise ModelError(
            "None of the written texts can be used, so there is nothing to vote for.",
            hint=ANOTHER_WRITER,
        )
    return pool.alive()


def noisy_votes(
    job: Job,
    pack: Pack,
    traits: Callable[[], Private[Traits]],
    asked: Query,
    candidates: Sequence[Candidate],
    vectors: npt.NDArray[np.float32],
    hub_correction: float,
) -> Codes:
    """Noisy votes for each candidate; if there are labels, private texts vote within their own label.

    All of it is one histogram, in which every record has equally many votes, whatever its label.
    """
    labelled = label_of(pack) is not None

    def row_cells() -> Private[RowCells]:
        job.progress.start("voting")
        return vote_row_cells(
            job.people.embeddings,
            job.people.units,
            vectors,
            votes=asked.k,
            hub_correction=hub_correction,
            labels=traits().map(lambda values: values["label"]) if labelled else None,
            candidate_labels=label_codes(pack, candidates) if labelled else None,
        )

    noisy = job.kernel.release(asked, row_cells)
    report_spent(job, asked.stage)
    return noisy


def label_codes(pack: Pack, candidates: Sequence[Candidate]) -> Codes:
    """The label of each candidate, as its index in the pack."""
    values = pack.attribute("label").values
    return np.array([values.index(c.card.values["label"]) for c in candidates], np.int64)


def label_traits(job: Job, pack: Pack) -> Private[Traits]:
    """The label of each voter's row, as its index in the pack."""
    values = {value: i for i, value in enumerate(pack.attribute("label").values)}
    return job.people.rows.map(
        lambda rows: {"label": np.array([values.get(row.label or "", -1) for row in rows], np.int64)}
    )


def number_to_choose(job: Job, candidates: int, round_number: int) -> int:
    """How many texts the votes choose: the wanted number, but never more than half of the candidates."""
    last = round_number == job.plan.method.rounds - 1
    wanted = job.plan.corpus.size if last else candidates // 2
    return max(1, min(wanted, candidates // 2))
