"""Steps 6 and 8: the LLM writes candidates from cards, and variants of those that the votes chose.

Every word of these prompts is public or a DP output. A failed reply becomes a dropped candidate with a
reason; an input never takes its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.models.documents import next_header
from rpsg.records import Candidate, Drop, Pool
from rpsg.stages.clean_reply import tidy
from rpsg.stages.echo import REASON, repeats_prompt
from rpsg.stages.prompts import by_prefix, candidate_request, variant_request

#: The maximum number of requests given to a writer at once.
AT_ONCE = 20_000

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import Progress, Reply, Request, Writer
    from rpsg.records import Card


def write_candidates(
    cards: Sequence[Card],
    pack: Pack,
    plan: Plan,
    writer: Writer,
    progress: Progress,
    first: int = 0,
) -> Pool:
    """One candidate from each card; ids count from ``first``."""
    progress.start("writing candidates", len(cards))
    written, answered = list[Candidate](), 0
    for start in range(0, len(cards), AT_ONCE):  # the prompts take more memory than the texts
        some = list(enumerate(cards[start : start + AT_ONCE], first + start))
        requests = [candidate_request(pack, plan, card, number) for number, card in some]
        replies = _replies(requests, writer, progress)
        answered += sum(reply.finish != "error" for reply in replies.values())
        written += [candidate_of(*one, replies[i], None, requests[i]) for i, one in enumerate(some)]
    progress.done(written=answered)
    return Pool(tuple(written))


def write_variants(
    pool: Pool,
    winners: Sequence[Candidate],
    count: int,
    pack: Pack,
    plan: Plan,
    writer: Writer,
    progress: Progress,
) -> Pool:
    """The pool with ``count`` variants, of each winner in turn; each variant has its winner as parent."""
    parents = [winners[i % len(winners)] for i in range(count)] if winners else []
    first = len(pool)
    requests = [
        variant_request(pack, plan, parent.card, parent.text, first + i) for i, parent in enumerate(parents)
    ]
    progress.start("writing variants", len(requests))
    replies = replies_to(requests, writer, progress)
    return pool.extend(
        [candidate_of(first + i, p.card, replies[i], p.id, requests[i]) for i, p in enumerate(parents)]
    )


def replies_to(requests: Sequence[Request], writer: Writer, progress: Progress) -> dict[int, Reply]:
    """The reply to each request, by its index; how many were answered is reported."""
    replies = _replies(requests, writer, progress)
    progress.done(written=sum(reply.finish != "error" for reply in replies.values()))
    return replies


def _replies(requests: Sequence[Request], writer: Writer, progress: Progress) -> dict[int, Reply]:
    # Requests with the same prefix follow each other, so that the server computes it once.
    order = by_prefix(requests)
    replies = writer.write(
        [requests[i] for i in order],
        lambda _, reply: progress.advance(1, tokens=reply.completion_tokens),
    )
    return dict(zip(order, replies, strict=True))


def candidate_of(number: int, card: Card, reply: Reply, parent: int | None, request: Request) -> Candidate:
    """The candidate made from a reply to ``request``; an unusable reply gives a dropped one with a reason."""
    if reply.finish == "error":
        return Candidate(number, "", card, parent, dropped=Drop("writing", "the writer failed"))
    cut, ends = reply.finish == "length", next_header(request)
    text, problem = tidy(reply.text, cut=cut, begins=request.begins, ends=ends)
    if text and repeats_prompt(text, [message.content for message in request.messages], request.begins):
        text, problem = "", REASON
    return Candidate(number, text, card, parent, dropped=Drop("writing", problem) if problem else None)
