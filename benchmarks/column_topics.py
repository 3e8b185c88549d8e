"""Is it worth counting a column together with the headings of topics? With invented tickets, real noise and a
real embedder.

    python benchmarks/column_topics.py --out benchmarks/results/column-topics.json

MiniLM gives each text of the example's tickets a topic of the pack of support tickets. For each number of
people it prints the total variation distance between the true and the estimated joint shares of product and
heading, and the same for product alone: once if the two are counted together, once if each is counted by
itself.
"""

from __future__ import annotations

import argparse
import json
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
EXAMPLE = runpy.run_path(str(Path(__file__).parents[1] / "examples" / "tickets" / "invent.py"))
PEOPLE = (150, 250, 400, 600, 1_000)
COLUMNS = {
    "product": list(EXAMPLE["MATTERS"]),
    "priority": ["low", "normal", "high"],
    "opened": "2025-Q1..2025-Q4",
}
BATCH = 64


def joint_counts(people: int) -> list[Floats]:
    """For each number of people the counts of product x heading."""
    rng = random.Random(3)
    rows = [EXAMPLE["ticket"](rng, number) for number in range(people)]
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


def distances(counts: Floats, sigma: float, mix: float, rng: np.random.Generator) -> list[float]:
    """The distances of the joint shares and of product alone: first if counted together, then if each is
    counted by itself.
    """
    n, true = counts.sum(), counts / counts.sum()

    def told(exact: Floats) -> Floats:
        return fitted(np.rint(exact + rng.normal(0, sigma, exact.shape)), n, sigma, mix)

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
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    plan = resolve({"privacy": {"epsilon": 2.0}, "data": {"columns": COLUMNS}})
    sigma, mix = strict_budget(plan, find_pack("support")).release("cards").sigma, plan.method.uniform_mix
    print("| people | for each combination, in sigma | together: joint | product | apart: joint | product |")
    print("|---|---|---|---|---|---|")
    lines = []
    for n, counts in zip(PEOPLE, joint_counts(max(PEOPLE)), strict=True):
        rng = np.random.default_rng(0)
        mean = np.mean([distances(counts, sigma, mix, rng) for _ in range(args.draws)], axis=0)
        together, alone, apart, by_itself = (round(float(each), 4) for each in mean)
        found = {"joint": together, "product": alone, "joint_apart": apart, "product_apart": by_itself}
        lines.append(
            {"people": n, "people_per_combination_in_sigma": round(n / sigma / counts.size, 2), **found}
        )
        told = " | ".join(f"{each:.3f}" for each in found.values())
        print(f"| {n:,} | {n / sigma / counts.size:.2f} | {told} |")
    if args.out:
        kept = {"epsilon": plan.privacy.epsilon, "sigma": sigma, "draws": args.draws, "lines": lines}
        args.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
