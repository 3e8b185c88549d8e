"""How long the votes take, compared with the bare matrix product that no exact method can avoid.

    python benchmarks/votes.py [--rows 100000] [--candidates 2000] [--dim 384] [--votes 1] [--json]

All variants are measured in turn in each repeat, so that a busy machine slows all of them, and ratios are
taken within a repeat. Aim: the votes within 1.5 times the product in the same blocks.
"""

from __future__ import annotations

import argparse
import json
import statistics
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.privacy.histogram import Query, clean_histogram
from rpsg.privacy.private import Private, open_private
from rpsg.stages.votes import block_rows, hubness, nearest_candidates, vote_row_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Floats = npt.NDArray[np.float32]
HUB_CORRECTION = 0.5
AIM = 1.5


def unit_rows(number: int, dim: int, seed: int) -> Floats:
    """Random unit rows, shape (number, dim)."""
    rows = np.random.default_rng(seed).standard_normal((number, dim), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def product_in_blocks(records: Floats, candidates: Floats) -> None:
    step = block_rows(len(candidates))
    room = np.empty((min(step, len(records)), len(candidates)), np.float32)
    for start in range(0, len(records), step):
        block = records[start : start + step]
        np.matmul(block, candidates.T, out=room[: len(block)])


def histogram(records: Floats, candidates: Floats, votes: int) -> npt.NDArray[np.int64]:
    """The whole stage as a run does it, up to the noise: hubs, votes, contribution guard, counts."""
    units = Private(np.arange(len(records), dtype=np.int64))
    ballots = vote_row_cells(Private(records), units, candidates, votes=votes, hub_correction=HUB_CORRECTION)
    query = Query("votes", "nearest candidates", len(candidates), "S4_k_votes", 1.0, k=votes)
    return clean_histogram(query, open_private(ballots))


def seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def spread(values: Sequence[float]) -> dict[str, float]:
    """Smallest, median and largest of the repeats."""
    figures = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return {name: round(figure, 4) for name, figure in figures.items()}


def measure(rows: int, candidates: int, dim: int, votes: int, repeats: int) -> dict[str, dict[str, float]]:
    """Seconds of each variant and its ratios to both forms of the product, over the repeats."""
    records, pool = unit_rows(rows, dim, 1), unit_rows(candidates, dim, 2)
    handicap = (HUB_CORRECTION * hubness(pool)).astype(np.float32)
    contenders: Mapping[str, Callable[[], object]] = {
        "product_in_blocks": lambda: product_in_blocks(records, pool),
        "product_in_one_go": lambda: records @ pool.T,
        "nearest_candidates": lambda: nearest_candidates(records, pool, handicap, votes),
        "whole_stage": lambda: histogram(records, pool, votes),
    }
    product_in_blocks(records[: block_rows(candidates)], pool)  # the first call starts threads
    turns = [{name: seconds(work) for name, work in contenders.items()} for _ in range(repeats)]
    figures = {f"{name}_seconds": spread([turn[name] for turn in turns]) for name in contenders}
    for name in ("nearest_candidates", "whole_stage"):
        for base in ("product_in_blocks", "product_in_one_go"):
            figures[f"{name}_to_{base}"] = spread([turn[name] / turn[base] for turn in turns])
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--candidates", type=int, default=2_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--votes", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    figures = measure(options.rows, options.candidates, options.dim, options.votes, options.repeats)
    if options.json:
        print(json.dumps({"settings": vars(options), "aim": AIM, "figures": figures}))
        return
    print(f"{options.rows:,} records, {options.candidates:,} candidates, dimension {options.dim}")
    for name, figure in figures.items():
        print(f"{name:43} {figure['min']:8.3f} {figure['median']:8.3f} {figure['max']:8.3f}")
    print(f"(min, median, max of {options.repeats}; aim: nearest_candidates_to_product_in_blocks <= {AIM})")


if __name__ == "__main__":
    main()
