"""How good is a strict corpus, compared with its floor and its ceiling?

    python benchmarks/quality.py --out RESULT.json                      the demo's food reviews
    python benchmarks/quality.py --data TEXTS --text COLUMN --domain reviews --out RESULT.json
    python benchmarks/quality.py --show RESULT.json                     the table of a result, nothing else

The data are split at random into private rows, which cards and votes use, and held-out rows, which nothing
uses and with which everything is compared. Rows of the table, all with the same number of texts:

    floor     the same writer and pack, values drawn uniformly, no private data (epsilon 0)
    strict    at each epsilon, end to end, with real noise
    ceiling   private rows themselves, drawn at random, against the held-out ones

Each seed is another split, another floor and another strict run. Intervals are Student's, over seeds.
The last column says which share of the gap between the Fréchet distances of floor and ceiling a row closes.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np

import rpsg
from corpus_distance import frechet, precision_recall, self_similarity, word_distance
from rpsg.models.download import locate
from rpsg.pipeline.execute import execute
from rpsg.pipeline.models_of_run import load_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.methods.base import Tools
    from rpsg.protocols import Embedder

STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
#: For each metric: the heading of its column, and the number of digits that are shown.
METRICS = {
    "frechet": ("Fréchet ↓", 3),
    "precision": ("k-NN precision ↑", 2),
    "recall": ("k-NN recall ↑", 2),
    "words": ("words ↓", 3),
    "self_similarity": ("mean cosine of two texts", 3),
    "length": ("words per text", 0),
}


def read_texts(path: Path, column: str) -> list[str]:
    """The texts of a JSONL or CSV file, or of a plain file with one text per line."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as lines:
            return [row[column] for row in csv.DictReader(lines) if row[column].strip()]
    body = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if path.suffix == ".jsonl":
        return [json.loads(line)[column] for line in body if line.strip()]
    return [line for line in body if line.strip()]


def measure(texts: list[str], held_out: list[str], embed: Any, reference: Any) -> dict[str, float]:
    """All metrics of one corpus."""
    rows = embed(texts)
    precision, recall = precision_recall(rows, reference)
    return {
        "frechet": frechet(rows, reference),
        "precision": precision,
        "recall": recall,
        "words": word_distance(texts, held_out),
        "self_similarity": self_similarity(rows),
        "length": mean(len(text.split()) for text in texts),
    }


class Remembering:
    """An embedder that embeds each text only once, because all seeds share texts."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._rows: dict[str, Any] = {}
        self.name, self.endpoint, self.dim = embedder.name, embedder.endpoint, embedder.dim

    def embed(self, texts: Sequence[str]) -> Any:
        missing = list(dict.fromkeys(text for text in texts if text not in self._rows))
        self._rows |= zip(missing, self._embedder.embed(missing), strict=True)
        return np.stack([self._rows[text] for text in texts])


def one_seed(
    args: argparse.Namespace, tools: Tools, texts: list[str], seed: int
) -> dict[str, dict[str, float]]:
    """Floor, strict at each epsilon and ceiling, on one split."""
    order = np.random.default_rng(seed).permutation(len(texts))
    held_out = [texts[i] for i in order[: args.held_out]]
    private = [texts[i] for i in order[args.held_out :][: args.people]]

    def embed(some: list[str]) -> Any:
        return tools.embedder.embed(some).astype(np.float64)

    reference = embed(held_out)
    found = {"ceiling": measure(private[: args.size], held_out, embed, reference)}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["RPSG_HOME"] = scratch  # public data: the user's account book is not charged
        data = Path(scratch) / "private.jsonl"
        data.write_text("".join(json.dumps({"text": t}) + "\n" for t in private), encoding="utf-8")
        runs = [("floor", "floor", 2.0), *((f"strict, epsilon {e:g}", "strict", e) for e in args.epsilon)]
        for name, method, epsilon in runs:
            since = time.monotonic()
            plan = rpsg.make_plan(
                {
                    "data": {"path": str(data)},
                    "corpus": {"domain": args.domain, "size": args.size, "about": args.about},
                    "privacy": {"epsilon": epsilon, "lifetime_epsilon": 100},
                    "method": {"name": method, "oversample": args.oversample, **json.loads(args.method)},
                    "models": {"writer": args.writer},
                    "generation": {"seed": seed},
                }
            )
            run = execute(plan, Path(scratch) / name, tools=tools)
            found[name] = measure(list(run.texts), held_out, embed, reference)
            found[name] |= {"texts": len(run.texts), "seconds": time.monotonic() - since}
            if args.keep:
                keep = Path(args.keep)
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{seed}-{name}.json").write_text(json.dumps(run.texts), encoding="utf-8")
            print(
                f"seed {seed} {name}: " + ", ".join(f"{k} {v:.3f}" for k, v in found[name].items()),
                flush=True,
            )
    return found


def interval(values: list[float], digits: int) -> str:
    """Mean, and half the width of the 95 % interval (Student's), as text."""
    n = len(values)
    half = f" ± {STUDENT[n] * stdev(values) / n**0.5:.{digits}f}" if n in STUDENT else ""
    return f"{mean(values):.{digits}f}{half}"


def table(seeds: list[dict[str, dict[str, float]]]) -> str:
    """The result as Markdown, as it is in the documentation."""
    names = ["floor", *sorted(n for n in seeds[0] if n.startswith("strict")), "ceiling"]
    heads = ["", *(head for head, _ in METRICS.values()), "share of the gap closed"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name in names:
        cells = [interval([seed[name][m] for seed in seeds], digits) for m, (_, digits) in METRICS.items()]
        cells.append(_way(seeds, name) if name.startswith("strict") else "")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _way(seeds: list[dict[str, dict[str, float]]], name: str) -> str:
    """The share of the gap between the Fréchet distances of floor and ceiling that a row closes."""
    ways = [
        (s["floor"]["frechet"] - s[name]["frechet"]) / (s["floor"]["frechet"] - s["ceiling"]["frechet"])
        for s in seeds
    ]
    return interval(ways, 2)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="*", help="files of texts; default: the demo's reviews")
    parser.add_argument("--text", default="text", help="the column with the text")
    parser.add_argument("--domain", default="food-reviews")
    parser.add_argument("--about", default="")
    parser.add_argument("--writer", default="smollm2-135m")
    parser.add_argument("--epsilon", type=float, nargs="*", default=[2.0, 4.0])
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--oversample", type=float, default=3.0)
    parser.add_argument("--people", type=int, default=4000, help="maximum number of private rows")
    parser.add_argument("--held-out", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--method", default="{}", help="other settings of the method, as JSON")
    parser.add_argument("--keep", help="a folder for the synthetic texts")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=Path, help="print the table of this result and stop")
    args = parser.parse_args()
    if args.show:
        print(table(json.loads(args.show.read_text(encoding="utf-8"))["seeds"]))
        return
    files = args.data or sorted(locate("amazon-reviews").glob("*.jsonl"))
    texts = [text for path in files for text in read_texts(path, args.text)]
    tools = load_tools(rpsg.make_plan({"models": {"writer": args.writer}}))
    tools = replace(tools, embedder=Remembering(tools.embedder))
    results = []
    for seed in args.seeds:
        results.append(one_seed(args, tools, texts, seed))
        settings = {
            k: str(v) if isinstance(v, Path) else v
            for k, v in vars(args).items()
            if k not in ("data", "out", "keep", "show")
        }
        if args.out:
            args.out.write_text(
                json.dumps({"settings": settings, "seeds": results}, indent=1) + "\n", encoding="utf-8"
            )
    print(table(results))


if __name__ == "__main__":
    main()
