"""What each stage costs as a release and the private texts grow: CPU seconds, peak memory, and the exponent.

    python benchmarks/scale.py release --sizes 5000 20000 100000 --oversample 1.2 --out FILE
    python benchmarks/scale.py evaluate --sizes 5000 20000 80000 --out FILE
    python benchmarks/scale.py labelled --sizes 5000 20000 80000 --oversample 1.2 --out FILE
    python benchmarks/scale.py private --sizes 60000 250000 1000000 --out FILE
    python benchmarks/scale.py shard --sizes 1000000 3000000 10000000 --out FILE

``release`` makes a release with the fake writer and an embedder of 384 random numbers per word, and verifies
it. ``evaluate`` compares synthetic and real texts, equally many. ``labelled`` makes a release with labels,
verifies it, and evaluates it with floor and ceiling. ``private`` reads, annotates and counts invented rows.
``shard`` counts one shard of 32 of a CSV file, for both questions of strict mode. Each size has separate
processes, and is added to the sizes in the file, unless these have another ``--oversample``. Exponents are
slopes of log CPU seconds on log size; stages of under a second have none.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import pyarrow.parquet as pq
from pyarrow import csv

import rpsg
from memory import RandomRows
from rpsg.domains import find_pack
from rpsg.evaluation import data as corpora
from rpsg.evaluation import evaluate as evaluation
from rpsg.evaluation.runner import run_metric
from rpsg.methods import dp_steps, strict
from rpsg.models.fake import FILLER, FakeClassifier, FakeEmbedder, FakeWriter
from rpsg.pipeline import execute, publish
from rpsg.pipeline.shards import counting
from rpsg.pipeline.shards.counting import count
from rpsg.pipeline.shards.merging import begin, merge
from rpsg.privacy.commitment import commit_to
from rpsg.privacy.histogram import Query, clean_histogram
from rpsg.privacy.private import open_private
from rpsg.protocols import Silent
from rpsg.stages.annotate import annotate, describe
from rpsg.stages.cards import card_row_cells, cells
from rpsg.stages.contributions import People
from rpsg.stages.rng import stream
from rpsg.storage.readers import read_corpus
from rpsg.storage.vault import Vault
from rpsg.storage.vectors import Vectors
from rpsg.testing.lab import plugged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SHORTEST, DIM, PEOPLE = 1.0, 384, 4000
GIB = 1 << 20  # in KiB, as the system counts
SIZES = dict.fromkeys(("release", "evaluate", "labelled"), (5000, 20_000, 80_000))
SIZES |= {"private": (60_000, 250_000, 1_000_000), "shard": (1_000_000, 3_000_000, 10_000_000)}
SHARDS, LABELS = 32, ("delivery", "staff", "taste")


class Meter:
    """CPU seconds and peak memory by stage. Seconds of a stage within another count for the inner one."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}
        self._inner = [0.0]
        self._peaks = [0.0]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._peaks[-1] = max(self._peaks[-1], peak())
        forget_peak()
        self._inner.append(0.0)
        self._peaks.append(0.0)
        since = time.process_time()
        try:
            yield
        finally:
            spent = time.process_time() - since
            most = max(self._peaks.pop(), peak())
            forget_peak()
            self._peaks[-1] = max(self._peaks[-1], most)
            own = spent - self._inner.pop()
            self._inner[-1] += spent
            told = self.stages.setdefault(name, {"cpu_seconds": 0.0, "peak_gib": 0.0})
            told["cpu_seconds"] = round(told["cpu_seconds"] + own, 3)
            told["peak_gib"] = round(max(told["peak_gib"], most), 3)

    def watch(self, name: str, place: Any, attribute: str) -> None:
        """Count the calls of ``place.attribute`` as the stage ``name`` from now on."""
        called: Callable[..., Any] = getattr(place, attribute)

        def measured(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return called(*args, **kwargs)

        setattr(place, attribute, measured)


def peak() -> float:
    """The most memory of this process since ``forget_peak``, in GiB."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / GIB


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def plan_of(size: int, data: Path, oversample: float, embedder: str = "wide", **columns: Any) -> Any:
    return rpsg.make_plan(
        {
            "data": {"path": str(data), **columns},
            "corpus": {"domain": "food-reviews", "size": size},
            "privacy": {"epsilon": 2.0, "n_public": PEOPLE},
            "method": {"oversample": oversample},
            "models": {"writer": "fake", "embedder": embedder},
        }
    )


def write_rows(path: Path, count: int, seed: int = 0, words: int = 40, labels: Sequence[str] = ()) -> None:
    """Invented rows of ``words`` random words, in JSON Lines or, without ``labels``, as CSV."""
    draw = stream(seed, "rows of a benchmark")
    with path.open("w", encoding="utf-8") as file:
        file.write("" if path.suffix == ".jsonl" else "text,person\n")
        for start in range(0, count, 10_000):
            picked = draw.integers(len(FILLER), size=(min(10_000, count - start), words)).tolist()
            for number, row in enumerate(picked, start):
                text = " ".join([FILLER[i] for i in row])
                label = {"label": labels[number % len(labels)]} if labels else {}
                line = {"text": text, "person": f"p{number}", **label}
                file.write(json.dumps(line) + "\n" if path.suffix == ".jsonl" else f'"{text}",p{number}\n')


@contextmanager
def wide_embedder() -> Iterator[None]:
    """The fake embedder, with as many numbers as a real one has, under the name "wide"."""
    FakeWriter.requests = property(lambda _: [], lambda *_: None)  # type: ignore[assignment]  # no memory of all
    with plugged("embedders", {"wide": lambda *_, **__: FakeEmbedder(DIM, name="wide")}):
        yield


def run_release(size: int, oversample: float, folder: Path, meter: Meter, **columns: Any) -> None:
    write_rows(data := folder / "rows.jsonl", PEOPLE, labels=columns.get("labels", ()))
    meter.watch("fake models", FakeEmbedder, "embed")
    meter.watch("fake models", FakeWriter, "write")
    watch_method(meter)
    for name in ("write_rows", "write_evidence", "write_metadata", "write_words", "write_release_report"):
        meter.watch(f"publish: {name.replace('_', ' ')}", publish, name)
    meter.watch("publish: ledger", publish, "publish")
    execute.RELEASED = execute.Ending("", execute.RELEASED.is_ready, publish.publish)
    with wide_embedder(), meter.stage("run: all else"):
        run = rpsg.run(plan_of(size, data, oversample, **columns), folder / "run")
    meter.stages["run: all else"]["texts"] = len(run.texts)


def watch_method(meter: Meter) -> None:
    meter.watch("requests and replies", strict, "write_candidates")
    meter.watch("near-duplicates", dp_steps, "drop_near_duplicates")
    meter.watch("copies of examples", dp_steps, "drop_copies")
    meter.watch("sketch", strict, "measure")
    meter.watch("choose", strict, "choose_by_sketch")
    meter.watch("scrub", strict, "scrub")


def verify_release(_: int, _drafts: float, folder: Path, meter: Meter) -> None:
    meter.watch("verify: fake models", FakeEmbedder, "embed")
    inner = Meter()
    inner.stage = lambda name: meter.stage(f"verify: {name}")  # type: ignore[method-assign]
    watch_method(inner)
    with wide_embedder(), meter.stage("verify: all else"):
        checked = rpsg.verify(folder / "run", plugins=("wide",))
    if not checked.ok:
        raise SystemExit(f"the release does not hold: {[c for c in checked.checks if not c.ok]}")


def evaluate(size: int, _: float, folder: Path, meter: Meter, labels: Sequence[str] = ()) -> None:
    for seed, name in enumerate(("synthetic", "real", "other")):
        write_rows(folder / f"{name}.jsonl", size, seed, labels=labels)
    meter.watch("evaluate: fake embedder", FakeEmbedder, "embed")
    meter.watch("evaluate: write the floor", corpora, "write_floor")

    def measured(name: str, *args: Any) -> Any:
        with meter.stage(f"evaluate: {name}"):
            return run_metric(name, *args)

    setattr(evaluation, "run_metric", measured)  # noqa: B010  # a name that the module only imports
    corpus, other = ("run", folder / "other.jsonl") if labels else ("synthetic.jsonl", None)
    with wide_embedder(), meter.stage("evaluate: all else"):
        rpsg.evaluate(folder / corpus, real=folder / "real.jsonl", train_real=other, embedder="wide")


def run_labelled(size: int, oversample: float, folder: Path, meter: Meter) -> None:
    run_release(size, oversample, folder, meter, label="label", labels=LABELS)


def evaluate_labelled(size: int, drafts: float, folder: Path, meter: Meter) -> None:
    evaluate(size, drafts, folder, meter, LABELS)


def read_private(size: int, _: float, folder: Path, meter: Meter) -> None:
    """Each format in the same process; the corpus of one is freed before the next is read."""
    for ending in ("csv", "jsonl", "parquet"):
        file = folder / f"rows.{ending}"
        if ending == "parquet":
            pq.write_table(csv.read_csv(folder / "rows.csv"), file)
        else:
            write_rows(file, size)
        with meter.stage(f"read {ending}"):
            read_corpus(file, user="person")
        told = meter.stages[f"read {ending}"]
        told["mb_per_second"] = round(file.stat().st_size / 1e6 / told["cpu_seconds"], 1)


def count_private(size: int, _: float, folder: Path, meter: Meter) -> None:
    """Read the file and count cards exactly, as in strict mode; embeddings are random rows in a file."""
    with meter.stage("count: read jsonl"):
        corpus = read_corpus(folder / "rows.jsonl", user="person")
    with meter.stage("count: hash of all rows"):
        commit_to(corpus, b"a nonce of a benchmark, 32 bytes")
    embedder, pack = RandomRows(DIM), find_pack("food-reviews")
    (folder / "vault").mkdir()
    cache = Vectors(Vault.create(folder / "vault", "none"), "embeddings", DIM)
    more: dict[str, Any] = {"embedder": embedder, "progress": Silent(), "cache": cache}
    people = People(lambda: corpus, max_records=1, key=b"a key of a benchmark", **more)
    with meter.stage("count: bound rows of a person"):
        open_private(people.units)
    with meter.stage("count: embed (random rows)"):
        open_private(people.embeddings)
    with meter.stage("count: annotate"):
        landmarks = describe(pack, embedder)
        traits = annotate(people, pack, landmarks, FakeClassifier())
    with meter.stage("count: cards"):
        groups = len(pack.marginals)
        query = Query("cards", "cards", cells(pack), "S2_one_cell", 1.0, k=groups)
        counts = clean_histogram(query, open_private(card_row_cells(traits, people.units, pack)))
    if int(np.sum(counts)) != size * groups:
        raise SystemExit("Counts are missing: the figures would mean nothing.")


class SomeRows(RandomRows):
    """One of 4,096 random rows for each text, always the same: questions contain rows of public texts."""

    name = "some-rows"

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self._held = super().embed([""] * 4096)

    def embed(self, texts: Sequence[str]) -> Any:
        return self._held[[crc32(text.encode()) % len(self._held) for text in texts]]


def write_many_rows(path: Path, count: int) -> None:
    """Rows of ``count`` people; the texts of 100,000 rows repeat, so that writing is quick."""
    write_rows(path, min(count, 100_000))
    texts = [line.rpartition(",")[0] for line in path.read_text("utf-8").splitlines()[1:]]
    with path.open("a", encoding="utf-8") as file:
        for start in range(len(texts), count, len(texts)):
            people = range(start, min(start + len(texts), count))
            file.writelines(f"{text},p{n}\n" for text, n in zip(texts, people, strict=False))


def ask_shards(size: int, _: float, folder: Path, meter: Meter) -> None:
    """Write the large file, and both questions; shards of a small file answer the first."""
    write_many_rows(folder / "rows.csv", size)
    write_rows(folder / "few.csv", PEOPLE)
    plan = plan_of(500, Path(), 1.2, SomeRows.name)
    data = {"path": "", "user": "person", "account": "many", "shards": SHARDS}
    plan = plan.model_copy(update={"data": plan.data.model_copy(update=data)})
    models = SomeRows(DIM), FakeClassifier()
    plan = plan.model_copy(update={"models": plan.models.model_copy(update={"sentiment": models[1].name})})
    with (
        plugged("embedders", {models[0].name: lambda *_, **__: models[0]}),
        plugged("classifiers", {models[1].name: lambda *_, **__: models[1]}),
        meter.stage("not shown"),
    ):
        begin(plan, folder / "run")
        files = [folder / f"{shard}.sum" for shard in range(1, SHARDS + 1)]
        for shard, file in enumerate(files, 1):
            count(folder / "run" / "question-1.json", str(folder / "few.csv"), shard, file, models=models)
        merge(folder / "run", files)
    meter.stages.clear()


def count_shard(folder: Path, meter: Meter, number: int) -> None:
    meter.watch(f"question {number}: read all rows, keep those of the shard", counting, "_part")
    meter.watch(f"question {number}: embed (some rows)", People, "_embed")
    models = SomeRows(DIM), FakeClassifier()
    with meter.stage(f"question {number}: all else"):
        question = folder / "run" / f"question-{number}.json"
        count(question, str(folder / "rows.csv"), 1, folder / f"one-{number}.sum", models=models)


def count_first(_: int, _drafts: float, folder: Path, meter: Meter) -> None:
    count_shard(folder, meter, 1)


def count_second(_: int, _drafts: float, folder: Path, meter: Meter) -> None:
    count_shard(folder, meter, 2)


STEPS = {
    "shard": (ask_shards, count_first, count_second),
    "private": (read_private, count_private),
    "release": (run_release, verify_release),
    "evaluate": (evaluate,),
    "labelled": (run_labelled, verify_release, evaluate_labelled),
}


def exponents(sizes: Mapping[int, Mapping[str, Any]]) -> dict[str, float]:
    """The slope of log seconds on log size of each stage that takes a second at the largest size."""
    found = {}
    for stage in sizes[max(sizes)]:
        seconds = {size: row.get(stage, {}).get("cpu_seconds", 0.0) for size, row in sizes.items()}
        if len(sizes) > 1 and min(seconds.values()) > 0 and seconds[max(sizes)] >= SHORTEST:
            slope, _ = np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)
            found[stage] = round(float(slope), 2)
    return found


def measure(what: str, size: int, oversample: float) -> dict[str, Any]:
    """Each step in a separate process, all in one folder."""
    row: dict[str, Any] = {}
    with TemporaryDirectory() as folder:
        for step in STEPS[what]:
            command = [sys.executable, __file__, what, "--inside", folder, "--step", step.__name__]
            env = {**os.environ, "RPSG_HOME": f"{folder}/home"}  # the user's account book is not charged
            command += ["--sizes", str(size), "--oversample", str(oversample)]
            done = subprocess.run(command, check=True, stdout=-1, env=env)
            row |= json.loads(done.stdout.splitlines()[-1])
    row["total"] = {
        "cpu_seconds": round(sum(stage["cpu_seconds"] for stage in row.values()), 1),
        "peak_gib": max(stage["peak_gib"] for stage in row.values()),
    }
    return row


def table(sizes: Mapping[int, Mapping[str, Any]]) -> str:
    """A Markdown table of the stages that take a second at the largest size, and of the total."""
    slopes, last = exponents(sizes), max(sizes)
    rows = [["stage", *(f"{size:,}" for size in sizes), "exponent"], ["---"] * (len(sizes) + 2)]
    for stage, told in sizes[last].items():
        if told["cpu_seconds"] >= SHORTEST:
            cells = [row.get(stage, {"cpu_seconds": 0.0, "peak_gib": 0.0}) for row in sizes.values()]
            figures = [f"{cell['cpu_seconds']:.1f} s, {cell['peak_gib']:.2f} GiB" for cell in cells]
            rows.append([stage, *figures, f"{slopes[stage]:.2f}" if stage in slopes else ""])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=sorted(STEPS))
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--oversample", type=float, default=2.8, help="drafts for each released text")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        meter = Meter()
        step = next(step for step in STEPS[options.what] if step.__name__ == options.step)
        step(options.sizes[0], options.oversample, options.inside, meter)
        print(json.dumps(meter.stages))
        return
    kept = json.loads(options.out.read_text("utf-8")) if options.out and options.out.is_file() else {}
    before = kept.get(options.what, {})
    settings = {"drafts per text": options.oversample} if options.what in {"release", "labelled"} else {}
    same = all(before.get(name) == value for name, value in settings.items())
    sizes = {int(size): row for size, row in before.get("sizes", {}).items()} if same else {}
    for size in options.sizes or SIZES[options.what]:
        sizes[size] = measure(options.what, size, options.oversample)
        sizes = dict(sorted(sizes.items()))
        print(table(sizes), flush=True)
        if options.out:
            kept[options.what] = {
                "processors": os.cpu_count(),
                "load average": round(os.getloadavg()[0], 1),
                **settings,
                "sizes": sizes,
                "exponents": exponents(sizes),
            }
            options.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
