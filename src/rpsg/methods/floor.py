"""The floor: the same writer and public pack, with values drawn uniformly and no private data.

What another method reaches beyond this comes from the private data, so every comparison needs this row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.methods import METHODS
from rpsg.methods.base import Method
from rpsg.methods.dp_steps import draw_cards, public_filters
from rpsg.methods.trial import try_writer
from rpsg.methods.workload import card_workload
from rpsg.stages.candidates import write_candidates
from rpsg.stages.cards import CardModel
from rpsg.stages.scrub import scrub

if TYPE_CHECKING:
    from rpsg.methods.base import Job
    from rpsg.plan import Plan
    from rpsg.records import Pool

OVERSAMPLE = 1.25  # filters drop some texts; more are written so that the size asked for is reached


def synthesize(job: Job) -> Pool:
    """The pool of texts from uniform cards; of those that pass the filters the first ``size`` are kept."""
    try_writer(job)
    plan, pack = job.plan, job.plan.data.added_to(job.pack)
    cards = draw_cards(job, pack, CardModel.uniform(pack), {}, candidates(plan))
    pool = write_candidates(cards, pack, plan, job.tools.writer, job.progress, processes=job.processes)
    pool = public_filters(job, pack, pool)
    surplus = {c.id: "more than were asked for" for c in pool.alive()[plan.corpus.size :]}
    return scrub(pool.drop("floor", surplus), job.pack.language, job.processes)


def candidates(plan: Plan) -> int:
    """How many texts are written."""
    return int(plan.corpus.size * OVERSAMPLE) + 1


METHOD = Method(
    name="floor",
    about=METHODS["floor"][1],
    reads="nothing",
    synthesize=synthesize,
    cards="even",
    workload=lambda plan, pack: card_workload(plan, pack, candidates(plan)),
    untold=frozenset({"data.passage_words"}),
    columns=True,
)
