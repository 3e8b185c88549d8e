"""Which metrics can tell real texts from texts that were made without private data?

    python benchmarks/metrics.py --out RESULT.json                      the demo's food reviews
    python benchmarks/metrics.py --data FILE.csv --text COLUMN --label COLUMN --domain abstracts --out RESULT
    python benchmarks/metrics.py --show RESULT.json                     the table of a result, nothing else

One real strict run, measured as `rpsg evaluate` does: all metrics of its corpus, of a floor (same writer and
pack, no private data) and of a ceiling (private texts themselves), each against held-out texts that nothing
has seen. In the last column, *yes* means that the ceiling is better than the floor by more than the intervals
of the two; *no* that it is better by less, so that the metric is uninformative here; *wrong* that the floor
is better. The data are public and stand in for a private corpus.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import rpsg
from rpsg.measures import Line, Measure
from rpsg.models.download import locate
from rpsg.pipeline.execute import execute
from rpsg.pipeline.models_of_run import load_tools

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Row = dict[str, str]


def read(path: Path, text: str, label: str) -> list[Row]:
    """Text and label of each row of a CSV or JSONL file."""
    body = path.read_text(encoding="utf-8").splitlines(keepends=True)
    rows = csv.DictReader(body) if path.suffix == ".csv" else map(json.loads, body)
    found = [{"text": row[text], **({"label": row[label]} if label else {})} for row in rows]
    return [row for row in found if row["text"].strip()]


def measured(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The run, and its evaluation as JSON values."""
    files = args.data or sorted(locate("amazon-reviews").glob("*.jsonl"))
    rows = [row for path in files for row in read(path, args.text, args.label)]
    order = np.random.default_rng(args.seed).permutation(len(rows))
    held_out, private = order[: args.held_out], order[args.held_out :][: args.people]
    places = {"private": private, "held_out": held_out}
    paths = {name: folder / f"{name}.jsonl" for name in places}
    for name, chosen in places.items():
        lines = "".join(json.dumps(rows[i]) + "\n" for i in chosen)
        paths[name].write_text(lines, encoding="utf-8")
    label = "label" if args.label else None
    plan = rpsg.make_plan(
        {
            "data": {
                "path": str(paths["private"]),
                "label": label,
                "labels": sorted({row["label"] for row in rows}) if label else [],
            },
            "corpus": {"domain": args.domain, "size": args.size, "about": args.about},
            "privacy": {"epsilon": args.epsilon},
            "models": {"writer": args.writer, "embedder": args.embedder},
            "generation": {"seed": args.seed},
        }
    )
    run, models = folder / "run", load_tools(plan)
    with home(folder / "home"):  # public data: the user's account book is not charged
        if not (run / "release").is_dir():
            execute(plan, run, tools=models)
        report = rpsg.evaluate(
            run,
            paths["held_out"],
            train_real=paths["private"],
            text="text",
            label=label,
            language_model=args.language_model,
            seed=args.seed,
        )
    return {**report.to_dict(), "metrics": [_short(line) for line in report.to_dict()["metrics"]]}


@contextmanager
def home(folder: Path) -> Iterator[None]:
    """Keep the account of what was spent in ``folder``."""
    before = os.environ.get("RPSG_HOME")
    os.environ["RPSG_HOME"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("RPSG_HOME")
        if before is not None:
            os.environ["RPSG_HOME"] = before


def _short(line: dict[str, Any]) -> dict[str, Any]:
    """A line without the details of its measures."""
    kept = {"value", "interval", "reason", "model", "higher_is_better"}
    parts = {
        part: {key: value for key, value in line[part].items() if key in kept}
        for part in ("corpus", "floor", "ceiling")
        if line[part]
    }
    return {"name": line["name"], "score": line["score"], "informative": line["informative"], **parts}


def table(lines: Sequence[dict[str, Any]]) -> str:
    """The result as Markdown, as it is in the documentation."""
    heads = ["metric", "floor", "strict", "ceiling", "score", "order"]
    rows = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for line in lines:
        better = {True: " ↑", False: " ↓", None: " ="}[line["corpus"]["higher_is_better"]]
        cells = [_cell(line.get(part)) for part in ("floor", "corpus", "ceiling")]
        score = "" if line["score"] is None else f"{line['score']:.2f}"
        rows.append(f"| `{line['name']}`{better} | " + " | ".join([*cells, score, _order(line)]) + " |")
    return "\n".join(rows)


def _cell(measure: dict[str, Any] | None) -> str:
    if measure is None or measure["value"] is None:
        return ""
    value, interval = measure["value"], measure["interval"]
    if interval is None:
        return _number(value, 3)
    return f"{_number(value, 3)} ± {_number(max(interval[1] - value, value - interval[0]), 2)}"


def _number(value: float, digits: int) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.{digits}g}"


def _order(line: dict[str, Any]) -> str:
    """Whether the metric is informative, by the current rule, from the values and intervals of the result."""
    corpus, floor, ceiling = (
        _measure(line["name"], line.get(part)) for part in ("corpus", "floor", "ceiling")
    )
    informative = Line(line["name"], corpus, floor, ceiling).informative
    if informative is None or floor.value is None or ceiling.value is None:
        return ""
    if informative:
        return "yes"
    gap = ceiling.value - floor.value
    return (
        "wrong"
        if ceiling.higher_is_better is not None and gap * (ceiling.higher_is_better - 0.5) < 0
        else "no"
    )


def _measure(name: str, said: dict[str, Any] | None) -> Measure:
    """A measure from the result; one without a value if the result has none."""
    if not said:
        return Measure(name, None)
    low_high = said["interval"]
    interval = None if low_high is None else (low_high[0], low_high[1])
    return Measure(name, said["value"], interval, higher_is_better=said["higher_is_better"])


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="*", help="CSV or JSONL; default: the demo's reviews")
    parser.add_argument("--text", default="text", help="the column with the text")
    parser.add_argument("--label", default="label", help="the column with the label; empty: none")
    parser.add_argument("--domain", default="food-reviews")
    parser.add_argument("--about", default="")
    parser.add_argument("--writer", default="smollm2-135m")
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--language-model", default="ngram")
    parser.add_argument("--epsilon", type=float, default=2.0)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--people", type=int, default=4000, help="maximum number of private rows")
    parser.add_argument("--held-out", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--keep", type=Path, help="folder of the run, which is taken from there if it is done"
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=Path, help="print the table of this result and stop")
    return parser.parse_args()


def main() -> None:
    """Measure, keep and show."""
    args = parsed()
    if args.show:
        print(table(json.loads(args.show.read_text(encoding="utf-8"))["report"]["metrics"]))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        report = measured(args, folder)
    left_out = {"data", "keep", "out", "show"}
    settings = {key: value for key, value in vars(args).items() if key not in left_out}
    if args.out:
        result = json.dumps({"settings": settings, "report": report}, indent=1, sort_keys=True)
        args.out.write_text(result + "\n", encoding="utf-8")
    print(table(report["metrics"]))


if __name__ == "__main__":
    main()
