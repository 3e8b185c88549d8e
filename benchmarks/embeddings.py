"""Seconds and memory of the stored embeddings of private texts, encrypted and not.

    python benchmarks/embeddings.py [--sizes 250000 1000000] [--numbers 384]

Each mode and size has a separate process. It stores random rows in parts of 8,192, opens them, reads all in
the order of the file, as most stages do, and reads all in random order, 2,000 at a time, as the sum over
people does if a person's rows are far apart. Seconds are those of the processor. The memory is the most that
the process had, less what it had when only its modules were imported.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rpsg.storage.vault import Vault
from rpsg.storage.vectors import Vectors, drop_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rpsg.storage.vault import VaultKey
    from rpsg.storage.vectors import Halves, Stored

PART, BLOCK, SOME = 8192, 2048, 2000


def gib() -> float:
    """The most memory that this process has had, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def blocks(rows: int, numbers: int) -> Iterator[Halves]:
    rng = np.random.default_rng(0)
    for start in range(0, rows, PART):
        yield rng.random((min(PART, rows - start), numbers), np.float32).astype(np.float16)


def in_order(rows: Stored) -> None:
    for start in range(0, len(rows), BLOCK):
        np.asarray(rows[start : start + BLOCK], np.float32)
        drop_pages(rows)


def in_any_order(rows: Stored) -> None:
    order = np.random.default_rng(1).permutation(len(rows))
    for start in range(0, len(order), SOME):
        np.asarray(rows[order[start : start + SOME]], np.float32)


def measured(key: VaultKey, rows: int, numbers: int) -> dict[str, float]:
    """Seconds of each step, and GiB of all of them."""
    before, found = gib(), {}

    def timed(step: str, do: Callable[[], Stored | None]) -> Stored | None:
        since = time.process_time()
        made = do()
        found[step] = round(time.process_time() - since, 2)
        return made

    with tempfile.TemporaryDirectory() as folder:
        vectors = Vectors(Vault.create(Path(folder), key), "embeddings", numbers)
        timed("draw and store", lambda: vectors.fill(rows, blocks(rows, numbers)))
        kept = timed("open", vectors.load)
        if kept is None:
            raise SystemExit("Nothing was stored.")
        timed("read in order", lambda: in_order(kept))
        found["GiB until here"] = round(gib() - before, 3)
        timed("read in any order", lambda: in_any_order(kept))
        found["GiB"] = round(gib() - before, 3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[250_000, 1_000_000])
    parser.add_argument("--numbers", type=int, default=384)
    parser.add_argument("--inside", choices=["file", "none"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(measured(options.inside, options.sizes[0], options.numbers)))
        return
    for size in options.sizes:
        for key in ("file", "none"):
            command = [sys.executable, __file__, "--inside", key, "--numbers", str(options.numbers)]
            done = subprocess.run([*command, "--sizes", str(size)], check=True, stdout=-1, text=True)
            print(f"{size:,} rows, key {key}: {done.stdout.strip()}", flush=True)


if __name__ == "__main__":
    main()
