"""Steps 6 and 8: the LLM writes candidates from cards, and variants of those that the votes chose.

Every word of these prompts is public or a DP output. A failed reply becomes a dropped candidate with a
reason; the text or card of its prompt is never used in its place.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rpsg.errors import LostProcessError
from rpsg.machine.processes import HERE, in_parts
from rpsg.models.documents import next_header
from rpsg.records import Candidate, Drop, Pool
from rpsg.stages.clean_reply import tidy
from rpsg.stages.echo import REASON, repeats_prompt
from rpsg.stages.prompts import by_prefix, candidate_request, variant_request
from rpsg.storage.replayed_writer import ReplayedWriter

#: The maximum number of requests given to a writer at once.
AT_ONCE = 20_000
_FAILED = "the writer failed"

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack
    from rpsg.machine.processes import Processes
    from rpsg.plan import Plan
    from rpsg.protocols import OnReply, Progress, Reply, Request, Writer
    from rpsg.records import Card

    #: The texts of a part of the cards with the reasons why some are dropped, the keys of the requests, and
    #: the number of tokens.
    Written = tuple[list[tuple[str, Drop | None]], frozenset[str], int]


def write_candidates(
    cards: Sequence[Card],
    pack: Pack,
    plan: Plan,
    writer: Writer,
    progress: Progress,
    first: int = 0,
    processes: Processes = HERE,
) -> Pool:
    """One candidate from each card; ids count from ``first``.

    ``processes`` divide the cards among them if the replies are those of a release.
    """
    progress.start("writing candidates", len(cards))
    numbered, written = list(enumerate(cards, first)), None
    if processes.count > 1 and isinstance(writer, ReplayedWriter):
        written = _write_in_parts(numbered, pack, plan, writer, progress, processes)
    if written is None:
        written = _write(numbered, pack, plan, writer, _told(progress))
    progress.done(written=sum(c.dropped is None or c.dropped.reason != _FAILED for c in written))
    return Pool(tuple(written))


def _write(
    cards: Sequence[tuple[int, Card]], pack: Pack, plan: Plan, writer: Writer, on_reply: OnReply
) -> list[Candidate]:
    written = list[Candidate]()
    for some in in_parts(cards, AT_ONCE):  # the prompts take more memory than the texts
        requests = [candidate_request(pack, plan, card, number) for number, card in some]
        replies = _replies(requests, writer, on_reply)
        written += [candidate_of(*one, replies[i], None, requests[i]) for i, one in enumerate(some)]
    return written


def _write_in_parts(
    cards: Sequence[tuple[int, Card]],
    pack: Pack,
    plan: Plan,
    writer: ReplayedWriter,
    progress: Progress,
    processes: Processes,
) -> list[Candidate] | None:
    """What ``_write`` returns, or None after an error: which error it is depends on the order of requests."""
    written = list[Candidate]()
    try:
        for texts, asked, tokens in processes.map(partial(_write_part, pack, plan, writer), in_parts(cards)):
            some = zip(cards[len(written) : len(written) + len(texts)], texts, strict=True)
            written += [Candidate(n, text, card, dropped=dropped) for (n, card), (text, dropped) in some]
            writer.note_asked(asked)
            progress.advance(len(texts), tokens=tokens)
    except LostProcessError:
        raise
    except Exception:  # noqa: BLE001 -- the caller repeats the work in this process, which raises it
        return None
    return written


def _write_part(pack: Pack, plan: Plan, writer: ReplayedWriter, cards: Sequence[tuple[int, Card]]) -> Written:
    tokens = 0

    def count(_: int, reply: Reply) -> None:
        nonlocal tokens
        tokens += reply.completion_tokens

    written = _write(cards, pack, plan, writer, count)
    return [(c.text, c.dropped) for c in written], writer.forget_asked(), tokens


def write_variants(
    pool: Pool,
    winners: Sequence[Candidate],
    count: int,
    pack: Pack,
    plan: Plan,
    writer: Writer,
    progress: Progress,
) -> Pool:
    """The pool with ``count`` variants of the winners, in turn; each variant has its winner as parent."""
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
    replies = _replies(requests, writer, _told(progress))
    progress.done(written=sum(reply.finish != "error" for reply in replies.values()))
    return replies


def _told(progress: Progress) -> OnReply:
    return lambda _, reply: progress.advance(1, tokens=reply.completion_tokens)


def _replies(requests: Sequence[Request], writer: Writer, on_reply: OnReply) -> dict[int, Reply]:
    # Requests with the same prefix follow each other, so that the server computes it once.
    order = by_prefix(requests)
    replies = writer.write([requests[i] for i in order], on_reply)
    return dict(zip(order, replies, strict=True))


def candidate_of(number: int, card: Card, reply: Reply, parent: int | None, request: Request) -> Candidate:
    """The candidate made from a reply to ``request``; an unusable reply gives a dropped one with a reason."""
    if reply.finish == "error":
        return Candidate(number, "", card, parent, dropped=Drop("writing", _FAILED))
    cut, ends = reply.finish == "length", next_header(request)
    text, problem = tidy(reply.text, cut=cut, begins=request.begins, ends=ends)
    if text and repeats_prompt(text, [message.content for message in request.messages], request.begins):
        text, problem = "", REASON
    return Candidate(number, text, card, parent, dropped=Drop("writing", problem) if problem else None)
