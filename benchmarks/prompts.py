"""Does a small writer follow its card? Compares four ways of asking.

    python benchmarks/prompts.py                   240 texts for each way
    python benchmarks/prompts.py --texts 20        quick

The same cards, drawn evenly from a public pack, are written in each way. The first words of a text are the
beginning of the model's own answer (*begun*), or the prompt asks for them (*told*); and the prompt shows
either none or five of the pack's invented examples. Of the texts that pass the filter for form, the table
shows

    topic      the share whose nearest topic description is their card's, out of all topics of the pack
    sentiment  the share whose sentiment, by the sentiment model of strict mode, is their card's

with 95 % intervals (Wilson's), and how many tokens per second were written. No private data are involved.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.domains import find_pack
from rpsg.pipeline.models_of_run import load_tools
from rpsg.plan import resolve
from rpsg.protocols import Message
from rpsg.stages.cards import CardModel
from rpsg.stages.clean_reply import tidy
from rpsg.stages.prompts import candidate_request
from rpsg.stages.rng import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack
    from rpsg.methods.base import Tools
    from rpsg.plan import Plan
    from rpsg.protocols import Request
    from rpsg.records import Card

WAYS = tuple(product(("begun", "told"), (0, 5)))
Share = tuple[float, float, float]


def told(request: Request) -> Request:
    """The same request with the first words in the prompt instead of in the answer."""
    *others, last = request.messages
    asked = Message(last.role, f"{last.content}\n\nBegin with: {request.begins}")
    return replace(request, messages=(*others, asked), begins="")


def requests_of(plan: Plan, pack: Pack, cards: Sequence[Card], way: str) -> list[Request]:
    """One request per card."""
    begun = [candidate_request(pack, plan, card, number) for number, card in enumerate(cards)]
    return begun if way == "begun" else [told(request) for request in begun]


def share(hits: Sequence[bool]) -> Share:
    """A share and its 95 % interval: E. B. Wilson, 1927."""
    n, z = len(hits), 1.96
    if not n:
        return math.nan, 0.0, 1.0
    p = sum(hits) / n
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return p, (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


def measured(tools: Tools, pack: Pack, plan: Plan, cards: Sequence[Card], way: str) -> dict[str, Any]:
    """The figures for the texts of one way."""
    since = time.monotonic()
    replies = tools.writer.write(requests_of(plan, pack, cards, way))
    seconds = time.monotonic() - since
    tidied = [tidy(reply.text, cut=reply.finish == "length")[0] for reply in replies]
    good = [(card.values, text) for card, text in zip(cards, tidied, strict=True) if text]
    rows = tools.embedder.embed([text for _, text in good])
    topic = pack.attribute("topic")
    described = tools.embedder.embed(topic.descriptions or topic.values)
    nearest = [topic.values[int(place)] for place in np.argmax(rows @ described.T, axis=1)]
    moods = tools.sentiment.classify([text for _, text in good], rows)
    return {
        "texts": len(good),
        "topic": share([card["topic"] == found for (card, _), found in zip(good, nearest, strict=True)]),
        "sentiment": share([card["sentiment"] == m for (card, _), m in zip(good, moods, strict=True)]),
        "tokens_a_second": sum(reply.completion_tokens for reply in replies) / seconds,
    }


def shown(found: Share) -> str:
    """A share with its interval, as text."""
    return f"{found[0]:.2f} ({found[1]:.2f}-{found[2]:.2f})"


def main() -> None:
    """Write in each way, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=240)
    parser.add_argument("--domain", default="food-reviews")
    parser.add_argument("--writer", default="smollm2-135m")
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    pack = find_pack(args.domain)
    tools = load_tools(resolve({"models": {"writer": args.writer, "embedder": args.embedder}}))
    cards = CardModel.uniform(pack).draw(args.texts, stream(args.seed, "cards of a benchmark"))
    figures = {}
    for way, examples in WAYS:
        plan = resolve({"corpus": {"domain": args.domain}, "generation": {"examples": examples}})
        figures[f"{way}, {examples} examples"] = measured(tools, pack, plan, cards, way)
    if args.json:
        print(json.dumps({"settings": vars(args), "figures": figures}))
        return
    print("| way | texts | topic kept | sentiment kept | tokens a second |\n|---|---|---|---|---|")
    for name, found in figures.items():
        kept = f"{shown(found['topic'])} | {shown(found['sentiment'])}"
        print(f"| {name} | {found['texts']} | {kept} | {found['tokens_a_second']:.0f} |")


if __name__ == "__main__":
    main()
