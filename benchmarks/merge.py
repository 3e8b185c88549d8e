"""What `rpsg merge` costs for 32 answers, and that an answer is as large for few rows as for many.

    python benchmarks/merge.py [--shards 32] [--rows 4000 40000]

All shards of a file with the first number of rows answer both questions of strict mode, and one shard of a
file with the second number too, so that the sizes of answers can be compared. Embeddings are drawn, as in
``scale.py shard``. For each question it prints the bytes of an answer, and the CPU seconds and the most
memory of the process while it opens and adds up all answers.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from rpsg.models.fake import FakeClassifier
from rpsg.pipeline.shards import merging
from rpsg.pipeline.shards.counting import count
from rpsg.pipeline.shards.merging import begin, merge
from rpsg.testing.lab import plugged
from scale import DIM, Meter, SomeRows, plan_of, write_rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shards", type=int, default=32)
    parser.add_argument("--rows", type=int, nargs=2, default=(4000, 40_000))
    options = parser.parse_args()
    models, meter = (SomeRows(DIM), FakeClassifier()), Meter()
    meter.watch("open and add up", merging, "_opened")
    with (
        TemporaryDirectory() as name,
        plugged("embedders", {models[0].name: lambda *_, **__: models[0]}),
        plugged("classifiers", {models[1].name: lambda *_, **__: models[1]}),
    ):
        folder = Path(name)
        os.environ["RPSG_HOME"] = str(folder / "home")  # the user's account book is not charged
        files = [folder / f"{rows}.csv" for rows in options.rows]
        for file, rows in zip(files, options.rows, strict=True):
            write_rows(file, rows)
        plan = plan_of(500, Path(), 1.2, SomeRows.name)
        data = {"path": "", "user": "person", "account": "many", "shards": options.shards}
        plan = plan.model_copy(update={"data": plan.data.model_copy(update=data)})
        plan = plan.model_copy(
            update={"models": plan.models.model_copy(update={"sentiment": models[1].name})}
        )
        begin(plan, folder / "run")
        print(
            "| question | bytes of an answer | of one from more rows | seconds | GiB |\n| --- |"
            + " --- |" * 4
        )
        for number in (1, 2):
            question = folder / "run" / f"question-{number}.json"
            answers = [folder / f"{number}-{shard}.sum" for shard in range(1, options.shards + 1)]
            for shard, answer in enumerate(answers, 1):
                count(question, str(files[0]), shard, answer, models=models)
            more = folder / "more.sum"
            count(question, str(files[1]), 1, more, models=models)
            sizes = {answer.stat().st_size for answer in answers}
            if len(sizes) != 1:
                raise SystemExit(f"Answers have different sizes: {sizes}.")
            with meter.stage("not shown"):
                merge(folder / "run", answers)
            told = meter.stages.pop("open and add up")
            print(
                f"| {number} | {sizes.pop():,} | {more.stat().st_size:,} "
                f"| {told['cpu_seconds']:.1f} | {told['peak_gib']:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
