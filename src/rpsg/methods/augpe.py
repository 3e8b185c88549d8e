"""AUG-PE: private texts vote for public ones, and the winners are varied, again and again.

Augmented Private Evolution (Xie et al., "Differentially Private Synthetic Data via Foundation Model APIs 2:
Text", 2024), built from its description: random texts -> votes -> variations -> votes -> ... No private text
enters a prompt. The votes are the only question to the private data, asked ``iterations`` times; all of them
together cost (epsilon, delta). How it differs from what was published is in ``docs/augpe.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.errors import UsageError
from rpsg.methods import METHODS
from rpsg.methods.base import OF_DRAFTS, Method, Workload
from rpsg.methods.budget import budget_for, voted_apart, votes_of
from rpsg.methods.dp_steps import label_of, paid
from rpsg.methods.trial import TEXTS, try_writer
from rpsg.methods.voting import label_codes, label_traits, noisy_votes, some_candidates
from rpsg.methods.workload import CHARACTERS_A_TOKEN, WORDS_TO_TOKENS, card_workload, typical_words
from rpsg.privacy.egress import STRICT
from rpsg.privacy.histogram import Query
from rpsg.records import Candidate, Card, Pool
from rpsg.stages.candidates import write_candidates
from rpsg.stages.cards import CardModel
from rpsg.stages.cosine_filter import drop_copies
from rpsg.stages.rng import stream
from rpsg.stages.scrub import scrub
from rpsg.stages.survival import quotas_of_labels, survivors
from rpsg.stages.variations import look_ahead, variation_request, write_variations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.domains import Pack
    from rpsg.methods.base import Job
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget

    Counts = npt.NDArray[np.int64]
    Rows = Mapping[int, npt.NDArray[np.float32]]


#: Unusable random texts are replaced in at most this many attempts: a poor writer would never give enough
#: usable ones.
ATTEMPTS = 3
#: Private texts are compared by their embeddings alone.
NO_SENTIMENT = tuple(rule for rule in STRICT if rule.role != "sentiment")


def synthesize(job: Job) -> Pool:
    """The pool of all texts that were written; those that won the last vote are the synthetic corpus.

    Raises:
        ModelError: the writer gave no text that can be used.
    """
    plan, tools, progress = job.plan, job.tools, job.progress
    pack = job.pack.with_label(plan.data.label_values)

    # Test the writer before a private text is read and anything is spent.
    try_writer(job)

    # The first generation: random texts, from public values drawn evenly.
    pool = _random_texts(job, pack)
    parents: Sequence[Candidate] = pool.alive()

    heard = np.zeros(len(_labels(pack)))
    rows: Rows = {}
    for iteration in range(plan.augpe.iterations):
        # Each text is varied until there are enough variations for each of the texts to be chosen.
        missing = plan.augpe.variations * plan.corpus.size - len(pool.alive())
        pool = write_variations(pool, parents, missing, pack, plan, tools.writer, progress)

        # Every private text votes for the nearest of them, and the noisy votes decide which are kept.
        drafts = some_candidates(pool)
        rows = look_ahead(drafts, rows, pack, plan, tools.writer, tools.embedder, progress)
        votes = _vote(job, pack, drafts, rows, iteration)
        # The votes of each label say what its share of the private texts is, at no further cost.
        np.add.at(heard, _codes(pack, drafts), votes)
        parents = _chosen(job, pack, drafts, votes, heard, iteration)
        pool = _keep(pool, drafts, votes, parents)

    return scrub(pool, job.pack.language, job.processes)


def _random_texts(job: Job, pack: Pack) -> Pool:
    """At most ``corpus.size`` usable texts; unusable ones are replaced in up to ``ATTEMPTS`` attempts."""
    plan, pool = job.plan, Pool()
    for attempt in range(ATTEMPTS):
        missing = plan.corpus.size - len(pool.alive())
        if not missing:
            break
        cards = CardModel.uniform(pack).draw(missing, stream(plan.generation.seed, "random texts", attempt))
        new = write_candidates(cards, pack, plan, job.tools.writer, job.progress, len(pool), job.processes)
        pool = drop_copies(pool.extend(new.candidates), pack)
    return pool


def _labels(pack: Pack) -> tuple[str, ...]:
    """The labels within which votes are cast; a single unnamed one if the data have no labels."""
    name = label_of(pack)
    return ("",) if name is None else pack.attribute(name).values


def _codes(pack: Pack, standing: Sequence[Candidate]) -> Counts:
    return np.zeros(len(standing), np.int64) if label_of(pack) is None else label_codes(pack, standing)


def _vote(job: Job, pack: Pack, standing: Sequence[Candidate], rows: Rows, iteration: int) -> Counts:
    """Noisy votes for each candidate: private texts vote within their label, as published."""
    planned = paid(job).releases[iteration]
    asked = Query.of(planned, f"votes for the {planned.k} nearest candidates", len(standing))
    vectors = np.stack([rows[c.id] for c in standing])
    return noisy_votes(job, pack, lambda: label_traits(job, pack), asked, standing, vectors, 0.0)


def _chosen(
    job: Job,
    pack: Pack,
    standing: Sequence[Candidate],
    votes: Counts,
    heard: npt.NDArray[np.float64],
    iteration: int,
) -> list[Candidate]:
    """The surviving texts, label by label; one that was drawn several times is in the list several times."""
    plan, codes = job.plan, _codes(pack, standing)
    present = np.unique(codes)
    quotas = quotas_of_labels(heard[present], plan.corpus.size)
    found: list[Candidate] = []
    for label, number in zip(present, quotas, strict=True):
        mine = np.flatnonzero(codes == label)
        stay = survivors(
            votes[mine],
            int(number),
            plan.augpe.selection,
            plan.augpe.threshold,
            stream(plan.generation.seed, "survivors", iteration, int(label)),
            last=iteration == plan.augpe.iterations - 1,
        )
        found += [standing[mine[index]] for index in stay]
    return found


def _keep(
    pool: Pool,
    standing: Sequence[Candidate],
    votes: Counts,
    chosen: Sequence[Candidate],
) -> Pool:
    kept = {c.id for c in chosen}
    scored = pool.score("votes", {c.id: float(v) for c, v in zip(standing, votes, strict=True)})
    return scored.drop("votes", {c.id: "not chosen by the votes" for c in standing if c.id not in kept})


def augpe_budget(plan: Plan, pack: Pack) -> Budget:  # noqa: ARG001  # the signature of all budgets
    """The noise of ``iterations`` votes; one record (or user) can move each by the sensitivity of rule S4.

    Gaussian mechanisms compose exactly: all votes together are one with mu = sqrt(iterations) * sensitivity /
    sigma. If everybody has one record with one vote, and neighbours differ by one record more or less, the
    sensitivity is 1, and sigma is the noise that AUG-PE's authors publish. Their values for Yelp (15.34,
    8.03, 4.24) are too small: they cost epsilon 1.0045, 2.0024 and 4.0053, but the authors claim 1, 2 and 4.
    """
    return budget_for(plan, [votes_of(plan, 1.0, plan.augpe.neighbours, plan.augpe.iterations)])


def check(plan: Plan) -> None:
    """UsageError for labels that are not declared: votes are cast within labels that are known beforehand."""
    if plan.data.label and not plan.data.labels:
        raise UsageError(
            "The method augpe holds a vote within each label, but the plan does not declare the values of "
            "the label.",
            hint="Declare them with --labels, if they are public; or leave --label out.",
        )


def workload(plan: Plan, pack: Pack) -> Workload:
    """The workload of the trial, the first generation, its variations and the lookahead."""
    size, augpe = plan.corpus.size, plan.augpe
    random = card_workload(plan, pack, size)
    per_vote = (augpe.variations - 1) * size
    varied = augpe.iterations * per_vote
    ahead = augpe.lookahead * (size + varied)
    # If texts are unusable, more variations are requested, but never more than there are candidates in a
    # vote.
    most_varied = augpe.iterations * augpe.variations * size
    most_more = most_varied + augpe.lookahead * (size + most_varied)

    words = typical_words(pack)
    typical = variation_request(pack, plan, Candidate(0, "word " * words, Card({})), 0)
    lengths = [len(message.content) for message in typical.messages]
    shown, text, header = sum(lengths[:-2]), lengths[-2], lengths[-1]
    parents = augpe.iterations * size + (size + varied) * bool(augpe.lookahead)
    return Workload(
        candidates=size + varied,
        requests=random.requests + varied + ahead,
        prompt=random.prompt + round((varied + ahead) * sum(lengths) / CHARACTERS_A_TOKEN),
        computed_prompt=random.computed_prompt
        + round((shown + parents * text + (varied + ahead) * header) / CHARACTERS_A_TOKEN),
        completion=random.completion + round((varied + ahead) * words * WORDS_TO_TOKENS),
        most_requests=TEXTS + ATTEMPTS * size + most_more,
        most_tokens=None,  # a variation's prompt holds a text, and the number of its bytes has no bound
    )


def explain(plan: Plan, pack: Pack) -> tuple[str, ...]:
    """How the texts are made, and where the shares of labels come from."""
    size, augpe = plan.corpus.size, plan.augpe
    ahead = (
        f" (each is compared by the mean of {augpe.lookahead} further variations)" if augpe.lookahead else ""
    )
    evolved = (
        f"The writer makes {augpe.variations * size:,} variations of {size:,} random texts{ahead}, and the "
        f"private texts vote for the {size:,} that are kept. There are {augpe.iterations} such rounds, each "
        "with the texts that the last one kept."
    )
    apart = voted_apart(augpe_budget(plan, pack))
    if label_of(pack) is None:
        return (evolved, apart)
    return (
        evolved,
        apart,
        "Votes are cast within each label; the share of a label follows from its number of votes.",
    )


METHOD = Method(
    name="augpe",
    about=METHODS["augpe"][1],
    reads="noisy_answers",
    synthesize=synthesize,
    budget=augpe_budget,
    sections=frozenset({"augpe"}),
    untold=OF_DRAFTS,
    check=check,
    egress=lambda plan: NO_SENTIMENT,  # noqa: ARG005  # the signature of all such functions
    workload=workload,
    #: People are not counted, and a plan with few of them is not refused: a baseline has to run with any
    #: number.
    people=lambda plan: None,  # noqa: ARG005  # the signature of all such functions
    cards="even",
    embeds=True,
    explain=explain,
)
