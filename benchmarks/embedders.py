"""How close are the rows of one embedder to those of another, and how fast are both?

    python benchmarks/embedders.py                          compared with the default's rows
    python benchmarks/embedders.py --against st:FOLDER      beside floating point: minilm-torch, once pulled

It prints, for public reviews: texts per second on one core; the cosine between the two rows of a text; the
share of a text's ten nearest texts that is the same; and for how many texts the sentiment probe gives the
same answer as with the default embedder's rows.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg import registry
from rpsg.models.download import locate
from rpsg.models.sentiment import EmbeddingSentiment

if TYPE_CHECKING:
    Rows = npt.NDArray[np.float32]

NEAREST = 10


def nearest(rows: Rows) -> list[set[int]]:
    """The ten nearest other texts of each."""
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    return [set(row[-NEAREST:]) for row in np.argsort(cosines, axis=1)]


def embedded(name: str, texts: list[str]) -> tuple[Rows, float]:
    """The rows, and the texts per second on one core."""
    embedder = registry.embedder(name, threads=1)
    embedder.embed(texts[:5])
    since = time.perf_counter()
    rows = embedder.embed(texts)
    return rows, len(texts) / (time.perf_counter() - since)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--embedders", default="minilm,int8")
    parser.add_argument("--against", default="minilm")
    parser.add_argument("--texts", type=int, default=200)
    args = parser.parse_args()
    lines = (locate("amazon-reviews") / "test.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines][: args.texts]
    truth = embedded(args.against, texts)[0]
    near = nearest(truth)
    probe, usual = EmbeddingSentiment(), embedded("minilm", texts)[0]
    moods = probe.classify(texts, usual)
    for name in args.embedders.split(","):
        rows, speed = embedded(name, texts)
        same = np.mean([len(a & b) / NEAREST for a, b in zip(nearest(rows), near, strict=True)])
        agree = np.mean([a == b for a, b in zip(probe.classify(texts, rows), moods, strict=True)])
        cosine = np.einsum("nd,nd->n", rows, truth)
        print(
            f"{name}: {speed:.0f} texts per second and core; cosine {cosine.mean():.4f}, {cosine.min():.3f} "
            "at "
            f"least; nearest the same {same:.0%}; mood the same {agree:.0%}"
        )


if __name__ == "__main__":
    main()
