"""The paper's method: private texts become seeds, and language models write the corpus from them.

It claims nothing. Abstraction, noisy choice, rewrites and filters make it hard to infer a seed from its text,
but they bound nothing: what a model retains of a record reaches the corpus. Every read of private text is
written into the ledger. Meant for your own test data, and for comparison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.methods import METHODS
from rpsg.methods.base import Method
from rpsg.methods.paper_steps import (
    agreement_step,
    filter_step,
    first_tasks,
    histogram_step,
    rewrite,
    scrub_step,
    some_abstracts,
    some_left,
    some_texts,
)
from rpsg.methods.seed_steps import choice_noise, choose_abstracts, draw_seeds, seeds_wanted
from rpsg.methods.seeded import (
    check_paper,
    paper_cautions,
    paper_egress,
    paper_flows,
    paper_models,
    paper_packages,
)
from rpsg.methods.workload import paper_explained, paper_workload
from rpsg.privacy.private import withheld

if TYPE_CHECKING:
    from rpsg.methods.base import Job
    from rpsg.records import Pool


def synthesize(job: Job) -> Pool:
    """The pool of all texts of the second rewrite; those not dropped, at least one, are the synthetic corpus.

    A text's ``parent`` is the number of its seed, through every stage.

    Raises:
        InfeasibleError: the guard left no summary, or the filters no text.
        ModelError: the writer gave no text that can be used.
    """
    return withheld(lambda: _synthesize(job))


def _synthesize(job: Job) -> Pool:
    paper = job.plan.paper

    # One private text, one seed, with its sentiment and the length to ask for.
    seeds = draw_seeds(job, seeds_wanted(job.plan), paper.length, paper.seed_words)

    # Five summaries of each record; a guard drops copies; one of the rest is chosen under noise.
    abstracts = some_abstracts(choose_abstracts(job, seeds))

    # The writer makes a variant of each summary, with retries until it has the sentiment of its seed.
    variants = some_texts(rewrite(job, "first", "first rewrite", first_tasks(seeds, abstracts)))

    # Votes of all records may thin the variants out; the writer rewrites those that are kept; the scrub
    # follows.
    chosen = histogram_step(job, seeds, abstracts, variants)
    pool = scrub_step(job, some_texts(rewrite(job, "second", "second rewrite", chosen)))

    # Texts too similar to private ones are dropped, by cosine and by likelihood under a model of the
    # variants.
    pool = some_left(filter_step(job, variants, pool))
    agreement_step(job, seeds, pool)
    return pool


METHOD = Method(
    name="paper",
    about=METHODS["paper"][1],
    reads="records",
    synthesize=synthesize,
    sections=frozenset({"paper"}),
    untold=frozenset({"data.passage_words"}),
    check=check_paper,
    models=paper_models,
    packages=paper_packages,
    egress=paper_egress,
    flows=paper_flows,
    choice_sigma=choice_noise,
    workload=paper_workload,
    explain=paper_explained,
    cautions=paper_cautions,
)
