"""A stand-in for the package ``ray``: workers in this process, which can be lost at a given result."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class RayError(Exception):
    """A worker, or the cluster, is lost."""


@dataclass(eq=False)
class Answers:
    """What a worker was asked: its answers one by one, as references of Ray are."""

    actor: Actor
    given: Iterator[Any]

    def __iter__(self) -> Answers:
        return self

    def __next__(self) -> Any:
        if not self.actor.alive:
            return RayError()
        if self.actor.lives_for == 0:
            self.actor.alive = False
            return RayError()
        answer = next(self.given)
        self.actor.lives_for -= 1
        return answer


@dataclass(eq=False)
class Actor:
    """One worker. It is lost before the answer after ``lives_for``; ``items`` are those that it was given."""

    worker: Any
    lives_for: int
    alive: bool = True
    items: list[Any] = field(default_factory=list)

    def __getattr__(self, method: str) -> Any:
        def remote(*args: Any) -> Answers:
            found = getattr(self.worker, method)(*args)
            if method != "work":
                return Answers(self, iter((found,)))
            self.items += args[1]
            return Answers(self, iter(list(found)))

        return SimpleNamespace(remote=remote, options=lambda **_: SimpleNamespace(remote=remote))


@dataclass
class OneProcess:
    """``ray`` itself, connected to the cluster at ``gcs_address``. ``lives`` says for how many answers each
    new worker lives; the last one for ever.
    """

    lives: list[int] = field(default_factory=list)
    actors: list[Actor] = field(default_factory=list)
    lost: bool = False
    gcs_address: str = "127.0.0.1:1"
    exceptions: Any = field(default_factory=lambda: SimpleNamespace(RayError=RayError))
    _turn: int = 0

    def is_initialized(self) -> bool:
        return True

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(gcs_address=self.gcs_address, get_node_id=lambda: "a node")

    @property
    def util(self) -> Any:
        return SimpleNamespace(get_node_ip_address=lambda: "192.0.2.7")

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def remote(self, worker: Callable[..., Any]) -> Any:
        def start(settings: Any) -> Actor:
            self.actors.append(Actor(worker(settings), self.lives.pop(0) if self.lives else 1 << 30))
            return self.actors[-1]

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=start))

    def wait(self, refs: list[Answers], **_: Any) -> tuple[list[Answers], list[Answers]]:
        """One that is ready, each in its turn."""
        if self.lost:
            raise RayError
        self._turn += 1
        return ([refs[self._turn % len(refs)]], []) if refs else ([], [])

    def get(self, ref: Any) -> Any:
        answer = next(ref) if isinstance(ref, Answers) else ref
        if isinstance(answer, RayError):
            raise answer
        return answer

    def kill(self, actor: Actor) -> None:
        actor.alive = False
