"""The steps of the method rupta: draw records, find what they reveal, edit them and score each edit.

The result of each step is stored, so that a resumed run does not repeat it. All steps are run and shown even
when no text is left to edit, because how many there are is private.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rpsg.methods.rupta_roles import ParsedRequest, ask, asker_of, evaluate
from rpsg.methods.seed_steps import draw_seeds, seeding
from rpsg.privacy.facts import UnprotectedFlow
from rpsg.records import Candidate, Card, Drop, Pool
from rpsg.stages.abstraction import Seed
from rpsg.stages.anonymization import Version, read_edit, read_facts
from rpsg.stages.edit_scores import EditScore
from rpsg.storage.checkpoints import StageResult
from rpsg.storage.layout import EDITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.methods.base import Job
    from rpsg.protocols import Reply

IN_PROMPTS = "their texts, edits of them, and what they reveal about their writers; one text per request"
CHOSEN = "one edit of each seed, chosen by its scores, without noise"
NO_FACTS, NO_SCORE = "what it tells could not be read", "its scores could not be read"
STILL_TELLS = "still tells an attribute"


@dataclass(frozen=True, slots=True)
class Edited:
    """One record and its edits: what it reveals, its best edit so far, earlier ones, and why it was dropped.

    ``facts`` are the guarded attributes and their values. ``score`` is None until there is an edit.
    """

    seed: Seed
    facts: Mapping[str, str] = field(default_factory=dict)
    text: str = field(default="", repr=False)
    score: EditScore | None = None
    earlier: tuple[Version, ...] = ()
    problem: str = ""


def draw_posts(job: Job) -> list[Edited]:
    """As many records as the plan asks for texts, without replacement, each with its sentiment."""
    return [Edited(seed) for seed in draw_seeds(job, job.plan.corpus.size, 1.0)]


def find_facts(job: Job, posts: Sequence[Edited]) -> list[Edited]:
    """The posts, each with the first few attributes that the writer found in it; a post with an unreadable
    reply is dropped.
    """

    def make() -> list[Edited]:
        seeding(job).unprotected.note(UnprotectedFlow("seeds", job.tools.writer.name, IN_PROMPTS))
        settings = job.plan.rupta
        questions = [
            ParsedRequest(asker_of(job, post.seed).facts, partial(read_facts, names=settings.attributes))
            for post in posts
        ]
        told = ask(job, "what texts tell", questions)
        return [
            replace(post, problem=NO_FACTS)
            if facts is None
            else replace(post, facts=dict(list(facts.items())[: settings.guarded]))
            for post, facts in zip(posts, told, strict=True)
        ]

    return _step(job, "what texts tell", make, len(posts))


def edit(job: Job, posts: Sequence[Edited], number: int) -> list[Edited]:
    """The posts after edit ``number``; edit 0 puts each in general words, and must give a text with scores.

    A later edit replaces the best one so far if it has better scores. A post whose best edit is good enough
    is not edited again. An edit that cannot be read, or has no scores, is no better.
    """
    stage = f"edit {number}" if number else "first edit"

    def make() -> list[Edited]:
        limit = job.plan.rupta.confidence
        open_ones = [
            i
            for i, post in enumerate(posts)
            if not post.problem and (post.score is None or not post.score.is_enough(limit))
        ]
        texts = _rewritten(job, [posts[i] for i in open_ones], number, stage)
        new = [(i, text) for i, (text, problem) in zip(open_ones, texts, strict=True) if not problem]
        scores = evaluate(job, [(posts[i].seed, posts[i].facts, text) for i, text in new], stage)
        scored = {i: (text, score) for (i, text), score in zip(new, scores, strict=True)}
        problems = dict(zip(open_ones, (problem for _, problem in texts), strict=True))
        return [
            _after(post, *scored.get(i, ("", None)), problems.get(i, ""), number)
            for i, post in enumerate(posts)
        ]

    return _step(job, stage, make, sum(not post.problem for post in posts))


def _rewritten(job: Job, posts: Sequence[Edited], number: int, stage: str) -> list[tuple[str, str]]:
    """For each post the edited text, or why there is none."""
    reasons = [""] * len(posts)

    def question(index: int, post: Edited) -> ParsedRequest[str]:
        asker = asker_of(job, post.seed)
        if post.score is None:
            request = asker.first_edit
        else:
            request = partial(asker.next_edit, number, _versions(job, post), post.score.told)

        def read(reply: Reply) -> str | None:
            text, reasons[index] = read_edit(reply, post.seed)
            return text or None

        return ParsedRequest(request, read)

    texts = ask(job, stage, [question(index, post) for index, post in enumerate(posts)])
    return [(text or "", reason) for text, reason in zip(texts, reasons, strict=True)]


def _versions(job: Job, post: Edited) -> list[Version]:
    """What a prompt shows: the last edits that were less good, and the best one last."""
    if post.score is None:
        return []
    most = max(0, job.plan.rupta.history - 1)
    best = Version(post.text, post.score.privacy, post.score.confidence)
    return [*(post.earlier[-most:] if most else ()), best]


def _after(post: Edited, text: str, score: EditScore | None, problem: str, number: int) -> Edited:
    """A post after an edit of it; ``score`` is None if there was none, or it could not be scored."""
    if post.problem:
        return post
    if score is None:
        missing = problem or NO_SCORE
        return post if number else replace(post, problem=missing)
    if post.score is None:
        return replace(post, text=text, score=score)
    if score > post.score:
        before = Version(post.text, post.score.privacy, post.score.confidence)
        return replace(post, text=text, score=score, earlier=(*post.earlier, before))
    return replace(post, earlier=(*post.earlier, Version(text, score.privacy, score.confidence)))


# -- checkpoints ------------------------------------------------------------------------------------------


def pool_of_posts(job: Job, posts: Sequence[Edited]) -> Pool:
    """The best edit of each record; with ``leaking`` = "drop" those that still reveal something
    are dropped.
    """
    drops = job.plan.rupta.leaking == "drop"
    seeding(job).unprotected.note(UnprotectedFlow("seeds", "choice of edits", CHOSEN))

    def candidate(post: Edited) -> Candidate:
        values = {"sentiment": post.seed.sentiment} if post.seed.sentiment else {}
        if post.seed.label is not None:
            values["label"] = post.seed.label
        tells = STILL_TELLS if drops and post.score is not None and post.score.told else ""
        problem = post.problem or tells
        dropped = Drop("edits", problem) if problem else None
        number = post.seed.number
        return Candidate(number, "" if post.problem else post.text, Card(values), number, dropped=dropped)

    return Pool(tuple(map(candidate, posts)))


def keep_scores(job: Job, history: Sequence[Sequence[Edited]]) -> None:
    """Write down for the operator, after each round, how the evaluators judged the best edits."""
    rounds = []
    for number, posts in enumerate(history):
        scores = [post.score for post in posts if not post.problem and post.score is not None]
        rounds.append(
            {
                "edit": number,
                "texts": len(scores),
                "telling": sum(bool(score.told) for score in scores),
                "privacy": _mean([score.privacy for score in scores]),
                "confidence": _mean([score.confidence for score in scores]),
            }
        )
    caution = "The writer's own judgement of its edits. It bounds nothing."
    seeding(job).keep(EDITS, {"format": "rpsg-edits/1", "caution": caution, "rounds": rounds})


def _mean(values: Sequence[int]) -> float | None:
    return round(sum(values) / len(values), 3) if values else None


def _step(job: Job, stage: str, make: Callable[[], list[Edited]], taken: int) -> list[Edited]:
    def result() -> StageResult:
        posts = make()
        lost = Counter(post.problem for post in posts if post.problem)
        return StageResult([asdict(post) for post in posts], taken, len(posts) - lost.total(), lost)

    return [_edited(kept) for kept in seeding(job).checkpoints.stage(stage, result)]


def _edited(kept: Mapping[str, Any]) -> Edited:
    score = kept["score"]
    return Edited(
        Seed(**kept["seed"]),
        kept["facts"],
        kept["text"],
        None if score is None else EditScore(**score),
        tuple(Version(**one) for one in kept["earlier"]),
        kept["problem"],
    )
