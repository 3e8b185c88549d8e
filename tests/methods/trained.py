"""A stand-in for the model that DP-SGD trains: it keeps what it is given, and needs no weights."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rpsg.models.fake import FakeWriter
from rpsg.pipeline.execute import execute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.models.transformers.dp_training import TrainingExample
    from rpsg.plan import Plan
    from rpsg.protocols import Reply, Request
    from rpsg.release.run import Run
    from rpsg.testing.lab import Lab

WEIGHTS = "smollm2-135m"


class Model:
    """What a training gives: it writes as the fake writer does, or fails once."""

    def __init__(self, owner: Trained) -> None:
        self._owner = owner

    def kept(self) -> bytes:
        return b"adapters"

    def write(self, requests: Sequence[Request], on_reply: Any = None) -> list[Reply]:
        self._owner.asked += requests
        if self._owner.fails:
            self._owner.fails = False
            raise KeyboardInterrupt
        return FakeWriter().write([replace(r, max_tokens=60) for r in requests], on_reply)


@dataclass
class Trained:
    """A trainer that keeps what it is given."""

    fails: bool = False
    examples: list[TrainingExample] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    trainings: list[tuple[float, float]] = field(default_factory=list)
    restorings: int = 0
    name: str = "dp-trained:stand-in"
    endpoint: str = "local_model"

    def train(self, examples: Sequence[TrainingExample], rate: float, noise: float, tell: Any) -> Model:
        self.examples = list(examples)
        self.trainings.append((rate, noise))
        tell(0)
        return Model(self)

    def restored(self, state: bytes) -> Model:
        assert state == b"adapters"
        self.restorings += 1
        return Model(self)


def run_of(lab: Lab, plan: Plan, trained: Trained, out: str = "run", progress: Any = None) -> Run:
    stand_in: Any = trained
    tools = replace(lab.tools(), writer=stand_in, trainer=stand_in)
    return execute(plan, lab.folder / out, tools=tools, progress=progress)
