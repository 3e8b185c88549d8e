"""Variations of a text, as AUG-PE asks for them: a paraphrase, or the text again with blanks filled in.

Each request shows two invented pairs first and then the text, every one under its own header, so that a base
model continues the document and a chat model answers the last turn. The text is shown as an earlier answer of
the writer. A writer is stopped when it writes a header that occurs in the request, and lines of an earlier
answer ("Patient: ...") are not taken for such headers.

All of it is public or a DP output: texts come from the writer, and the votes decide which are varied.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rpsg.protocols import Message, Request
from rpsg.records import Candidate, Drop, Pool
from rpsg.stages.candidates import candidate_of, replies_to
from rpsg.stages.prompts import DEFAULT_WORDS, tokens_for
from rpsg.stages.rng import stream, text_seed
from rpsg.textstats.words import word_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import Embedder, Progress, Writer

#: The minimum number of words that are asked for, and the maximum as a multiple of the longest text of the
#: pack.
SHORTEST, LONGEST = 12, 2
TOKENS_BESIDE = 16
BLANK = "_"
STYLES = (
    *("plain", "casual", "formal", "matter-of-fact", "lively", "concise", "detailed", "conversational"),
    *("careful", "direct", "vivid", "as told to a friend"),
)
_WORD = re.compile(r"\S+")


class Pair(NamedTuple):
    """An invented text, and the same in other words."""

    text: str
    again: str
    style: str


PAIRS = (
    Pair(
        "The library opens an hour later on Mondays now. Nobody had told us, so we waited in the rain.",
        "On Mondays the library has begun to open one hour later, and since we had not heard of it we stood "
        "outside in the rain.",
        "matter-of-fact",
    ),
    Pair(
        "I planted three rows of beans in May, and by August there was more than the two of us could eat.",
        "Three rows of beans went into the ground in May; come August, we two could not keep up with eating "
        "them.",
        "conversational",
    ),
)


def variation_request(
    pack: Pack, plan: Plan, parent: Candidate, number: int, *, purpose: str = "variation"
) -> Request:
    """The request for variation ``number`` of a text; each number draws its own style, length and blanks."""
    augpe = plan.augpe
    draw = stream(plan.generation.seed, purpose, parent.id, number)
    style = STYLES[draw.integers(len(STYLES))]
    # Adaptive length: about the length of the text, so that lengths can move to where the votes are.
    wanted = word_count(parent.text) * (1 + augpe.length_spread * draw.standard_normal())
    words = int(np.clip(round(wanted), SHORTEST, longest(pack)))
    fills = augpe.prompt == "fill_in_the_blanks"
    shown = blanked(parent.text, augpe.blanks, draw) if fills else parent.text.strip()
    turns = [Message("system", _system(pack, plan, fills=fills))]
    for pair in _pairs(pack, plan):
        turns += _asked(pack, pair.text, pair.style, word_count(pair.again), fills)
        turns.append(Message("assistant", pair.again))
    turns += _asked(pack, shown, style, words, fills)
    return Request(
        messages=tuple(turns),
        max_tokens=tokens_for(pack, words) + TOKENS_BESIDE,
        seed=text_seed(plan.generation.seed, purpose, parent.id, number),
        temperature=plan.generation.temperature or pack.temperature,
        top_p=plan.generation.top_p or pack.top_p,
    )


def _pairs(pack: Pack, plan: Plan) -> Sequence[Pair]:
    """The part of the prompt before the text. It is the same for all texts, so that a server computes it
    once.

    A paraphrase has to be invented; a text with its blanks filled in is any example of the pack. The shortest
    are shown, so that the text itself fits into the context of a small model too.
    """
    shown = min(len(PAIRS), plan.generation.examples)
    if plan.augpe.prompt == "paraphrase":
        return PAIRS[:shown]
    draw = stream(plan.generation.seed, "blanked examples")
    texts = sorted((example.text.strip() for example in pack.examples), key=len)[:shown]
    return [Pair(blanked(text, plan.augpe.blanks, draw), text, STYLES[0]) for text in texts]


def _system(pack: Pack, plan: Plan, *, fills: bool) -> str:
    about = plan.corpus.about or pack.about
    given = "with blanks and answer with the whole of it, each blank filled in" if fills else "and reword it"
    return (
        f"Texts are given to you one at a time: {about}. You take each {pack.text} {given}, in the style and "
        f"of the length that are named, with nothing before or after it."
    )


def _asked(pack: Pack, shown: str, style: str, words: int, fills: bool) -> list[Message]:
    head, tail = (
        ("With blanks:", "Filled in:") if fills else (f"{pack.text.capitalize()}:", "In other words:")
    )
    return [
        Message("user", head),
        Message("assistant", shown),
        Message("user", f"Style: {style}\nLength: {words} words\n{tail}"),
    ]


def longest(pack: Pack) -> int:
    """The maximum number of words that is asked for in a variation."""
    known = [words for attribute in pack.attributes for words in attribute.words]
    return max(LONGEST * max(known, default=DEFAULT_WORDS), SHORTEST)


def blanked(text: str, share: float, draw: np.random.Generator) -> str:
    """The text with about a ``share`` of its words replaced by blanks.

    Line breaks and names before a colon are kept. At least one word becomes a blank, if any word may become
    one.
    """
    spans = [match.span() for match in _WORD.finditer(text.strip()) if not match.group().endswith(":")]
    gone = draw.random(len(spans)) < share
    if spans and not gone.any():
        gone[draw.integers(len(spans))] = True
    parts, last = [], 0
    for (start, end), is_gone in zip(spans, gone, strict=True):
        if is_gone:
            parts += [text.strip()[last:start], BLANK]
            last = end
    return "".join([*parts, text.strip()[last:]])


def write_variations(
    pool: Pool,
    parents: Sequence[Candidate],
    count: int,
    pack: Pack,
    plan: Plan,
    writer: Writer,
    progress: Progress,
) -> Pool:
    """The pool with ``count`` variations of ``parents``, in turn; a parent that is named twice gets twice as
    many.

    A variation that cannot be used, or says the same as another text of the pool, is dropped with the reason.
    """
    first, fills = len(pool), plan.augpe.prompt == "fill_in_the_blanks"
    chosen = [parents[i % len(parents)] for i in range(count)] if parents else []
    requests = [variation_request(pack, plan, p, first + i) for i, p in enumerate(chosen)]
    progress.start("writing variants", len(requests))
    replies = replies_to(requests, writer, progress)
    seen = {_said(c.text) for c in pool.alive()}
    made = []
    for i, parent in enumerate(chosen):
        candidate = candidate_of(first + i, parent.card, replies[i], parent.id, _without_text(requests[i]))
        if candidate.dropped is None and (problem := _problem(candidate.text, seen, fills=fills)):
            candidate = replace(candidate, dropped=Drop("variations", problem))
        if candidate.dropped is None:
            seen.add(_said(candidate.text))
        made.append(candidate)
    return pool.extend(made)


def _without_text(request: Request) -> Request:
    """The request without the text that was varied, because a variation that repeats words of this text does
    not echo the prompt.
    """
    return replace(request, messages=(*request.messages[:-2], request.messages[-1]))


def _problem(text: str, seen: set[str], *, fills: bool) -> str:
    if fills and re.search(r"(?<!\w)_+(?!\w)", text):
        return "leaves blanks"
    return "says what another text says" if _said(text) in seen else ""


def _said(text: str) -> str:
    return " ".join(text.lower().split())


def look_ahead(
    texts: Sequence[Candidate],
    known: Mapping[int, npt.NDArray[np.float32]],
    pack: Pack,
    plan: Plan,
    writer: Writer,
    embedder: Embedder,
    progress: Progress,
) -> dict[int, npt.NDArray[np.float32]]:
    """For each text the row that represents it in the vote, by its id.

    Without lookahead this is the text's own embedding. With lookahead, it is the mean embedding of
    ``plan.augpe.lookahead`` further variations, brought to unit length. Without a usable variation it is the
    text's own. Rows in ``known`` are reused, so that a text which is kept is not varied again.
    """
    new = [text for text in texts if text.id not in known]
    ahead = plan.augpe.lookahead
    rows = dict(zip((t.id for t in new), embedder.embed([t.text for t in new]), strict=True))
    if ahead:
        requests = [
            variation_request(pack, plan, t, j, purpose="lookahead") for t in new for j in range(ahead)
        ]
        progress.start("writing variants", len(requests))
        replies = replies_to(requests, writer, progress)
        for index, text in enumerate(new):
            tried = range(index * ahead, (index + 1) * ahead)
            made = [
                candidate_of(0, text.card, replies[i], text.id, _without_text(requests[i])) for i in tried
            ]
            if usable := [c.text for c in made if c.dropped is None]:
                rows[text.id] = _mean(embedder.embed(usable), rows[text.id])
    return {text.id: rows[text.id] if text.id in rows else known[text.id] for text in texts}


def _mean(rows: npt.NDArray[np.float32], own: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    mean = rows.astype(np.float64).mean(axis=0)
    length = float(np.sqrt((mean * mean).sum()))
    return (mean / length).astype(np.float32) if length > 0 else own
