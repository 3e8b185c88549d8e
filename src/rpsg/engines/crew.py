"""Spreads batches over workers of a Ray cluster. What is lost with a worker is sent to another one.

Every result is told once. A worker that dies takes with it only what it had not returned; results of a batch
are returned one by one, as they land.
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.engines.cluster import connect
from rpsg.engines.worker import Landed, RayWorker, Role, Trouble, WorkerModel
from rpsg.errors import ModelError
from rpsg.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.plan import EngineSection, Plan

#: Seconds in which the first worker must have its models.
_PATIENCE = 600.0
#: How many workers may be lost for each one that there should be, without a result in between.
_LOSSES = 2
#: A batch has at least this many items, where there are that many for each worker: a model writes several
#: texts at once.
_LEAST = 16
#: Batches for each worker in a call, so that all of them end at about the same time.
_ROUNDS = 4


#: The crew whose workers run, if there is one: those of an earlier run in this process make room for it.
_latest: list[weakref.ref[Crew]] = []


@dataclass(eq=False, slots=True)
class Hand:
    """A worker as this process sees it; ``known`` are the roles whose models were compared."""

    actor: Any
    known: set[Role] = field(default_factory=set)


@dataclass(slots=True)
class Errand:
    """What a hand was asked: to name a model, or to work on the items at ``left``."""

    hand: Hand
    batch: list[int] = field(default_factory=list)
    left: dict[int, None] = field(default_factory=dict)


class Crew:
    """The workers of a plan. They start when they are first needed and end with this object."""

    def __init__(self, plan: Plan, worker: type[RayWorker] = RayWorker) -> None:
        self._worker = worker
        self._engine = plan.engine
        self._settings = settings_of(plan)
        self._hands: list[Hand] = []
        self._faces: dict[Role, WorkerModel] = {}
        self._number = plan.engine.workers or 0

    @property
    def hands(self) -> Sequence[Hand]:
        """The workers, with those that still start."""
        return tuple(self._hands)

    @property
    def number(self) -> int:
        """How many workers there should be."""
        self.hire()
        return self._number

    def face(self, role: Role) -> WorkerModel:
        """Which model the workers have for a role; waits until the first one has it."""
        if role not in self._faces:
            self.spread(role, (), lambda _index, _result: None)
        return self._faces[role]

    def spread(
        self, role: Role, items: Sequence[Any], tell: Callable[[int, Any], None], most: int = 64
    ) -> None:
        """Call ``tell`` with the index and result of each item, in the order in which they land.

        ``most``: the largest number of items that one worker is given at a time.

        Raises:
            ModelError: no worker started, they have different models, one cannot work, or too many were lost.
        """
        self.hire()
        fair = -(-len(items) // self._number)  # an equal share
        size = max(1, min(most, max(-(-fair // _ROUNDS), min(_LEAST, fair))))
        size = max(1, -(-fair // max(1, -(-fair // size))))  # so that all have as many batches
        batches = [list(range(i, min(i + size, len(items)))) for i in range(0, len(items), size)]
        _Spreading(self, role, items, tell, deque(batches)).run()

    def has(self, role: Role) -> bool:
        """Whether a worker has said which model a role has."""
        return role in self._faces

    def hire(self) -> Any:
        """Ray, with as many workers as there should be. New ones wait in the cluster for room."""
        ray = connect(self._engine)
        if _latest and (earlier := _latest[0]()) is not self:
            if earlier is not None:
                earlier.dismiss_all(ray)
            _latest.clear()
        if not _latest:
            _latest.append(weakref.ref(self))
        if not self._number:
            self._number = _room(ray, self._engine)
        actor = ray.remote(self._worker).options(
            num_cpus=self._engine.cpus, num_gpus=self._engine.gpus, max_restarts=0, max_task_retries=0
        )
        while len(self._hands) < self._number:
            self._hands.append(Hand(actor.remote(self._settings)))
        return ray

    def dismiss(self, ray: Any, hand: Hand) -> None:
        if hand in self._hands:
            self._hands.remove(hand)
            ray.kill(hand.actor)

    def dismiss_all(self, ray: Any) -> None:
        """Free the places of all workers; the next call starts them anew."""
        for hand in self.hands:
            self.dismiss(ray, hand)

    def compare(self, role: Role, told: WorkerModel) -> None:
        """All workers must have the same model, or a text would depend on who wrote it."""
        first = self._faces.setdefault(role, told)
        if told.version != VERSION:
            raise ModelError(
                f"A Ray worker has RPSG {told.version}, and this process has {VERSION}.",
                hint="Install the same version on every node.",
            )
        if (told.name, told.endpoint, told.host) != (first.name, first.endpoint, first.host):
            raise ModelError(
                f"Two Ray workers have different models: {first.name} and {told.name}.",
                hint="Put the same weights on every node.",
            )

    def check_patience(self, ray: Any, waited: float) -> None:
        if waited > _PATIENCE:
            there = ray.cluster_resources()
            raise ModelError(
                f"No Ray worker started in {_PATIENCE:.0f} seconds. The cluster has {there.get('CPU', 0):g} "
                f"processors and {there.get('GPU', 0):g} GPUs; a worker asks for {self._engine.cpus:g} and "
                f"{self._engine.gpus:g}.",
                hint="See [engine] cpus and gpus in the plan, and what else runs on the cluster.",
            )


@dataclass(slots=True)
class _Spreading:
    """One call of ``spread``: what waits, and what is under way by the reference that Ray gave for it."""

    crew: Crew
    role: Role
    items: Sequence[Any]
    tell: Callable[[int, Any], None]
    todo: deque[list[int]]
    under_way: dict[Any, Errand] = field(default_factory=dict)
    losses: int = 0

    def run(self) -> None:
        ray = self.crew.hire()
        try:
            self._run(ray)
        except ray.exceptions.RayError:  # of a lost worker it is caught below
            gone = ModelError(
                "The Ray cluster does not answer any more.",
                hint="Start it again, and run the same command: what was answered is kept.",
            )
        except BaseException:
            # What is under way would be written, and paid, for nobody.
            for errand in self.under_way.values():
                if errand.batch:
                    self.crew.dismiss(ray, errand.hand)
            raise
        else:
            return
        raise gone

    def _run(self, ray: Any) -> None:
        quiet_since = time.monotonic()
        while self.todo or not self.crew.has(self.role) or self._is_working():
            self._send()
            ready, _ = ray.wait(list(self.under_way), num_returns=1, timeout=5.0)
            if ready or self._is_working():
                quiet_since = time.monotonic()
            self.crew.check_patience(ray, time.monotonic() - quiet_since)
            for ref in ready:
                self._hear(ray, ref)

    def _is_working(self) -> bool:
        return any(errand.batch for errand in self.under_way.values())

    def _send(self) -> None:
        """Give every idle worker something to do."""
        busy = {id(errand.hand) for errand in self.under_way.values()}
        for hand in self.crew.hands:
            if id(hand) in busy:
                continue
            if self.role not in hand.known:
                self.under_way[hand.actor.face.remote(self.role)] = Errand(hand)
            elif self.todo:
                batch = self.todo.popleft()
                work = hand.actor.work.options(num_returns="streaming")
                answers = work.remote(self.role, [self.items[index] for index in batch])
                self.under_way[answers] = Errand(hand, batch, dict.fromkeys(batch))

    def _hear(self, ray: Any, ref: Any) -> None:
        """Take one answer, or note that its worker is lost."""
        errand = self.under_way[ref]
        try:
            answer = ray.get(next(ref) if errand.batch else ref)
        except StopIteration:
            self._end(ref)
        except ray.exceptions.RayError:
            self._end(ref)
            self.crew.dismiss(ray, errand.hand)
            self.crew.hire()
            self.losses += 1
        else:
            self._take(ref, errand, answer)
        if self.losses > _LOSSES * self.crew.number:
            raise ModelError(
                "The Ray workers are lost again and again.",
                hint="Give each more memory or fewer slots, and run the same command again: "
                "what was answered is kept.",
            )

    def _end(self, ref: Any) -> None:
        """What an errand has not brought goes to the next idle worker."""
        if left := list(self.under_way.pop(ref).left):
            self.todo.appendleft(left)

    def _take(self, ref: Any, errand: Errand, answer: WorkerModel | Landed | Trouble) -> None:
        if isinstance(answer, Trouble):
            raise ModelError(f"On a Ray worker: {answer.message}", hint=answer.hint)
        if isinstance(answer, WorkerModel):
            self._end(ref)
            self.crew.compare(self.role, answer)
            errand.hand.known.add(self.role)
            return
        for place, result in enumerate(answer.results, answer.start):
            index = errand.batch[place]
            del errand.left[index]
            self.losses = 0
            self.tell(index, result)


def _room(ray: Any, engine: EngineSection) -> int:
    """How many workers fit into the cluster as it is now, at least one."""
    there = ray.cluster_resources()
    fits = [int(there.get("CPU", 0) / engine.cpus)] if engine.cpus else []
    fits += [int(there.get("GPU", 0) / engine.gpus)] if engine.gpus else []
    return max(1, min(fits, default=1))


def settings_of(plan: Plan) -> Mapping[str, Mapping[str, Any]]:
    """What a worker is told of the plan: its models and servers. No path of data, and no key."""
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
