"""Do the metrics of coherence detect nonsense? Compares nonsense with the real texts from which it is made.

    python benchmarks/coherence.py --out benchmarks/results/coherence.json
    python benchmarks/coherence.py --show benchmarks/results/coherence.json

Real texts are those of the public reviews, and of any file named with ``--real NAME=FILE:COLUMN`` (CSV or
JSON Lines). Nonsense is made from each corpus in four ways, each from separate texts: halves of two texts
joined; every second sentence from another text; words shuffled in windows of three to six; and chains in
which each word has followed the one before it in some text. ``--texts NAME=FILE:COLUMN`` adds texts of a
model, compared with the reviews; ``--texts CORPUS/NAME=FILE:COLUMN`` compares them with another corpus. FILE
may also be the page of released texts, ``docs/texts.md``; COLUMN is then one of its headings.
"""

from __future__ import annotations

import argparse
import csv
import html
import json
import random
import re
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.metrics.coherence import halves, judge
from rpsg.evaluation.metrics.intervals import of_mean
from rpsg.evaluation.metrics.two_sample import wins
from rpsg.evaluation.models import EvaluationModels
from rpsg.models.download import locate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.evaluation.metrics.coherence import CoherenceGains

LONGEST, SHORTEST = 80, 25
SENTENCE = re.compile(r"(?<=[.!?])\s+")
FIGURES = ("coherence", "word_order")


def main(given: Sequence[str] | None = None) -> None:
    """Measure and write, or show what was written."""
    options = _parsed(given)
    if options.show:
        print(shown(json.loads(options.show.read_text("utf-8"))))
        return
    models = EvaluationModels("fake", language_model=options.judge)
    found: dict[str, Any] = {"judge": options.judge, "texts of each set": options.size, "corpora": {}}
    earlier = json.loads(options.out.read_text("utf-8")) if options.out and options.out.is_file() else {}
    if {key: earlier.get(key) for key in found} == {**found, "corpora": earlier.get("corpora")}:
        found = earlier
    named = {"reviews": _reviews(), **{name: _read(where) for name, where in map(_named, options.real)}}
    written = {name: _read(where) for name, where in map(_named, options.texts)}
    for name, texts in named.items():
        if options.only and name not in options.only:
            continue
        sets = planted(texts, options.size)
        sets = {of: own for of, own in sets.items() if of == "real" or of in (options.nonsense or sets)}
        for of, own in written.items():
            corpus, _, title = of.rpartition("/")
            if name == (corpus or "reviews"):
                sets[title] = _fit(own)[: options.size]
        if set(found["corpora"].get(name, ())) == set(sets):
            continue  # measured by an earlier call that was stopped
        judged = {}
        for of, own in sets.items():
            judged[of] = judge(Inputs(Texts(own, models), None, models))
            found["corpora"][name] = _figures(judged)
            if options.out:
                options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(shown(found))


def _parsed(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--judge", default="smollm2-135m", help="weights: a name, a folder or a GGUF file")
    parser.add_argument("--size", type=int, default=30, help="texts of each set")
    parser.add_argument("--real", action="append", default=[], metavar="NAME=FILE:COLUMN")
    parser.add_argument("--texts", action="append", default=[], metavar="NAME=FILE:COLUMN")
    parser.add_argument("--nonsense", action="append", metavar="KIND", help="only this kind of nonsense")
    parser.add_argument("--only", action="append", metavar="CORPUS", help="leave the others to other calls")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=Path)
    return parser.parse_args(given)


def _named(given: str) -> tuple[str, str]:
    name, _, where = given.partition("=")
    return name, where


def _read(where: str) -> list[str]:
    file, _, column = where.rpartition(":")
    with Path(file).open(encoding="utf-8", newline="") as lines:
        if file.endswith(".csv"):
            return [row[column] for row in csv.DictReader(lines)]
        if file.endswith(".md"):
            return _on_page(lines.read(), column)
        return [json.loads(line)[column] for line in lines]


def _on_page(page: str, heading: str) -> list[str]:
    """The texts below a heading of the page that benchmarks/texts.py writes."""
    (section,) = (part for part in page.split("\n## ") if part.startswith(f"{heading}\n"))
    quoted = re.findall(r"^\d+\. > (.*(?:\n   > .*)*)", section, re.MULTILINE)
    return [html.unescape(text.replace("\n   > ", "\n")) for text in quoted]


def _reviews() -> list[str]:
    lines = (locate("amazon-reviews") / "test.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def _fit(texts: Sequence[str]) -> list[str]:
    """Texts of one length, with two halves."""
    cut = (" ".join(re.sub(r"<br\s*/?>", " ", text).split()[:LONGEST]) for text in texts)
    return [text for text in cut if len(text.split()) >= SHORTEST and halves(text)]


def planted(texts: Sequence[str], size: int, seed: int = 0) -> dict[str, list[str]]:
    """Real texts and nonsense made of others, ``size`` of each; ValueError when there are too few."""
    rng = random.Random(seed)
    fit = _fit(texts)
    rng.shuffle(fit)
    if len(fit) < 6 * size:
        raise ValueError(f"{6 * size} texts are needed, and {len(fit)} are long enough")
    real, first, second, joined, mixed, rest = (
        *(fit[i * size : (i + 1) * size] for i in range(5)),
        fit[5 * size :],
    )
    sentences = [sentence for text in rest for sentence in SENTENCE.split(text)]
    return {
        "real": real,
        "halves of two texts": [_joined(a, b) for a, b in zip(first, second, strict=True)],
        "sentences of others": [
            " ".join(s if i % 2 == 0 else rng.choice(sentences) for i, s in enumerate(SENTENCE.split(text)))
            for text in joined
        ],
        "shuffled words": [" ".join(_windows(text.split(), rng.randint(3, 6), rng)) for text in mixed],
        "chains of words": _chains(rest, size, rng),
    }


def _joined(a: str, b: str) -> str:
    first, second = halves(a), halves(b)
    assert first is not None
    assert second is not None
    return " ".join((*first.first, *second.second))


def _windows(words: list[str], size: int, rng: random.Random) -> Iterator[str]:
    for start in range(0, len(words), size):
        window = words[start : start + size]
        yield from rng.sample(window, len(window))


def _chains(texts: Sequence[str], size: int, rng: random.Random) -> list[str]:
    following: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        words = text.split()
        for before, after in pairwise(words):
            following[before].append(after)
    found: list[str] = []
    while len(found) < size:
        chain = [rng.choice(texts).split()[0]]
        while following[chain[-1]] and len(chain) < LONGEST - 20:
            chain.append(rng.choice(following[chain[-1]]))
        found.extend(_fit([" ".join(chain)]))
    return found


def _figures(judged: dict[str, CoherenceGains]) -> dict[str, Any]:
    """For each set the mean, its interval, and the AUC of a text's own value against those of real texts."""
    found: dict[str, Any] = {}
    for of, own in judged.items():
        found[of] = {"texts": len(own.context)}
        for name, which in zip(FIGURES, ("context", "order"), strict=True):
            values, real = getattr(own, which), getattr(judged["real"], which)
            mean, interval = of_mean(values, 0, name)
            auc = None if of == "real" else round(float(np.mean(wins(real, values)[0])), 3)
            found[of][name] = {
                "mean": round(mean, 4),
                "interval": [round(end, 4) for end in interval],
                "auc": auc,
            }
    return found


def shown(found: dict[str, Any]) -> str:
    """The table of a result."""
    lines = [
        "| corpus | texts | `coherence` | AUC | `word_order` | AUC |",
        "|---|---|---|---|---|---|",
    ]
    for name, sets in found["corpora"].items():
        for of, figures in sets.items():
            cells = []
            for figure in (figures[name] for name in FIGURES):
                half = (figure["interval"][1] - figure["interval"][0]) / 2
                cells += [
                    f"{figure['mean']:.2f} ± {half:.2f}",
                    "" if figure["auc"] is None else f"{figure['auc']:.2f}",
                ]
            lines.append(f"| {name} | {of} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
