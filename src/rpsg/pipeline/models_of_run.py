"""The models of a run: loaded by name, with the call store and the limits in front of the writer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rpsg import registry
from rpsg.engines.models import RayEmbedder, RayWriter
from rpsg.methods.base import Job, Tools
from rpsg.methods.named import method_of
from rpsg.methods.seed_steps import ATTEMPT
from rpsg.pipeline.cost import price_for
from rpsg.pipeline.people import nobody
from rpsg.pipeline.private_data import NoQuestions
from rpsg.privacy import egress
from rpsg.storage.cached_writer import CachedWriter
from rpsg.storage.call_store import CallStore
from rpsg.storage.layout import CALLS, FAILED
from rpsg.storage.limits import Meter, Price
from rpsg.storage.run_folder import AUDIT_RUN, purpose_of

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.domains import Pack
    from rpsg.pipeline.progress import Stopwatch
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.protocols import Embedder, Progress, Writer
    from rpsg.storage.run_folder import RunFolder


def load_tools(plan: Plan, writer: Writer | None = None) -> Tools:
    """The models that a plan names, from the registry; ``writer`` replaces the plan's."""
    models = plan.models
    makers = dict(method_of(plan).models(plan))
    make_writer = makers.pop("writer", None)
    if writer is None and make_writer is not None:
        writer = make_writer()
    embedder = registry.embedder(models.embedder, threads=models.threads, server=plan.server)
    return Tools(
        # Not "writer or ...": a writer that replays no replies has length 0, so Python would treat it as
        # false.
        writer=writer_of(plan) if writer is None else writer,
        embedder=embedder,
        sentiment=registry.sentiment(embedder, models.sentiment, threads=models.threads),
        scorer=registry.scorer(models.scorer, threads=models.threads) if models.scorer else None,
        **{role: make() for role, make in makers.items()},
    )


def writer_of(plan: Plan) -> Writer:
    """The writer that the plan names, from the registry, or on the workers of its engine."""
    return RayWriter(plan) if plan.engine.kind == "ray" else writer_here(plan)


def writer_here(plan: Plan) -> Writer:
    """The writer that the plan names, in this process."""
    models = plan.models
    return registry.writer(
        models.writer,
        slots=models.slots,
        threads=models.threads,
        context=models.context,
        form=models.form,
        server=plan.server,
    )


def trial_job(plan: Plan, pack: Pack, budget: Budget | None, tools: Tools, progress: Progress) -> Job:
    """The job in which models are tested: it has no private data, and no budget can be spent in it."""
    nothing_private = nobody(tools, progress, "The trial of the writer asked for private data.")
    return Job(plan.without_data(), pack, budget, nothing_private, NoQuestions(), tools, progress)


def embedder_of_public_texts(tools: Tools) -> Embedder:
    """The run's embedder; it is on the workers if these write. No private text may be given to it."""
    if isinstance(tools.writer, RayWriter):
        return RayEmbedder(tools.embedder, tools.writer.workers)
    return tools.embedder


def fingerprint(plan: Plan, pack: Pack, tools: Tools) -> str:
    """The hash that a run folder is bound to: of the plan, the pack and the models, by content."""
    more = {role: getattr(tools, role) for role in ("recogniser", "summariser", "surrogate")}
    mine = {role: model.name for role, model in more.items() if model is not None}
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
    """The hash of everything on which noisy answers before any vote depend: all but writer and prompts."""
    return plan.questions(
        schema=pack.schema_sha256, embedder=tools.embedder.name, sentiment=tools.sentiment.name
    )


def failed_texts(folder: RunFolder, calls: CallStore) -> Path:
    """The file with the keys of texts that failed for good; it is next to the call store."""
    return folder.private_path(FAILED) if calls.is_private else folder.evidence_path(FAILED)


def writer_over(
    plan: Plan, folder: RunFolder, tools: Tools, calls: CallStore, price: Price, watch: Stopwatch
) -> CachedWriter:
    """The writer with the call store and the plan's limits in front of it."""
    return CachedWriter(
        tools.writer,
        calls,
        meter=Meter(plan.limits, [calls], price),
        stage=lambda: watch.stage.partition(ATTEMPT)[0],  # the number of attempts is private
        sending=partial(note_sending, folder, tools.writer),
        at_once=plan.server.concurrency,
    )


def open_calls(plan: Plan, folder: RunFolder) -> CallStore:
    """The store of the writer's replies; in the private folder if prompts hold private text.

    The replies of an audit run are kept there too, because its corpus, which is made of them, must be
    readable nowhere.
    """
    if method_of(plan).has_seeds or purpose_of(folder.path) == AUDIT_RUN:
        vault = folder.vault
        return CallStore(folder.private_path(CALLS), key=vault.run_key, seal=vault.texts("calls"))
    return CallStore(folder.evidence_path(CALLS))


def price_of(plan: Plan, writer: Writer) -> Price:
    """The writer's price; UsageError when the plan limits the cost and the price is not known."""
    limits = plan.limits
    return price_for(
        plan.models.writer,
        here=egress.is_here(writer),
        prices=limits.prices,
        needed=limits.cost is not None,
    )


def note_sending(folder: RunFolder, writer: Writer, stage: str, requests: int | None) -> None:
    """Note in the journal which host will now get how many requests; no number if they hold private text."""
    facts: dict[str, object] = {"stage": stage, "host": egress.host_of(writer), "model": writer.name}
    if requests is None and any(facts.items() <= e.items() for e in folder.journal.events("sending")):
        return
    if requests is not None:
        facts["requests"] = requests
    folder.journal.append("sending", **facts)


def report_refused_settings(writer: Writer, progress: Progress) -> None:
    """Report settings that the writer's server refused and that were therefore left out."""
    if learned := getattr(writer, "learned", ()):
        progress.note(
            f"The server refused some settings, so RPSG sent its requests with: {'; '.join(learned)}."
        )
