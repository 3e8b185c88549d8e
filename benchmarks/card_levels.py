"""How close the cards of a pack come to a known corpus: with simulated people, real noise and no model.

    python benchmarks/card_levels.py [--pack reviews] [--draws 30]

The corpora are drawn from Dirichlet distributions, from broad (all groups of topics) to narrow (one or two).
For each number of people and epsilon it prints the total variation distance between the topics of the corpus
and three estimates of them, from which cards can be drawn: the counts that are only projected, the fit of
counts by values, and the fit of counts by groups. The last column says which of these two fits
``stages.levels`` chooses.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.domains import find_pack
from rpsg.methods.budget import strict_budget
from rpsg.plan import resolve
from rpsg.stages.cards import is_coarse
from rpsg.stages.levels import thinned
from rpsg.stages.shrinking import fitted, project

if TYPE_CHECKING:
    from rpsg.domains import Attribute

Floats = npt.NDArray[np.float64]
#: Concentration of the Dirichlet over groups and within each of them.
KINDS = {"broad": (3.0, 1.0), "middle": (0.7, 0.4), "narrow": (0.15, 0.3)}


def corpus(topic: Attribute, kind: str, rng: np.random.Generator) -> Floats:
    """A distribution over the topics."""
    codes, (between, within) = np.array(topic.group_codes), KINDS[kind]
    shares = np.zeros(len(codes))
    for group, share in enumerate(rng.dirichlet(np.full(len(topic.groups), between))):
        inside = np.flatnonzero(codes == group)
        shares[inside] = share * rng.dirichlet(np.full(len(inside), within))
    return shares


def distances(topic: Attribute, kind: str, n: int, sigma: float, rng: np.random.Generator) -> Floats:
    """Distance to one corpus of the projected counts, of the fit by values, of the fit by groups."""
    codes = np.array(topic.group_codes)
    wide = np.bincount(codes)
    truth = corpus(topic, kind, rng)
    people = rng.multinomial(n, truth).astype(np.float64)
    values = np.rint(people + rng.normal(0, sigma, len(codes)))
    groups = np.rint(np.bincount(codes, people) + rng.normal(0, sigma, len(wide)))
    found = (
        project(values, n) / n,
        fitted(values, n, sigma, 0.15, [codes]),
        (fitted(groups, n, sigma, 0.15) / wide)[codes],
    )
    return np.array([0.5 * np.abs(truth - shares).sum() for shares in found])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", default="reviews")
    parser.add_argument("--draws", type=int, default=30)
    args = parser.parse_args()
    pack, rng = find_pack(args.pack), np.random.default_rng(0)
    topic = pack.attribute(pack.marginals[0][0])
    print("| epsilon | people | corpus | projected counts | by values | by groups | chosen |")
    print("|---|---|---|---|---|---|---|")
    for epsilon in (1.0, 2.0):
        sigma = strict_budget(resolve({"privacy": {"epsilon": epsilon}}), pack).release("cards").sigma
        for n in (150, 300, 1000, 4000):
            chosen = "groups" if is_coarse(thinned(pack, n, sigma), 0, topic.name) else "values"
            for kind in KINDS:
                rows = [distances(topic, kind, n, sigma, rng) for _ in range(args.draws)]
                told = " | ".join(f"{mean:.3f}" for mean in np.mean(rows, axis=0))
                print(f"| {epsilon:g} | {n:,} | {kind} | {told} | {chosen} |")


if __name__ == "__main__":
    main()
