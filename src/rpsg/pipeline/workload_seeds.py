"""How much a method with private seeds will ask of its writer: no record is read, a typical one stands in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg import registry
from rpsg.methods.seed_steps import seeds_wanted
from rpsg.pipeline.workload import CHARACTERS_A_TOKEN, WORDS_TO_TOKENS, Workload
from rpsg.stages.abstraction import Passes, Seed, abstract_request
from rpsg.stages.prompts import DEFAULT_WORDS
from rpsg.stages.rewriting import rewrite_request

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import Request

#: As real runs had it: half of the seeds need a second pass, and every second text a second attempt.
UNSURE, ATTEMPTS = 0.5, 1.5
SUMMARY_WORDS = 75


@dataclass(frozen=True, slots=True)
class Counts:
    """What the plan says of the number of seeds, and of texts that are rewritten, and how often each is."""

    seeds: int
    texts: int
    rewrites: int


def counts(plan: Plan, candidates: int) -> Counts:
    """For split mode ``candidates`` is the number of texts that voters can tell apart, or about that."""
    if registry.method(plan.method.name).reads == "donors":
        return Counts(plan.paper.seeds or candidates, candidates, 1)
    return Counts(seeds_wanted(plan), seeds_wanted(plan), 2)


def typical_words(pack: Pack) -> int:
    """Words of a record, as the pack expects them."""
    lengths = [words for attribute in pack.attributes for words in attribute.words]
    return round(sum(lengths) / len(lengths)) if lengths else DEFAULT_WORDS


def seeded_workload(plan: Plan, pack: Pack, candidates: int) -> Workload:
    """A guess at requests and tokens; at most so many requests, and no bound for the tokens of records."""
    paper, work = plan.paper, counts(plan, candidates)
    words = typical_words(pack)
    typical = Seed(0, "word " * words, "positive", max(1, round(paper.length * words)))
    passes = Passes(paper.candidates, paper.min_tokens, paper.max_tokens)
    summed_up = paper.abstracter == "writer"
    summary = abstract_request(pack, plan, passes, typical, "-" * 32, 0, second=False)
    rewritten = rewrite_request(
        pack, plan, "first", "word " * SUMMARY_WORDS, typical.mood, typical.words, 0, 0
    )
    records = work.seeds * (1 + UNSURE) * summed_up
    texts = work.texts * work.rewrites * ATTEMPTS
    calls = records * paper.candidates
    read = texts * _tokens(rewritten)
    return Workload(
        requests=round(calls + texts),
        prompt=round(calls * _tokens(summary) + read),
        computed_prompt=round(records * _tokens(summary) + read),  # calls of one record share its prompt
        completion=round(
            calls * (paper.min_tokens + paper.max_tokens) / 2 + texts * typical.words * WORDS_TO_TOKENS
        ),
        most_requests=2 * work.seeds * paper.candidates * summed_up
        + work.texts * work.rewrites * paper.sentiment_attempts,
        most_tokens=None,
    )


def _tokens(request: Request) -> float:
    return sum(len(message.content) for message in request.messages) / CHARACTERS_A_TOKEN


def explanation(plan: Plan, pack: Pack, candidates: int) -> str:
    """Where the figures come from, in a sentence."""
    work, summed = counts(plan, candidates), plan.paper.abstracter == "writer"
    records = f"{work.seeds:,} records become seeds, each summed up {plan.paper.candidates} times"
    times = "twice" if work.rewrites > 1 else "once"
    return (
        f"{records} {'by the writer' if summed else 'by the summariser'}, and {work.texts:,} texts are "
        f"rewritten {times}. No record was read: calls, tokens and time are guesses from records of "
        f"{typical_words(pack)} words, with a second pass for half of them."
    )
