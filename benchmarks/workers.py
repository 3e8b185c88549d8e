"""How much faster Ray workers write than one: the same requests with one worker and then with more.

    python benchmarks/workers.py [--workers 1 2] [--milliseconds 20] [--requests 400]
    python benchmarks/workers.py --writer smollm2-135m --requests 24

It needs the extra ``ray``, and a machine that does nothing else. Without ``--writer`` each text takes
``--milliseconds`` of one core and no memory, so the figure shows how much of the cores the engine itself
leaves to the writers. Each number of workers has a cluster and a process of its own; the time begins when
every worker has loaded its models and written once. ``share`` is the speed-up divided by the number of
workers.
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

from rpsg.engines.models import RayWriter
from rpsg.plan import resolve
from rpsg.protocols import Message, Request
from rpsg.testing.lab import install

#: A package with a writer that takes processor time and writes the same as the fake one.
BUSY = """
import os, time
from rpsg.models.fake import FakeWriter

def busy(name, **_):
    return Busy()

class Busy:
    name, endpoint = "busy-writer", "local_model"

    def write(self, requests, on_reply=None):
        replies = []
        for index, request in enumerate(requests):
            until = time.thread_time() + float(os.environ["BUSY_SECONDS"])
            while time.thread_time() < until:
                pass
            replies += FakeWriter().write([request])
            if on_reply is not None:
                on_reply(index, replies[-1])
        return replies
"""


def requests_for(count: int, first: int = 0) -> list[Request]:
    ask = "Write a short review of product {}, as a customer types it in an online shop."
    return [
        Request((Message("user", ask.format(i)),), max_tokens=48, seed=i) for i in range(first, first + count)
    ]


def seconds(writer: str, workers: int, count: int) -> float:
    """Seconds by the clock for ``count`` texts, with this number of workers on a cluster that this process
    starts.
    """
    models, engine = {"writer": writer, "threads": 1}, {"kind": "ray", "workers": workers}
    spread = RayWriter(resolve({"models": models, "engine": engine}))
    spread.write(requests_for(64 * workers if writer == "busy" else 4 * workers, first=count))
    since = time.perf_counter()
    spread.write(requests_for(count))
    return time.perf_counter() - since


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--writer", default="busy")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--milliseconds", type=float, default=20.0)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(seconds(options.writer, options.workers[0], options.requests)))
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "busy_words.py").write_text(BUSY, "utf-8")
        install(Path(folder), {"rpsg.writers": {"busy": "busy_words:busy"}}, name="busy-words")
        paths = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
        env = {**os.environ, "PYTHONPATH": paths, "BUSY_SECONDS": str(options.milliseconds / 1000)}
        first = 0.0
        for workers in options.workers:
            command = [sys.executable, __file__, "--inside", "--writer", options.writer]
            command += ["--workers", str(workers), "--requests", str(options.requests)]
            done = subprocess.run(command, env=env, check=True, stdout=-1)
            taken = float(done.stdout.splitlines()[-1])
            first = first or taken * workers
            told = f"{taken:.1f} s, share {first / taken / workers:.2f}"
            print(f"{workers} workers: {told}; load average {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    main()
