"""A run whose workers on a Ray cluster also count the private texts, in shards.

No private text goes through Ray. Each worker opens the private file itself, at the same path on its node, and
returns what a shard's file holds: exact sums, sealed for the run. The noise is drawn once, in this process.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg import registry
from rpsg.disk.journals import Journal
from rpsg.engines.dispatch import Workers
from rpsg.engines.models import RayWriter
from rpsg.engines.worker import RayWorker, Results, Role, WorkerFailure, WorkerModel, failure_of
from rpsg.errors import PrivacyError, UsageError
from rpsg.pipeline.execute import execute
from rpsg.pipeline.models_of_run import load_tools
from rpsg.pipeline.shards.counting import count
from rpsg.pipeline.shards.merging import Waiting, begin, merge
from rpsg.pipeline.shards.reading_machines import note_counting
from rpsg.pipeline.shards.task import this_program
from rpsg.storage.layout import JOURNAL
from rpsg.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.plan import Plan
    from rpsg.protocols import NoiseSource, Progress
    from rpsg.release.run import Run


class ShardWorker(RayWorker):
    """A worker that also counts shards. Its embedder is the same for private and for public texts."""

    def describe(self, role: Role) -> WorkerModel | WorkerFailure:
        """The program that counts, in place of a model; each question names the models to use."""
        if role != "counter":
            return super().describe(role)
        try:
            return WorkerModel(VERSION, this_program()["source_sha256"], "local_model")
        except BaseException as error:  # noqa: BLE001  # else Ray would write the error into its logs
            return failure_of(error)

    def work(self, role: Role, items: Sequence[Any]) -> Iterator[Results | WorkerFailure]:
        """The sealed sums of each shard; ``items`` are a question, the path of the file, and a number."""
        if role != "counter":
            yield from super().work(role, items)
            return
        try:
            for place, (question, data, shard) in enumerate(items):
                yield Results(place, [self._sums(question, data, shard)])
        except BaseException as error:  # noqa: BLE001  # as in ``describe``
            yield failure_of(error)

    def _sums(self, question: bytes, data: str, shard: int) -> bytes:
        embedder = self.model("embedder")
        models = self.plan.models
        sentiment = registry.sentiment(embedder, models.sentiment, threads=models.threads)
        with tempfile.TemporaryDirectory(prefix="rpsg-count-") as folder:
            asked, out = Path(folder, "question"), Path(folder, "sums")
            asked.write_bytes(question)
            count(asked, data, shard, out, models=(embedder, sentiment))
            return out.read_bytes()


def run(plan: Plan, out: Path, *, progress: Progress | None = None, noise: NoiseSource | None = None) -> Run:
    """Run the plan in ``out``, or resume it, as ``execute`` does; workers count if there are shards and Ray.

    Raises:
        PrivacyError: the plan does not say that workers may open the private file. Nothing was read.
        UsageError: the plan names no file, no account, or a file for each site.
        RpsgError: as ``execute``.
    """
    if plan.engine.kind != "ray" or not plan.data.shards:
        return execute(plan, out, progress=progress, noise=noise)
    if not plan.engine.reads_private:
        raise PrivacyError(
            "With shards and Ray, workers would open the private file on the nodes of the cluster, but the "
            "plan does not say that they may. Nothing was read.",
            hint="If every node may hold the private texts: [engine] reads_private = true",
        )
    if not plan.data.path or plan.data.divided_by != "person":
        raise UsageError(
            "Workers count shards of one private file, which is at the same path on every node.",
            hint='Name the file, and leave [data] divided_by at "person".',
        )
    data, workers = str(Path(plan.data.path).absolute()), Workers(plan, ShardWorker)
    tools = load_tools(plan, RayWriter(plan, workers))
    found = begin(plan, out, progress=progress, tools=tools, noise=noise)
    while isinstance(found, Waiting):
        # This is noted before the nodes read anything, so that it is noted even if they fail.
        note_counting(Journal(out / JOURNAL), nodes=True)
        with tempfile.TemporaryDirectory(prefix="rpsg-sums-") as folder:
            files = _counted(workers, found.task.content, data, plan.data.shards, Path(folder))
            found = merge(out, files, progress=progress, tools=tools, noise=noise, nodes=True)
    return found


def _counted(workers: Workers, question: bytes, data: str, shards: int, folder: Path) -> list[Path]:
    """The files of all shards, in ``folder``."""
    files = [folder / str(shard) for shard in range(1, shards + 1)]
    items = [(question, data, shard) for shard in range(1, shards + 1)]

    def keep(index: int, sums: bytes) -> None:
        files[index].write_bytes(sums)

    workers.distribute("counter", items, keep, most=1)
    return files
