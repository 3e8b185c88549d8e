"""What the attack ``tuned`` sees with real weights, and how long it takes.

    python benchmarks/audit_tuned.py --people 80 --out benchmarks/results/audit-tuned.json

Public reviews of 40 words or more, cut to 60, stand in for members, for people held out, and for a corpus of
as many texts that learnt nothing. This corpus is attacked as it is, with a fifth of its texts exchanged for
those of members, word for word, and with all of them exchanged. Nothing is claimed, and ``tuned`` is the only
attack, so it has all of the 5 % of false alarms. Each audit has both of its controls.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

from audit import reviews
from rpsg.audit import audit
from rpsg.audit.aids import Aids
from rpsg.models.transformers.last_layers import LastLayers

FEWEST_WORDS, WORDS = 40, 60
LEAKS = {"nothing": 0.0, "a fifth, word for word": 0.2, "the members' own texts": 1.0}


def measured(people: int, size: int, leak: float, weights: str, seed: int) -> dict[str, Any]:
    """One audit, with weights that are loaded anew."""
    texts = [" ".join(t.split()[:WORDS]) for t in reviews(seed) if len(t.split()) >= FEWEST_WORDS]
    members, others, corpus = texts[:people], texts[people : 2 * people], texts[2 * people :][:size]
    leaked = round(leak * size)
    cpu = time.process_time()
    made = audit(
        [*members[:leaked], *corpus[leaked:]],
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
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    kept = json.loads(given.out.read_text("utf-8")) if given.out.is_file() else {}
    for seed in given.seeds:
        for leak in given.leaks:
            size = given.size or given.people
            row = {"leak": leak, **measured(given.people, size, LEAKS[leak], given.weights, seed)}
            kept[f"{leak}, {given.people} people of each side, {size} texts, seed {seed}"] = row
            print(json.dumps(row), flush=True)
            given.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
