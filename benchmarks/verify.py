"""How long it takes to verify a release of thousands of texts, by one process and by several.

    python benchmarks/verify.py --out benchmarks/results/verify.json
    python benchmarks/verify.py --size 20000 --oversample 1.2 --workers 1 2 --rounds 5 --out FILE

The release is made first, by fake models from invented rows; then `rpsg verify` rebuilds all of it and
compares the bytes. So the work of RPSG itself is measured, and not that of real models. Each number of
workers has its turn in each round, and the figures are medians. Seconds are those of the whole command;
memory is the most of the process that was started, and of the largest of its workers. The file keeps the
figures of earlier calls; the load average says how busy the machine was.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import rpsg
from rpsg.models.fake import FILLER
from rpsg.stages.rng import stream

#: The command as a user types it, and then what it has used; a worker imports nothing of it.
COMMAND = """
import json, resource, sys
from rpsg.cli import main
code = main(["verify", *sys.argv[1:]])
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
told = [[of.ru_utime + of.ru_stime, of.ru_maxrss / (1 << 20)] for of in used]
print(json.dumps([code, *told]), file=sys.stderr)
"""


def verified(run: Path, workers: int) -> dict[str, float]:
    """What one check used."""
    since = time.perf_counter()
    command = [sys.executable, "-c", COMMAND, str(run), "--workers", str(workers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - since
    code, own, theirs = json.loads(done.stderr.splitlines()[-1])
    if code:
        raise SystemExit(f"the release does not hold:\n{done.stdout}")
    return {
        "verify, seconds": seconds,
        "verify, seconds of processors": own[0] + theirs[0],
        "of the process that was started": own[0],
        "GiB of the process that was started": own[1],
        "GiB of a worker": theirs[1],
        "load average": os.getloadavg()[0],
    }


def make_run(folder: Path, size: int, people: int, oversample: float) -> Path:
    """A finished run in ``folder``."""
    draw = stream(0, "rows to verify")
    data, run = folder / "rows.jsonl", folder / "run"
    rows = (" ".join(FILLER[i] for i in draw.integers(len(FILLER), size=40)) for _ in range(people))
    data.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows), encoding="utf-8")
    plan = rpsg.make_plan(
        {
            "data": {"path": str(data)},
            "corpus": {"domain": "food-reviews", "size": size},
            "privacy": {"epsilon": 2.0, "n_public": people},
            "method": {"oversample": oversample},
            "models": {"writer": "fake", "embedder": "fake"},
        }
    )
    rpsg.run(plan, run)
    return run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=5000)
    parser.add_argument("--people", type=int, default=4000)
    parser.add_argument("--oversample", type=float, default=2.8, help="drafts for each text")
    parser.add_argument("--workers", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    measured: dict[int, list[dict[str, float]]] = {workers: [] for workers in args.workers}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["RPSG_HOME"] = scratch  # the user's account book is not charged
        since = time.perf_counter()
        run = make_run(Path(scratch), args.size, args.people, args.oversample)
        made = time.perf_counter() - since
        for _ in range(args.rounds):
            for workers, rounds in measured.items():
                rounds.append(verified(run, workers))
                print(workers, json.dumps(rounds[-1]), flush=True)
    found: list[dict[str, Any]] = [
        {
            "texts": args.size,
            "drafts per text": args.oversample,
            "people": args.people,
            "processors": os.cpu_count(),
            "run, seconds": round(made, 1),
            "workers": workers,
            "rounds": args.rounds,
            **{name: round(median(one[name] for one in rounds), 2) for name in rounds[0]},
        }
        for workers, rounds in measured.items()
    ]
    for one in found[1:]:
        one["times as fast as the first"] = round(found[0]["verify, seconds"] / one["verify, seconds"], 2)
    print(json.dumps(found, indent=1))
    if args.out:
        earlier = json.loads(args.out.read_text("utf-8")) if args.out.is_file() else []
        args.out.write_text(json.dumps([*earlier, *found], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
