"""The roles of the method rupta: requests, repeated until a reply can be read, and scores of texts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from rpsg.methods.seed_steps import tenths_of_replies
from rpsg.methods.trial import TEXTS, Trial, require_usable, require_writer
from rpsg.records import Candidate, Card, Drop, Pool
from rpsg.stages.abstraction import Seed
from rpsg.stages.anonymization import (
    Asker,
    read_certainty,
    read_confirmed,
    read_edit,
    read_facts,
    read_guesses,
)
from rpsg.stages.edit_scores import EditScore, ranks_of_truth
from rpsg.storage.run_identity import TRIAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.methods.base import Job
    from rpsg.protocols import Reply, Request

T = TypeVar("T")
NO_FACTS = "does not say in JSON what a text tells"
NO_GUESSES = "does not guess in JSON"
NO_NUMBER = "gives no number for the label"


@dataclass(frozen=True, slots=True)
class ParsedRequest(Generic[T]):
    """The request of an attempt, counted from 0, and how its reply is read (None: unreadable)."""

    request: Callable[[int], Request]
    read: Callable[[Reply], T | None]


@dataclass(frozen=True, slots=True)
class Told:
    """An attribute of a record, its value, and the index of the text that may reveal it."""

    text_index: int
    attribute: str
    value: str


def asker_of(job: Job, seed: Seed) -> Asker:
    """The prompts about a record."""
    return Asker(job.pack, job.plan, job.key, seed)


def ask(job: Job, stage: str, questions: Sequence[ParsedRequest[T]]) -> list[T | None]:
    """What each reply says, or None. An unreadable reply is asked for again, up to ``attempts`` times in all.
    Progress shows first attempts only, because the number of further attempts is private.
    """
    on_reply = tenths_of_replies(job.progress, stage, len(questions))
    found: list[T | None] = [None] * len(questions)
    for attempt in range(job.plan.rupta.attempts):
        missing = [i for i, one in enumerate(found) if one is None]
        if not missing:
            break
        requests = [questions[i].request(attempt) for i in missing]
        replies = job.tools.writer.write(requests, None if attempt else on_reply)
        for i, reply in zip(missing, replies, strict=True):
            found[i] = questions[i].read(reply)
    return found


def evaluate(
    job: Job, texts: Sequence[tuple[Seed, Mapping[str, str], str]], stage: str
) -> list[EditScore | None]:
    """The scores of each text, given its record and the guarded facts; None if a reply cannot be read.

    The privacy evaluator guesses each attribute, and is asked to confirm a right guess. If a record reveals
    nothing, there is nothing to guess.
    """
    askers = [asker_of(job, seed) for seed, _, _ in texts]
    shown = [text for _, _, text in texts]
    facts = [Told(i, *fact) for i, (_, own, _) in enumerate(texts) for fact in own.items()]
    guesses = _guesses(job, askers, shown, facts, f"{stage}, guesses")
    ranks = ranks_of_truth(
        [fact.value for fact in facts],
        [own or [""] for own in guesses],
        job.tools.embedder,
        job.plan.rupta.match,
    )
    right = [n for n, rank in enumerate(ranks) if rank and guesses[n] is not None]
    confirmed = _confirmed(job, askers, shown, [facts[n] for n in right], f"{stage}, confirmation")
    numbers = [
        ParsedRequest(partial(asker.certainty, text), read_certainty)
        for asker, text in zip(askers, shown, strict=True)
    ]
    certainties = ask(job, f"{stage}, certainty", numbers)

    unread = {fact.text_index for fact, own in zip(facts, guesses, strict=True) if own is None}
    worst = dict.fromkeys(range(len(texts)), job.plan.rupta.guesses + 1)
    told: dict[int, dict[str, list[str]]] = {i: {} for i in worst}
    for n, answer in zip(right, confirmed, strict=True):
        fact = facts[n]
        if answer is None:
            unread.add(fact.text_index)
        elif answer[0]:
            worst[fact.text_index] = min(worst[fact.text_index], ranks[n])
            told[fact.text_index][fact.attribute] = answer[1]
    return [
        None if i in unread or certainty is None else EditScore(worst[i], certainty, told[i])
        for i, certainty in enumerate(certainties)
    ]


def _guesses(
    job: Job, askers: Sequence[Asker], texts: Sequence[str], facts: Sequence[Told], stage: str
) -> list[list[str] | None]:
    count = job.plan.rupta.guesses
    questions = [
        ParsedRequest(
            partial(askers[fact.text_index].guesses, texts[fact.text_index], fact.attribute),
            partial(read_guesses, count=count),
        )
        for fact in facts
    ]
    return ask(job, stage, questions)


def _confirmed(
    job: Job, askers: Sequence[Asker], texts: Sequence[str], facts: Sequence[Told], stage: str
) -> list[tuple[bool, list[str]] | None]:
    questions = [
        ParsedRequest(
            partial(askers[fact.text_index].confirmed, texts[fact.text_index], fact.attribute, fact.value),
            partial(read_confirmed, text=texts[fact.text_index]),
        )
        for fact in facts
    ]
    return ask(job, stage, questions)


def try_roles(job: Job) -> None:
    """Test the roles on invented examples of the pack, before anything private is read.

    Raises:
        ModelError: of the eight examples, fewer than two have only replies that can be read.
    """
    examples = job.pack.examples
    if not examples:
        require_writer(job, from_examples=False)
        return
    job.progress.start(TRIAL, TEXTS)
    trial = Trial()
    askers = []
    for i in range(TEXTS):
        example = examples[i % len(examples)]
        sentiment = example.card.get("sentiment", "clear")
        askers.append(asker_of(job, Seed(i, example.text, sentiment, len(example.text.split()))))
    attribute = job.plan.rupta.attributes[0]
    edits, facts, guesses, ratings = (
        job.tools.writer.write(requests)
        for requests in (
            [asker.first_edit(0) for asker in askers],
            [asker.facts(0) for asker in askers],
            [asker.guesses(asker.seed.text, attribute, 0) for asker in askers],
            [asker.certainty(asker.seed.text, 0) for asker in askers],
        )
    )
    for i, asker in enumerate(askers):
        job.progress.advance(1)
        text, problem = read_edit(edits[i], asker.seed)
        problems = (
            (edits[i], problem),
            (facts[i], "" if read_facts(facts[i], job.plan.rupta.attributes) is not None else NO_FACTS),
            (guesses[i], "" if read_guesses(guesses[i], job.plan.rupta.guesses) else NO_GUESSES),
            (ratings[i], "" if read_certainty(ratings[i]) is not None else NO_NUMBER),
        )
        reply, lost = next((one for one in problems if one[1]), (edits[i], ""))
        dropped = Drop(TRIAL, lost) if lost else None
        trial.add(Pool((Candidate(asker.seed.number, text, Card({}), dropped=dropped),)), [reply])
    require_usable(job, trial)
