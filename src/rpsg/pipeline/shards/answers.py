"""The files of all shards, checked before anything is spent: each is there once, and answers the same
question of the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.errors import DataError, UsageError
from rpsg.pipeline.shards.task import ShardTask
from rpsg.privacy.sealed_sums import ShardAddress, sealed_size
from rpsg.storage.layout import QUESTION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_ROUNDS = (1, 2)


@dataclass(frozen=True, slots=True)
class Answers:
    """The sealed files of all shards, in their order, which answer one task of the run."""

    task: ShardTask
    contents: tuple[bytes, ...]


def read_answers(run: Path, files: Sequence[Path]) -> Answers:
    """The files of all shards, each there once, and the task of this run that all of them answer.

    Only their headers are checked here. Whether a file was changed is checked when it is opened.

    Raises:
        UsageError: a shard is missing or there twice, or a file cannot be read.
        DataError: a file is not a shard's file, or answers something else.
    """
    tasks = {task.digest: task for task in _tasks(run)}
    found: dict[int, tuple[Path, bytes]] = {}
    answered: ShardTask | None = None
    for file in files:
        content = _content(file, max(map(sealed_size, (task.queries for task in tasks.values())), default=0))
        address = ShardAddress.of(content)
        task = tasks.get(address.question)
        if task is None or address.shards != task.about.shards:
            raise DataError(
                f"{file} does not answer a question of this run: it was counted for another run, or for a "
                "question that has changed since.",
                hint="Count that shard again, with the question file in the run folder.",
            )
        if answered is not None and answered is not task:
            raise UsageError(
                f"{file} and {found[min(found)][0]} are answers to different questions of this run.",
                hint="Merge the files of one question at a time.",
            )
        if address.shard in found:
            raise UsageError(
                f"{found[address.shard][0]} and {file} are both of shard {address.shard}.",
                hint="Everybody in it would count twice. Name each shard's file once.",
            )
        answered, found[address.shard] = task, (file, content)
    if answered is None:
        raise UsageError("No files of shards were named.", hint="rpsg merge shards/*.sum -o RUN")
    missing = [str(n) for n in range(1, answered.about.shards + 1) if n not in found]
    if missing:
        raise UsageError(
            f"Of {answered.about.shards} shards these are missing: {', '.join(missing)}.",
            hint="Nothing was spent. Count them too, and merge the files of all shards together.",
        )
    return Answers(answered, tuple(found[number][1] for number in sorted(found)))


def _content(file: Path, most: int) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(most + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None


def _tasks(run: Path) -> list[ShardTask]:
    files = [run / QUESTION.format(number) for number in _ROUNDS]
    return [ShardTask.read(file) for file in files if file.is_file()]
