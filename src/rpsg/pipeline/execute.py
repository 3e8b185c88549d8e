"""A plan becomes a run: models, folder, kernel, story, release. The same call goes on where it stopped."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from rpsg import registry
from rpsg.domains import Pack, files_of, find_pack, pack_folder, read_pack
from rpsg.errors import ModelError, RunError
from rpsg.files import canonical_json, write_atomic
from rpsg.hardening import forbid_core_dumps
from rpsg.methods.base import Job, Tools, cautions_of, method_of
from rpsg.methods.budget import about_few_people, check_declared
from rpsg.methods.seed_steps import ATTEMPT
from rpsg.methods.trial import require_readers, require_writer
from rpsg.models.catalog import licence_of
from rpsg.pipeline.cost import price_for
from rpsg.pipeline.made import roles
from rpsg.pipeline.private_data import NoQuestions, check_data, check_room, nobody, open_side
from rpsg.pipeline.public_times import told
from rpsg.pipeline.publish import publish, read_release
from rpsg.privacy import egress
from rpsg.protocols import TellsTrouble
from rpsg.storage.cached_writer import CachedWriter
from rpsg.storage.call_store import CallStore
from rpsg.storage.failed_requests import SettledWriter
from rpsg.storage.layout import CALLS, FAILED, PACK, RUN, TIMINGS
from rpsg.storage.limits import Meter, Price
from rpsg.storage.public_vectors import PublicVectors
from rpsg.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.protocols import NoiseSource, Progress, Writer
    from rpsg.results import Run


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

    @property
    def stage(self) -> str:
        """The stage at work."""
        return self._stage

    def _lap(self, stage: str) -> None:
        now = time.monotonic()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = stage, now


def load_tools(plan: Plan, writer: Writer | None = None) -> Tools:
    """The models of a plan, by name, from the registry; ``writer`` stands in for the plan's."""
    models = plan.models
    embedder = registry.embedder(models.embedder, threads=models.threads, server=plan.server)
    return Tools(
        writer=writer
        or registry.writer(
            models.writer,
            slots=models.slots,
            threads=models.threads,
            context=models.context,
            form=models.form,
            server=plan.server,
        ),
        embedder=embedder,
        sentiment=registry.sentiment(embedder, models.sentiment, threads=models.threads),
        scorer=registry.scorer(models.scorer, threads=models.threads) if models.scorer else None,
        **{role: make() for role, make in method_of(plan).models(plan).items()},
    )


def budget_of(plan: Plan, pack: Pack) -> Budget | None:
    """What the method spends; None for one that reads no private data, or claims nothing."""
    budget = method_of(plan).budget
    return None if budget is None else budget(plan, pack)


def fingerprint(plan: Plan, pack: Pack, tools: Tools) -> str:
    """What the run folder is bound to: the plan, the pack and the models, by content."""
    more = (tools.recogniser, tools.summariser, tools.surrogate)
    mine = {
        role: model.name
        for role, model in zip(("recogniser", "summariser", "surrogate"), more, strict=True)
        if model is not None
    }
    if method_of(plan).has_seeds:
        mine["prompts"] = pack.prompts_sha256
    return plan.fingerprint(
        **mine,
        pack=pack.sha256,
        writer=tools.writer.name,
        embedder=tools.embedder.name,
        sentiment=tools.sentiment.name,
        scorer=tools.scorer.name if tools.scorer else "",
    )


def questions(plan: Plan, pack: Pack, tools: Tools) -> str:
    """What the noisy answers of a run depend on before votes are drawn: all but writer and prompts."""
    return plan.questions(
        schema=pack.schema_sha256, embedder=tools.embedder.name, sentiment=tools.sentiment.name
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
    forbid_core_dumps()
    pack = find_pack(plan.corpus.domain)
    method = method_of(plan)
    budget = budget_of(plan, pack)
    method.check(plan)
    tools = tools or load_tools(plan)
    egress.check(method.ways_of(plan), roles(tools))
    check_declared(plan, pack, budget, method.people(plan))
    price = price_of(plan, tools.writer)
    if not (out / RUN).exists():
        check_data(plan)  # before there is a folder: what is no path must not be written into its plan
    watch = Stopwatch(progress or Silent())
    bound_to = (fingerprint(plan, pack, tools), plan.to_toml())
    asks, key = questions(plan, pack, tools), plan.vault.key
    with RunFolder.create_or_resume(out, *bound_to, questions=asks, vault=key) as folder:
        if not folder.is_released:
            check_room(plan, budget, folder)
            keep_pack(folder, plan, pack)
            if licence := licence_of(plan.models.writer):
                watch.note(f"The writer is {plan.models.writer}, under: {licence}.")
            for warning in filter(None, (*cautions_of(plan), about_few_people(plan, pack, budget))):
                watch.note(warning)
            with (
                open_tried(plan, pack, budget, folder, tools, price, watch) as calls,
                open_side(plan, budget, folder, tools, noise, watch) as private,
            ):
                writer = writer_over(plan, folder, tools, calls, price, watch)
                settled = SettledWriter(writer, failed_texts(folder, calls), calls.key_of)
                vectors = PublicVectors(tools.embedder)
                cached = replace(tools, writer=settled)
                if not method.has_seeds:
                    cached = replace(cached, embedder=vectors)
                sides = (private.people, private.kernel)
                seen_plan = plan.without_data()  # the way to the data is the kernel, or a door that is noted
                job = Job(seen_plan, pack, budget, *sides, cached, watch, folder.key, private.seeding)
                pool = method.synthesize(job)
                calls.keep_only(writer.asked)
                tell_learned(tools.writer, watch)
                watch.start("release")
                publish(folder, private, replace(job, tools=tools), pool, calls, settled, vectors)
            watch.stop()
            folder.journal.append("finished")
            keep_timings(folder, watch.seconds)
        return read_release(folder.path, told(watch.seconds or timings(folder)))


@contextmanager
def open_tried(
    plan: Plan,
    pack: Pack,
    budget: Budget | None,
    folder: RunFolder,
    tools: Tools,
    price: Price,
    watch: Stopwatch,
) -> Iterator[CallStore]:
    """The store of calls, after the writer has shown on public prompts that it can be used.

    Nothing private is at hand then, and nothing is charged. Raises ModelError when it cannot be used.
    """
    with open_calls(plan, folder) as calls:
        if isinstance(tools.writer, TellsTrouble):
            tools.writer.tell_trouble(watch.note)
        writer = writer_over(plan, folder, tools, calls, price, watch)
        settled = SettledWriter(writer, failed_texts(folder, calls), calls.key_of, later=True)
        sides = (nobody(tools, watch), NoQuestions(), replace(tools, writer=settled))
        try:
            trial = Job(plan.without_data(), pack, budget, *sides, watch)
            require_readers(trial)
            require_writer(trial, from_examples=method_of(plan).has_seeds)
        except ModelError:
            calls.forget(writer.asked)  # a server that was set right since is asked again
            raise
        settled.settle()
        yield calls


def failed_texts(folder: RunFolder, calls: CallStore) -> Path:
    """Where the keys of texts are kept that failed for good; beside the store of calls."""
    return folder.private_path(FAILED) if calls.is_private else folder.evidence_path(FAILED)


def writer_over(
    plan: Plan, folder: RunFolder, tools: Tools, calls: CallStore, price: Price, watch: Stopwatch
) -> CachedWriter:
    """The writer behind the store of calls and the plan's limits."""
    return CachedWriter(
        tools.writer,
        calls,
        meter=Meter(plan.limits, [calls], price),
        stage=lambda: watch.stage.partition(ATTEMPT)[0],  # how often is private
        sending=partial(note_sending, folder, tools.writer),
        at_once=plan.server.concurrency,
    )


def open_calls(plan: Plan, folder: RunFolder) -> CallStore:
    """The store of what the writer said; in the private folder where prompts hold private text."""
    if method_of(plan).has_seeds:
        vault = folder.vault
        return CallStore(folder.private_path(CALLS), key=vault.run_key, seal=vault.texts("calls"))
    return CallStore(folder.evidence_path(CALLS))


def price_of(plan: Plan, writer: Writer) -> Price:
    """What the writer costs; UsageError when the plan limits the cost and the price is not known."""
    limits = plan.limits
    return price_for(
        plan.models.writer,
        here=egress.is_here(writer),
        prices=limits.prices,
        needed=limits.cost is not None,
    )


def note_sending(folder: RunFolder, writer: Writer, stage: str, requests: int | None) -> None:
    """Note in the journal who is about to be sent how many requests; private ones once a stage, uncounted."""
    facts: dict[str, object] = {"stage": stage, "host": egress.host_of(writer), "model": writer.name}
    if requests is None and any(facts.items() <= e.items() for e in folder.journal.events("sending")):
        return
    if requests is not None:
        facts["requests"] = requests
    folder.journal.append("sending", **facts)


def tell_learned(writer: Writer, progress: Progress) -> None:
    """Say what the writer's server refused, and was therefore asked without: settings that had no effect."""
    if learned := getattr(writer, "learned", ()):
        progress.note(f"The server refused some settings and was asked with: {'; '.join(learned)}.")


def keep_pack(folder: RunFolder, plan: Plan, pack: Pack) -> None:
    """Copy the pack into the evidence before anything is done with it: the user may edit the original.

    Raises:
        RunError: the pack was changed in the moment between reading and copying it.
    """
    kept = folder.evidence_path(PACK)
    if not kept.exists():
        partial = folder.evidence_path(f"{PACK}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        source = pack_folder(plan.corpus.domain)
        for file in files_of(source, [a.file for a in pack.attributes]):
            shutil.copyfile(file, partial / file.name)
        partial.rename(kept)
    if read_pack(kept).sha256 != pack.sha256:
        raise RunError(
            f"The domain pack {pack.name} was changed while it was read.",
            hint="Start a new run in another folder with -o.",
        )


def keep_timings(folder: RunFolder, seconds: Mapping[str, float]) -> None:
    """Keep where the time went in the private folder: reading takes as long as there are people."""
    rounded = {stage: round(value, 2) for stage, value in seconds.items()}
    write_atomic(folder.private_path(TIMINGS), canonical_json(rounded))


def timings(folder: RunFolder) -> Mapping[str, float]:
    """Where the time of a finished run went, private stages too."""
    path = folder.private_path(TIMINGS)
    return dict(json.loads(path.read_bytes())) if path.exists() else {}
