"""Distributes batches to the workers of a Ray cluster. If a worker is lost, its unfinished items are sent to
another one.

Every result is reported once. When a worker dies, only what it had not returned is lost; results of a batch
are returned one by one, as they arrive.
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.engines.cluster import connect
from rpsg.engines.worker import RayWorker, Results, Role, WorkerFailure, WorkerModel
from rpsg.errors import ModelError
from rpsg.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.plan import EngineSection, Plan

#: Seconds within which the first worker must have its models.
_START_SECONDS = 600.0
#: The run ends if more workers are lost in a row than this many times the planned number of workers.
_LOSSES = 2
#: The smallest batch, if there are enough items for every worker, because a model writes several texts at
#: once.
_LEAST = 16
#: Batches for each worker in a call, so that all of them end at about the same time.
_ROUNDS = 4


#: The running workers, if any. A new run in this process stops those of an earlier one.
_latest: list[weakref.ref[Workers]] = []


@dataclass(eq=False, slots=True)
class WorkerHandle:
    """A worker as this process sees it; ``known`` are the roles whose models were compared."""

    actor: Any
    known: set[Role] = field(default_factory=set)


@dataclass(slots=True)
class Assignment:
    """What a worker was asked: to name a model, or to work on the items at ``left``."""

    handle: WorkerHandle
    batch: list[int] = field(default_factory=list)
    left: dict[int, None] = field(default_factory=dict)


class Workers:
    """The workers of a plan. They start when they are first needed and end with this object."""

    def __init__(self, plan: Plan, worker: type[RayWorker] = RayWorker) -> None:
        self._worker = worker
        self._engine = plan.engine
        self._settings = settings_of(plan)
        self._handles: list[WorkerHandle] = []
        self._models: dict[Role, WorkerModel] = {}
        self._number = plan.engine.workers or 0

    @property
    def handles(self) -> Sequence[WorkerHandle]:
        """The workers, with those that still start."""
        return tuple(self._handles)

    @property
    def number(self) -> int:
        """How many workers there should be."""
        self.start()
        return self._number

    def model_of(self, role: Role) -> WorkerModel:
        """Which model the workers have for a role; waits until the first worker has loaded it."""
        if role not in self._models:
            self.distribute(role, (), lambda _index, _result: None)
        return self._models[role]

    def distribute(
        self, role: Role, items: Sequence[Any], on_result: Callable[[int, Any], None], most: int = 64
    ) -> None:
        """Call ``on_result`` with the index and result of each item, in the order in which they arrive.

        ``most``: the largest number of items that one worker is given at a time.

        Raises:
            ModelError: no worker started, they have different models, one cannot work, or too many were lost.
        """
        self.start()
        fair = -(-len(items) // self._number)  # an equal share
        size = max(1, min(most, max(-(-fair // _ROUNDS), min(_LEAST, fair))))
        size = max(1, -(-fair // max(1, -(-fair // size))))  # so that all workers have equally many batches
        batches = [list(range(i, min(i + size, len(items)))) for i in range(0, len(items), size)]
        _Distribution(self, role, items, on_result, deque(batches)).run()

    def has(self, role: Role) -> bool:
        """Whether a worker has said which model a role has."""
        return role in self._models

    def start(self) -> Any:
        """Ray, with as many workers as there should be. New ones wait until the cluster has capacity."""
        ray = connect(self._engine)
        if _latest and (earlier := _latest[0]()) is not self:
            if earlier is not None:
                earlier.stop_all(ray)
            _latest.clear()
        if not _latest:
            _latest.append(weakref.ref(self))
        if not self._number:
            self._number = _capacity(ray, self._engine)
        actor = ray.remote(self._worker).options(
            num_cpus=self._engine.cpus, num_gpus=self._engine.gpus, max_restarts=0, max_task_retries=0
        )
        while len(self._handles) < self._number:
            self._handles.append(WorkerHandle(actor.remote(self._settings)))
        return ray

    def stop(self, ray: Any, handle: WorkerHandle) -> None:
        if handle in self._handles:
            self._handles.remove(handle)
            with suppress(ValueError):  # a worker of a cluster that this process has left
                ray.kill(handle.actor)

    def stop_all(self, ray: Any) -> None:
        """Stop all workers; the next call starts them again."""
        for handle in self.handles:
            self.stop(ray, handle)

    def compare(self, role: Role, model: WorkerModel) -> None:
        """All workers must have the same model; otherwise a text would depend on which worker wrote it."""
        first = self._models.setdefault(role, model)
        if model.version != VERSION:
            raise ModelError(
                f"A Ray worker has RPSG {model.version}, and this process has {VERSION}.",
                hint="Install the same version on every node.",
            )
        if (model.name, model.endpoint, model.host) != (first.name, first.endpoint, first.host):
            raise ModelError(
                f"Two Ray workers have different models: {first.name} and {model.name}.",
                hint="Put the same weights on every node.",
            )

    def check_wait(self, ray: Any, waited: float) -> None:
        if waited > _START_SECONDS:
            there = ray.cluster_resources()
            raise ModelError(
                f"No Ray worker started in {_START_SECONDS:.0f} seconds. The cluster has "
                f"{there.get('CPU', 0):g} processors and {there.get('GPU', 0):g} GPUs; a "
                f"worker asks for {self._engine.cpus:g} and {self._engine.gpus:g}.",
                hint="See [engine] cpus and gpus in the plan, and what else runs on the cluster.",
            )


@dataclass(slots=True)
class _Distribution:
    """One call of ``distribute``: the items that wait, and the batches under way by the references that Ray
    gave for them.
    """

    workers: Workers
    role: Role
    items: Sequence[Any]
    on_result: Callable[[int, Any], None]
    todo: deque[list[int]]
    under_way: dict[Any, Assignment] = field(default_factory=dict)
    losses: int = 0

    def run(self) -> None:
        ray = self.workers.start()
        try:
            self._run(ray)
        except ray.exceptions.RayError:  # the error of a lost worker is caught below
            gone = ModelError(
                "The Ray cluster no longer answers.",
                hint="Start it again, and run the same command: what was answered is kept.",
            )
        except BaseException:
            # Otherwise requests under way would still be written, and paid for, although nobody needs them.
            for assignment in self.under_way.values():
                if assignment.batch:
                    self.workers.stop(ray, assignment.handle)
            raise
        else:
            return
        raise gone

    def _run(self, ray: Any) -> None:
        quiet_since = time.monotonic()
        while self.todo or not self.workers.has(self.role) or self._is_working():
            self._send()
            ready, _ = ray.wait(list(self.under_way), num_returns=1, timeout=5.0)
            if ready or self._is_working():
                quiet_since = time.monotonic()
            self.workers.check_wait(ray, time.monotonic() - quiet_since)
            for ref in ready:
                self._receive(ray, ref)

    def _is_working(self) -> bool:
        return any(assignment.batch for assignment in self.under_way.values())

    def _send(self) -> None:
        """Give every idle worker something to do."""
        busy = {id(assignment.handle) for assignment in self.under_way.values()}
        for handle in self.workers.handles:
            if id(handle) in busy:
                continue
            if self.role not in handle.known:
                self.under_way[handle.actor.describe.remote(self.role)] = Assignment(handle)
            elif self.todo:
                batch = self.todo.popleft()
                work = handle.actor.work.options(num_returns="streaming")
                answers = work.remote(self.role, [self.items[index] for index in batch])
                self.under_way[answers] = Assignment(handle, batch, dict.fromkeys(batch))

    def _receive(self, ray: Any, ref: Any) -> None:
        """Take one answer, or note that its worker is lost."""
        assignment = self.under_way[ref]
        try:
            answer = ray.get(next(ref) if assignment.batch else ref)
        except StopIteration:
            self._end(ref)
        except ray.exceptions.RayError:
            self._end(ref)
            self.workers.stop(ray, assignment.handle)
            self.workers.start()
            self.losses += 1
        else:
            self._accept(ref, assignment, answer)
        if self.losses > _LOSSES * self.workers.number:
            raise ModelError(
                "The Ray workers are lost again and again.",
                hint="Give each more memory or fewer slots, and run the same command again: "
                "what was answered is kept.",
            )

    def _end(self, ref: Any) -> None:
        """Put the items that were not returned first in line for the next idle worker."""
        if left := list(self.under_way.pop(ref).left):
            self.todo.appendleft(left)

    def _accept(
        self, ref: Any, assignment: Assignment, answer: WorkerModel | Results | WorkerFailure
    ) -> None:
        if isinstance(answer, WorkerFailure):
            raise ModelError(f"On a Ray worker: {answer.message}", hint=answer.hint)
        if isinstance(answer, WorkerModel):
            self._end(ref)
            self.workers.compare(self.role, answer)
            assignment.handle.known.add(self.role)
            return
        for place, result in enumerate(answer.results, answer.start):
            index = assignment.batch[place]
            del assignment.left[index]
            self.losses = 0
            self.on_result(index, result)


def _capacity(ray: Any, engine: EngineSection) -> int:
    """How many workers fit into the cluster as it is now, at least one."""
    there = ray.cluster_resources()
    fits = [int(there.get("CPU", 0) / engine.cpus)] if engine.cpus else []
    fits += [int(there.get("GPU", 0) / engine.gpus)] if engine.gpus else []
    return max(1, min(fits, default=1))


def settings_of(plan: Plan) -> Mapping[str, Mapping[str, Any]]:
    """The part of the plan that a worker gets: its models and servers. No path of data, and no key."""
    models = plan.models.model_dump(mode="json", exclude_none=True)
    models.setdefault("threads", max(1, int(plan.engine.cpus)))
    for role in ("writer", "embedder"):
        models[role] = _from_anywhere(models[role])
    return {"models": models, "server": plan.server.model_dump(mode="json")}


def _from_anywhere(name: str) -> str:
    """The name of a model; a path is made absolute, because workers start in other folders."""
    form, colon, rest = name.rpartition(":")
    is_path = ("/" in rest or rest.endswith(".gguf")) and Path(rest).exists()
    return f"{form}{colon}{Path(rest).absolute()}" if is_path else name
