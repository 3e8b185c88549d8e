"""Split mode: some people give seeds, the others vote. The voters are protected; the donors are not.

People are parted before anything of theirs is used. Candidates come from donors' records alone, as in the
paper's method; voters are asked through noisy counts alone, as in strict mode. For voters the corpus, and all
that a model is sent, is differentially private.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.errors import PrivacyError, RunError, VerificationError
from rpsg.methods.base import Method
from rpsg.methods.budget import split_budget, split_voters
from rpsg.methods.dp_steps import count_people, label_of, pool_wanted, public_filters, tell_few
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
from rpsg.methods.seed_steps import choose_abstracts, draw_seeds, seeding, usable_rows
from rpsg.methods.seeded import check_split, seed_models, split_cautions, split_egress, split_flows
from rpsg.methods.voting import ask_votes, label_traits, places, vote
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
    """The pool of all texts written from donors' seeds; the living ones are the synthetic corpus.

    Raises:
        InfeasibleError: no donor has a record with words, or the guard left no summary.
        ModelError: the writer gave no text that can be used.
    """
    return withheld(lambda: _synthesize(job))


def _synthesize(job: Job) -> Pool:
    pack = job.pack.with_label(job.plan.data.label_values)

    # How many voters there are says what their votes are worth. Counting them costs, so it is seen first that
    # there are donors.
    usable_rows(job)
    n = count_people(job, split_voters(job.plan)).safe
    tell_few(job, pack, n)
    wanted = pool_wanted(job)

    # Donors' records become seeds and are summed up, as in the paper's method.
    seeds = draw_seeds(job, job.plan.paper.seeds or wanted)
    abstracts = some_abstracts(choose_abstracts(job, seeds))
    with_one = [seed for seed in seeds if seed.number in abstracts]

    # The writer makes the candidates; filters that read no voter tidy up.
    tasks = [Task(i, s, abstracts[s.number]) for i, s in _in_turn(with_one, wanted)]
    pool = some_texts(rewrite(job, "first", "first rewrite", tasks))
    pool = filters_step(job, pack, pool, "public filters")

    # Every voter votes for the nearest candidates; noisy counts decide which stay.
    for round_number in range(job.plan.method.rounds):
        if round_number > 0:
            pool = _rewritten(job, seeds, pool, wanted, round_number)
            pool = filters_step(job, pack, pool, f"public filters {round_number}")
        pool = votes_step(job, pack, pool, round_number)
    pool = scrub_step(job, pool)
    agreement_step(job, seeds, pool)
    return pool


def filters_step(job: Job, pack: Pack, pool: Pool, stage: str) -> Pool:
    """The pool after the filters that read no voter."""

    def make() -> StageResult:
        job.progress.start(stage)
        return made_of(public_filters(job, pack, pool), len(pool.alive()), pool)

    return pool_of(seeding(job).shelf.stage(stage, make))


def votes_step(job: Job, pack: Pack, pool: Pool, round_number: int) -> Pool:
    """The pool with the texts that the noisy votes keep.

    Only what follows from the noisy votes stands on the shelf. The votes themselves are the kernel's, in a
    run that goes on as well: it draws them once and gives them again from its evidence.
    """
    scored, voted = vote(job, pack, lambda: label_traits(job, pack), pool, round_number)

    def make() -> StageResult:
        kept = select(scored, voted, places(job, len(voted), round_number), label_of(pack))
        return made_of(kept, len(voted), scored)

    stage = f"votes {round_number}" if round_number else "votes"
    return pool_of(seeding(job).shelf.stage(stage, make))


def _in_turn(seeds: list[Seed], count: int) -> list[tuple[int, Seed]]:
    """``count`` places, given to the seeds in turn."""
    return [(i, seeds[i % len(seeds)]) for i in range(count)]


def _rewritten(job: Job, seeds: list[Seed], pool: Pool, wanted: int, round_number: int) -> Pool:
    """The pool with rewrites of its winners, in turn, until there are as many as at first."""
    by_number = {seed.number: seed for seed in seeds}
    winners, first = pool.alive(), len(pool)
    missing = max(0, wanted - len(winners))
    sources = [winners[i % len(winners)] for i in range(missing)]
    tasks = [Task(first + i, by_number[_seed_of(c)], c.text) for i, c in enumerate(sources)]
    new = rewrite(job, "second", f"rewrite {round_number}", tasks)
    return pool.extend(new.candidates)


def _seed_of(candidate: Candidate) -> int:
    """The number of its seed, which every candidate of these methods has as its parent."""
    if candidate.parent is None:
        raise RunError("A text has lost its seed.", hint="This is a bug; please report it.")
    return candidate.parent


def retell(job: Job, told: ReplayKernel, rows: int) -> None:
    """Ask again what a run asked its voters, of a release's evidence; ``rows`` texts are in the release.

    Raises:
        VerificationError: more candidates stood than the plan has, or more texts are left than votes choose.
    """
    count_people(job, split_voters(job.plan))
    wanted, last = pool_wanted(job), job.plan.method.rounds - 1
    for round_number in range(last + 1):
        standing = told.next_cells
        told.release(ask_votes(job, round_number, standing), _nobody_votes)
        if standing > wanted or (round_number == last and rows > places(job, standing, last)):
            raise VerificationError("The release has more texts than the votes of this plan can choose.")


def _nobody_votes() -> Private[Any]:
    raise PrivacyError("A release has no voters to ask.")


def explain(plan: Plan, pack: Pack) -> tuple[str, ...]:
    """Who gives seeds and who votes, what a declared number of people means, and where figures come from."""
    drawn = f"A secret draw makes {100 * plan.split.donors:g} of a hundred people donors"
    line = "The list of donors says who gives seeds" if plan.split.donor_list else drawn
    voters = split_voters(plan)
    if voters is None:
        return (f"{line}; all others vote.", *split_explained(plan, pack))
    less = "those on the list" if plan.split.donor_list else "the most that the draw may take"
    counted = (
        f"{line}; all others vote. --n-public counts everybody: less {less}, at least {voters:,} of "
        f"{plan.privacy.n_public:,} vote."
    )
    return (counted, *split_explained(plan, pack))


METHOD = Method(
    name="split",
    about="donors give seeds, protected voters choose",
    reads="donors",
    synthesize=synthesize,
    budget=split_budget,
    sections=frozenset({"paper", "split"}),
    #: Split mode lacks some steps of the paper, as it ends with votes.
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
    egress=split_egress,
    flows=split_flows,
    workload=split_workload,
    people=split_voters,
    explain=explain,
    cautions=split_cautions,
    retell=retell,
)
