"""Whether a column is worth counting with headings of topics: invented tickets, real noise, a real embedder.

    python benchmarks/column_topics.py [--draws 20]

Texts of the example's tickets get their topics of the pack of support tickets from MiniLM. For each number of
people it prints the total variation distance between their joint shares of product and heading and the
estimated ones, and the same for product alone: counted together, and each counted by itself.
"""

from __future__ import annotations

import argparse
import random
import runpy
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rpsg import registry
from rpsg.domains import find_pack
from rpsg.methods.budget import strict_budget
from rpsg.plan import resolve
from rpsg.stages.annotate import describe, nearest
from rpsg.stages.shrinking import fitted

Floats = npt.NDArray[np.float64]
EXAMPLE = Path(__file__).parents[1] / "examples" / "tickets" / "invent.py"
PEOPLE = (150, 250, 400, 600, 1_000)
COLUMNS = {"product": ["router", "phone", "invoice", "app"], "priority": ["low", "normal", "high"]}
BATCH, MIX = 64, 0.15


def joint_counts(people: int) -> list[Floats]:
    """For each number of people the counts of product x heading."""
    invent = runpy.run_path(str(EXAMPLE))["ticket"]
    rng = random.Random(3)
    rows = [invent(rng, number) for number in range(people)]
    embedder, pack = registry.embedder("minilm"), find_pack("support")
    texts = sorted({row["message"] for row in rows})
    parts = [embedder.embed(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)]
    topics = dict(zip(texts, nearest(np.concatenate(parts), describe(pack, embedder)["topic"]), strict=True))
    topic = pack.attribute("topic")
    found = []
    for n in PEOPLE:
        counts = np.zeros((len(COLUMNS["product"]), len(topic.groups)))
        for row in rows[:n]:
            counts[COLUMNS["product"].index(row["product"]), topic.group_codes[topics[row["message"]]]] += 1
        found.append(counts)
    return found


def distances(counts: Floats, sigma: float, rng: np.random.Generator) -> list[float]:
    """Of the joint shares and of product alone: counted together, then each by itself."""
    n, true = counts.sum(), counts / counts.sum()

    def told(exact: Floats) -> Floats:
        return fitted(np.rint(exact + rng.normal(0, sigma, exact.shape)), n, sigma, MIX)

    joint, product, heading = told(counts), told(counts.sum(axis=1)), told(counts.sum(axis=0))
    found = ((joint, joint.sum(axis=1)), (np.outer(product, heading), product))
    return [
        float(np.abs(estimate - truth).sum() / 2)
        for both, alone in found
        for estimate, truth in ((both, true), (alone, true.sum(axis=1)))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20)
    args = parser.parse_args()
    declared = {**COLUMNS, "opened": "2025-Q1..2025-Q4"}
    plan = resolve({"privacy": {"epsilon": 2.0}, "data": {"columns": declared}})
    sigma = strict_budget(plan, find_pack("support")).release("cards").sigma
    print("| people | for each combination, in sigma | together: joint | product | apart: joint | product |")
    print("|---|---|---|---|---|---|")
    for n, counts in zip(PEOPLE, joint_counts(max(PEOPLE)), strict=True):
        rng = np.random.default_rng(0)
        mean = np.mean([distances(counts, sigma, rng) for _ in range(args.draws)], axis=0)
        print(f"| {n:,} | {n / sigma / counts.size:.2f} | {' | '.join(f'{each:.3f}' for each in mean)} |")


if __name__ == "__main__":
    main()
