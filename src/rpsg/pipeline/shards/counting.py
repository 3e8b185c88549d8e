"""``rpsg count``: the exact sums of one shard, sealed for the run that asks.

Nothing that others can see depends on private data: the task alone determines size and time stamp of the
file, and no number of rows or people is shown.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING

from rpsg import registry
from rpsg.disk.files import file_errors, write_atomic
from rpsg.engines.local import LocalEngine
from rpsg.errors import DataError, UsageError
from rpsg.hardening import forbid_core_dumps
from rpsg.methods.named import method_of
from rpsg.pipeline.forecast import SERVED
from rpsg.pipeline.people import bounds_of
from rpsg.pipeline.shards.task import ShardTask, this_program
from rpsg.privacy import egress
from rpsg.privacy.commitment import RowDigests
from rpsg.privacy.private import Private
from rpsg.privacy.sealed_sums import ShardAddress, ShardSums, sealed_sums
from rpsg.protocols import Silent
from rpsg.records import PrivateCorpus
from rpsg.release.public_plan import without_place
from rpsg.stages.contributions import People
from rpsg.stages.partition import in_shard
from rpsg.storage.readers import check_columns, check_readable, each_by_rule
from rpsg.storage.readers.source import STDIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from rpsg.plan import Plan
    from rpsg.protocols import Classifier, Embedder, Endpoint, Progress
    from rpsg.records import Document


def count(
    question: Path,
    data: str,
    shard: int,
    out: Path,
    *,
    shards: int | None = None,
    embedder: str = "",
    fingerprint: str = "",
    here: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    models: tuple[Embedder, Classifier] | None = None,
) -> ShardTask:
    """Count the people of one shard, and write the sealed sums to ``out``.

    Args:
        question: the file that ``rpsg shards`` or ``rpsg merge`` wrote.
        data: the private texts: the same file for all shards, or the file of this site.
        shard: the number of the shard, from 1 on.
        out: the file to write; an existing file is replaced.
        shards: how many shards the caller believes there are.
        embedder: the path of the plan's embedder on this machine, if the embedder has no name.
        fingerprint: what the run's machine printed for the question; if empty, it is not compared.
        here: settings of ``[data]`` that differ at this site: encoding, text, user.
        progress: receives how much has been read, in per cent.
        models: replace the plan's embedder and sentiment classifier, for tests.

    Raises:
        UsageError: there is no such shard, a model here is not the one of the plan, the question names a
            server, a path or a plug-in for a model or the method, or ``here`` would change who is counted.
        DataError: the question or the private file cannot be read, another version of RPSG wrote it, or it
            has another fingerprint.
        PrivacyError: a model is not on this machine. Nothing was read.
    """
    forbid_core_dumps()
    task = ShardTask.read(question)
    _check_fingerprint(task, fingerprint)
    _check_shard(task, shard, shards)
    plan = _plan_here(task, data, here or {})
    reads, feels = models or _models(embedder, plan)
    _check_models(task, plan, reads, feels)
    held = _counted(task, plan, shard, reads, feels, progress or Silent())
    address = ShardAddress(task.digest, shard, task.about.shards)
    write_atomic(out, sealed_sums(address, held, bytes.fromhex(task.about.recipient)))
    with file_errors(f"write {out.name}"):
        told = question.stat()
        os.utime(out, ns=(told.st_mtime_ns, told.st_mtime_ns))  # hides how long it took
    return task


def _plan_here(task: ShardTask, data: str, here: Mapping[str, str]) -> Plan:
    """The plan of the question with this machine's file. Only the header of the file has been read so far."""
    plan = task.plan_for(data)
    _check_here(plan, here)
    plan = plan.model_copy(update={"data": plan.data.model_copy(update=dict(here))})
    if data == STDIN:
        raise UsageError(
            "A shard can only be counted from a file.", hint="Name the file with the private texts."
        )
    check_readable(data, plan.data.format)
    check_columns(plan.data)
    return plan


def _counted(
    task: ShardTask, plan: Plan, shard: int, reads: Embedder, feels: Classifier, progress: Progress
) -> ShardSums:
    """The exact sums over the people of the shard, and the digest of the whole file."""
    progress.start("reading the file")
    read = Private(plan.data).map(lambda named: _part(task, shard, each_by_rule(named)))
    mine, digest = read.map(itemgetter(0)), read.map(itemgetter(1))
    most, words = bounds_of(plan, bounded=True)
    people = People(
        lambda: mine,
        max_records=most,
        passage_words=words,
        key=bytes.fromhex(task.about.rows_key),
        embedder=reads,
        progress=progress,
    )
    engine = LocalEngine((people,), Remembered(feels))
    sums = tuple(engine.exact_sum(query, asked) for query, asked in task.asked)
    return ShardSums(sums, digest)


def _check_fingerprint(task: ShardTask, fingerprint: str) -> None:
    """Check that the question has the fingerprint that the caller expects, if the caller named one."""
    if fingerprint and fingerprint.strip().lower() != task.fingerprint:
        raise DataError(
            f"The fingerprint of the question is {task.fingerprint}, but {fingerprint.strip()} was given.",
            hint="Nothing was read. Somebody may have replaced the question by one whose answers they can "
            "read. Ask the person who has the run for the question and its fingerprint.",
        )


def _check_shard(task: ShardTask, shard: int, shards: int | None) -> None:
    """Check that the task has this shard, and is one for the program here."""
    number = task.about.shards
    if shards not in {None, number} or not 1 <= shard <= number:
        raise UsageError(
            f"The run has {number} shards, so there is no shard {shard}/{shards or number}.",
            hint=f"Count each of 1/{number} to {number}/{number} once.",
        )
    if task.about.program != this_program():
        raise DataError(
            "The question was written by another version of RPSG, or by other source code, than the one on "
            "this machine. So the counts might differ too.",
            hint="Install the same version of RPSG on every machine that counts.",
        )


def _check_here(plan: Plan, here: Mapping[str, str]) -> None:
    """Check that the question's method can be counted, and that what differs here changes nobody's shard."""
    name = plan.method.name
    if name not in registry.built_in("methods") or not method_of(plan).shards:
        raise UsageError(
            f"The question is for the method {name}, which cannot be counted in shards.",
            hint="Ask the person who has the run.",
        )
    if here and plan.data.divided_by != "site":
        raise UsageError(
            "All shards of one file must read it in the same way, or somebody is counted in two shards or "
            "in none.",
            hint="Name encoding and columns in the plan, when you begin the run with rpsg shards.",
        )
    if not here.keys() <= {"encoding", "text", "user"} or not all(here.values()):
        raise UsageError("Only the encoding and the names of columns may differ at a site.", hint="--text")
    if "user" in here and plan.data.user is None:
        raise UsageError(
            "The run protects rows, so no column names people.",
            hint="Leave --user out, or begin the run with rpsg shards --user COLUMN.",
        )


def _models(embedder: str, plan: Plan) -> tuple[Embedder, Classifier]:
    """The models of the plan, on this machine.

    The plan comes from somebody else, who must not be able to have texts sent away. So the plan's server,
    paths and plug-ins are not used.
    """
    named: tuple[tuple[registry.Kind, str], ...] = (
        ("embedders", embedder or plan.models.embedder),
        ("classifiers", plan.models.sentiment or "sentiment"),
    )
    for kind, name in named:
        own = registry.is_own(kind, name) and without_place(name) == name
        own = own or (kind == "embedders" and bool(embedder))
        if name.partition(":")[0] in SERVED or not own:
            raise UsageError(
                f"The question names {name}, but only RPSG's own local models may read the texts of a shard.",
                hint="Ask for a plan with another model; to use an embedder from a package installed here, "
                "name it with --embedder.",
            )
    reads = registry.embedder(named[0][1], threads=plan.models.threads)
    return reads, registry.sentiment(reads, plan.models.sentiment, threads=plan.models.threads)


def _check_models(task: ShardTask, plan: Plan, reads: Embedder, feels: Classifier) -> None:
    """Check that these are the models of the task, and on this machine."""
    roles = {"embedder": reads, "sentiment": feels}
    egress.check(method_of(plan).egress_of(plan), roles, private=True)
    for role, model in roles.items():
        if model.name != (wanted := getattr(task.about, role)):
            raise UsageError(
                f"The model for {role} here is {model.name}, but the question asks for {wanted}.",
                hint="All shards must be read by the same models. For a model by path: --embedder PATH",
            )


def _part(task: ShardTask, shard: int, everybody: Iterable[Document]) -> tuple[PrivateCorpus, bytes]:
    """The rows of the people who are in this shard, and the digest of all rows: only a part is in memory."""
    is_mine = in_shard(task.about.run_id, shard, task.about.shards)
    by_site = task.about.divided_by == "site"
    digests = RowDigests()
    mine = []
    for row in everybody:
        digests.add(row)
        if by_site or is_mine(row):
            mine.append(row)
    return PrivateCorpus(tuple(mine)), digests.together()


@dataclass
class Remembered:
    """A classifier that remembers its answers, since several queries count the same batch of rows."""

    classifier: Classifier
    _said: dict[tuple[str, ...], list[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.classifier.name

    @property
    def endpoint(self) -> Endpoint:
        return self.classifier.endpoint

    @property
    def values(self) -> tuple[str, ...]:
        return self.classifier.values

    def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:
        batch = tuple(texts)
        if batch not in self._said:
            self._said[batch] = list(self.classifier.classify(texts, embeddings))
        return self._said[batch]
