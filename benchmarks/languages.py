"""Can embedders tell the topics of texts apart in other languages? Measured on invented texts.

    python benchmarks/languages.py --out benchmarks/results/languages.json
    python benchmarks/languages.py --embedders st:FOLDER --packs clinical-de
    python benchmarks/languages.py --writers gemma-3-270m,smollm2-135m
    rpsg preview --domain survey-fr --count 24 --seed 1 --json > drafts.json
    python benchmarks/languages.py --packs survey-fr --drafts drafts.json

The topics of the invented examples of a pack are known. For each pack it prints the share of examples whose
nearest topic is the right one, and the share whose nearest topic is at least in the right group. The examples
name their topic in the first words, which helps; "without" leaves those words out. By chance the share is one
divided by the number of topics or groups.

With --writers it prints into how many tokens writers divide a word of the same examples: this decides how
many tokens a text is allowed. A word is what ``rpsg`` counts as one.

With --drafts it prints the share of the words of drafts that a run would keep which the pack wrote, as the
given beginning of each draft.
"""

from __future__ import annotations

import argparse
import json
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg import registry
from rpsg.domains import find_pack
from rpsg.domains.prompts import first_words
from rpsg.protocols import Message, Request
from rpsg.stages.annotate import describe, nearest
from rpsg.stages.prompts import fields_of
from rpsg.textstats.words import word_count

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.protocols import Embedder, Writer


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


def tokens_a_word(pack: Pack, writer: Writer) -> list[float]:
    """For each example the number of tokens that a word of it takes, from the fewest."""
    texts = ["", *(example.text for example in pack.examples)]
    asked = [Request((Message("user", text),), max_tokens=1, seed=0) for text in texts]
    bare, *told = (reply.prompt_tokens for reply in writer.write(asked))
    return sorted((n - bare) / word_count(text) for n, text in zip(told, texts[1:], strict=True))


def table_of_tokens(packs: list[Pack], names: list[str]) -> str:
    """The table of docs/languages.md about tokens."""
    rows = [
        "| pack | writer | tokens per word, on average | at most, in 9 of 10 texts |",
        "|---|---|---|---|",
    ]
    for name in names:
        writer = registry.writer(name)
        for pack in packs:
            found = tokens_a_word(pack, writer)
            rows.append(
                f"| `{pack.name}` | `{name}` | {np.mean(found):.2f} | {np.quantile(found, 0.9):.2f} |"
            )
    return "\n".join(rows)


def table(lines: list[dict[str, Any]]) -> str:
    """The table of docs/languages.md."""
    rows = [
        "| pack | examples | embedder | right topic, right group | the same, without the first words |",
        "|---|---|---|---|---|",
    ]
    for line in lines:
        told = " | ".join("{:.2f}, {:.2f}".format(*line[name]) for name in ("whole", "without"))
        rows.append(f"| `{line['pack']}` | {line['texts']} | `{line['embedder']}` | {told} |")
    return "\n".join(rows)


def given_share(pack: Pack, samples: list[dict[str, Any]]) -> float:
    """The share of the words of all drafts that a run would keep that are their given beginnings."""
    given = total = 0
    for sample in samples:
        if sample["reason"]:
            continue
        begins = first_words(pack.begins, fields_of(pack, sample["card"], pack.about))
        words = sample["text"].split()
        given += sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(begins.split(), words, strict=False))
        )
        total += len(words)
    return given / total


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--embedders", default="minilm,static,letters,e5-small")
    parser.add_argument("--packs", default="clinical,clinical-de,survey-fr,support-es")
    parser.add_argument("--writers", default="")
    parser.add_argument("--drafts", type=Path, help="what rpsg preview --json printed for the pack")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    packs = [find_pack(name) for name in args.packs.split(",")]
    if args.writers:
        print(table_of_tokens(packs, args.writers.split(",")))
        return
    if args.drafts:
        share = given_share(packs[0], json.loads(args.drafts.read_text(encoding="utf-8"))["samples"])
        print(f"{share:.0%} of the words of these drafts come from the pack {packs[0].name}.")
        return
    lines = [measure(pack, name) for pack in packs for name in args.embedders.split(",")]
    print(table(lines))
    if args.out:
        args.out.write_text(json.dumps({"lines": lines}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
