"""What a bias toward the words of the private texts does: whole runs of strict mode, with it and without.

    python benchmarks/wording.py --out benchmarks/results/wording.json
    python benchmarks/wording.py --show benchmarks/results/wording.json

Public food reviews stand in for private texts. For each seed and each strength there is one whole run, with a
real writer: the same people, the same number of drafts, other noise. Rows: one for each strength, and
"ceiling", private reviews themselves. All are measured against reviews that no run has seen.
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
from typing import TYPE_CHECKING

import numpy as np

import rpsg
from people import measured, table
from quality import Remembering, read_texts
from rpsg.evaluation.inputs import Texts
from rpsg.evaluation.models import EvaluationModels
from rpsg.models.download import locate
from rpsg.pipeline.execute import execute
from rpsg.pipeline.models_of_run import load_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from people import Found
    from rpsg.methods.base import Tools
    from rpsg.plan import Plan


def plan_of(args: argparse.Namespace, data: Path, strength: float, seed: int) -> Plan:
    """A run on the people in ``data`` with this strength of the bias."""
    return rpsg.make_plan(
        {
            "data": {"path": str(data)},
            "corpus": {"domain": "food-reviews", "size": args.size},
            "privacy": {"epsilon": args.epsilon, "lifetime_epsilon": 1000, "n_public": args.people},
            "method": {"oversample": args.oversample, "logit_bias": strength},
            "models": {"writer": args.writer},
            "generation": {"seed": seed},
            "vault": {"key": "none"},
        }
    )


def one_seed(args: argparse.Namespace, tools: Tools, texts: Sequence[str], seed: int) -> Found:
    """All rows of one split."""
    order = np.random.default_rng(seed).permutation(len(texts))
    held, private = order[: args.held_out], [texts[i] for i in order[args.held_out :]]
    models = EvaluationModels(tools.embedder)
    held_out = Texts([texts[i] for i in held], models)
    found: Found = {"ceiling": measured(private[: args.size], held_out, models, seed)}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["RPSG_HOME"] = scratch  # public data: the user's account book is not charged
        data = Path(scratch) / "reviews.jsonl"
        rows = "".join(json.dumps({"text": text}) + "\n" for text in private[: args.people])
        data.write_text(rows, encoding="utf-8")
        for strength in args.strength:
            since = time.monotonic()
            run = execute(
                plan_of(args, data, strength, seed), Path(scratch) / f"bias {strength}", tools=tools
            )
            name = f"bias {strength:g}"
            found[name] = measured(list(run.texts), held_out, models, seed)
            found[name]["words_per_text"] = mean(len(text.split()) for text in run.texts)
            if args.keep:
                args.keep.mkdir(parents=True, exist_ok=True)
                kept = args.keep / f"{seed} {name}.json"
                kept.write_text(json.dumps(run.texts, indent=1), encoding="utf-8")
            print(
                f"seed {seed} {name}: {json.dumps(found[name])}, {time.monotonic() - since:.0f} s", flush=True
            )
    return found


def main() -> None:
    """Run the cells."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strength", type=float, nargs="*", default=[0.0, 0.35])
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--epsilon", type=float, default=2.0)
    parser.add_argument("--size", type=int, default=60)
    parser.add_argument("--oversample", type=float, default=3.0)
    parser.add_argument("--held-out", type=int, default=1000)
    parser.add_argument("--writer", default="gemma-3-270m")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--keep", type=Path, help="a folder for the texts of each run")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=Path, help="print the table of this result and stop")
    args = parser.parse_args()
    if args.show:
        print(table(json.loads(args.show.read_text(encoding="utf-8"))["seeds"]))
        return
    texts = [
        text for path in sorted(locate("amazon-reviews").glob("*.jsonl")) for text in read_texts(path, "text")
    ]
    tools = load_tools(rpsg.make_plan({"models": {"writer": args.writer}}))
    tools = replace(tools, embedder=Remembering(tools.embedder))
    results = []
    for seed in args.seeds:
        results.append(one_seed(args, tools, texts, seed))
        if args.out:
            settings = {k: v for k, v in vars(args).items() if k not in {"out", "show", "keep"}}
            args.out.write_text(
                json.dumps({"settings": settings, "seeds": results}, indent=1) + "\n", encoding="utf-8"
            )
    print(table(results))


if __name__ == "__main__":
    main()
