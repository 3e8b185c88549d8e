"""Write the page of unselected texts: ``python benchmarks/texts.py RUN... > docs/texts.md``.

It shows the first forty texts of each run as they were released, and how the run was made, as its ledger and
plan say.
"""

from __future__ import annotations

import sys
from pathlib import Path

import rpsg
from rpsg.plan import read_toml, resolve

SHOWN = 40

HEAD = """# Forty texts of each of three kinds

These are the first forty texts of each of three releases, complete and in the order of the release; nobody
picked them. Read some before you decide. A model of 270 million parameters wrote them on two processor cores.
The short texts read like a person's, but the longer ones lose the thread. The conversations look like
conversations, but the answers often do not fit the questions, and long conversations go round in circles. The
abstracts look like abstracts, but contain numbers that contradict each other. A larger writer writes better
texts ([which one to use](models.md)). Public texts took the place of private ones: food reviews,
conversations in a clinic, and abstracts of medical papers. There are fewer conversations than other texts,
so ε is 4 for them and 2 for the others. The author of the examples in the packs for reviews and conversations
had seen some of these public texts ([what that means](benchmarks.md)). This page is written by
`python benchmarks/texts.py RUN...`.
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
            f"δ = {claim['delta']:g}, people: {people}, {plan.method.oversample:g} drafts per text.\n"
        )
        for number, text in enumerate(run.texts[:SHOWN], start=1):
            quoted = text.strip().replace("\n", "\n   > ").replace("<", "&lt;")
            print(f"{number}. > {quoted}\n")


if __name__ == "__main__":
    main()
