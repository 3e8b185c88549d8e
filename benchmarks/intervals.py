"""Do the 95 % intervals of the metrics have the right width?

    python benchmarks/intervals.py                      every metric with an interval, one source
    python benchmarks/intervals.py --other              85 % of the corpus from the shorter half of the texts

Makes many draws from the public reviews: 150 texts as the corpus and 250 as the real texts. For each metric:
the mean half width over 1.96 standard deviations of its values (1 is right), and the share of intervals that
contain the mean of all draws.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg import registry
from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.models import EvaluationModels
from rpsg.evaluation.runner import find_metric, measure
from rpsg.models.download import locate

if TYPE_CHECKING:
    from collections.abc import Iterator

CORPUS, REAL, SHORT = 150, 250, 0.85
#: For these metrics a language model reads the texts, which takes minutes per draw. They are left out because
#: they are means, and their interval is that of all means.
JUDGED = {"coherence", "word_order"}


def rows() -> tuple[list[str], list[str]]:
    """Texts and labels of the public reviews."""
    files = sorted(locate("amazon-reviews").glob("*.jsonl"), reverse=True)
    read = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [row["text"] for row in read], [str(row["label"]) for row in read]


def draws(
    texts: list[str], count: int, *, other: bool
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """The indices of a corpus and of real texts; no text is in both."""
    shorter = np.argsort([len(text.split()) for text in texts], kind="stable")[: len(texts) // 2]
    for draw in range(count):
        order = np.random.default_rng(1000 + draw).permutation(len(texts))
        real, rest = order[:REAL], order[REAL:]
        if other:
            few, short = int(SHORT * CORPUS), np.isin(rest, shorter)
            rest = np.concatenate([rest[short][:few], rest[~short][: CORPUS - few]])
        yield rest[:CORPUS], real


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--metrics", default="", help="names with commas; default: all but those a language model judges"
    )
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--other", action="store_true")
    parser.add_argument("--embedder", default="static")
    args = parser.parse_args()
    names = (
        args.metrics.split(",")
        if args.metrics
        else [name for name in registry.names("metrics") if name not in JUDGED]
    )
    texts, labels = rows()
    models = EvaluationModels(args.embedder)
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in names}
    for draw, places in enumerate(draws(texts, args.draws, other=args.other)):
        corpus, real = (
            Texts([texts[i] for i in own], models, labels=[labels[i] for i in own]) for own in places
        )
        inputs = Inputs(corpus, real, models, seed=draw)
        for name in names:
            told = measure(name, find_metric(name), inputs)
            if told.value is not None and told.interval is not None:
                found[name].append((told.value, *told.interval))
    print("| metric | width, held |\n|---|---|")
    for name, values in found.items():
        if len(values) == args.draws and np.ptp([value for value, *_ in values]) > 0:
            value, low, high = np.array(values).T
            width = ((high - low) / 2).mean() / (1.96 * value.std(ddof=1))
            held = ((low <= value.mean()) & (value.mean() <= high)).mean()
            print(f"| `{name}` | {width:.2f}, {held:.0%} |")


if __name__ == "__main__":
    main()
