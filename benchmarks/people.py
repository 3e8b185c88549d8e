"""How good is a strict corpus, depending on the number of people and on epsilon?

    python benchmarks/people.py --drafts DRAFTS.jsonl --out RESULT.json     every cell, from one pool
    python benchmarks/people.py --show RESULT.json                          its table, nothing else
                                                                            (or that of several results)

Writing takes nearly all the time of a run, and its prompts are public. So one pool of drafts, written once
from even cards, stands in for the writer in every cell: a card is answered with the unused draft whose own
card is most like it. Everything else is as in a run: noise, ledger, filters and choice. Because the pool is
finite, cards decide less than with a writer. This affects the sketch and the votes equally.

The rows of the table all have the same number of texts: "floor" has drafts drawn at random; "sketch" and
"votes" are measured for each number of people and each epsilon; "ceiling" has private rows themselves. All
are compared with held-out rows, which no run sees. Each seed is another split. Drafts are the rows of a
release without private data, which this command makes:

    rpsg run --method floor --domain food-reviews --size 600 -o drafts

Its file is ``drafts/release/corpus.jsonl``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import ChainMap
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import rpsg
from quality import STUDENT, Remembering, read_texts
from rpsg.domains import find_pack
from rpsg.domains.prompts import fill
from rpsg.errors import InfeasibleError
from rpsg.evaluation.inputs import Inputs, Texts, UnavailableError
from rpsg.evaluation.models import EvaluationModels
from rpsg.evaluation.runner import find_metric
from rpsg.models.download import locate
from rpsg.pipeline.execute import execute
from rpsg.pipeline.models_of_run import load_tools
from rpsg.protocols import Reply
from rpsg.stages.prompts import fields_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.domains import Pack
    from rpsg.methods.base import Tools
    from rpsg.protocols import OnReply, Request

    Found = dict[str, dict[str, float | None]]

#: For each metric: the heading of its column, and the number of digits that are shown.
METRICS = {
    "fid": ("Fréchet ↓", 3),
    "mauve": ("MAUVE ↑", 2),
    "knn_recall": ("recall ↑", 2),
    "coverage": ("coverage ↑", 2),
    "word_distance": ("words ↓", 3),
    "next_word_accuracy": ("next word ↑", 3),
    "sentiment_distance": ("sentiment ↓", 3),
    "length_distance": ("lengths ↓", 3),
    "self_bleu": ("self-BLEU", 3),
    "two_sample_auc": ("two-sample AUC ↓", 2),
    "echo_rate": ("echoes ↓", 2),
}
#: The weight of each field of a card in the search for a draft.
WORTH = (4.0, 2.0, 1.0, 2.0)


class DraftWriter:
    """Answers each request with the unused draft whose card is most like that of the request."""

    endpoint: Literal["local_model", "remote_llm"] = "local_model"

    def __init__(self, drafts: Sequence[Mapping[str, Any]], pack: Pack, about: str = "") -> None:
        self.name = f"drafts of {pack.name}"
        self._texts = [str(draft["text"]) for draft in drafts]
        cards = [fields_of(pack, dict(draft["card"]), about or pack.about) for draft in drafts]
        lines = [fill(pack.prompts["candidate.txt"], card).splitlines() for card in cards]
        self._lines = np.array([[*card, *[""] * 8][:8] for card in lines])
        self._used = np.zeros(len(drafts), np.bool_)

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        replies = []
        for index, request in enumerate(requests):
            asked = [*request.messages[-1].content.splitlines(), *[""] * 8][:8]
            like = np.zeros(len(self._texts))
            for place, worth in enumerate(WORTH):
                like += worth * (self._lines[:, place] == asked[place])
            best = int(np.where(self._used, -1.0, like).argmax())
            self._used[best] = True
            replies.append(Reply(self._texts[best], "stop"))
            if on_reply is not None:
                on_reply(index, replies[-1])
        return replies


def measured(
    texts: Sequence[str], held_out: Texts, models: EvaluationModels, seed: int
) -> dict[str, float | None]:
    """Every metric of a corpus; None for one that has no value."""
    inputs = Inputs(Texts(texts, models), held_out, models, seed=seed)
    found: dict[str, float | None] = {"texts": len(texts)}
    for name in METRICS:
        try:
            found[name] = find_metric(name)(inputs).value
        except UnavailableError:
            found[name] = None
    return found


def one_seed(
    args: argparse.Namespace, tools: Tools, texts: Sequence[str], drafts: list[Any], seed: int
) -> Found:
    """All cells of one split."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(texts))
    private = [texts[i] for i in order[args.held_out :]]
    models, pack = EvaluationModels(tools.embedder), find_pack(args.domain)
    held_out = Texts([texts[i] for i in order[: args.held_out]], models)
    by_chance = [drafts[i]["text"] for i in rng.permutation(len(drafts))[: args.size]]
    found = {
        "floor": measured(by_chance, held_out, models, seed),
        "ceiling": measured(private[: args.size], held_out, models, seed),
    }
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["RPSG_HOME"] = scratch  # public data: the user's account book is not charged
        asked = product(
            args.people, args.epsilon, args.select, args.diversity or [None], args.cards or [None]
        )
        for people, epsilon, select, diversity, cards in asked:
            name, since = f"{select}, {people}, epsilon {epsilon:g}", time.monotonic()
            name += "" if diversity is None else f", diversity {diversity:g}"
            name += "" if cards is None else f", {cards:.0%} for cards"
            shares = {} if cards is None else {"shares": {"cards": cards, select: round(1 - cards, 6)}}
            own = json.loads(args.method) | ({} if diversity is None else {"diversity": diversity})
            data = Path(scratch) / f"{people}.jsonl"
            data.write_text(
                "".join(json.dumps({"text": t}) + "\n" for t in private[:people]), encoding="utf-8"
            )
            plan = rpsg.make_plan(
                {
                    "data": {"path": str(data)},
                    "corpus": {"domain": args.domain, "size": args.size, "about": args.about},
                    "privacy": {"epsilon": epsilon, "lifetime_epsilon": 1000, "n_public": people, **shares},
                    "method": {
                        "select": select,
                        "oversample": args.oversample,
                        **own,
                    },
                    "generation": {"seed": seed},
                    "vault": {"key": "none"},
                }
            )
            writer = DraftWriter(drafts, pack, args.about)
            try:
                run = execute(plan, Path(scratch) / name, tools=replace(tools, writer=writer))
            except InfeasibleError as refused:
                print(f"seed {seed} {name}: refused: {refused.message}", flush=True)
                continue
            found[name] = measured(list(run.texts), held_out, models, seed)
            if args.keep:
                args.keep.mkdir(parents=True, exist_ok=True)
                kept = args.keep / f"{seed} {name}.json"
                kept.write_text(json.dumps(run.texts), encoding="utf-8")
            seconds = time.monotonic() - since
            print(f"seed {seed} {name}: {json.dumps(found[name])}, {seconds:.0f} s", flush=True)
    return found


def interval(values: Sequence[float | None], digits: int) -> str:
    """Mean, and half the width of the 95 % interval (Student's), as text."""
    known = [v for v in values if v is not None]
    if not known:
        return "-"
    n = len(known)
    half = f" ± {STUDENT[n] * stdev(known) / n**0.5:.{digits}f}" if n in STUDENT else ""
    return f"{mean(known):.{digits}f}{half}"


def table(seeds: Sequence[Found]) -> str:
    """The result as Markdown, as it is in the documentation."""
    names = sorted(seeds[0], key=lambda name: ("ceiling" in name) - ("floor" in name))
    known = {
        m: METRICS[m] for m in METRICS if any(row.get(m) is not None for s in seeds for row in s.values())
    }
    heads = ["", *(head for head, _ in known.values())]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name in names:
        held = [seed[name] for seed in seeds if name in seed]
        cells = [interval([one.get(m) for one in held], digits) for m, (_, digits) in known.items()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run the cells."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--drafts", type=Path, nargs="+", help="one or more files of drafts")
    parser.add_argument("--data", type=Path, nargs="*", help="files of texts; default: the demo's reviews")
    parser.add_argument("--text", default="text", help="the column with the text")
    parser.add_argument("--domain", default="food-reviews")
    parser.add_argument(
        "--about", default="", help="what the texts are: the --about of the run that wrote the drafts"
    )
    parser.add_argument("--people", type=int, nargs="*", default=[150, 300, 1000, 4000])
    parser.add_argument("--epsilon", type=float, nargs="*", default=[0.5, 1.0, 2.0, 4.0])
    parser.add_argument("--select", nargs="*", default=["sketch", "votes"])
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--oversample", type=float, default=3.0)
    parser.add_argument("--held-out", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--method", default="{}", help="other settings of the method, as JSON")
    parser.add_argument("--diversity", type=float, nargs="*", help="a cell for each of these")
    parser.add_argument(
        "--cards", type=float, nargs="*", help="a cell for each of these shares of the budget for the cards"
    )
    parser.add_argument("--keep", type=Path, help="a folder for the texts of each cell")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--named", default="", help="added to the names of all rows but the ceiling")
    parser.add_argument("--show", type=Path, nargs="+", help="print the table of these results and stop")
    args = parser.parse_args()
    if args.show:
        shown = (json.loads(file.read_text(encoding="utf-8"))["seeds"] for file in args.show)
        print(table([dict(ChainMap(*of_a_seed)) for of_a_seed in zip(*shown, strict=True)]))
        return
    rows = [json.loads(line) for path in args.drafts for line in path.read_text("utf-8").splitlines()]
    drafts = [{"text": row["text"], "card": row["attributes"]} for row in rows]
    files = args.data or sorted(locate("amazon-reviews").glob("*.jsonl"))
    texts = [text for path in files for text in read_texts(path, args.text)]
    tools = load_tools(rpsg.make_plan({"models": {"writer": "fake"}}))
    tools = replace(tools, embedder=Remembering(tools.embedder))
    results = []
    for seed in args.seeds:
        found = one_seed(args, tools, texts, drafts, seed)
        results.append({of if of == "ceiling" else of + args.named: row for of, row in found.items()})
        if args.out:
            settings = {
                k: v for k, v in vars(args).items() if k not in {"data", "out", "show", "drafts", "keep"}
            }
            body = {"settings": {**settings, "drafts": len(drafts)}, "seeds": results}
            args.out.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
