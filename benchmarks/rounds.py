"""Quality against tokens written: a sketch with a growing pool, and Private Evolution with more rounds.

    python benchmarks/rounds.py --drafts RUN --out benchmarks/results/rounds.json
    python benchmarks/rounds.py --show benchmarks/results/rounds.json --plot docs/rounds.svg

RUN is a finished run without private data, which is written once and read by all cells:

    rpsg run --method floor --domain food-reviews --size 1500 -o RUN

Each cell is one release at the same epsilon. The sketch is asked once, and chooses from as many of the drafts
as the cell may use. Private Evolution (the method ``augpe``) begins with drafts of the same pool, and each
further round varies its winners with the writer, whose replies are kept in a file (``--kept``). Tokens are
those of all texts that were written for a cell, used or not.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import rpsg
from people import METRICS, DraftWriter, interval, measured
from quality import Remembering, read_texts
from rpsg.disk.json_text import tagged_sha256
from rpsg.domains import find_pack
from rpsg.evaluation.inputs import Texts
from rpsg.evaluation.models import EvaluationModels
from rpsg.models.download import locate
from rpsg.pipeline.execute import execute
from rpsg.pipeline.models_of_run import load_tools
from rpsg.protocols import Reply
from rpsg.report import svg

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rpsg.methods.base import Tools
    from rpsg.protocols import OnReply, Request, Writer

SHOWN = ("fid", "mauve", "knn_recall", "coverage", "word_distance", "self_bleu", "two_sample_auc")
#: How the last message of a request for a variation ends.
VARIED = "In other words:"
#: The picture has its own colours, because no page around it sets them.
STYLE = """<style>text{font:11px sans-serif;fill:#555}.axis{stroke:#888;fill:none}.band{fill:#8883}
polyline{fill:none;stroke-width:2}.first{stroke:#1f6fb2}.second{stroke:#c4622d}</style>"""


class FirstDraftsThenWriter:
    """Prompts from cards are answered with drafts, all others by the writer; its replies are kept in a file.

    ``tokens`` counts those of all texts that it gave, ``cost`` has the tokens of each draft by its text.
    """

    endpoint: Literal["local_model", "remote_llm"] = "local_model"

    def __init__(self, drafts: DraftWriter, cost: Mapping[str, int], writer: Writer, kept: Path) -> None:
        self.name = writer.name
        self._drafts, self._cost, self._writer, self._file = drafts, cost, writer, kept
        self._kept: dict[str, Any] = json.loads(kept.read_text("utf-8")) if kept.is_file() else {}
        self.tokens = 0

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        if not requests or not requests[0].messages[-1].content.endswith(VARIED):
            replies = self._drafts.write(requests, on_reply)
            self.tokens += sum(self._cost[reply.text] for reply in replies)
            return replies
        keys = [_key(request) for request in requests]
        missing = {key: r for key, r in zip(keys, requests, strict=True) if key not in self._kept}
        for key, reply in zip(missing, self._writer.write(list(missing.values())), strict=True):
            self._kept[key] = [reply.text, reply.finish, reply.completion_tokens]
        self._file.write_text(json.dumps(self._kept), encoding="utf-8")
        replies = [
            Reply(text, finish, 0, tokens) for text, finish, tokens in map(self._kept.__getitem__, keys)
        ]
        self.tokens += sum(reply.completion_tokens for reply in replies)
        for index, reply in enumerate(replies):
            if on_reply is not None:
                on_reply(index, reply)
        return replies


def _key(request: Request) -> str:
    said = [[message.role, message.content] for message in request.messages]
    return tagged_sha256("benchmark-request", [said, request.begins, request.seed, request.max_tokens])


def drafts_of(run: Path) -> list[dict[str, Any]]:
    """The usable drafts of a run, with their cards and the tokens of their replies."""
    rows = [json.loads(line) for line in _lines(run / "release" / "corpus.jsonl")]
    replies = [json.loads(line) for line in _lines(run / "release" / "evidence" / "texts.jsonl")]
    cost = {reply["text"].strip(): reply["completion_tokens"] for reply in replies}
    typical = round(mean(cost.values()))  # used for a text that was cleaned and so differs from its reply
    return [
        {"text": row["text"], "card": row["attributes"], "tokens": cost.get(row["text"], typical)}
        for row in rows
    ]


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def one_seed(
    args: argparse.Namespace, tools: Tools, drafts: list[dict[str, Any]], texts: list[str], seed: int
) -> Iterator[dict[str, Any]]:
    """All cells of one split, each with its method, its tokens and its metrics."""
    pack, models = find_pack("food-reviews"), EvaluationModels(tools.embedder)
    order = np.random.default_rng(seed).permutation(len(texts))
    held_out = Texts([texts[i] for i in order[: args.held_out]], models)
    private = [texts[i] for i in order[args.held_out :][: args.people]]
    cost = {draft["text"]: draft["tokens"] for draft in drafts}
    first = [draft["text"] for draft in drafts[: args.size]]
    for name, texts_of, tokens in (
        ("floor", first, sum(map(cost.__getitem__, first))),
        ("ceiling", private[: args.size], 0),
    ):
        yield {"method": name, "seed": seed, "tokens": tokens, **measured(texts_of, held_out, models, seed)}
    cells = [("sketch", n) for n in args.pool if n <= len(drafts)] + [("augpe", t) for t in args.rounds]
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["RPSG_HOME"] = scratch  # public data: the user's account book is not charged
        data = Path(scratch) / "private.jsonl"
        data.write_text("".join(json.dumps({"text": t}) + "\n" for t in private), encoding="utf-8")
        for method, amount in cells:
            since = time.monotonic()
            # A run tests the writer with eight texts of the same pool.
            own = drafts[:amount] if method == "sketch" else drafts
            settings: dict[str, Any] = {
                "data": {"path": str(data)},
                "corpus": {"domain": "food-reviews", "size": args.size},
                "privacy": {"epsilon": args.epsilon, "lifetime_epsilon": 1000, "n_public": args.people},
                "vault": {"key": "none"},
            }
            if method == "sketch":
                settings["method"] = {"oversample": max(1.0, (amount - 8) / args.size)}
            else:
                settings["method"] = {"name": "augpe"}
                settings["augpe"] = {"iterations": amount, "variations": args.variations}
            writer = FirstDraftsThenWriter(DraftWriter(own, pack), cost, tools.writer, args.kept)
            plan = rpsg.make_plan(settings)
            run = execute(plan, Path(scratch) / f"{method} {amount}", tools=replace(tools, writer=writer))
            cell: dict[str, Any] = {"method": method, "amount": amount, "seed": seed, "tokens": writer.tokens}
            cell |= measured(list(run.texts), held_out, models, seed)
            print(f"{json.dumps(cell)}, {time.monotonic() - since:.0f} s", flush=True)
            if args.keep:
                args.keep.mkdir(parents=True, exist_ok=True)
                kept = args.keep / f"{seed} {method} {amount}.json"
                kept.write_text(json.dumps(run.texts), encoding="utf-8")
            yield cell


def grouped(cells: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], list[Mapping[str, Any]]]:
    """The cells of all seeds by method and amount, the floor first and the ceiling last."""
    found: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for cell in cells:
        found.setdefault((cell["method"], cell.get("amount", 0)), []).append(cell)
    rank = {"floor": 0, "augpe": 1, "sketch": 2, "ceiling": 3}
    return dict(sorted(found.items(), key=lambda item: (rank[item[0][0]], item[0][1])))


def table(cells: Sequence[Mapping[str, Any]]) -> str:
    """The result as Markdown, as it is in the documentation."""
    heads = ["", "tokens", *(METRICS[name][0] for name in SHOWN)]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for (method, amount), own in grouped(cells).items():
        named = {
            "sketch": f"sketch, {amount:,} drafts",
            "augpe": f"Private Evolution, {amount} round{'s' * (amount > 1)}",
        }
        values = [interval([cell[name] for cell in own], METRICS[name][1]) for name in SHOWN]
        tokens = f"{mean(cell['tokens'] for cell in own):,.0f}" if method != "ceiling" else ""
        lines.append("| " + " | ".join([named.get(method, method), tokens, *values]) + " |")
    return "\n".join(lines)


def picture(cells: Sequence[Mapping[str, Any]]) -> str:
    """The Fréchet distance against tokens, as an SVG file; the band is the ceiling's."""
    means = {
        key: (mean(c["tokens"] for c in own), mean(c["fid"] for c in own))
        for key, own in grouped(cells).items()
    }
    right = max(tokens for tokens, _ in means.values()) * 1.05
    ceiling = [c["fid"] for c in cells if c["method"] == "ceiling"]
    fids = [fid for _, fid in means.values()]
    low, top = min(*fids, *ceiling) - 0.01, max(fids) + 0.01

    def up(value: float) -> float:
        return float((value - low) / (top - low))

    def line(method: str) -> list[svg.Point]:
        return [(tokens / right, up(fid)) for (of, _), (tokens, fid) in means.items() if of == method]

    steps = range(0, int(right), 20_000 if right < 150_000 else 40_000)
    drawn = svg.curve(
        "rounds",
        [(kind, own) for kind, of in (("first", "sketch"), ("second", "augpe")) if (own := line(of))],
        title="Fréchet distance against tokens written",
        desc="The sketch (blue) has a point for each size of its pool, Private Evolution (orange), if it was "
        "measured, for each number of rounds. The grey band is where real texts are.",
        axes=("tokens written", "Fréchet distance"),
        band=(up(min(ceiling) - 0.001), up(max(ceiling) + 0.001)),
        ticks=(
            [(n / right, f"{n // 1000}k") for n in steps],
            [(up(n / 100), f"{n / 100:.2f}") for n in range(int(low * 100) + 1, int(top * 100) + 1, 2)],
        ),
    )
    whole = str(drawn).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return whole.replace("<title", STYLE + "<title", 1) + "\n"


def main() -> None:
    """Run the cells, or show a result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--drafts", type=Path, help="folder of a run of the method floor")
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--people", type=int, default=4000)
    parser.add_argument("--epsilon", type=float, default=2.0)
    parser.add_argument("--pool", type=int, nargs="*", default=[150, 300, 600, 1000, 1500])
    parser.add_argument("--rounds", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--variations", type=int, default=2)
    parser.add_argument("--held-out", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--kept", type=Path, default=Path("rounds-replies.json"))
    parser.add_argument("--keep", type=Path, help="a folder for the texts of each cell")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=Path, help="print the table of this result and stop")
    parser.add_argument("--plot", type=Path, help="with --show: where its picture goes")
    args = parser.parse_args()
    if args.show:
        shown = json.loads(args.show.read_text("utf-8"))["cells"]
        print(table(shown))
        if args.plot:
            args.plot.write_text(picture(shown), encoding="utf-8")
        return
    tools = load_tools(rpsg.make_plan({}))
    tools = replace(tools, embedder=Remembering(tools.embedder))
    drafts = drafts_of(args.drafts)
    # Pulled before the first seed, because the runs have a home folder of their own without data.
    texts = [
        text for path in sorted(locate("amazon-reviews").glob("*.jsonl")) for text in read_texts(path, "text")
    ]
    cells: list[dict[str, Any]] = []
    for cell in (cell for seed in args.seeds for cell in one_seed(args, tools, drafts, texts, seed)):
        cells.append(cell)
        if args.out:
            names = ("size", "people", "epsilon", "variations", "held_out", "seeds")
            settings = {name: getattr(args, name) for name in names} | {"drafts": len(drafts)}
            body = json.dumps({"settings": settings, "cells": cells}, indent=1)
            args.out.write_text(body + "\n", encoding="utf-8")
    print(table(cells))


if __name__ == "__main__":
    main()
