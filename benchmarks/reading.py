"""How fast private rows are read on one core, in MB per CPU second, compared with another version of RPSG.

    git worktree add ../before 4daaddf6
    python benchmarks/reading.py [--rows 60000] [--against ../before/src]

Rows of 40 words, one for each person: English words in ASCII; and German ones with other letters, where a
third of the rows has a line break and a third has quotes. MB are those of the CSV file, also for Parquet,
whose files are compressed. Each version reads each file in a separate process, in turn. The best of five
times counts, so other work on the machine matters little.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

import rpsg
from rpsg.models.fake import FILLER
from rpsg.storage.readers import read_corpus

GERMAN = ("über", "schön", "Straße", "größer", "die", "und", "nicht", "haben", "wir", "heute", "Kartoffeln")
MIDDLES = (".\n", ', "ja", ', " - ")


def write_files(folder: Path, rows: int) -> None:
    draw = random.Random(1)
    for name, words in {"english": FILLER, "german": GERMAN}.items():
        middles = MIDDLES if name == "german" else (" ",)
        texts = [
            " ".join(draw.choices(words, k=20)) + draw.choice(middles) + " ".join(draw.choices(words, k=20))
            for _ in range(rows)
        ]
        people = [f"p-{i}" for i in range(rows)]
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "person"), *zip(texts, people, strict=True)])
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for text, person in zip(texts, people, strict=True):
                file.write(json.dumps({"text": text, "person": person}, ensure_ascii=False) + "\n")
        pq.write_table(pa.table({"text": texts, "person": people}), folder / f"{name}.parquet")


def speed(file: Path) -> float:
    """MB of the CSV file per CPU second, the best of five times."""
    times = []
    for _ in range(5):
        since = time.process_time()
        corpus = read_corpus(file, user="person")
        times.append(time.process_time() - since)
        del corpus
    return file.with_suffix(".csv").stat().st_size / 1e6 / min(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--against", type=Path, help="the folder src of another version")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(speed(options.inside)))
        return
    here = Path(rpsg.__file__).parents[1]
    versions = {"there": options.against.resolve()} if options.against else {}
    versions["here"] = here
    print(f"| MB/s | {' | '.join(versions)} |\n| --- |{' --- |' * len(versions)}")
    with TemporaryDirectory() as folder:
        write_files(Path(folder), options.rows)
        for file in sorted(Path(folder).iterdir()):
            found = []
            for source in versions.values():
                command = [sys.executable, __file__, "--inside", str(file)]
                env = {**os.environ, "PYTHONPATH": str(source)}
                done = subprocess.run(command, check=True, stdout=-1, env=env)
                found.append(f"{json.loads(done.stdout):.0f}")
            print(f"| {file.name} | {' | '.join(found)} |", flush=True)


if __name__ == "__main__":
    main()
