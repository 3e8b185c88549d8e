"""Which leaks the attack ``tuned`` detects with real weights, and how long it takes.

    python benchmarks/audit_tuned.py --people 80 --out benchmarks/results/audit-tuned.json
    python benchmarks/audit_tuned.py --many --people 80 --seeds $(seq 0 39) --leaks nothing --out FILE
    python benchmarks/audit_tuned.py --many --people 80 --seeds 0 1 2 3 4 --leaks "a fifth, word for word" \
        "a tenth, word for word" --out FILE

Public reviews of 40 words or more, cut to 60, stand in for members, for people held out, and for a corpus
that learnt nothing, with the same number of texts for each. This corpus is attacked unchanged, with a fifth
of its texts exchanged for those of members, word for word, and with all of them exchanged. Nothing is
claimed, and ``tuned`` is the only attack, so it has all of the 5 % of false alarms. Each audit has both of
its controls.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audit import reviews
from rpsg.audit import audit
from rpsg.audit.aids import Aids
from rpsg.audit.subject import subject_of
from rpsg.audit.tuned import tuned
from rpsg.models.transformers.last_layers import LastLayers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rpsg.protocols import Scorer

FEWEST_WORDS, WORDS = 40, 60
#: Reviews that many corpora are drawn from.
POOL = 600
LEAKS = {
    "nothing": 0.0,
    "a tenth, word for word": 0.1,
    "a fifth, word for word": 0.2,
    "the members' own texts": 1.0,
}


class Untrained:
    """A model that is really trained. The scores of the untrained model are computed once per text and then
    looked up.
    """

    def __init__(self, model: LastLayers) -> None:
        self.name, self.endpoint = model.name, model.endpoint
        self._model, self._known = model, dict[str, list[float]]()

    def train(self, texts: Sequence[str], seed: int, told: Callable[[float], object]) -> Scorer:
        """The model trained on the texts; the untrained model if there are none."""
        return self._model.train(texts, seed, told) if texts else self

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        """The scores of the untrained model."""
        new = [text for text in texts if text not in self._known]
        if new:
            scorer = self._model.train([], 0)
            self._known |= dict(zip(new, scorer.score(new), strict=True))
        return [self._known[text] for text in texts]


def sides(
    people: int, size: int, leak: float, seed: int, most: int | None = None
) -> tuple[list[str], list[str], list[str]]:
    """The corpus, the members and the people held out, drawn from the first ``most`` reviews."""
    rows = [
        " ".join(t.split()[:WORDS]) for t in reviews(0 if most else seed) if len(t.split()) >= FEWEST_WORDS
    ]
    if most:
        rows = [rows[i] for i in np.random.default_rng(seed).permutation(most)]
    members, others, corpus = rows[:people], rows[people : 2 * people], rows[2 * people :][:size]
    leaked = round(leak * size)
    return [*members[:leaked], *corpus[leaked:]], members, others


def many(
    people: int, size: int, leaks: Sequence[str], seeds: Sequence[int], weights: str, known: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The attack alone on many corpora; after each corpus, the results of all so far."""
    aids = Aids(surrogate=Untrained(LastLayers(weights)))
    for leak in leaks:
        name = f"{leak}, {people} people of each side, {size} texts"
        rows = known.get(name, {}).get("corpora", {})
        for seed in seeds:
            if str(seed) in rows:
                continue
            cpu = time.process_time()
            parts = sides(people, size, LEAKS[leak], seed, most=POOL)
            found = tuned(subject_of(*parts, aids=aids, seed=seed))
            rows[str(seed)] = {
                "epsilon": found.epsilon_lower,
                "auc": found.auc,
                "guesses": found.guesses,
                "right": found.right,
                "seconds of one core": round(time.process_time() - cpu, 1),
            }
            print(name, seed, json.dumps(rows[str(seed)]), flush=True)
            yield (
                name,
                {
                    "people of each side": people,
                    "texts": size,
                    "members who leaked": round(LEAKS[leak] * size),
                    "corpora": rows,
                },
            )


def measured(people: int, size: int, leak: float, weights: str, seed: int) -> dict[str, Any]:
    """One audit, with newly loaded weights."""
    corpus, members, others = sides(people, size, leak, seed)
    leaked = round(leak * size)
    cpu = time.process_time()
    made = audit(
        corpus,
        members,
        others,
        aids=Aids(surrogate=LastLayers(weights)),
        attacks=["tuned"],
        seed=seed,
    )
    found, own = made.finding("tuned"), made.controls["fitted on members"][0]
    return {
        "people of each side": people,
        "texts": size,
        "members who leaked": leaked,
        "seed": seed,
        "verdict of the attack": found.verdict,
        "reason": found.reason,
        "auc": found.auc,
        "auc_interval": found.auc_interval,
        "epsilon": found.epsilon_lower,
        "guesses": found.guesses,
        "right": found.right,
        "control": own.outcome,
        "auc of the control": own.auc,
        "epsilon of the control": own.epsilon_lower,
        "planted leak": made.controls["leaky"][0].outcome,
        "verdict": made.verdict,
        "seconds of one core": round(time.process_time() - cpu),
        "MiB at most": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    """Measure some leaks and add them to the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=80)
    parser.add_argument("--size", type=int, help="texts of the corpus; as many as people if not given")
    parser.add_argument("--leaks", nargs="*", default=list(LEAKS))
    parser.add_argument("--weights", default="smollm2-135m")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--many", action="store_true", help="many corpora, without controls")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    kept = json.loads(given.out.read_text("utf-8")) if given.out.is_file() else {}
    if given.many:
        size = given.size or given.people
        for name, row in many(given.people, size, given.leaks, given.seeds, given.weights, kept):
            given.out.write_text(json.dumps({**kept, name: row}, indent=1) + "\n", "utf-8")
            kept[name] = row
        return
    for seed in given.seeds:
        for leak in given.leaks:
            size = given.size or given.people
            row = {"leak": leak, **measured(given.people, size, LEAKS[leak], given.weights, seed)}
            kept[f"{leak}, {given.people} people of each side, {size} texts, seed {seed}"] = row
            print(json.dumps(row), flush=True)
            given.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
