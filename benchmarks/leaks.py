"""How much of its own seed does a text still contain, stage by stage?

    rpsg run --method paper ... -o RUN
    python benchmarks/leaks.py RUN --spacy en_core_web_sm

For the operator of a run of the method paper, who has its private folder: it reads the stages that the run
kept there. For each stage it prints two shares of texts: those with an 8-gram of their own seed (or with all
of a shorter seed; texts are normalised as by the guard), and those with a word of a name, the digits of a
number or another identity that a recognizer finds in their own seed. In brackets are the same shares with the
seed of another text, which show what happens by chance. A share of zero proves nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.models.pii import PatternRecognizer
from rpsg.stages.leak_guard import Traces, identities, names_any
from rpsg.stages.sanitize import readings
from rpsg.storage.run_folder import open_vault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.protocols import Recognizer
    from rpsg.stages.leak_guard import Identities

WORDS = 8
Pairs = list[tuple[int, str]]  # the number of a seed, and a text made from it


def shelf(run: Path) -> dict[str, Any]:
    """What each stage left in the private folder of a run, by the name of the stage."""
    names = sorted(file.name.removesuffix(".sealed") for file in (run / "private" / "stages").glob("*.json*"))
    if not names:
        sys.exit(f"{run} has no private stages: is it a finished run of the method paper?")
    vault = open_vault(run)
    return {n[3:].removesuffix(".json"): json.loads(vault.read(f"stages/{n}"))["value"] for n in names}


def texts_by_stage(stages: Mapping[str, Any]) -> dict[str, Pairs]:
    """The texts of each stage of the paper's method, each with the number of its seed."""
    summaries = [
        (int(number), text, problem)
        for name in ("abstraction", "second-abstraction")
        for number, own in stages.get(name, {}).items()
        for text, problem in own
        if text
    ]
    found = {
        "summaries, before the guard": [(number, text) for number, text, _ in summaries],
        "summaries, after the guard": [(number, text) for number, text, problem in summaries if not problem],
    }
    for title, name in (
        ("first rewrite", "first-rewrite"),
        ("second rewrite", "second-rewrite"),
        ("after the scrub", "scrub"),
        ("after the filters", "nll-filter"),
    ):
        living = [text for text in stages[name] if text["dropped"] is None]
        found[title] = [(text["parent"], text["text"]) for text in living]
    return found


def copied(source: str, text: str) -> bool:
    """Whether a text holds ``WORDS`` words in a row of its source."""
    return Traces.of(source, WORDS, len(source)).hold_words(readings(text))


def shares(pairs: Pairs, seeds: Mapping[int, str], known: Mapping[int, Identities]) -> dict[str, float]:
    """The share of texts with an 8-gram, and with an identity, of their own seed and of another one."""
    numbers = sorted(seeds)
    other = {number: numbers[(place + 1) % len(numbers)] for place, number in enumerate(numbers)}
    count = max(len(pairs), 1)
    return {
        "texts": len(pairs),
        "words": sum(copied(seeds[n], text) for n, text in pairs) / count,
        "words_of_another": sum(copied(seeds[other[n]], text) for n, text in pairs) / count,
        "names": sum(names_any(readings(text), known[n]) for n, text in pairs) / count,
        "names_of_another": sum(names_any(readings(text), known[other[n]]) for n, text in pairs) / count,
    }


def recognizer_of(spacy: str | None) -> Recognizer:
    """Presidio with a model that knows names; without one, only patterns."""
    if spacy is None:
        return PatternRecognizer()
    from rpsg.models.pii import PresidioRecognizer  # noqa: PLC0415  # optional package

    return PresidioRecognizer(spacy)


def measure(run: Path, recognizer: Recognizer) -> dict[str, dict[str, float]]:
    """The figures of all stages of one run."""
    stages = shelf(run)
    seeds = {seed["number"]: seed["text"] for seed in stages["seeds"]}
    found = identities(list(seeds.values()), recognizer)
    known = dict(zip(seeds, found, strict=True))
    return {stage: shares(pairs, seeds, known) for stage, pairs in texts_by_stage(stages).items()}


def table(figures: Mapping[str, Mapping[str, float]]) -> str:
    """The figures as Markdown."""
    rows = [
        f"| {stage} | {f['texts']:.0f} | {f['words']:.1%} ({f['words_of_another']:.1%}) "
        f"| {f['names']:.1%} ({f['names_of_another']:.1%}) |"
        for stage, f in figures.items()
    ]
    return "\n".join(
        ["| stage | texts | 8-gram of own seed | name of own seed |", "|---|---|---|---|", *rows]
    )


def main(words: Sequence[str] | None = None) -> None:
    """Print the table of each run that is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--spacy", help="an installed spaCy model; without one names of people are not known")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(words)
    recognizer = recognizer_of(args.spacy)
    for run in args.runs:
        figures = measure(run, recognizer)
        print(json.dumps(figures) if args.json else table(figures))


if __name__ == "__main__":
    main()
