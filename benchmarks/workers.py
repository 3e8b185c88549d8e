"""How much faster Ray workers write than one: the same requests with one worker and then with more.

    python benchmarks/workers.py --requests 400 --out benchmarks/results/workers.json
    python benchmarks/workers.py --writer smollm2-135m --requests 64 --out benchmarks/results/workers.json
    python benchmarks/workers.py --count --requests 1600 --out benchmarks/results/workers.json
    python benchmarks/workers.py --show benchmarks/results/workers.json

It needs the extra ``ray``, and a machine that does nothing else. Without ``--writer`` each text takes
``--milliseconds`` of one core and no memory, so the figure shows how much of the cores the engine itself
leaves to the writers. Each number of workers has a separate cluster and process; the time begins when every
worker has loaded its models and written once. Each is measured ``--repeats`` times, in turn. The share of the
cores is the speed-up divided by the number of workers; it is computed from the medians. With ``--count``
workers embed and count that many invented private rows for the first question of strict mode, in eight
shards, with the default embedder. ``--show`` prints the table of docs/ray.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rpsg.engines.dispatch import Workers
from rpsg.engines.models import RayWriter
from rpsg.models.download import models_folder
from rpsg.pipeline.models_of_run import load_tools
from rpsg.pipeline.shards.merging import Waiting, begin
from rpsg.pipeline.shards.on_ray import ShardWorker
from rpsg.plan import resolve
from rpsg.protocols import Message, Request
from rpsg.testing.lab import install, invented
from rpsg.version import VERSION

SHARDS = 8

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


def seconds_of_counting(workers: int, rows: int) -> float:
    """Seconds by the clock until all shards are counted, once every worker has counted another small file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "models").symlink_to(models_folder())
        os.environ["RPSG_HOME"] = name  # a separate account
        settings = {
            "data": {"account": "benchmark", "user": "user", "shards": SHARDS},
            "privacy": {"n_public": rows},
            "corpus": {"domain": "food-reviews", "size": 5},
            "models": {"writer": "fake", "threads": 1},
            "engine": {"kind": "ray", "workers": workers, "reads_private": True},
        }
        plan = resolve(settings)
        spread = Workers(plan, ShardWorker)
        tools = load_tools(plan, RayWriter(plan, spread))
        found = begin(plan, folder / "run", tools=tools)
        assert isinstance(found, Waiting)
        question, taken = found.task.content, 0.0
        for count in (8 * SHARDS, rows):  # the first time, models are loaded
            rows_of_file = "".join(json.dumps(row) + "\n" for row in invented(count, people=count))
            (folder / f"{count}.jsonl").write_text(rows_of_file, "utf-8")
            items = [(question, str(folder / f"{count}.jsonl"), k) for k in range(1, SHARDS + 1)]
            since = time.perf_counter()
            spread.distribute("counter", items, lambda *_: None, most=1)
            taken = time.perf_counter() - since
        return taken


def measured(options: argparse.Namespace, workers: int) -> float:
    """``seconds`` in a separate process."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "busy_words.py").write_text(BUSY, "utf-8")
        install(Path(folder), {"rpsg.writers": {"busy": "busy_words:busy"}}, name="busy-words")
        paths = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
        env = {**os.environ, "PYTHONPATH": paths, "BUSY_SECONDS": str(options.milliseconds / 1000)}
        command = [sys.executable, __file__, "--inside", "--writer", options.writer]
        command += ["--workers", str(workers), "--requests", str(options.requests)]
        command += ["--count"] if options.count else []
        done = subprocess.run(command, env=env, check=True, stdout=-1)
        return float(done.stdout.splitlines()[-1])


def found_with(options: argparse.Namespace) -> dict[str, Any]:
    """What was measured, with what and where."""
    found: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load average before": round(os.getloadavg()[0], 1),
        "versions": {"rpsg": VERSION, "ray": version("ray"), "python": platform.python_version()},
        "requests": options.requests,
        "seconds": {str(workers): [] for workers in options.workers},
    }
    if options.writer == "busy" and not options.count:
        found["milliseconds"] = options.milliseconds
    for _ in range(options.repeats):
        for workers in options.workers:
            taken = round(measured(options, workers), 2)
            found["seconds"][str(workers)].append(taken)
            print(f"{workers} workers: {taken} s; load average {os.getloadavg()[0]:.1f}", flush=True)
    return found


def table(kept: dict[str, Any]) -> str:
    """The results as a Markdown table: medians, and for each number of workers the share of the cores."""
    lines = ["| what the workers do | workers | seconds | share of the cores used |", "| --- | --- | --- | --- |"]
    for writer, found in kept.items():
        if writer == "count":
            name = f"{found['requests']:,} private rows, embedded and counted"
        else:
            name = f"{found['milliseconds']:g} ms of one core for each text" if writer == "busy" else writer
        middle = {int(n): statistics.median(taken) for n, taken in found["seconds"].items()}
        one = middle[min(middle)] * min(middle)
        for workers, taken in middle.items():
            lines.append(f"| {name} | {workers} | {taken:.1f} | {one / taken / workers:.2f} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--writer", default="busy")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--milliseconds", type=float, default=20.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="a JSON file; results of other writers in it stay")
    parser.add_argument("--show", type=Path, metavar="FILE", help="print the table of such a file")
    parser.add_argument("--count", action="store_true", help="count private rows instead of writing")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.show:
        print(table(json.loads(options.show.read_text("utf-8"))))
        return
    if options.inside:
        taken = (
            seconds_of_counting(options.workers[0], options.requests)
            if options.count
            else seconds(options.writer, options.workers[0], options.requests)
        )
        print(json.dumps(taken))
        return
    kept = json.loads(options.out.read_text("utf-8")) if options.out and options.out.is_file() else {}
    kept["count" if options.count else options.writer] = found_with(options)
    if options.out:
        options.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    print(table(kept))


if __name__ == "__main__":
    main()
