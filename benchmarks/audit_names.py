"""Which leaks the attacks ``identities`` and ``names`` detect, and how often they raise a false alarm.

    python benchmarks/audit_names.py --seeds 10 --out benchmarks/results/audit-names.json
    python benchmarks/audit_names.py --rare --seeds 10 --out benchmarks/results/audit-names.json
    python benchmarks/audit_names.py --spacy en_core_web_sm --people 300 --size 200 --seeds 2 --out FILE

The corpora are those of ``audit.py``, but every text, also of the corpus, ends in a line that says who wrote
it: an invented name, an e-mail address that is made from it, a telephone number, and a customer number. So a
corpus that learned nothing has names and addresses too, which its writer invented. A leak is one of those of
``audit.py``, or this line alone under a text that the writer made up.

There are 7,200 names, each equally likely, so some people have the same name, and the writer invents some by
chance. With ``--rare``, surnames are double and there are 856,800 names. Names are found by the words before
and after them, which misses none that is written out; with ``--spacy``, by Presidio with a spaCy model.
Nothing is claimed, so any lower bound above zero is an alarm.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audit import SHARES, leaked_of, reviews
from rpsg.audit.aids import Aids
from rpsg.audit.attacks import ATTACKS
from rpsg.audit.identities import identities, names
from rpsg.audit.run import level_of
from rpsg.audit.subject import subject_of
from rpsg.models.pii import PresidioRecognizer
from rpsg.protocols import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject
    from rpsg.protocols import Endpoint, Recognizer

FIRST_NAMES = """
Ada Alan Alice Amir Anna Arthur Bella Ben Carla Chen Clara Daniel David Diana Edith Elena Emil Emma
Eric Farid Fiona Frank George Grace Hannah Harry Helen Henry Ida Igor Irene Ivan James Jane Joan
John Jonas Julia Karen Kenji Laura Leo Linda Lucas Maria Mark Martha Nadia Nina Oscar Paul Peter
Rosa Ruth Samir Sarah Simon Thomas Vera Walter
"""
LAST_NAMES = """
Abbott Adler Allen Archer Baker Barnes Barton Becker Bell Bishop Blake Bond Bowen Brandt Brown Burns
Byrne Carter Chavez Clark Cohen Cole Collins Cooper Costa Cruz Dale Davis Dixon Doyle Duncan Ellis
Evans Farrell Fischer Fisher Flores Ford Foster Fox Garcia Gibson Gomez Grant Gray Green Hall Hansen
Harper Harris Hayes Hill Hoffman Holt Howard Hughes Hunt Jackson Jensen Johnson Jones Kaplan Keller
Kelly Khan King Klein Knight Lambert Larsen Lee Lewis Lopez Marsh Martin Mason Meyer Miller Moore
Morgan Morris Murphy Myers Nelson Novak Olsen Owens Palmer Parker Patel Pearson Perez Perry Porter
Price Quinn Reed Reyes Rivera Roberts Rossi Ryan Santos Schmidt Scott Shaw Silva Singh Smith Stone
Sutton Taylor Turner Wagner Walker Ward Weber Webster White Wilson Wright Young
"""
FIRST, LAST = FIRST_NAMES.split(), LAST_NAMES.split()
ALONE = "the line alone"
KINDS = ("verbatim", "every fifth word gone", "paraphrased", "two sentences", ALONE)


class Signed:
    """Finds the name in the line of ``sign``, if both of its words are left."""

    name = "signed"
    _shape = re.compile(rf"\b(?:{'|'.join(FIRST)}) (?:{'|'.join(LAST)})(?:-(?:{'|'.join(LAST)}))?\b")
    endpoint: Endpoint = "local_model"

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """The first and last names next to each other."""
        return [[Span(*m.span(), "person") for m in self._shape.finditer(text)] for text in texts]


class Known:
    """A recognizer that reads each text once."""

    def __init__(self, recogniser: Recognizer) -> None:
        self.name, self.endpoint = recogniser.name, recogniser.endpoint
        self._recogniser, self._found = recogniser, dict[str, list[Span]]()

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """What the recognizer finds in each text."""
        new = [text for text in dict.fromkeys(texts) if text not in self._found]
        self._found |= dict(zip(new, self._recogniser.find(new), strict=True))
        return [self._found[text] for text in texts]


def lines(draw: np.random.Generator, *, rare: bool) -> Iterator[str]:
    """Lines that say who wrote a text, without end."""
    while True:
        first, last = FIRST[draw.integers(len(FIRST))], LAST[draw.integers(len(LAST))]
        if rare:
            last = "-".join([last, draw.choice([other for other in LAST if other != last])])
        at = f"{first}.{last}{draw.integers(10, 100)}@mail{draw.integers(5)}.example".lower()
        phone = f"+1 {draw.integers(200, 1000)} 555 {draw.integers(10_000):04}"
        customer = draw.integers(10**6, 10**7)
        yield f"I am {first} {last}. Write to {at} or call {phone}, customer number {customer}."


def subject(
    seed: int,
    people: int,
    size: int,
    leak: tuple[float, str] | None,
    recogniser: Recognizer,
    *,
    rare: bool = False,
) -> Subject:
    """As in ``audit.py``, without canaries, and with a line under each text."""
    draw, rows = np.random.default_rng([seed, 3]), reviews(seed)
    who = [line for line, _ in zip(lines(draw, rare=rare), range(2 * people + size), strict=False)]
    private = [f"{text} {line}" for text, line in zip(rows, who[: 2 * people], strict=False)]
    corpus = rows[2 * people : 2 * people + size]
    share, kind = leak or (0.0, ALONE)
    chosen = private[: round(share * people)]
    if kind == ALONE:
        made_up = corpus[size - len(chosen) :]
        leaked = [f"{text} {line}" for text, line in zip(made_up, who, strict=False)]
    else:
        leaked = leaked_of(chosen, kind, draw)
    kept = [f"{text} {line}" for text, line in zip(corpus, who[2 * people :], strict=True)]
    made = subject_of(
        [*kept[: size - len(leaked)], *leaked],
        private[:people],
        private[people:],
        aids=Aids(recogniser=recogniser),
        seed=seed,
    )
    return replace(made, level=level_of(ATTACKS, made.given | {"canaries"}))


def measured(
    people: int,
    size: int,
    seeds: Sequence[int],
    recogniser: Recognizer,
    leak: tuple[float, str] | None,
    *,
    rare: bool,
) -> dict[str, Any]:
    """How many of the corpora each of the two attacks refutes."""
    row: dict[str, Any] = {"people": people, "corpus": size, "seeds": len(seeds), "rare": rare}
    row |= {} if leak is None else {"share": leak[0], "leak": leak[1]}
    found: dict[str, list[Finding]] = {"identities": [], "names": []}
    for seed in seeds:
        case = subject(seed, people, size, leak, recogniser, rare=rare)
        found["identities"].append(identities(case))
        found["names"].append(names(case))
    for name, all_of in found.items():
        row[name] = {
            "seen": sum(each.verdict == "refuted" for each in all_of),
            "epsilon": round(float(np.mean([each.epsilon_lower or 0.0 for each in all_of])), 2),
            "largest": max(each.epsilon_lower or 0.0 for each in all_of),
            "right": round(float(np.mean([each.right or 0 for each in all_of])), 1),
            "guesses": round(float(np.mean([each.guesses or 0 for each in all_of])), 1),
        }
    print(json.dumps(row), flush=True)
    return row


def main() -> None:
    """Measure some leaks, or none with ``--shares 0``, and add them to the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--shares", nargs="*", type=float, default=SHARES)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rare", action="store_true", help="double surnames")
    parser.add_argument("--spacy", metavar="MODEL", help="find names with Presidio and this spaCy model")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    recogniser = Known(PresidioRecognizer(given.spacy)) if given.spacy else Signed()
    seeds, how = range(given.seeds), f"{given.people} people of each side"
    how += ", rare names" * given.rare + ", Presidio" * bool(given.spacy)
    for share in given.shares:
        for kind in given.kinds if share else ("nothing",):
            leak = (share, kind) if share else None
            row = measured(given.people, given.size, seeds, recogniser, leak, rare=given.rare)
            kept = json.loads(given.out.read_text("utf-8")) if given.out.is_file() else {}
            rows = {(each.get("leak"), each.get("share")): each for each in kept.get(how, ())}
            rows[row.get("leak"), row.get("share")] = row
            kept[how] = list(rows.values())
            given.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
