"""How close the columns on cards come to those of known people: simulated people, real noise, no model.

    python benchmarks/column_levels.py --out benchmarks/results/column-levels.json

Three columns of 4, 3 and 4 values (or of 4, 3 and 12) and a sentiment form a chain: each depends on the one
before. A rule says how many people a combination of values needs (``stages.levels.PER_COLUMN``, in standard
deviations of the noise). For each number of people and each rule it prints the total variation distance
between people and cards: for single columns, for pairs of columns, and for columns with the sentiment.
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.domains import find_pack
from rpsg.methods.budget import strict_budget
from rpsg.plan import resolve
from rpsg.stages import levels
from rpsg.stages.cards import CardModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
WIDTHS = ((4, 3, 4), (4, 3, 12))
PEOPLE = (150, 400, 1_000, 4_000)
RULES = (0.5, 1.0, levels.PER_COLUMN, 4.0)
CARDS = 4_000


def pack_of(widths: Sequence[int]) -> Pack:
    """Sentiment and columns alone, counted as in the pack of support tickets."""
    pack = find_pack("support")
    sentiment = pack.attribute("sentiment")
    bare = pack.model_copy(update={"attributes": (sentiment,), "marginals": (("sentiment",),)})
    named = [(f"c{i}", tuple(map(str, range(width)))) for i, width in enumerate(widths)]
    return bare.with_columns(named)


def people(pack: Pack, n: int, rng: np.random.Generator) -> dict[str, Codes]:
    """The values of ``n`` people: a chain of random conditional distributions."""
    found: dict[str, Codes] = {}
    before, codes = 1, np.zeros(n, np.int64)
    for attribute in pack.attributes:
        table = rng.dirichlet(np.full(len(attribute.values), 0.8), size=before).cumsum(axis=1)
        codes = (rng.random((n, 1)) > table[codes]).sum(axis=1).clip(0, len(attribute.values) - 1)
        found[attribute.name], before = codes, len(attribute.values)
    return found


def counts(pack: Pack, held: dict[str, Codes], names: Sequence[str]) -> Floats:
    shape = tuple(len(pack.attribute(name).values) for name in names)
    flat = np.ravel_multi_index([held[name] for name in names], shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).astype(np.float64)


def distances(pack: Pack, n: int, sigma: float, mix: float, rng: np.random.Generator) -> list[float]:
    """Total variation between people and cards, for single columns, pairs, and columns with the sentiment."""
    true, counted = people(pack, n, rng), levels.thinned(pack, n, sigma)
    exact = np.concatenate([counts(pack, true, group) for group in counted.marginals])
    noisy = np.rint(exact + rng.normal(0, sigma, len(exact))).astype(np.int64)
    cards = CardModel.fit(counted, noisy, n, sigma, mix).draw(CARDS, rng)
    drawn = {
        a.name: np.array([a.values.index(card.values[a.name]) for card in cards]) for a in pack.attributes
    }
    columns = [a.name for a in pack.attributes if a.column]
    groups: list[list[tuple[str, ...]]] = [
        [(name,) for name in columns],
        list(combinations(columns, 2)),
        [(name, "sentiment") for name in columns],
    ]
    return [
        float(
            np.mean(
                [np.abs(counts(pack, true, g) / n - counts(pack, drawn, g) / CARDS).sum() / 2 for g in kind]
            )
        )
        for kind in groups
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    declared = {"c0": ["a", "b"], "c1": ["a", "b"], "c2": ["a", "b"]}
    plan = resolve({"privacy": {"epsilon": 2.0}, "data": {"columns": declared}})
    sigma, mix = strict_budget(plan, find_pack("support")).release("cards").sigma, plan.method.uniform_mix
    print(f"noise of a count: {sigma:.2f}\n")
    print("| values | people | people for each combination, in sigma | single | pairs | with sentiment |")
    print("|---|---|---|---|---|---|")
    usual, lines = levels.PER_COLUMN, []
    for widths, n, rule in product(WIDTHS, PEOPLE, RULES):
        levels.PER_COLUMN = rule
        rng = np.random.default_rng(0)
        rows = [distances(pack_of(widths), n, sigma, mix, rng) for _ in range(args.draws)]
        single, pairs, with_sentiment = (round(float(mean), 4) for mean in np.mean(rows, axis=0))
        found = {"single": single, "pairs": pairs, "with_sentiment": with_sentiment}
        lines.append({"values": widths, "people": n, "least_in_sigma": rule, **found})
        told = " | ".join(f"{mean:.3f}" for mean in found.values())
        print(f"| {', '.join(map(str, widths))} | {n:,} | {rule:g} | {told} |", flush=True)
    levels.PER_COLUMN = usual
    if args.out:
        kept = {"epsilon": plan.privacy.epsilon, "sigma": sigma, "draws": args.draws, "lines": lines}
        args.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
