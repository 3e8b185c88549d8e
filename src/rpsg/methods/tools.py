"""What a story is handed: the models, the only door to private data, and somebody to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.disclosure import Disclosure
    from rpsg.privacy.kernel import Releases
    from rpsg.protocols import Classifier, Embedder, NoiseSource, Progress, Recognizer, Scorer, Writer
    from rpsg.stages.abstraction import Summarizer
    from rpsg.stages.contributions import People
    from rpsg.stages.surrogate import Surrogate
    from rpsg.storage.checkpoints import Shelf


@dataclass(frozen=True, slots=True)
class Tools:
    """The models of a run. The last three are for methods with private seeds."""

    writer: Writer
    embedder: Embedder
    sentiment: Classifier
    scorer: Scorer | None = None
    recogniser: Recognizer | None = None
    summariser: Summarizer | None = None
    surrogate: Surrogate | None = None


@dataclass(frozen=True, slots=True)
class Seeding:
    """What a method with private seeds is handed besides: a door to the seeds' people, where its stages are
    kept, and the noise of its choices.
    """

    door: Disclosure
    shelf: Shelf
    noise: NoiseSource


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
    seeding: Seeding | None = None
