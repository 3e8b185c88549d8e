"""What a story is handed: the models, the only door to private data, and somebody to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.kernel import Releases
    from rpsg.protocols import Classifier, Embedder, Progress, Scorer, Writer
    from rpsg.stages.seeds import People


@dataclass(frozen=True, slots=True)
class Tools:
    """The models of a run."""

    writer: Writer
    embedder: Embedder
    sentiment: Classifier
    scorer: Scorer | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One run, as a story sees it. ``key`` orders a person's own rows and phrases; it is secret."""

    plan: Plan
    pack: Pack
    budget: Budget | None
    people: People
    kernel: Releases
    tools: Tools
    progress: Progress
    key: bytes = b""
