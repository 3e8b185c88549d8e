"""The first steps of the methods with private seeds: records drawn, summed up, guarded, one summary chosen.

What a step makes stands on the run's shelf, so that a run that goes on takes it from there. Every reading
of private text goes through the door, which writes it down first. Progress is told in hundredths: how many
records there are, and how many were dropped, is private.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import numpy as np

from rpsg.errors import InfeasibleError, PrivacyError, UsageError
from rpsg.privacy.facts import Flow
from rpsg.stages.abstraction import Passes, Seed, SummariserAbstracter, WriterAbstracter, toned
from rpsg.stages.agreement import Judged, agreement, considered, score, second_is_better
from rpsg.stages.histogram import vote_counts
from rpsg.stages.leak_guard import Guard
from rpsg.stages.noisy_argmax import NominalEpsilon, Sigma, choice_sigma, noisy_argmax
from rpsg.stages.partition import content_tag
from rpsg.stages.sentiment_guard import judge
from rpsg.storage.checkpoints import StageResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from rpsg.methods.base import Job, Seeding
    from rpsg.plan import Plan
    from rpsg.protocols import Progress, Reply
    from rpsg.records import Document
    from rpsg.stages.abstraction import Abstracter

JUDGED_CHARACTERS = 1_000
SEEN = "texts, sentiment, length and labels, without noise; sentiment and label go into the corpus"
SUMMED_UP = "their texts, to be summed up, one in a call"
CHOSEN = "one of each, under noise that bounds nothing"
EMBEDDINGS, TEXTS = "their embeddings, without noise", "their texts, without noise"
#: A summary of a seed and why it was dropped, if it was.
Summary = tuple[str, str]


ATTEMPT = ", attempt "


class Hundredths:
    """Tells a progress of replies without telling how many there are."""

    def __init__(self, progress: Progress, stage: str) -> None:
        self._progress, self._stage = progress, stage
        self._total = self._done = 0

    def of(self, total: int, attempt: int = 0) -> Callable[[int, Reply], None]:
        """A listener for ``total`` more replies; attempts after the first, which is 0, go by their number."""
        self._progress.start(f"{self._stage}{ATTEMPT}{attempt + 1}" if attempt else self._stage, 100)
        self._total, self._done = total, 0
        return self._tell

    def _tell(self, _: int, reply: Reply) -> None:
        before = 100 * self._done // self._total
        self._done += 1
        self._progress.advance(100 * self._done // self._total - before, tokens=reply.completion_tokens)


def seeding(job: Job) -> Seeding:
    """The seeds' side of a job."""
    if job.seeding is None:
        raise PrivacyError(f"The method {job.plan.method.name} was given no door to its seeds.")
    return job.seeding


def records_of(job: Job) -> str:
    """Whose records lie behind the door, for the ledger: where there is a budget, voters' do not."""
    return "records" if job.budget is None else "records of donors"


def guard_of(job: Job) -> Guard:
    """The guard as the plan sets it."""
    settings = job.plan.paper
    return Guard(settings.guard_words, settings.guard_characters, job.tools.recogniser)


def sigma_of(plan: Plan, seeds: int) -> Sigma:
    """The noise of the choice for the number of seeds that the plan asks for: public numbers only."""
    paper = plan.paper
    return choice_sigma(NominalEpsilon(paper.nominal_epsilon), seeds, paper.candidates, paper.sensitivity)


def seeds_wanted(plan: Plan) -> int:
    """How many records become seeds, if there are as many."""
    return plan.paper.seeds or plan.corpus.size


def has_moods(job: Job) -> bool:
    """Whether texts of this kind have a sentiment to keep."""
    return any(attribute.kind == "sentiment" for attribute in job.pack.attributes)


def usable_rows(job: Job) -> tuple[list[Document], int]:
    """The records behind the door that hold words, and how many do not.

    Raises:
        InfeasibleError: none does.
    """
    flow = Flow(records_of(job), "seeds", SEEN)
    rows = cast("Sequence[Document]", seeding(job).door.read("rows", flow))
    usable = [row for row in rows if row.text.strip()]
    if not usable and job.budget is not None:
        raise InfeasibleError(
            "No donor has a record with words, so nothing can be a seed.",
            hint="Raise [split] donors, or name users in donor_list as the --user column has them.",
        )
    if not usable:
        raise InfeasibleError("No record has words, so nothing can be a seed.", hint="Look at --text.")
    return usable, len(rows) - len(usable)


def draw_seeds(job: Job, wanted: int) -> list[Seed]:
    """Step S0 and S1: ``wanted`` records without replacement, each with its mood and the length asked for.

    Records without words are left aside before the draw, so they take nobody's place.
    The order is that of a keyed hash of the rows, so the order of the file plays no part in it.
    """

    def make() -> StageResult:
        job.progress.start("drawing seeds")
        rows, empty = usable_rows(job)
        drawn = sorted(rows, key=lambda row: content_tag(job.key, "seed", row))[:wanted]
        texts = [_shortened(row.text, job.plan.paper.seed_words) for row in drawn]
        moods = _moods(job, texts)
        seeds = [
            Seed(i, text, moods[i], max(1, round(job.plan.paper.length * len(text.split()))), row.label)
            for i, (row, text) in enumerate(zip(drawn, texts, strict=True))
        ]
        kept = [asdict(seed) for seed in seeds]
        return StageResult(kept, len(rows) + empty, len(seeds), _counted("empty", empty))

    return [Seed(**kept) for kept in seeding(job).shelf.stage("seeds", make)]


def _shortened(text: str, words: int | None) -> str:
    return text if words is None else " ".join(text.split()[:words])


def _moods(job: Job, texts: Sequence[str]) -> list[str]:
    if not has_moods(job):
        return [""] * len(texts)
    return [mood.value for mood in judge(texts, job.tools.sentiment, job.tools.embedder)]


def _counted(reason: str, count: int) -> dict[str, int]:
    return {reason: count} if count else {}


def choose_abstracts(job: Job, seeds: Sequence[Seed]) -> dict[int, str]:
    """Steps S2 to S4: for each seed the summary that the noisy choice took, by the seed's number.

    Seeds without one are not in it. Those whose pick has not surely the mood of its source get a second
    pass; its pick takes the place of the first one if it agrees at least as surely, or is more alike.
    """
    first = _pass(job, seeds, second=False)
    unsure = [s for s in seeds if _unsure(job, s, first.get(s.number))]
    second = _pass(job, unsure, second=True) if unsure else {}
    chosen = {}
    for seed in seeds:
        old, new = first.get(seed.number), second.get(seed.number)
        if new is not None and (old is None or second_is_better(old[1], new[1])):
            old = new
        if old is not None:
            chosen[seed.number] = old[0]
    return chosen


def _unsure(job: Job, seed: Seed, pick: tuple[str, Judged] | None) -> bool:
    if pick is None:
        return True
    return bool(seed.mood) and not pick[1].fits(job.plan.paper.min_confidence)


def _pass(job: Job, seeds: Sequence[Seed], *, second: bool) -> dict[int, tuple[str, Judged]]:
    """One pass: summaries, guard, scores, noisy choice; the pick of each seed that has one."""
    ordinal = "second " if second else ""
    summaries = _summaries(job, seeds, f"{ordinal}abstraction", second=second)
    side = seeding(job)

    def make() -> StageResult:
        job.progress.start(f"{ordinal}choice")
        side.door.note(Flow("summaries of seeds", "choice", CHOSEN))
        standing = [[text for text, problem in summaries[s.number] if not problem] for s in seeds]
        judged = _judge(job, seeds, standing)
        places = _choose(job, standing, judged)
        picks = {
            str(seed.number): (texts[place], asdict(found[place]))
            for seed, texts, found, place in zip(seeds, standing, judged, places, strict=True)
            if place >= 0
        }
        lost = len(seeds) - len(picks)
        return StageResult(picks, len(seeds), len(picks), _counted("without a summary", lost))

    kept = side.shelf.stage(f"{ordinal}choice", make)
    return {int(number): (text, Judged(**judged)) for number, (text, judged) in kept.items()}


def _summaries(job: Job, seeds: Sequence[Seed], stage: str, *, second: bool) -> dict[int, list[Summary]]:
    """All summaries of each seed, each with what the guard has against it."""
    side = seeding(job)

    def make() -> StageResult:
        abstracter = _abstracter(job, stage, len(seeds))
        side.door.note(Flow("seeds", abstracter.name, SUMMED_UP))
        texts = abstracter.abstracts(seeds, second)
        pairs = [(seed.text, text) for seed, own in zip(seeds, texts, strict=True) for text in own]
        problems = iter(guard_of(job).problems(pairs))
        found = {
            str(seed.number): [(text, next(problems)) for text in own]
            for seed, own in zip(seeds, texts, strict=True)
        }
        reasons = Counter(problem for own in found.values() for _, problem in own if problem)
        return StageResult(found, len(pairs), len(pairs) - reasons.total(), reasons)

    kept = side.shelf.stage(stage, make)
    return {int(number): [(text, problem) for text, problem in own] for number, own in kept.items()}


def _abstracter(job: Job, stage: str, seeds: int) -> Abstracter:
    paper, tools = job.plan.paper, job.tools
    passes = Passes(paper.candidates, paper.min_tokens, paper.max_tokens)
    if paper.abstracter == "summariser":
        if tools.summariser is None:  # never the writer instead: it may be on another machine
            raise UsageError("The plan asks for a summariser, and there is none.")
        job.progress.start(stage)
        return SummariserAbstracter(tools.summariser, passes, job.plan.generation.seed)
    told = Hundredths(job.progress, stage).of(seeds * paper.candidates)
    return WriterAbstracter(tools.writer, job.pack, job.plan, passes, job.key, told)


def _judge(job: Job, seeds: Sequence[Seed], standing: Sequence[Sequence[str]]) -> list[list[Judged]]:
    """Likeness and mood of every summary beside its source."""
    tools = job.tools
    flat = [text for texts in standing for text in texts]
    sources = _embedded(job, [toned(seed) for seed in seeds])
    vectors = _embedded(job, flat)
    moods = judge([text[:JUDGED_CHARACTERS] for text in flat], tools.sentiment, tools.embedder)
    judged, place = [], 0
    for seed, source, texts in zip(seeds, sources, standing, strict=True):
        part = slice(place, place + len(texts))
        place += len(texts)
        judged.append(
            [
                Judged(float(vector @ source), agreement(mood.value, seed.mood), mood.confidence)
                for vector, mood in zip(vectors[part], moods[part], strict=True)
            ]
        )
    return judged


def _embedded(job: Job, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    embedder = job.tools.embedder
    return embedder.embed(texts) if texts else np.zeros((0, embedder.dim), np.float32)


def _choose(job: Job, standing: Sequence[Sequence[str]], judged: Sequence[Sequence[Judged]]) -> list[int]:
    """The place of the summary chosen for each seed; -1 for none."""
    paper = job.plan.paper
    stands = [considered(found, paper.min_confidence) if found else [] for found in judged]
    if paper.selection == "votes":
        values = _votes(job, standing)
    else:
        values = [[_score(j, job.plan) for j in found] for found in judged]
    scores = [[own[i] for i in places] for own, places in zip(values, stands, strict=True)]
    sigma = sigma_of(job.plan, seeds_wanted(job.plan))
    picks = noisy_argmax(scores, sigma, seeding(job).noise)
    return [places[pick] if pick >= 0 else -1 for places, pick in zip(stands, picks, strict=True)]


def _score(judged: Judged, plan: Plan) -> float:
    has_target = judged.agreement != agreement("", "")
    return score(
        judged, has_target=has_target, weight=plan.paper.similarity_weight, penalty=plan.paper.flip_penalty
    )


def _votes(job: Job, standing: Sequence[Sequence[str]]) -> list[list[float]]:
    """How many records are nearest to each summary, of all summaries of all seeds."""
    flat = [text for texts in standing for text in texts]
    if not flat:
        return [[] for _ in standing]
    vectors = job.tools.embedder.embed(flat)
    counts = iter(vote_counts(private_vectors(job, "votes for summaries"), vectors).tolist())
    return [[float(next(counts)) for _ in texts] for texts in standing]


def private_vectors(job: Job, why: str) -> npt.NDArray[np.float32]:
    """The embeddings of all rows behind the door, for a use that is written down."""
    flow = Flow(records_of(job), why, EMBEDDINGS)
    return cast("npt.NDArray[np.float32]", seeding(job).door.read("embeddings", flow))


def private_texts(job: Job, why: str) -> list[str]:
    """All texts behind the door, for a use that is written down."""
    flow = Flow(records_of(job), why, TEXTS)
    return [row.text for row in cast("Sequence[Document]", seeding(job).door.read("rows", flow))]
