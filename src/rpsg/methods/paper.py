"""The paper's method: private records become seeds, and language models write the corpus from them.

It claims nothing. Abstraction, noisy choice, rewrites and filters make it hard to tell a seed from its text,
and bound nothing: what a model keeps of a record reaches the corpus. Every reading of private text goes
through a door that writes it into the ledger. For test data of one's own, and to compare with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from rpsg.methods.seed_steps import choose_abstracts, draw_seeds, seeds_wanted
from rpsg.methods.seeded import (
    check_paper,
    paper_cautions,
    paper_flows,
    paper_models,
    paper_ways,
)
from rpsg.methods.workload import paper_explained, paper_workload
from rpsg.privacy.private import withheld

if TYPE_CHECKING:
    from rpsg.methods.base import Job
    from rpsg.records import Pool


def synthesize(job: Job) -> Pool:
    """The pool of all texts of the second rewrite; the living ones, of which there is one at least, are the
    synthetic corpus.

    A text's ``parent`` is the number of its seed, through every stage.

    Raises:
        InfeasibleError: the guard left no summary, or the filters no text.
        ModelError: the writer gave no text that can be used.
    """
    return withheld(lambda: _synthesize(job))


def _synthesize(job: Job) -> Pool:
    # One private record, one seed, with its mood and the length to be asked for.
    seeds = draw_seeds(job, seeds_wanted(job.plan))

    # Five summaries of each record; a guard drops copies; one of the rest is chosen under noise.
    abstracts = some_abstracts(choose_abstracts(job, seeds))

    # The writer makes a variant of each summary, again and again until it has the mood of its seed.
    variants = some_texts(rewrite(job, "first", "first rewrite", first_tasks(seeds, abstracts)))

    # Votes of all records may thin the variants out; the writer rewrites those that stay; the scrub follows.
    chosen = histogram_step(job, seeds, abstracts, variants)
    pool = scrub_step(job, some_texts(rewrite(job, "second", "second rewrite", chosen)))

    # What is too much like private texts goes: by cosine, and by likelihood under a model of the variants.
    pool = some_left(filter_step(job, variants, pool))
    agreement_step(job, seeds, pool)
    return pool


METHOD = Method(
    name="paper",
    about="the paper's method, from private seeds",
    reads="records",
    synthesize=synthesize,
    sections=frozenset({"paper"}),
    untold=frozenset({"data.passage_words"}),
    check=check_paper,
    models=paper_models,
    ways=paper_ways,
    flows=paper_flows,
    workload=paper_workload,
    explain=paper_explained,
    cautions=paper_cautions,
)
