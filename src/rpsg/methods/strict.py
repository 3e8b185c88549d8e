"""Strict mode: an end-to-end differentially private synthetic corpus.

No private text enters a prompt. Private data is read only by mechanisms of the kernel, which writes the
ledger before it draws the noise; everything else sees only the noisy answers.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rpsg.methods import METHODS
from rpsg.methods.base import Method
from rpsg.methods.budget import pool_size, strict_budget
from rpsg.methods.dp_steps import (
    count_people,
    draw_cards,
    expand,
    feasible,
    find_labels,
    public_filters,
    release_cards,
    release_keyphrases,
)
from rpsg.methods.sketching import choose_by_sketch, measure
from rpsg.methods.strict_plan import cautions, check, explain
from rpsg.methods.trial import try_writer
from rpsg.methods.voting import choose_by_votes
from rpsg.methods.workload import strict_workload
from rpsg.stages.annotate import annotate, describe
from rpsg.stages.candidates import write_candidates
from rpsg.stages.scrub import scrub

if TYPE_CHECKING:
    from rpsg.methods.base import Job
    from rpsg.records import Pool


def synthesize(job: Job) -> Pool:
    """The pool of all texts that were written; those not dropped are the synthetic corpus."""
    plan, tools, progress = job.plan, job.tools, job.progress

    # Test whether the writer gives usable texts, before a private text is read and anything is spent.
    try_writer(job)

    # How many people there are, and which labels: from declarations, or with noise.
    people = count_people(job, plan.privacy.n_public)
    pack = job.pack.with_label(find_labels(job)).with_columns(plan.data.column_values)
    pack = feasible(job, pack, people.safe)

    # Each private text is described by public models; noisy counts of the descriptions are the seeds.
    landmarks = describe(pack, tools.embedder)
    model = release_cards(job, pack, landmarks, people.safe)
    known = {pack.marginals[0][0], "label"}
    traits = cache(lambda: annotate(job.people, pack, landmarks, tools.sentiment, only=known))
    phrases = release_keyphrases(job, pack, traits)
    cards = draw_cards(job, pack, model, phrases, pool_size(plan))

    # The LLM writes texts from the cards; filters that read only public text drop the bad ones.
    pool = write_candidates(cards, pack, plan, tools.writer, progress, processes=job.processes)
    pool = public_filters(job, pack, pool)

    # One more query to the private texts: which of the drafts, taken together, are most like them?
    if plan.method.select == "votes":
        pool = choose_by_votes(job, pack, traits, pool)
    else:
        sketch = measure(job, pack, landmarks, model, people, pool)
        pool = choose_by_sketch(job, pack, model, sketch, pool)

    # If too few texts are usable, variants of the chosen ones are added.
    return scrub(expand(job, pack, pool), job.pack.language, job.processes)


METHOD = Method(
    name="strict",
    about=METHODS["strict"][1],
    reads="noisy_answers",
    synthesize=synthesize,
    budget=strict_budget,
    cards="counted",
    workload=strict_workload,
    explain=explain,
    cautions=cautions,
    check=check,
    sentiments_only=True,
    columns=True,
    embeds=True,
    shards=True,
)
