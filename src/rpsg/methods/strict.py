"""Strict mode: an end-to-end differentially private synthetic corpus.

No private text enters a prompt. Private data is read by four mechanisms at most, each through the kernel,
which writes the ledger before it draws the noise; everything else sees only what they released.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rpsg.methods.steps import (
    count_people,
    draw_cards,
    expand,
    feasible,
    find_labels,
    label_of,
    places,
    pool_wanted,
    public_filters,
    release_cards,
    release_keyphrases,
    vote,
)
from rpsg.methods.trial import try_writer
from rpsg.protocols import Method
from rpsg.stages.annotate import annotate
from rpsg.stages.budget import strict_budget
from rpsg.stages.candidates import write_candidates, write_variants
from rpsg.stages.scrub import scrub
from rpsg.stages.selection import select

if TYPE_CHECKING:
    from rpsg.methods.tools import Job
    from rpsg.records import Pool


def synthesize(job: Job) -> Pool:
    """The pool of all texts that were written; the living ones are the synthetic corpus."""
    plan, tools, progress = job.plan, job.tools, job.progress

    # Before a private text is read and anything is spent: does the writer write?
    try_writer(job)

    # How many people there are, and which labels: from declarations, or with noise.
    n = count_people(job)
    pack = job.pack.with_label(find_labels(job))
    pack = feasible(job, pack, n)

    # Each private record is described by public models; noisy counts of the descriptions are the seeds.
    traits = cache(lambda: annotate(job.people, pack, tools.embedder, tools.sentiment))
    model = release_cards(job, pack, traits, n)
    phrases = release_keyphrases(job, pack, traits)
    cards = draw_cards(job, pack, model, phrases, pool_wanted(job))

    # The LLM writes one candidate from each card; filters that read only public text tidy up.
    pool = write_candidates(cards, pack, plan, tools.writer, progress)
    pool = public_filters(job, pack, pool)

    # Every record votes for the nearest candidates; noisy counts decide which stay.
    for round_number in range(plan.method.rounds):
        if round_number > 0:
            missing = len(cards) - len(pool.alive())
            pool = write_variants(pool, pool.alive(), missing, pack, plan, tools.writer, progress)
            pool = public_filters(job, pack, pool)
        pool, voted = vote(job, pack, traits, pool, round_number)
        pool = select(pool, voted, places(job, len(voted), round_number), label_of(pack))

    # Where more texts are wanted than the votes can choose, variants of the winners fill the places.
    return scrub(expand(job, pack, pool))


METHOD = Method("strict", "end-to-end differential privacy", "noisy_answers", synthesize, strict_budget)
