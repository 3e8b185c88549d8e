"""A plan becomes a run: models, folder, kernel, story, release. The same call goes on where it stopped."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rpsg import registry
from rpsg.domains import Pack, find_pack
from rpsg.methods.tools import Job, Tools
from rpsg.private_side import open_side
from rpsg.release import publish, read_release
from rpsg.stages.budget import strict_budget
from rpsg.store.calls import CallStore
from rpsg.store.run import RunFolder
from rpsg.store.settled import FAILED, SettledWriter
from rpsg.store.writers import CachedWriter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.protocols import NoiseSource, Progress, Writer
    from rpsg.results import Run

#: Methods whose releases are planned by ``strict_budget``; the others read no private data.
PAID_METHODS = ("strict",)


class Silent:
    """Progress that nobody watches."""

    def start(self, stage: str, total: int | None = None) -> None: ...

    def advance(self, n: int = 1, *, tokens: int = 0) -> None: ...

    def note(self, message: str) -> None: ...

    def done(self, **facts: object) -> None: ...


@dataclass
class Stopwatch:
    """Progress that passes everything on and keeps the seconds of each stage."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    _stage: str = ""
    _since: float = field(default_factory=time.monotonic)

    def start(self, stage: str, total: int | None = None) -> None:
        self._lap(stage)
        self.progress.start(stage, total)

    def advance(self, n: int = 1, *, tokens: int = 0) -> None:
        self.progress.advance(n, tokens=tokens)

    def note(self, message: str) -> None:
        self.progress.note(message)

    def done(self, **facts: object) -> None:
        self.progress.done(**facts)

    def stop(self) -> None:
        self._lap("")

    def _lap(self, stage: str) -> None:
        now = time.monotonic()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = stage, now


def load_tools(plan: Plan, writer: Writer | None = None) -> Tools:
    """The models of a plan, by name, from the registry; ``writer`` stands in for the plan's."""
    models = plan.models
    embedder = registry.embedder(models.embedder, threads=models.threads)
    return Tools(
        writer=writer
        or registry.writer(models.writer, slots=models.slots, threads=models.threads, context=models.context),
        embedder=embedder,
        sentiment=registry.sentiment(embedder),
        scorer=registry.scorer(models.scorer) if models.scorer else None,
    )


def budget_of(plan: Plan, pack: Pack) -> Budget | None:
    """What the method spends; None for one that reads no private data."""
    return strict_budget(plan, pack) if plan.method.name in PAID_METHODS else None


def fingerprint(plan: Plan, pack: Pack, tools: Tools) -> str:
    """What the run folder is bound to: the plan, the pack and the models, by content."""
    return plan.fingerprint(
        pack=pack.sha256,
        writer=tools.writer.name,
        embedder=tools.embedder.name,
        sentiment=tools.sentiment.name,
        scorer=tools.scorer.name if tools.scorer else "",
    )


def execute(
    plan: Plan,
    out: Path,
    *,
    progress: Progress | None = None,
    tools: Tools | None = None,
    noise: NoiseSource | None = None,
) -> Run:
    """Run the plan in ``out``, or go on with it, and give back the finished run.

    ``tools`` and ``noise`` replace what the plan names: fakes in tests. Test noise makes a run that says of
    itself that it is not private.
    """
    pack = find_pack(plan.corpus.domain)
    story = registry.method(plan.method.name)
    budget = budget_of(plan, pack)
    tools = tools or load_tools(plan)
    watch = Stopwatch(progress or Silent())
    with RunFolder.create_or_resume(out, fingerprint(plan, pack, tools), plan.to_toml()) as folder:
        if not folder.is_released:
            with (
                CallStore(folder.evidence_path("calls.sqlite")) as calls,
                open_side(plan, budget, folder, tools, noise, watch) as private,
            ):
                writer = SettledWriter(CachedWriter(tools.writer, calls), folder.evidence_path(FAILED))
                cached = replace(tools, writer=writer)
                job = Job(plan, pack, budget, private.people, private.kernel, cached, watch, folder.key)
                pool = story(job)
                watch.start("release")
                publish(folder, private, job, pool, calls)
            watch.stop()
            folder.journal.append("finished", seconds={k: round(v, 2) for k, v in watch.seconds.items()})
        return read_release(folder.path, watch.seconds or timings(folder))


def timings(folder: RunFolder) -> Mapping[str, float]:
    """Where the time of a finished run went, from its journal."""
    events = folder.journal.events("finished")
    return events[-1]["seconds"] if events else {}
