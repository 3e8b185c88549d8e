"""Do embedders tell the topics of texts apart in other languages? On texts that were invented for it.

    python benchmarks/languages.py --out benchmarks/results/languages.json
    python benchmarks/languages.py --embedders st:FOLDER --packs clinical-de

For each pack: of its invented examples, whose topics are known, the share whose nearest topic is the right
one, and the share whose nearest topic is at least in the right group. The examples name their topic in the
first words, which helps; "without" leaves those words out. By chance the share is one divided by the
number of topics or groups.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg import registry
from rpsg.domains import find_pack
from rpsg.domains.prompts import first_words
from rpsg.stages.annotate import describe, nearest
from rpsg.stages.prompts import fields_of

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.protocols import Embedder


def shares(pack: Pack, embedder: Embedder, *, begun: bool) -> tuple[float, float]:
    """The shares of examples with the right topic and the right group, with or without their first words."""
    topic = pack.attribute("topic")
    texts = [
        e.text
        if begun
        else e.text.removeprefix(first_words(pack.begins, fields_of(pack, e.card, pack.about)))
        for e in pack.examples
    ]
    truth = np.array([topic.values.index(e.card["topic"]) for e in pack.examples])
    found = nearest(embedder.embed(texts), describe(pack, embedder)["topic"])
    groups = np.array(topic.group_codes)
    return float((found == truth).mean()), float((groups[found] == groups[truth]).mean())


def measure(pack: Pack, name: str) -> dict[str, Any]:
    """The line of one pack and the embedder of this name."""
    topic, embedder = pack.attribute("topic"), registry.embedder(name)
    return {
        "pack": pack.name,
        "texts": len(pack.examples),
        "embedder": name,
        "version": embedder.name,
        "whole": shares(pack, embedder, begun=True),
        "without": shares(pack, embedder, begun=False),
        "chance": (1 / len(topic.values), 1 / len(topic.groups)),
    }


def table(lines: list[dict[str, Any]]) -> str:
    """The table of docs/languages.md."""
    rows = [
        "| pack | texts | embedder | right topic, group | without the first words |",
        "|---|---|---|---|---|",
    ]
    for line in lines:
        told = " | ".join("{:.2f}, {:.2f}".format(*line[name]) for name in ("whole", "without"))
        rows.append(f"| `{line['pack']}` | {line['texts']} | `{line['embedder']}` | {told} |")
    return "\n".join(rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--embedders", default="minilm,static,letters")
    parser.add_argument("--packs", default="clinical,clinical-de,survey-fr")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    packs = map(find_pack, args.packs.split(","))
    lines = [measure(pack, name) for pack in packs for name in args.embedders.split(",")]
    print(table(lines))
    if args.out:
        args.out.write_text(json.dumps({"lines": lines}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
