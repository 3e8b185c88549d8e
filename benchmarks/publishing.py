"""How much memory publishing a large release needs, without writing and choosing its texts.

    python benchmarks/publishing.py [--texts 100000] [--oversample 2.8]

A small run with fake models is made. Before its release is assembled, its candidates, replies and embeddings
are copied until there are as many as in a release of this size. Each copy is a separate object, as in a run.
The figures are the CPU seconds of each step and the most memory of the whole process during it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

import rpsg
from rpsg.models.fake import FakeEmbedder
from rpsg.pipeline import publish
from rpsg.protocols import Reply
from rpsg.records import Candidate, Card, Pool
from rpsg.storage.public_vectors import AT_ONCE, PublicVectors
from scale import DIM, PEOPLE, Meter, plan_of, wide_embedder, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.pipeline.made import Made

SMALL = 500


def grown(made: Made, texts: int, drafts: int) -> Made:
    """What the release is built from, with this number of released texts and drafts."""
    alive, dropped = made.pool.alive(), [one for one in made.pool if one.dropped]
    draw = np.random.default_rng(0)

    def candidate(number: int) -> Candidate:
        is_released = number * texts // drafts != (number + 1) * texts // drafts
        models = alive if is_released else dropped
        like = models[number % len(models)]
        words = like.text.split()
        text = " ".join([words[i] for i in draw.integers(len(words), size=len(words))])
        card = Card(dict(like.card.values), like.card.phrases)
        scores = {name: float(draw.random()) for name in like.scores}
        return Candidate(number, text, card, None, scores, like.dropped)

    pool = Pool(tuple(candidate(number) for number in range(drafts)))
    keys = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(drafts)]

    def replies() -> Iterator[tuple[str, Reply]]:
        for key, one in zip(keys, pool, strict=True):
            yield key, Reply(one.text, "stop", 100, 50)

    vectors = PublicVectors(FakeEmbedder(DIM))
    for start in range(0, drafts, AT_ONCE):
        some = draw.integers(-400, 400, size=(min(AT_ONCE, drafts - start), DIM), dtype=np.int16)
        rows = {hashlib.sha256(b"%d" % number).digest(): row for number, row in enumerate(some, start)}
        vectors._rows |= rows  # noqa: SLF001  # as if they had been embedded
    return replace(made, pool=pool, replies=replies(), vectors=vectors.chunks(), asked=len(keys))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--oversample", type=float, default=2.8)
    options = parser.parse_args()
    meter, build = Meter(), publish.build_release

    def large(target: Path, made: Made, *args: Any, **more: Any) -> Any:
        many = grown(made, options.texts, round(options.oversample * options.texts))
        for name in ("write_rows", "write_evidence", "write_metadata", "write_words", "write_release_report"):
            meter.watch(name.replace("_", " "), publish, name)
        with meter.stage("all else"):
            return build(target, many, *args, **more)

    publish.build_release = large
    with TemporaryDirectory() as name, wide_embedder():
        folder = Path(name)
        os.environ["RPSG_HOME"] = str(folder / "home")  # the user's account book is not charged
        write_rows(folder / "rows.jsonl", PEOPLE)
        rpsg.run(plan_of(SMALL, folder / "rows.jsonl", 2.8), folder / "run")
    for stage, told in meter.stages.items():
        print(f"| {stage} | {told['cpu_seconds']:.1f} s | {told['peak_gib']:.2f} GiB |")


if __name__ == "__main__":
    main()
