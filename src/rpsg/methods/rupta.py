"""RUPTA, as a baseline: private texts are edited until a language model no longer guesses who wrote them.

It claims nothing. The rewriter, the privacy evaluator and the utility evaluator are one language model, and
what it does not notice remains in the text. Every read of private text is written into the ledger. After Yang
et al., *Robust Utility-Preserving Text Anonymization Based on Large Language Models*, ACL 2025; this
implementation contains no code and no prompt of its authors. See docs/rupta.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.errors import InfeasibleError
from rpsg.methods import METHODS
from rpsg.methods.base import Method
from rpsg.methods.rupta_plan import cautions, check, claim_words, egress, explain, flows, workload
from rpsg.methods.rupta_roles import try_roles
from rpsg.methods.rupta_steps import draw_posts, edit, find_facts, keep_scores, pool_of_posts
from rpsg.privacy.private import withheld
from rpsg.storage.layout import PRIVATE, STAGE_TABLE

if TYPE_CHECKING:
    from rpsg.methods.base import Job
    from rpsg.records import Pool


def synthesize(job: Job) -> Pool:
    """The pool of the best edit of each record; those not dropped, at least one, are the corpus.

    A text's ``parent`` is the number of its record in the draw.

    Raises:
        InfeasibleError: no record has words, or every text was dropped.
    """
    return withheld(lambda: _synthesize(job))


def _synthesize(job: Job) -> Pool:
    # Records are drawn. The writer says which of the attributes each one reveals; the edits must hide these.
    posts = find_facts(job, draw_posts(job))

    # Each is rewritten in general words and scored, then edited. The edit with the best scores is kept: the
    # one with the fewest right guesses and, among equals, the one with the most certain label.
    history = [edit(job, posts, 0)]
    for number in range(1, job.plan.rupta.edits + 1):
        history.append(edit(job, history[-1], number))

    keep_scores(job, history)
    pool = pool_of_posts(job, history[-1])
    if not pool.alive():
        raise InfeasibleError(
            "Every text was dropped, so there is no corpus.",
            hint=f"{PRIVATE}/{STAGE_TABLE} of the run has the reasons. Use another --writer, or set [rupta] "
            'leaking = "keep" or more attempts, with a new -o.',
        )
    return pool


METHOD = Method(
    name="rupta",
    about=METHODS["rupta"][1],
    reads="records",
    synthesize=synthesize,
    sections=frozenset({"rupta"}),
    untold=frozenset({"data.passage_words"}),
    check=check,
    trial=try_roles,
    egress=egress,
    claim_words=claim_words,
    flows=flows,
    workload=workload,
    explain=explain,
    cautions=cautions,
)
