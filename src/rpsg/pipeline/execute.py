"""A plan becomes a run: models, folder, kernel, method, release. The same call resumes a stopped run."""

from __future__ import annotations

import json
import logging
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from rpsg.disk.json_text import canonical_json
from rpsg.domains import Pack, files_of, find_pack, pack_folder, read_pack
from rpsg.errors import ModelError, PlugInError, RunError, UsageError
from rpsg.hardening import forbid_core_dumps
from rpsg.methods.base import Job, Tools
from rpsg.methods.budget import check_declared
from rpsg.methods.floor import METHOD as FLOOR
from rpsg.methods.named import budget_of, method_of
from rpsg.methods.trial import require_readers, require_writer_of
from rpsg.pipeline.forecast import notes_before
from rpsg.pipeline.logs import Logged, logged, tell
from rpsg.pipeline.made import roles
from rpsg.pipeline.models_of_run import (
    embedder_of_public_texts,
    failed_texts,
    fingerprint,
    load_tools,
    open_calls,
    price_of,
    questions,
    report_refused_settings,
    trial_job,
    writer_over,
)
from rpsg.pipeline.planting import draw_canaries, public_texts
from rpsg.pipeline.private_data import RunParts, check_file, check_room, open_side
from rpsg.pipeline.progress import Stopwatch, keep_timings, public_seconds, timings
from rpsg.pipeline.publish import publish
from rpsg.privacy import egress
from rpsg.protocols import TellsTrouble
from rpsg.release.finished import read_run
from rpsg.storage.blocked import refuse_blocked
from rpsg.storage.failed_requests import SettledWriter
from rpsg.storage.layout import FLOOR_RUN, PACK, RUN, UNRELEASED
from rpsg.storage.public_vectors import PublicVectors
from rpsg.storage.run_folder import AUDIT_RUN, RunFolder

#: Public texts to write for each canary: more than one, since some are too short or begin alike.
SPARE_BEGINNINGS = 2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import TypeAlias

    from rpsg.pipeline.private_data import PrivateSide
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.protocols import NoiseSource, Progress
    from rpsg.records import Pool
    from rpsg.release.run import Run
    from rpsg.storage.call_store import CallStore
    from rpsg.storage.limits import Price

    OpensSide: TypeAlias = Callable[[RunParts], PrivateSide]


def execute(
    plan: Plan,
    out: Path,
    *,
    progress: Progress | None = None,
    tools: Tools | None = None,
    noise: NoiseSource | None = None,
    side: OpensSide = open_side,
) -> Run:
    """Run the plan in ``out``, or resume it, and return the finished run.

    ``tools`` and ``noise`` replace what the plan names, for tests. With test noise the release says that it
    is not private. ``side`` opens the private data, if they are not in the plan's file.
    """
    log = logged(progress, "run")
    watch = Stopwatch(log)
    with _worked(plan, out, RELEASED, watch, tools, noise, side) as folder:
        if isinstance(log, Logged):
            log.end()
        run = read_run(folder.path, public_seconds(watch.seconds or timings(folder)))
        tell("run", logging.INFO, "finished", f"{len(run.texts):,} texts are released", texts=len(run.texts))
        return run


@contextmanager
def execute_unreleased(
    plan: Plan,
    out: Path,
    *,
    progress: Progress | None = None,
    tools: Tools | None = None,
    noise: NoiseSource | None = None,
) -> Iterator[RunFolder]:
    """As ``execute``, but no release is made: ``unreleased_texts`` reads the corpus from the run's vault.

    The folder stays locked within the block. It can never hold a release, because ``execute`` refuses it. If
    the plan names no texts for the beginnings of its canaries, the writer writes some from the public pack.
    """
    if plan.engine.kind == "ray":
        raise UsageError(
            "The texts of an audit run are never stored unencrypted, so they cannot be given to Ray.",
            hint="Leave --engine ray out.",
        )
    watch = Stopwatch(logged(progress, "run"))
    with _worked(plan, out, UNSEALED, watch, tools, noise) as folder:
        yield folder


@dataclass(frozen=True, slots=True)
class Ending:
    """What a run is for, whether its folder is ready, and what ends it."""

    purpose: str
    is_ready: Callable[[RunFolder], bool]
    end: Callable[[RunFolder, PrivateSide, Job, Pool, CallStore, SettledWriter, PublicVectors], None]


@contextmanager
def _worked(
    plan: Plan,
    out: Path,
    ending: Ending,
    watch: Stopwatch,
    tools: Tools | None,
    noise: NoiseSource | None,
    side: OpensSide = open_side,
) -> Iterator[RunFolder]:
    """The folder of the plan's run after its last step."""
    forbid_core_dumps()
    pack = find_pack(plan.corpus.domain)
    budget = budget_of(plan, pack)
    method_of(plan).check_plan(plan)
    if plan.data.shards and side is open_side:
        raise UsageError(
            "The plan counts the private texts in shards, and this command counts them together.",
            hint="Use rpsg shards, rpsg count and rpsg merge, or leave [data] shards out.",
        )
    tools = tools or load_tools(plan)
    _check_flows(plan, budget, tools)
    price = price_of(plan, tools.writer)
    if not (out / RUN).exists():
        check_file(plan)  # before there is a folder: only a path may be written into its plan
    refuse_blocked(out)
    bound_to = (fingerprint(plan, pack, tools), plan.to_toml())
    about = {"questions": questions(plan, pack, tools), "purpose": ending.purpose}
    with RunFolder.create_or_resume(out, *bound_to, vault=plan.vault.key, **about) as folder:
        if not ending.is_ready(folder):
            run = RunParts(plan, budget, folder, tools, noise, watch)
            _prepare(run, pack, ending)
            with open_tried(run, pack, price) as calls, side(run) as private:
                _synthesize(run, pack, private, calls, price, ending)
            watch.stop()
            folder.journal.append("finished")
            keep_timings(folder, watch.seconds)
        yield folder


def _check_flows(plan: Plan, budget: Budget | None, tools: Tools) -> None:
    """Check what the method declares: who is sent what, what it spends, and how it counts people."""
    method = method_of(plan)
    egress.check(method.egress_of(plan), roles(tools), private=method.reads_private)
    method.flows_of(plan, tools)  # a plug-in that declares unusable flows must fail before it reads anything
    check_declared(plan, budget, method.people(plan))


def _prepare(run: RunParts, pack: Pack, ending: Ending) -> None:
    """Make everything that must exist before the writer is tested or anything private is read."""
    check_room(run.plan, run.budget, run.folder)
    keep_pack(run.folder, run.plan, pack)
    for note in notes_before(run.plan, pack, run.budget):
        run.progress.note(note)
    if method_of(run.plan).reads_private:
        draw_canaries(run.plan, run.folder, partial(_beginnings, run, ending))


def _synthesize(
    run: RunParts, pack: Pack, private: PrivateSide, calls: CallStore, price: Price, ending: Ending
) -> None:
    """Let the method make its texts, with stored replies and vectors, and end the run with these texts."""
    method = method_of(run.plan)
    writer = writer_over(run.plan, run.folder, run.tools, calls, price, run.progress)
    settled = SettledWriter(writer, failed_texts(run.folder, calls), calls.key_of)
    vectors = PublicVectors(embedder_of_public_texts(run.tools))
    stored = replace(run.tools, writer=settled)
    if not method.has_seeds:
        stored = replace(stored, embedder=vectors)
    seen_plan = run.plan.without_data()  # methods reach the data only through the kernel or recorded reads
    sides = (private.people, private.kernel, stored, run.progress)
    job = Job(seen_plan, pack, run.budget, *sides, run.folder.key, private.seeding, private.engine)
    pool = method.synthesize(job)
    calls.keep_only(writer.asked)
    report_refused_settings(run.tools.writer, run.progress)
    run.progress.start("release" if ending is RELEASED else "store the texts")
    ending.end(run.folder, private, replace(job, tools=run.tools), pool, calls, settled, vectors)


def _beginnings(run: RunParts, ending: Ending) -> Sequence[str]:
    """Public texts for the beginnings of canaries: those that the plan names, or texts from the writer.

    The writer is only asked in a run without a release, because a release has to list all requests to it.
    """
    plan = run.plan
    if plan.data.canary_texts:
        return public_texts(plan)
    if ending is RELEASED:
        raise UsageError(
            "Canaries begin with words from public texts of the same kind, but no such texts were named.",
            hint="Name them with --canary-texts FILE. No private text may be among them.",
        )
    data = {"path": "", "audit_holdout": 0.0, "audit_canaries": 0}
    public = plan.model_copy(
        update={
            "method": plan.method.model_copy(update={"name": FLOOR.name}),
            "corpus": plan.corpus.model_copy(update={"size": SPARE_BEGINNINGS * plan.data.audit_canaries}),
            "data": plan.data.model_copy(update=data),
        }
    )
    return execute(public, run.folder.private_path(FLOOR_RUN), progress=run.progress, tools=run.tools).texts


def seal_texts(folder: RunFolder, pool: Pool) -> None:
    """Keep the texts of a run that has no release in its vault, and nowhere else."""
    texts = [candidate.text for candidate in pool.alive()]
    folder.vault.write(UNRELEASED, canonical_json({"format": "rpsg-unreleased/1", "texts": texts}))


def unreleased_texts(folder: RunFolder) -> list[str]:
    """The texts of a run that has no release, in their order; RunError if its vault does not have them."""
    return [str(text) for text in json.loads(folder.vault.read(UNRELEASED))["texts"]]


RELEASED = Ending("", lambda folder: folder.is_released, publish)
UNSEALED = Ending(
    AUDIT_RUN,
    lambda folder: folder.vault.exists(UNRELEASED),
    lambda folder, _side, _job, pool, *_: seal_texts(folder, pool),
)


@contextmanager
def open_tried(run: RunParts, pack: Pack, price: Price) -> Iterator[CallStore]:
    """The call store, after a trial of the writer on public prompts, without private data or charges.

    Raises ModelError when the writer cannot be used.
    """
    plan, tools, watch = run.plan, run.tools, run.progress
    with open_calls(plan, run.folder) as calls:
        if isinstance(tools.writer, TellsTrouble):
            tools.writer.tell_trouble(watch.note)
        writer = writer_over(plan, run.folder, tools, calls, price, watch)
        settled = SettledWriter(writer, failed_texts(run.folder, calls), calls.key_of, later=True)
        try:
            trial = trial_job(plan, pack, run.budget, replace(tools, writer=settled), watch)
            require_readers(trial)
            require_writer_of(method_of(plan), trial)
        except (ModelError, PlugInError):
            calls.forget(writer.asked)  # so that these prompts are sent again once the server is repaired
            raise
        settled.settle()
        yield calls


def keep_pack(folder: RunFolder, plan: Plan, pack: Pack) -> None:
    """Copy the pack into the evidence before it is used, because the user may edit the original.

    Raises:
        RunError: the pack was changed between reading and copying it.
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
