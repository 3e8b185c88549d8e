"""What changes if private embeddings are rounded to 16 bits, as runs do, instead of being kept with 32.

    python benchmarks/half_precision.py [--people 700] [--drafts 300] [--size 100] [--embedder minilm]

Some public reviews stand in for private texts, and others for drafts. It prints how many private texts get
the same topic and the same sentiment; by how much the exact sketch changes, as a share of the standard
deviation of its noise; and how many of the chosen drafts are the same with the same noise, compared with how
many are the same if only the noise differs.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import numpy.typing as npt

from rpsg import registry
from rpsg.domains import find_pack
from rpsg.models.download import locate
from rpsg.models.sentiment import EmbeddingSentiment
from rpsg.privacy.vector_sum import quantise
from rpsg.stages.annotate import describe, fits_none, nearest
from rpsg.stages.choose import Block, Objective, choose
from rpsg.stages.sketch import LENGTH, Features
from rpsg.stages.sketch_target import target_of
from rpsg.stages.word_roots import word_roots
from rpsg.storage.vectors import halves

#: The standard deviation of an entry's noise, in steps; at epsilon 2 and delta 1e-6 a sketch gets about this.
SIGMA = 3.0 * LENGTH


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=700)
    parser.add_argument("--drafts", type=int, default=300)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--embedder", default="minilm")
    options = parser.parse_args()
    lines = (locate("amazon-reviews") / "test.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines][: options.people + options.drafts]
    private, written = texts[: options.people], texts[options.people :]
    embedder, pack = registry.embedder(options.embedder, threads=1), find_pack("food-reviews")
    single, drafts = embedder.embed(private), embedder.embed(written)
    half = halves(single).astype(np.float32)
    topics, moods = describe(pack, embedder)[pack.marginals[0][0]], EmbeddingSentiment()

    same_topic = np.mean(nearest(single, topics) == nearest(half, topics))
    pairs = zip(moods.classify(private, single), moods.classify(private, half), strict=True)
    same_mood = np.mean([one == other for one, other in pairs])
    print(f"{len(private):,} texts: the same topic {same_topic:.2%}, the same sentiment {same_mood:.2%}")

    features = Features.fit(drafts, written)

    def summed(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        poor = fits_none(rows, topics, pack.poor_fit)
        blocks = (slice(i, i + 100) for i in range(0, len(rows), 100))
        vectors = (features.of(rows[b], private[b], poor[b]) for b in blocks)
        total = np.zeros(features.dim, np.int64)
        for some in vectors:
            total += quantise(some, LENGTH).sum(axis=0)
        return total

    sums = summed(single), summed(half)
    moved = np.abs(sums[0] - sums[1])
    share = moved.mean() / SIGMA
    print(f"an entry of the sketch changes by {share:.1e} of its noise, {moved.max()} steps at most")

    def chosen(exact: npt.NDArray[np.int64], seed: int) -> set[int]:
        noise = np.rint(np.random.default_rng(seed).normal(scale=SIGMA, size=exact.shape))
        target = target_of(exact + noise.astype(np.int64), features, len(private), SIGMA)
        words = Block(word_roots(written, features.words), target.words)
        return set(
            choose(Objective.of(features.coordinates(drafts), target, 16.0, (words,)), options.size).tolist()
        )

    draws = range(5)
    rounded = [len(chosen(sums[0], seed) & chosen(sums[1], seed)) for seed in draws]
    redrawn = [len(chosen(sums[0], seed) & chosen(sums[0], seed + 100)) for seed in draws]
    print(f"of {options.size} chosen drafts the same, over {len(draws)} draws of the noise:")
    print(f"  rounded to 16 bits {np.mean(rounded):.1f} ({min(rounded)} at least)")
    print(f"  another draw of the noise {np.mean(redrawn):.1f} ({min(redrawn)} at least)")


if __name__ == "__main__":
    main()
