"""The exponents of a few stages of ``scale.py``, from the least CPU seconds of several repetitions.

    python benchmarks/exponents.py bound [--sizes 60000 250000 1000000]
    python benchmarks/exponents.py duplicates [--sizes 24000 120000 280000]
    python benchmarks/exponents.py evaluate [--metrics self_bleu type_token_ratio] [--sizes 5000 20000 80000]

``bound`` bounds the rows of people with one row each, and of people with ten. ``duplicates`` searches random
rows for near-duplicates; a fifth of the rows are copies with a little noise. For 2,000 of the copies it also
says how many are near an earlier kept row, and how many of these it found. ``evaluate`` measures metrics on
random words, with the embedder of ``scale.py``. Each size has a separate process. One measurement of a tenth
of a second is too short for an exponent; the least of several varies less.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

import rpsg
from rpsg.evaluation import evaluate as evaluation
from rpsg.evaluation.runner import run_metric
from rpsg.records import Document, PrivateCorpus
from rpsg.stages.contributions import bound, unit_numbers
from rpsg.stages.cosine_filter import DUPLICATE
from rpsg.stages.exact_similarity import SQUARE, quantized
from rpsg.stages.neighbours import distinct
from scale import DIM, wide_embedder, write_rows

SIZES = {
    "bound": (60_000, 250_000, 1_000_000),
    "duplicates": (24_000, 120_000, 280_000),
    "evaluate": (5000, 20_000, 80_000),
}
SAMPLE = 2000
METRICS = ("self_bleu", "type_token_ratio", "repetition_rate")


def least(times: dict[str, float], name: str, seconds: float) -> None:
    times[name] = min(times.get(name, seconds), seconds)


def bound_rows(size: int, repeats: int) -> dict[str, float]:
    times: dict[str, float] = {}
    for each in (1, 10):
        rows = tuple(Document(i, f"text {i} of somebody", user=f"p{i // each}") for i in range(size))
        for _ in range(repeats):
            since = time.process_time()
            unit_numbers(bound(PrivateCorpus(rows), 1, b"a key of a benchmark"))
            least(times, f"bound rows, {each} for each person", time.process_time() - since)
    return times


def near_duplicates(size: int, repeats: int) -> dict[str, float]:
    draw, limit, times = np.random.default_rng(0), DUPLICATE * SQUARE, dict[str, float]()
    topics = draw.normal(size=(200, DIM)).astype(np.float32)
    rows = topics[draw.integers(len(topics), size=size)] + draw.normal(size=(size, DIM)).astype(np.float32)
    copies, origins = draw.permutation(size)[: size // 5], draw.integers(size, size=size // 5)
    far = draw.uniform(0.05, 0.3, size=(len(copies), 1)).astype(np.float32)
    noise = draw.normal(size=(len(copies), DIM)).astype(np.float32)
    rows[copies] = _unit(rows[origins]) + far * _unit(noise)
    rows = _unit(rows)
    for _ in range(repeats):
        since = time.process_time()
        found = ~distinct(rows, limit)
        least(times, "near-duplicates", time.process_time() - since)
    some = np.sort(copies[:SAMPLE])
    near = np.zeros(len(some), np.bool_)
    sample = quantized(rows[some])
    for start in range(0, size, 4096):
        before = np.flatnonzero(~found[start : start + 4096]) + start
        products = sample @ quantized(rows[before]).T
        near |= ((products > limit) & (before < some[:, np.newaxis])).any(axis=1)
    print(f"{(found[some] & near).sum() / near.sum():.4f} of {near.sum()} near-duplicates are found")
    return times


def _unit(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def metrics(size: int, repeats: int, names: tuple[str, ...]) -> dict[str, float]:
    times: dict[str, float] = {}

    def measured(name: str, *args: Any) -> Any:
        since = time.process_time()
        found = run_metric(name, *args)
        least(times, name, time.process_time() - since)
        return found

    setattr(evaluation, "run_metric", measured)  # noqa: B010  # a name that the module only imports
    with TemporaryDirectory() as name, wide_embedder():
        files = Path(name, "synthetic.jsonl"), Path(name, "real.jsonl")
        for seed, file in enumerate(files):
            write_rows(file, size, seed=seed)
        for _ in range(repeats):
            rpsg.evaluate(files[0], real=files[1], embedder="wide", metrics=names)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=sorted(SIZES))
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--metrics", nargs="+", default=METRICS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        size, names = options.sizes[0], tuple(options.metrics)
        match options.what:
            case "bound":
                found = bound_rows(size, options.repeats)
            case "duplicates":
                found = near_duplicates(size, options.repeats)
            case _:
                found = metrics(size, options.repeats, names)
        print(json.dumps(found))
        return
    sizes = options.sizes or SIZES[options.what]
    told = []
    for size in sizes:
        command = [sys.executable, __file__, options.what, "--inside", "--sizes", str(size)]
        command += ["--repeats", str(options.repeats), "--metrics", *options.metrics]
        done = subprocess.run(command, check=True, stdout=-1)
        *said, found_there = done.stdout.decode().splitlines()
        told.append(json.loads(found_there))
        print(size, told[-1], *said, flush=True)
    for stage in told[-1]:
        seconds = [row[stage] for row in told]
        slope, _ = np.polyfit(np.log(sizes), np.log(seconds), 1)
        last = np.log(seconds[-1] / seconds[-2]) / np.log(sizes[-1] / sizes[-2])
        shown = ", ".join(f"{value:.2f}" for value in seconds)
        print(f"{stage}: {shown} s, exponent {slope:.2f}, between the last two sizes {last:.2f}")


if __name__ == "__main__":
    main()
