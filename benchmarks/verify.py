"""How long it takes to verify a release of thousands of texts.

    python benchmarks/verify.py --out benchmarks/results/verify.json

The release is made first, by fake models from invented rows; then `rpsg verify` makes the whole of it again
and compares the bytes. So the work of RPSG itself is measured, and not that of real models. The file keeps
the figures of earlier calls; the load average says how busy the machine was.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import rpsg
from rpsg.models.fake import FILLER
from rpsg.stages.rng import stream


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=5000)
    parser.add_argument("--people", type=int, default=4000)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    draw = stream(0, "rows to verify")
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["RPSG_HOME"] = scratch  # the user's account book is not charged
        data, run = Path(scratch) / "rows.jsonl", Path(scratch) / "run"
        rows = (" ".join(FILLER[i] for i in draw.integers(len(FILLER), size=40)) for _ in range(args.people))
        data.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows), encoding="utf-8")
        plan = rpsg.make_plan(
            {
                "data": {"path": str(data)},
                "corpus": {"domain": "food-reviews", "size": args.size},
                "privacy": {"epsilon": 2.0, "n_public": args.people},
                "models": {"writer": "fake", "embedder": "fake"},
            }
        )
        since = time.perf_counter()
        rpsg.run(plan, run)
        made = time.perf_counter() - since
        since, spent = time.perf_counter(), time.process_time()
        checked = rpsg.verify(run)
        found = {
            "texts": args.size,
            "people": args.people,
            "run, seconds": round(made, 1),
            "verify, seconds": round(time.perf_counter() - since, 1),
            "verify, seconds of processors": round(time.process_time() - spent, 1),
            "load average": round(os.getloadavg()[0], 1),
        }
    if not checked.ok:
        raise SystemExit("the release does not hold")
    print(json.dumps(found, indent=1))
    if args.out:
        earlier = json.loads(args.out.read_text("utf-8")) if args.out.is_file() else []
        args.out.write_text(json.dumps([*earlier, found], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
