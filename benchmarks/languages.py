"""Do embedders tell the topics of texts apart in other languages? On texts that were invented for it.

    python benchmarks/languages.py [--embedders minilm,letters] [--packs clinical,clinical-de,survey-fr]

For each pack: of its invented examples, whose topics are known, the share whose nearest topic is the right
one, and the share whose nearest topic is at least in the right group. The examples name their topic in the
first words, which helps; "without" leaves those words out. Chance is one in
as many as there are topics or groups.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np

from rpsg import registry
from rpsg.domains import find_pack
from rpsg.stages.annotate import describe, nearest
from rpsg.stages.prompts import fields_of, first_words

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.protocols import Embedder


def shares(pack: Pack, embedder: Embedder, *, begun: bool) -> tuple[float, float]:
    """The shares of examples with the right topic and the right group, with or without their first words."""
    topic = pack.attribute("topic")
    texts = [
        e.text if begun else e.text.removeprefix(first_words(pack, fields_of(pack, e.card, pack.about)))
        for e in pack.examples
    ]
    truth = np.array([topic.values.index(e.card["topic"]) for e in pack.examples])
    found = nearest(embedder.embed(texts), describe(pack, embedder)["topic"])
    groups = np.array(topic.group_codes)
    return float((found == truth).mean()), float((groups[found] == groups[truth]).mean())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--embedders", default="minilm,static,letters")
    parser.add_argument("--packs", default="clinical,clinical-de,survey-fr")
    args = parser.parse_args()
    print("| pack | texts | embedder | right topic, group | without the first words | by chance |")
    print("|---|---|---|---|---|---|")
    for name in args.packs.split(","):
        pack = find_pack(name)
        topic = pack.attribute("topic")
        chance = f"{1 / len(topic.values):.2f}, {1 / len(topic.groups):.2f}"
        for embedder in map(registry.embedder, args.embedders.split(",")):
            whole, bare = (shares(pack, embedder, begun=begun) for begun in (True, False))
            told = " | ".join(f"{right:.2f}, {near:.2f}" for right, near in (whole, bare))
            print(f"| `{name}` | {len(pack.examples)} | {embedder.name} | {told} | {chance} |")


if __name__ == "__main__":
    main()
