"""How much time and memory it takes to drop near-duplicates and to choose texts by a sketch.

    python benchmarks/choose.py [--texts 20000] [--size 1000] [--axes 128]

It chooses ``--size`` texts from ``--texts`` drafts, by a sketch with ``--axes`` axes.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from rpsg.privacy.vector_sum import quantise
from rpsg.records import Candidate, Card, Pool
from rpsg.stages.choose import Block, Objective, choose, distance
from rpsg.stages.cosine_filter import drop_near_duplicates
from rpsg.stages.sketch import LENGTH, Features
from rpsg.stages.sketch_target import Target, target_of
from rpsg.stages.word_roots import word_roots


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--texts", type=int, default=20_000)
    asked.add_argument("--size", type=int, default=1_000)
    asked.add_argument("--people", type=int, default=2_000)
    asked.add_argument("--axes", type=int, default=128)
    told = asked.parse_args()

    rng = np.random.default_rng(0)
    spread = 1 / np.sqrt(np.arange(1, 385))

    def rows(count: int, push: float) -> np.ndarray:
        found = rng.normal(size=(count, 384)) * spread + push * spread[::-1]
        whole: np.ndarray = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
        return whole

    drafts, private = rows(told.texts, 0.0), rows(told.people, 0.5)
    pool = Pool(tuple(Candidate(i, "", Card({})) for i in range(len(drafts))))
    start = time.perf_counter()
    drop_near_duplicates(pool, drafts)
    print(f"near-duplicates of {told.texts:,} drafts {time.perf_counter() - start:6.1f} s")

    start = time.perf_counter()
    features = Features.fit(drafts, words_for(drafts), told.axes)
    print(f"features of {told.texts:,} drafts        {time.perf_counter() - start:6.1f} s")

    def some(i: int) -> tuple[np.ndarray, list[str], np.ndarray]:
        part = private[i : i + 100]
        return part, words_for(part), np.zeros(len(part), np.float32)

    start = time.perf_counter()
    summed = sum(quantise(features.of(*some(i)), LENGTH).sum(axis=0) for i in range(0, told.people, 100))
    seconds = time.perf_counter() - start
    print(
        f"vectors of {told.people:,} people        {seconds:6.1f} s  ({told.people / seconds:,.0f} a second)"
    )

    sigma = 3.0 * LENGTH
    target = target_of(np.asarray(summed), features, told.people, sigma)
    codes = rng.integers(0, 3, told.texts)
    roots = word_roots(words_for(drafts), features.words)
    blocks = (Block.of_codes(codes, np.array([0.6, 0.2, 0.2]), 0.3), Block(roots, target.words))
    objective = Objective.of(features.coordinates(drafts), target, 16.0, blocks)
    start = time.perf_counter()
    chosen = choose(objective, told.size)
    print(f"choosing {told.size:,} of them           {time.perf_counter() - start:6.1f} s")
    by_chance = rng.choice(told.texts, told.size, replace=False)
    gained = 1 - (distance(objective, chosen) + shared(target)) / (
        distance(objective, by_chance) + shared(target)
    )
    print(f"distance from the target, less than by chance by {gained:.0%}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


def words_for(rows: np.ndarray) -> list[str]:
    """Texts of forty words for rows of numbers: the larger a number, the more often its word is used."""
    words = np.array([f"w{chr(97 + i // 26 % 26)}{chr(97 + i % 26)}" for i in range(300)])
    order = np.argsort(-rows[:, :300], axis=1)[:, :40]
    return [" ".join(words[row]) for row in order]


def shared(target: Target) -> float:
    """The part of every distance that depends only on the target."""
    squares = (target.mean**2).sum() + 16.0 * (target.products**2).sum() + (target.words**2).sum()
    return float(squares + 0.3 * (0.36 + 0.04 + 0.04))


if __name__ == "__main__":
    main()
