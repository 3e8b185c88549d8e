"""Split mode: some people give seeds, the others vote. The voters are protected; the donors are not.

People are split into donors and voters before any of their records is used. Candidates come only from donors'
records, as in the paper's method; voters only answer queries with noise, as in strict mode. For voters the
corpus, and all that a model is sent, is differentially private.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.errors import PrivacyError, RunError, VerificationError
from rpsg.methods import METHODS
from rpsg.methods.base import Method
from rpsg.methods.budget import pool_size, split_budget, split_voters, voted_apart
from rpsg.methods.dp_steps import count_people, label_of, note_few_people, public_filters
from rpsg.methods.paper_steps import (
    Task,
    agreement_step,
    made_of,
    pool_of,
    rewrite,
    scrub_step,
    some_abstracts,
    some_texts,
)
from rpsg.methods.seed_steps import choice_noise, choose_abstracts, draw_seeds, seeding, usable_rows
from rpsg.methods.seeded import (
    check_split,
    seed_models,
    seed_packages,
    split_cautions,
    split_egress,
    split_flows,
)
from rpsg.methods.voting import ask_votes, label_traits, number_to_choose, vote
from rpsg.methods.workload import split_explained, split_workload
from rpsg.privacy.private import withheld
from rpsg.stages.votes import select

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.methods.base import Job
    from rpsg.plan import Plan
    from rpsg.privacy.private import Private
    from rpsg.privacy.replay import ReplayKernel
    from rpsg.records import Candidate, Pool
    from rpsg.stages.abstraction import Seed
    from rpsg.storage.checkpoints import StageResult


def synthesize(job: Job) -> Pool:
    """The pool of all texts written from donors' seeds; those not dropped are the synthetic corpus.

    Raises:
        InfeasibleError: no donor has a record with words, or no summary passed the guard.
        ModelError: the writer gave no text that can be used.
    """
    return withheld(lambda: _synthesize(job))


def _synthesize(job: Job) -> Pool:
    pack, paper = job.pack.with_label(job.plan.data.label_values), job.plan.paper

    # What votes can decide depends on the number of voters. Counting them costs budget, so first check that
    # there are donors.
    usable_rows(job)
    n = count_people(job, split_voters(job.plan)).safe
    note_few_people(job, n)
    wanted = pool_size(job.plan)

    # Donors' records become seeds and are summarised, as in the paper's method.
    seeds = draw_seeds(job, paper.seeds or wanted, paper.length, paper.seed_words)
    abstracts = some_abstracts(choose_abstracts(job, seeds))
    with_one = [seed for seed in seeds if seed.number in abstracts]

    # The writer makes candidates from each seed in turn; filters that read no text of a voter drop bad ones.
    in_turn = [with_one[i % len(with_one)] for i in range(wanted)]
    tasks = [Task(i, seed, abstracts[seed.number]) for i, seed in enumerate(in_turn)]
    pool = some_texts(rewrite(job, "first", "first rewrite", tasks))
    pool = filters_step(job, pack, pool, "public filters")

    # Every voter votes for the nearest candidates; noisy counts decide which are kept.
    for round_number in range(job.plan.method.rounds):
        if round_number > 0:
            pool = _rewritten(job, seeds, pool, wanted, round_number)
            pool = filters_step(job, pack, pool, f"public filters {round_number}")
        pool = votes_step(job, pack, pool, round_number)
    pool = scrub_step(job, pool)
    agreement_step(job, seeds, pool)
    return pool


def filters_step(job: Job, pack: Pack, pool: Pool, stage: str) -> Pool:
    """The pool after the filters that read no text of a voter."""

    def make() -> StageResult:
        job.progress.start(stage)
        return made_of(public_filters(job, pack, pool), len(pool.alive()), pool)

    return pool_of(seeding(job).checkpoints.stage(stage, make))


def votes_step(job: Job, pack: Pack, pool: Pool, round_number: int) -> Pool:
    """The pool with the texts that the noisy votes keep.

    The checkpoint holds only what follows from the noisy votes. The votes come from the kernel, also in a
    resumed run: it draws them once, and then returns them from its evidence.
    """
    scored, voted = vote(job, pack, lambda: label_traits(job, pack), pool, round_number)

    def make() -> StageResult:
        kept = select(scored, voted, number_to_choose(job, len(voted), round_number), label_of(pack))
        return made_of(kept, len(voted), scored)

    stage = f"votes {round_number}" if round_number else "votes"
    return pool_of(seeding(job).checkpoints.stage(stage, make))


def _rewritten(job: Job, seeds: list[Seed], pool: Pool, wanted: int, round_number: int) -> Pool:
    """The pool with rewrites of its winners, in turn, until it has ``wanted`` texts again."""
    by_number = {seed.number: seed for seed in seeds}
    winners, first = pool.alive(), len(pool)
    missing = max(0, wanted - len(winners))
    sources = [winners[i % len(winners)] for i in range(missing)]
    tasks = [Task(first + i, by_number[_seed_of(c)], c.text) for i, c in enumerate(sources)]
    new = rewrite(job, "second", f"rewrite {round_number}", tasks)
    return pool.extend(new.candidates)


def _seed_of(candidate: Candidate) -> int:
    """The number of the candidate's seed, which is its parent in these methods."""
    if candidate.parent is None:
        raise RunError("A text has lost its seed.", hint="This is a bug; please report it.")
    return candidate.parent


def retell(job: Job, kernel: ReplayKernel, rows: int) -> None:
    """Repeat the queries to the voters of a run from the evidence of its release, which has ``rows`` texts.

    Raises:
        VerificationError: there were more candidates than the plan has, or more texts than the votes choose.
    """
    count_people(job, split_voters(job.plan))
    wanted, last = pool_size(job.plan), job.plan.method.rounds - 1
    for round_number in range(last + 1):
        candidates = kernel.next_cells
        kernel.release(ask_votes(job, round_number, candidates), _no_voters)
        if candidates > wanted or (round_number == last and rows > number_to_choose(job, candidates, last)):
            raise VerificationError("The release has more texts than the votes of this plan can choose.")


def _no_voters() -> Private[Any]:
    raise PrivacyError("A release has no voters to ask.")


def explain(plan: Plan, pack: Pack) -> tuple[str, ...]:
    """Who gives seeds and who votes, what a declared number of people means, and where figures are from."""
    drawn = f"A secret draw makes {100 * plan.split.donors:g} of a hundred people donors"
    line = "The list of donors says who gives seeds" if plan.split.donor_list else drawn
    more = (voted_apart(split_budget(plan, pack)), *split_explained(plan, pack))
    voters = split_voters(plan)
    if voters is None:
        return (f"{line}; all others vote.", *more)
    less = "those on the list" if plan.split.donor_list else "the most people that the draw may take"
    counted = (
        f"{line}; all others vote. --n-public counts everybody, so without {less} at least {voters:,} "
        f"of {plan.privacy.n_public:,} people vote."
    )
    return (counted, *more)


METHOD = Method(
    name="split",
    about=METHODS["split"][1],
    reads="donors",
    synthesize=synthesize,
    budget=split_budget,
    sections=frozenset({"paper", "split"}),
    #: Split mode ends with votes, in place of some steps of the paper.
    untold=frozenset(
        {
            "data.passage_words",
            *("paper.selection", "paper.histogram_sigma"),
            *("paper.surrogate", "paper.surrogate_model", "paper.surrogate_epochs"),
            *("paper.representatives", "paper.filters", "paper.cosine_retain"),
            *("paper.nll_percentile", "paper.nll_distance"),
        }
    ),
    check=check_split,
    models=seed_models,
    packages=seed_packages,
    egress=split_egress,
    flows=split_flows,
    choice_sigma=choice_noise,
    workload=split_workload,
    people=split_voters,
    explain=explain,
    cautions=split_cautions,
    retell=retell,
)
