"""The peak memory of the votes of a million records, with embeddings in a file, as a run with --vault none
keeps them. With a vault they are also in memory, which takes 4 bytes * records * dim more.

    python benchmarks/memory.py [--records 1000000] [--candidates 2000] [--dim 384] [--labels 0] [--json]

It runs the real code from the corpus to the exact counts. Only the embedder is replaced by one that makes
random unit rows at once. The code runs in a separate process, whose peak is the one that the system reports
(ru_maxrss). It includes Python, numpy, the texts and the mapped pages of the file; nothing is subtracted.
Needs 4 bytes * records * dim of disk. Aim: 1.5 GiB for the default sizes.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rpsg.privacy.histogram import Query, clean_histogram
from rpsg.privacy.private import Private, open_private
from rpsg.records import Document, PrivateCorpus
from rpsg.stages.contributions import People
from rpsg.stages.votes import vote_row_cells
from rpsg.storage.vault import Vault
from rpsg.storage.vectors import Vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.protocols import Endpoint

AIM = 1.5
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB elsewhere
GIB = 1 << 30


class RandomRows:
    """Stands in for an embedder: unit rows that have nothing to do with the texts."""

    name = "random-rows"
    endpoint: Endpoint = "local_model"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._random = np.random.default_rng(1)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = self._random.standard_normal((len(texts), self.dim), dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows


class Silent:
    """Progress that is not shown."""

    def start(self, stage: str, total: int | None = None) -> None: ...

    def advance(self, n: int = 1, *, tokens: int = 0) -> None: ...

    def note(self, message: str) -> None: ...

    def done(self, **facts: object) -> None: ...


def corpus(records: int, characters: int) -> Private[PrivateCorpus]:
    """Records, each of another person, with a text of ``characters`` characters."""
    rows = (Document(i, f"{i:<{characters}}", user=f"person-{i}") for i in range(records))
    return Private(PrivateCorpus(tuple(rows)))


def peak() -> float:
    """The peak memory of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT / GIB


def count_votes(people: People, options: argparse.Namespace) -> npt.NDArray[np.int64]:
    pool = RandomRows(options.dim).embed([""] * options.candidates)
    labels = pool_labels = None
    if options.labels:
        labels = people.units.map(lambda units: units % options.labels)
        pool_labels = np.arange(options.candidates, dtype=np.int64) % options.labels
    ballots = vote_row_cells(
        people.embeddings,
        people.units,
        pool,
        votes=options.votes,
        hub_correction=0.5,
        labels=labels,
        candidate_labels=pool_labels,
    )
    query = Query("votes", "nearest candidates", options.candidates, "S4_k_votes", 1.0, k=options.votes)
    return clean_histogram(query, open_private(ballots))


def one_run(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Peak after each step, and the seconds the votes took. To be called in a fresh process."""
    figures = {"peak_gib_at_start": peak()}
    people = People(
        lambda: corpus(options.records, options.characters),
        max_records=1,
        key=b"a key for a benchmark",
        embedder=RandomRows(options.dim),
        progress=Silent(),
        cache=Vectors(Vault.create(folder, "none"), "embeddings", options.dim),
    )
    open_private(people.units)
    figures["peak_gib_with_texts"] = peak()
    open_private(people.embeddings)
    figures["peak_gib_with_embeddings"] = peak()
    start = perf_counter()
    counts = count_votes(people, options)
    figures["votes_seconds_per_million"] = (perf_counter() - start) * 1e6 / options.records
    figures["peak_gib"] = peak()
    if int(counts.sum()) != options.records * min(options.votes, options.candidates):
        raise SystemExit("Votes are missing: the figures would mean nothing.")
    return figures


def spread(values: Sequence[float]) -> dict[str, float]:
    """Smallest, median and largest of the repeats."""
    figures = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return {name: round(figure, 4) for name, figure in figures.items()}


def measure(arguments: Sequence[str], repeats: int, folder: Path | None) -> dict[str, Any]:
    """Each repeat in a separate process and folder."""
    turns = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            command = [sys.executable, __file__, *arguments, "--inside", place]
            turns.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    return {name: spread([turn[name] for turn in turns]) for name in turns[0]}


def main(arguments: Sequence[str] | None = None) -> None:
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parsed(given)
    if options.inside:
        print(json.dumps(one_run(options, options.inside)))
        return
    figures = measure(given, options.repeats, options.folder)
    figures["peak_to_aim"] = {name: round(value / AIM, 4) for name, value in figures["peak_gib"].items()}
    if options.json:
        settings = {name: value for name, value in vars(options).items() if name not in {"folder", "inside"}}
        print(json.dumps({"settings": settings, "aim": AIM, "figures": figures}))
        return
    print(f"{options.records:,} records, {options.candidates:,} candidates, dimension {options.dim}")
    for name, figure in figures.items():
        print(f"{name:28} {figure['min']:8.3f} {figure['median']:8.3f} {figure['max']:8.3f}")
    print(f"(min, median, max of {options.repeats}; aim: peak_gib <= {AIM} for a million records)")


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--candidates", type=int, default=2_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--votes", type=int, default=1)
    parser.add_argument("--labels", type=int, default=0, help="vote within this many labels; 0 for none")
    parser.add_argument("--characters", type=int, default=200, help="length of a text")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the embeddings go for the time of the run")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
