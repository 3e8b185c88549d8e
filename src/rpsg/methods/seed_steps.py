"""The first steps of the methods with private seeds: draw records, summarise them, guard, choose one summary.

The result of each step is stored, so that a resumed run does not repeat it. Every read of private text is
unprotected and is written down first. Progress is reported in tenths: the numbers of records and of dropped
ones are private.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from itertools import count
from typing import TYPE_CHECKING, cast

from rpsg.errors import InfeasibleError, PrivacyError, UsageError
from rpsg.privacy.facts import UnprotectedFlow
from rpsg.protocols import Tenths
from rpsg.stages.abstraction import Passes, Seed, SummarizerAbstracter, WriterAbstracter, toned
from rpsg.stages.leak_guard import Guard
from rpsg.stages.noisy_choice import (
    Judged,
    NominalEpsilon,
    Sigma,
    agreement,
    choice_sigma,
    considered,
    noisy_argmax,
    score,
    second_is_better,
    vote_counts,
)
from rpsg.stages.partition import content_tag
from rpsg.stages.sentiment_guard import judge
from rpsg.storage.checkpoints import StageResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpsg.methods.base import Job, Seeding
    from rpsg.plan import Plan
    from rpsg.protocols import Progress, Reply
    from rpsg.records import Document
    from rpsg.stages.abstraction import Abstracter
    from rpsg.storage.vectors import Stored

JUDGED_CHARACTERS = 1_000
SEEN = "texts, sentiment, length and labels, without noise; sentiment and label go into the corpus"
SUMMED_UP = "their texts, to be summarized, one per request"
CHOSEN = "one summary of each seed, chosen with noise that guarantees nothing"
EMBEDDINGS, TEXTS = "their embeddings, without noise", "their texts, without noise"
#: A summary of a seed and why it was dropped, if it was.
Summary = tuple[str, str]
ATTEMPT = ", attempt "


def tenths_of_replies(
    progress: Progress, stage: str, total: int, attempt: int = 0
) -> Callable[[int, Reply], None]:
    """A listener for ``total`` replies that shows progress in tenths; each attempt after the first (0) is
    shown with its number.
    """
    tenths = Tenths(progress, f"{stage}{ATTEMPT}{attempt + 1}" if attempt else stage)
    replies = count(1)
    return lambda *_: tenths.reached(next(replies) / total)


def seeding(job: Job) -> Seeding:
    """The access to seeds, which only methods with private seeds have."""
    if job.seeding is None:
        raise PrivacyError(f"The method {job.plan.method.name} was given no access to its seeds.")
    return job.seeding


def records_of(job: Job) -> str:
    """Whose records are read without protection, for the ledger: if there is a budget, only those
    of donors.
    """
    return "records" if job.budget is None else "records of donors"


def choice_noise(plan: Plan) -> Sigma:
    """The noise of the choice, for the plan's number of seeds: public numbers only."""
    paper, epsilon = plan.paper, NominalEpsilon(plan.paper.nominal_epsilon)
    return choice_sigma(epsilon, seeds_wanted(plan), paper.candidates, paper.sensitivity)


def seeds_wanted(plan: Plan) -> int:
    """How many records become seeds, unless there are fewer."""
    return plan.paper.seeds or plan.corpus.size


def usable_rows(job: Job) -> tuple[list[Document], int]:
    """The records that hold words, and how many do not.

    Raises:
        InfeasibleError: no record holds words.
    """
    flow = UnprotectedFlow(records_of(job), "seeds", SEEN)
    rows = cast("Sequence[Document]", seeding(job).unprotected.read("rows", flow))
    usable = [row for row in rows if row.text.strip()]
    if not usable and job.budget is not None:
        raise InfeasibleError(
            "No donor has a text with words, so nothing can be a seed.",
            hint="Raise [split] donors, or name people in donor_list as the --user column has them.",
        )
    if not usable:
        raise InfeasibleError(
            "No private text has words, so nothing can be a seed.",
            hint="Check that --text names the column with the texts.",
        )
    return usable, len(rows) - len(usable)


def draw_seeds(job: Job, wanted: int, length: float, most: int | None = None) -> list[Seed]:
    """Steps S0 and S1: ``wanted`` records without replacement, with sentiment and the length to ask for.

    Records without words are left out before the draw. The draw is by a keyed hash of the rows, so the order
    of the file has no influence. ``length`` is a share of the record's length. At most the first ``most``
    words of a record are used.
    """

    def make() -> StageResult:
        job.progress.start("drawing seeds")
        rows, empty = usable_rows(job)
        drawn = sorted(rows, key=lambda row: content_tag(job.key, "seed", row))[:wanted]
        texts = [row.text for row in drawn]
        if most is not None:
            texts = [" ".join(text.split()[:most]) for text in texts]
        sentiments = sentiments_of(job, texts)
        seeds = [
            Seed(i, text, sentiments[i], max(1, round(length * len(text.split()))), row.label)
            for i, (row, text) in enumerate(zip(drawn, texts, strict=True))
        ]
        kept = [asdict(seed) for seed in seeds]
        return StageResult(kept, len(rows) + empty, len(seeds), _counted("empty", empty))

    return [Seed.of_stored(kept) for kept in seeding(job).checkpoints.stage("seeds", make)]


def sentiments_of(job: Job, texts: Sequence[str]) -> list[str]:
    """The sentiment of each text; empty strings if the pack's texts have none."""
    if not job.pack.has_sentiments:
        return [""] * len(texts)
    return [found.value for found in judge(texts, job.tools.sentiment, job.tools.embedder)]


def _counted(reason: str, count: int) -> dict[str, int]:
    return {reason: count} if count else {}


def choose_abstracts(job: Job, seeds: Sequence[Seed]) -> dict[int, str]:
    """Steps S2 to S4: the summary that the noisy choice selected for each seed, by the seed's number.

    Seeds without a summary are missing. A seed gets a second pass if its summary does not have the sentiment
    of its source with enough confidence. The second summary replaces the first if it agrees with at least the
    same confidence, or is more similar.
    """
    first = _pass(job, seeds, second=False)
    least = job.plan.paper.min_confidence
    unsure = [
        seed
        for seed in seeds
        if seed.number not in first or (seed.sentiment and not first[seed.number][1].fits(least))
    ]
    second = _pass(job, unsure, second=True) if unsure else {}
    chosen = {}
    for seed in seeds:
        old, new = first.get(seed.number), second.get(seed.number)
        if new is not None and (old is None or second_is_better(old[1], new[1])):
            old = new
        if old is not None:
            chosen[seed.number] = old[0]
    return chosen


def _pass(job: Job, seeds: Sequence[Seed], *, second: bool) -> dict[int, tuple[str, Judged]]:
    """One pass: summaries, guard, scores, noisy choice; the chosen summary of each seed that has one."""
    ordinal = "second " if second else ""
    summaries = _summaries(job, seeds, f"{ordinal}abstraction", second=second)
    side = seeding(job)

    def make() -> StageResult:
        job.progress.start(f"{ordinal}choice")
        side.unprotected.note(UnprotectedFlow("summaries of seeds", "choice", CHOSEN))
        passed = [[text for text, problem in summaries[s.number] if not problem] for s in seeds]
        judged = _judge(job, seeds, passed)
        indices = _choose(job, passed, judged)
        picks = {
            str(seed.number): (texts[index], asdict(found[index]))
            for seed, texts, found, index in zip(seeds, passed, judged, indices, strict=True)
            if index >= 0
        }
        lost = len(seeds) - len(picks)
        return StageResult(picks, len(seeds), len(picks), _counted("without a summary", lost))

    kept = side.checkpoints.stage(f"{ordinal}choice", make)
    return {int(number): (text, Judged(**judged)) for number, (text, judged) in kept.items()}


def _summaries(job: Job, seeds: Sequence[Seed], stage: str, *, second: bool) -> dict[int, list[Summary]]:
    """All summaries of each seed, each with the guard's objection or an empty string."""
    side, paper = seeding(job), job.plan.paper

    def make() -> StageResult:
        abstracter = _abstracter(job, stage, len(seeds))
        side.unprotected.note(UnprotectedFlow("seeds", abstracter.name, SUMMED_UP))
        texts = abstracter.abstracts(seeds, second)
        pairs = [(seed.text, text) for seed, own in zip(seeds, texts, strict=True) for text in own]
        guard = Guard(paper.guard_words, paper.guard_characters, job.tools.recogniser)
        problems = iter(guard.problems(pairs))
        found = {
            str(seed.number): [(text, next(problems)) for text in own]
            for seed, own in zip(seeds, texts, strict=True)
        }
        reasons = Counter(problem for own in found.values() for _, problem in own if problem)
        return StageResult(found, len(pairs), len(pairs) - reasons.total(), reasons)

    kept = side.checkpoints.stage(stage, make)
    return {int(number): [(text, problem) for text, problem in own] for number, own in kept.items()}


def _abstracter(job: Job, stage: str, seeds: int) -> Abstracter:
    paper, tools = job.plan.paper, job.tools
    passes = Passes(paper.candidates, paper.min_tokens, paper.max_tokens)
    if paper.abstracter == "summariser":
        if tools.summariser is None:  # the writer never takes its place, because it may be on another machine
            raise UsageError("The plan asks for a summarizer, but there is none.")
        job.progress.start(stage)
        return SummarizerAbstracter(tools.summariser, passes, job.plan.generation.seed)
    on_reply = tenths_of_replies(job.progress, stage, seeds * paper.candidates)
    return WriterAbstracter(tools.writer, job.pack, job.plan, passes, job.key, on_reply)


def _judge(job: Job, seeds: Sequence[Seed], summaries: Sequence[Sequence[str]]) -> list[list[Judged]]:
    """Similarity and sentiment of every summary compared to its source."""
    tools = job.tools
    flat = [text for texts in summaries for text in texts]
    sources = job.tools.embedder.embed([toned(seed) for seed in seeds])
    vectors = job.tools.embedder.embed(flat)
    sentiments = judge([text[:JUDGED_CHARACTERS] for text in flat], tools.sentiment, tools.embedder)
    judged, start = [], 0
    for seed, source, texts in zip(seeds, sources, summaries, strict=True):
        part = slice(start, start + len(texts))
        start += len(texts)
        judged.append(
            [
                Judged(float(vector @ source), agreement(found.value, seed.sentiment), found.confidence)
                for vector, found in zip(vectors[part], sentiments[part], strict=True)
            ]
        )
    return judged


def _choose(job: Job, summaries: Sequence[Sequence[str]], judged: Sequence[Sequence[Judged]]) -> list[int]:
    """The index of the summary chosen for each seed; -1 for none."""
    paper = job.plan.paper
    eligible = [considered(found, paper.min_confidence) if found else [] for found in judged]
    if paper.selection == "votes":
        values = _votes(job, summaries)
    else:
        values = [[_score(j, job.plan) for j in found] for found in judged]
    scores = [[own[i] for i in indices] for own, indices in zip(values, eligible, strict=True)]
    picks = noisy_argmax(scores, choice_noise(job.plan), seeding(job).noise)
    return [indices[pick] if pick >= 0 else -1 for indices, pick in zip(eligible, picks, strict=True)]


def _score(judged: Judged, plan: Plan) -> float:
    has_target = judged.agreement != agreement("", "")
    return score(
        judged, has_target=has_target, weight=plan.paper.similarity_weight, penalty=plan.paper.flip_penalty
    )


def _votes(job: Job, summaries: Sequence[Sequence[str]]) -> list[list[float]]:
    """For each summary of any seed, the number of records to which it is the nearest."""
    flat = [text for texts in summaries for text in texts]
    if not flat:
        return [[] for _ in summaries]
    vectors = job.tools.embedder.embed(flat)
    counts = iter(vote_counts(private_vectors(job, "votes for summaries"), vectors).tolist())
    return [[float(next(counts)) for _ in texts] for texts in summaries]


def private_vectors(job: Job, why: str) -> Stored:
    """The embeddings of all rows, read without protection; ``why`` is written down."""
    flow = UnprotectedFlow(records_of(job), why, EMBEDDINGS)
    return cast("Stored", seeding(job).unprotected.read("embeddings", flow))


def private_texts(job: Job, why: str) -> list[str]:
    """All texts, read without protection; ``why`` is written down."""
    flow = UnprotectedFlow(records_of(job), why, TEXTS)
    return [row.text for row in cast("Sequence[Document]", seeding(job).unprotected.read("rows", flow))]
