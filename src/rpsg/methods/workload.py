"""How many requests and tokens a run will take, estimated from public numbers before anything is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.methods.base import Workload
from rpsg.methods.budget import pool_size
from rpsg.methods.seed_steps import seeds_wanted
from rpsg.methods.trial import TEXTS, texts_of_examples
from rpsg.stages.abstraction import Passes, Seed, abstract_request
from rpsg.stages.cards import CardModel
from rpsg.stages.prompts import DEFAULT_WORDS, candidate_request
from rpsg.stages.rewriting import rewrite_request
from rpsg.stages.rng import stream
from rpsg.storage.limits import most_of

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import Request

CHARACTERS_A_TOKEN = 4.2
WORDS_TO_TOKENS = 1.35
SAMPLE = 200
#: Observed in real runs: half of the seeds need a second pass, and every second text a second attempt.
UNSURE, ATTEMPTS = 0.5, 1.5
SUMMARY_WORDS = 75

# -- texts from cards -------------------------------------------------------------------------------------


def strict_workload(plan: Plan, pack: Pack) -> Workload:
    """The requests of the trial and the candidates of strict mode."""
    return card_workload(plan, pack, pool_size(plan))


def card_workload(plan: Plan, pack: Pack, candidates: int) -> Workload:
    """The requests of the trial and the candidates, estimated from cards that are drawn uniformly."""
    cards = CardModel.uniform(pack).draw(min(candidates, SAMPLE), stream(plan.generation.seed, "preview"))
    requests = [candidate_request(pack, plan, card, i) for i, card in enumerate(cards)]
    written = candidates + TEXTS  # the requests of the trial have the same form
    share = written / max(len(requests), 1)
    last = sum(len(request.messages[-1].content) for request in requests) * share
    shared = sum({request.messages[:-1]: _shared_length(request) for request in requests}.values())
    words = sum((request.max_tokens - 16) / 1.7 for request in requests) * share
    most = [most_of(request) for request in requests]
    return Workload(
        candidates=candidates,
        requests=written,
        prompt=round((sum(map(_shared_length, requests)) * share + last) / CHARACTERS_A_TOKEN),
        computed_prompt=round((shared + last) / CHARACTERS_A_TOKEN),
        completion=round(words * WORDS_TO_TOKENS),
        most_requests=written,
        most_tokens=(
            round(sum(one.prompt for one in most) * share),
            round(sum(one.completion for one in most) * share),
        ),
    )


def _shared_length(request: Request) -> int:
    return sum(len(message.content) for message in request.messages[:-1])


# -- texts from private seeds: no record is read, so a typical one is assumed -----------------------------


def paper_workload(plan: Plan, pack: Pack) -> Workload:
    """An estimate for the method paper, with two rewrites of each text."""
    return _seed_workload(plan, pack, seeds_wanted(plan), seeds_wanted(plan), rewrites=2)


def split_workload(plan: Plan, pack: Pack) -> Workload:
    """An estimate for split mode, with one rewrite of each candidate."""
    candidates = pool_size(plan)
    return _seed_workload(plan, pack, plan.paper.seeds or candidates, candidates, rewrites=1)


def _seed_workload(plan: Plan, pack: Pack, seeds: int, texts: int, rewrites: int) -> Workload:
    """Tokens have no bound here, because the tokens of private texts have no public bound."""
    paper, words = plan.paper, typical_words(pack)
    typical = Seed(0, "word " * words, "positive", max(1, round(paper.length * words)))
    passes = Passes(paper.candidates, paper.min_tokens, paper.max_tokens)
    summed_up = paper.abstracter == "writer"
    summary = abstract_request(pack, plan, passes, typical, "-" * 32, 0, second=False)
    rewritten = rewrite_request(
        pack, plan, "first", "word " * SUMMARY_WORDS, typical.sentiment, typical.words, 0, 0
    )
    records = seeds * (1 + UNSURE) * summed_up
    written = texts * rewrites * ATTEMPTS
    calls = records * paper.candidates
    read = written * tokens_of(rewritten)
    tried = texts_of_examples(plan, pack)
    return Workload(
        candidates=texts,
        requests=round(calls + written) + tried,
        prompt=round(calls * tokens_of(summary) + read),
        computed_prompt=round(records * tokens_of(summary) + read),  # calls of one record share its prompt
        completion=round(
            calls * (paper.min_tokens + paper.max_tokens) / 2 + written * typical.words * WORDS_TO_TOKENS
        ),
        most_requests=2 * seeds * paper.candidates * summed_up
        + texts * rewrites * paper.sentiment_attempts
        + tried,
        most_tokens=None,
    )


def tokens_of(request: Request) -> float:
    """About how many tokens the messages of a request have."""
    return sum(len(message.content) for message in request.messages) / CHARACTERS_A_TOKEN


def typical_words(pack: Pack) -> int:
    """The number of words of a record that the pack expects."""
    lengths = [words for attribute in pack.attributes for words in attribute.words]
    return round(sum(lengths) / len(lengths)) if lengths else DEFAULT_WORDS


def paper_explained(plan: Plan, pack: Pack) -> tuple[str, ...]:
    """Sentences for ``rpsg plan`` about the method paper."""
    no_budget = (
        "There is no privacy budget, so the source of the noise is the only setting of [privacy] with an "
        "effect."
    )
    return no_budget, _guessed(plan, pack, paper_workload(plan, pack), seeds_wanted(plan), "twice")


def split_explained(plan: Plan, pack: Pack) -> tuple[str, ...]:
    """Sentences for ``rpsg plan`` about split mode."""
    work = split_workload(plan, pack)
    return (_guessed(plan, pack, work, plan.paper.seeds or work.candidates, "once"),)


def _guessed(plan: Plan, pack: Pack, work: Workload, seeds: int, times: str) -> str:
    by = "the writer" if plan.paper.abstracter == "writer" else "the summariser"
    return (
        f"{seeds:,} private texts become seeds, each summarized {plan.paper.candidates} times by {by}, "
        f"and {work.candidates:,} texts are rewritten {times}. No private text was read: calls, tokens and "
        f"time are estimates for texts of {typical_words(pack)} words, with a second pass for half of them."
    )
