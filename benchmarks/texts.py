"""The page of texts: what comes out, unpicked: ``python benchmarks/texts.py RUN... > docs/texts.md``.

Each run gives its first forty texts, in the order of its corpus, whole, as they were released. What a run was
is read from its own ledger and plan.
"""

from __future__ import annotations

import sys
from pathlib import Path

import rpsg
from rpsg.plan import read_toml, resolve

SHOWN = 40

HEAD = """# Forty texts of each

What comes out, unpicked: the first forty texts of each run, whole, in the order of their corpus. Read some
before you decide. They were written by a model of 270 million parameters on two processor cores: single
sentences read like people's, longer texts lose their thread; abstracts have the form of abstracts, and
numbers that contradict each other. A larger writer writes better ([which one to take](models.md)). The
private texts were public ones that stand in for private ones: food reviews, conversations in a clinic, and
abstracts of medical papers. All three runs were made by an earlier version, in which the wording of the
private texts had no part in the choice. Made by `python benchmarks/texts.py RUN...`.
"""


def main() -> None:
    print(HEAD)
    for place in map(Path, sys.argv[1:]):
        run = rpsg.read_run(place)
        plan = resolve(read_toml(place / "release" / "evidence" / "plan.toml"))
        claim = run.ledger["claim"]
        people = (
            "counted with noise" if plan.privacy.n_public is None else f"{plan.privacy.n_public:,}, declared"
        )
        print(f"## {plan.corpus.about or plan.corpus.domain}\n")
        print(
            f"Pack `{plan.corpus.domain}`, writer `{plan.models.writer}`, ε = {claim['epsilon']:.3g}, "
            f"δ = {claim['delta']:g}, people: {people}, {plan.method.oversample:g} drafts for each text.\n"
        )
        for number, text in enumerate(run.texts[:SHOWN], start=1):
            quoted = text.strip().replace("\n", "\n   > ").replace("<", "&lt;")
            print(f"{number}. > {quoted}\n")


if __name__ == "__main__":
    main()
