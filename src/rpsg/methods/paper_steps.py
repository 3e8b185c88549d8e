"""The later steps of the paper's method: two rewrites, histogram, scrub, surrogate, private filters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.errors import InfeasibleError, ModelError
from rpsg.methods.seed_steps import private_texts, private_vectors, seeding, tenths_of_replies
from rpsg.privacy.facts import UnprotectedFlow
from rpsg.records import Candidate, Card, Drop, Pool
from rpsg.stages.cosine_filter import closest, drop_closest_to_private
from rpsg.stages.nll_filter import drop_likeliest, drop_near_private, representatives
from rpsg.stages.noisy_choice import clipped, ranked, vote_counts
from rpsg.stages.rewriting import attempt_of, rewrite_request
from rpsg.stages.rng import text_seed
from rpsg.stages.scrub import scrub_identities
from rpsg.stages.sentiment_guard import guarded, judge
from rpsg.stages.surrogate import NgramRecipe, mean_nll
from rpsg.storage.checkpoints import StageResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from rpsg.methods.base import Job
    from rpsg.plan import Plan
    from rpsg.stages.abstraction import Seed
    from rpsg.stages.rewriting import Rewrite
    from rpsg.stages.sentiment_guard import Attempt, Sentiment

#: For each version of the authors' code: the share that the cosine filter keeps, and the percentile of the
#: NLL filter.
VERSIONS: Mapping[str, tuple[float, float]] = {
    "early": (0.60, 50.0),
    "middle": (0.65, 55.0),
    "late": (1.0, 10.0),
}
HISTOGRAM_SHARE = 0.9
IN_PROMPTS = "in prompts, one per request, with sentiment and length"


@dataclass(frozen=True, slots=True)
class Task:
    """One text to write: its number in the pool, its seed, and the text it is made from."""

    number: int
    seed: Seed
    source: str


def rewrite(job: Job, which: Rewrite, stage: str, tasks: Sequence[Task]) -> Pool:
    """Steps S5 and S7: one text for each task, with retries while it misses the sentiment of its seed."""
    side = seeding(job)

    def make() -> StageResult:
        writer = job.tools.writer
        side.unprotected.note(UnprotectedFlow("abstracts of seeds", writer.name, IN_PROMPTS))

        def write(indices: Sequence[int], attempt: int) -> list[Attempt]:
            asked = [_request(job, which, tasks[index], attempt) for index in indices]
            on_reply = tenths_of_replies(job.progress, stage, len(asked), attempt)
            return [attempt_of(reply) for reply in writer.write(asked, on_reply)]

        def sentiments(texts: Sequence[str]) -> Sequence[Sentiment]:
            return judge(texts, job.tools.sentiment, job.tools.embedder)

        made = guarded(
            [t.seed.sentiment for t in tasks], write, sentiments, job.plan.paper.sentiment_attempts
        )
        pool = Pool(tuple(_candidate(t, a, stage) for t, (a, _) in zip(tasks, made, strict=True)))
        return made_of(pool, len(tasks))

    return pool_of(side.checkpoints.stage(stage, make))


def _request(job: Job, which: Rewrite, task: Task, attempt: int) -> Any:
    seed = task.seed
    return rewrite_request(
        job.pack, job.plan, which, task.source, seed.sentiment, seed.words, task.number, attempt
    )


def _candidate(task: Task, attempt: Attempt, stage: str) -> Candidate:
    values = {"sentiment": task.seed.sentiment} if task.seed.sentiment else {}
    if task.seed.label is not None:
        values["label"] = task.seed.label
    dropped = Drop(stage, attempt.problem) if attempt.problem else None
    return Candidate(task.number, attempt.text, Card(values), task.seed.number, dropped=dropped)


def made_of(pool: Pool, taken: int, before: Pool | None = None) -> StageResult:
    """A pool as a checkpoint; its counts say what this stage dropped."""
    earlier = before.drops() if before is not None else {}
    reasons = Counter(
        {
            reason: count - earlier.get((stage, reason), 0)
            for (stage, reason), count in pool.drops().items()
            if count > earlier.get((stage, reason), 0)
        }
    )
    kept = [
        {
            "id": c.id,
            "text": c.text,
            "values": dict(c.card.values),
            "parent": c.parent,
            "scores": dict(c.scores),
            "dropped": None if c.dropped is None else [c.dropped.stage, c.dropped.reason],
        }
        for c in pool
    ]
    return StageResult(kept, taken, len(pool.alive()), reasons)


def pool_of(kept: Sequence[Mapping[str, Any]]) -> Pool:
    """The pool of a checkpoint that ``made_of`` made."""
    return Pool(
        tuple(
            Candidate(
                c["id"],
                c["text"],
                Card(c["values"]),
                c["parent"],
                c["scores"],
                None if c["dropped"] is None else Drop(*c["dropped"]),
            )
            for c in kept
        )
    )


def first_tasks(seeds: Sequence[Seed], abstracts: Mapping[int, str]) -> list[Task]:
    """A task for each seed that has an abstract."""
    return [Task(s.number, s, abstracts[s.number]) for s in seeds if s.number in abstracts]


def histogram_step(
    job: Job, seeds: Sequence[Seed], abstracts: Mapping[int, str], variants: Pool
) -> list[Task]:
    """Step S6: what the second rewrite begins with, each with its seed.

    Without noise all variants are kept. With noise, abstracts and variants compete for the noisy votes of all
    records. For each sentiment, the number of texts kept is 90 % of the number of its abstracts (at least
    one), so there are never more texts than seeds. Abstract and variant of one seed may both be kept, as in
    the paper.
    """
    by_number = {seed.number: seed for seed in seeds}
    tasks = [Task(c.id, by_number[c.parent or 0], c.text) for c in variants.alive()]
    sigma = job.plan.paper.histogram_sigma
    if sigma <= 0:
        return tasks
    first = 1 + max(by_number)
    tasks += [Task(first + n, by_number[n], text) for n, text in abstracts.items()]

    def make() -> StageResult:
        job.progress.start("histogram")
        vectors = job.tools.embedder.embed([task.source for task in tasks])
        counts = vote_counts(private_vectors(job, "histogram of votes"), vectors)
        noisy = clipped(counts, sigma, seeding(job).noise)
        kept: list[int] = []
        sizes = Counter(by_number[number].sentiment for number in abstracts)
        for sentiment, size in sorted(sizes.items()):
            indices = [i for i, task in enumerate(tasks) if task.seed.sentiment == sentiment]
            best = ranked(noisy[indices], max(1, int(HISTOGRAM_SHARE * size)))
            kept += [indices[i] for i in best]
        return StageResult(sorted(kept), len(tasks), len(kept), {"fewer votes": len(tasks) - len(kept)})

    return [tasks[i] for i in seeding(job).checkpoints.stage("histogram", make)]


def some_abstracts(abstracts: Mapping[int, str]) -> Mapping[int, str]:
    """The abstracts, at least one.

    Raises:
        InfeasibleError: no abstract could be read and passed the guard.
    """
    if not abstracts:
        raise InfeasibleError(
            "No summary of any private text passed the guard, so there is nothing to write from.",
            hint="Raise [paper] guard_words and guard_characters, or use another --writer, with a new -o. "
            "In split mode keep the same -o, so that the voters are not counted a second time.",
        )
    return abstracts


def some_texts(pool: Pool) -> Pool:
    """The pool, with at least one text that is not dropped.

    Raises:
        ModelError: the writer gave no text that can be used.
    """
    if not pool.alive():
        raise ModelError(
            "None of the written texts can be used, so the run cannot continue.",
            hint="Use another --writer or a larger [models] context, with a new -o. In split mode keep the "
            "same -o, so that the voters are not counted a second time.",
        )
    return pool


def some_left(pool: Pool) -> Pool:
    """The pool after the last filter, with at least one text that is not dropped.

    Raises:
        InfeasibleError: the filters dropped every text.
    """
    if not pool.alive():
        raise InfeasibleError(
            "The filters left no text, so there is no corpus.",
            hint="Lower [paper] nll_percentile, raise cosine_retain or --size, and start with a new -o.",
        )
    return pool


def scrub_step(job: Job, pool: Pool) -> Pool:
    """Step S8: replace identities and amounts in the texts."""

    def make() -> StageResult:
        job.progress.start("scrub")
        scrubbed = scrub_identities(pool, job.tools.recogniser, job.pack.language)
        return made_of(scrubbed, len(pool.alive()), pool)

    return pool_of(seeding(job).checkpoints.stage("scrub", make))


def filter_step(job: Job, variants: Pool, pool: Pool) -> Pool:
    """Steps S9 and S10: the cosine filter, then the NLL filter under a surrogate trained on the variants."""
    pool = _cosine_step(job, pool)

    def make() -> StageResult:
        recipe = job.tools.surrogate or NgramRecipe()
        job.progress.start("training the surrogate")
        shown = [c.text for c in variants.alive()]
        if not pool.alive():
            return made_of(pool, len(pool.alive()), pool)
        scorer = recipe.train(shown, text_seed(job.plan.generation.seed, "surrogate"))
        job.progress.start("nll filter")
        scores = mean_nll(scorer, [c.text for c in pool.alive()])
        if job.plan.paper.filters == "early":
            filtered = drop_likeliest(pool, scores, 1 - percentile(job.plan) / 100)
        else:
            private = mean_nll(scorer, private_texts(job, f"nll filter under {recipe.name}"))
            stand_ins = representatives(private, job.plan.paper.representatives)
            limit, distance = percentile(job.plan), job.plan.paper.nll_distance
            last = job.plan.paper.filters == "late"
            filtered = drop_near_private(pool, scores, stand_ins, limit, distance, edge_stays=last)
        return made_of(filtered, len(pool.alive()), pool)

    return pool_of(seeding(job).checkpoints.stage("nll filter", make))


def percentile(plan: Plan) -> float:
    """The percentile of the NLL filter, from the plan or from the version that it names."""
    own = plan.paper.nll_percentile
    return VERSIONS[plan.paper.filters][1] if own is None else own


def retained(plan: Plan) -> float:
    """The share of texts that the cosine filter keeps."""
    return plan.paper.cosine_retain or VERSIONS[plan.paper.filters][0]


def _cosine_step(job: Job, pool: Pool) -> Pool:
    share = retained(job.plan)
    if share >= 1 or not pool.alive():
        return pool

    def make() -> StageResult:
        job.progress.start("cosine filter")
        vectors = job.tools.embedder.embed([c.text for c in pool.alive()])
        near = closest(vectors, private_vectors(job, "cosine filter"))
        return made_of(drop_closest_to_private(pool, near, share), len(pool.alive()), pool)

    return pool_of(seeding(job).checkpoints.stage("cosine filter", make))


def agreement_step(job: Job, seeds: Sequence[Seed], pool: Pool) -> float:
    """Step S11: the share of texts that have the sentiment of their seed; NaN when seeds have none."""
    by_number = {seed.number: seed.sentiment for seed in seeds if seed.sentiment}
    pairs = [(c.text, by_number[c.parent]) for c in pool.alive() if c.parent in by_number]

    def make() -> StageResult:
        job.progress.start("sentiment agreement")
        found = judge([text for text, _ in pairs], job.tools.sentiment, job.tools.embedder)
        alike = sum(one.value == target for one, (_, target) in zip(found, pairs, strict=True))
        return StageResult(alike, len(pairs), alike, {"with another sentiment (kept)": len(pairs) - alike})

    alike = seeding(job).checkpoints.stage("sentiment agreement", make)
    return alike / len(pairs) if pairs else float("nan")
