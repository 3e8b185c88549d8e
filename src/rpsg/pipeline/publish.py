"""What may leave: the corpus, the ledger, the words about it, and the evidence that lets anyone replay it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rpsg.errors import RunError
from rpsg.files import write_atomic
from rpsg.methods.seed_steps import seeds_wanted, sigma_of
from rpsg.pipeline.ledger_facts import ledger_facts
from rpsg.pipeline.made import Made, public_plan
from rpsg.pipeline.release_files import (
    PUBLIC_MODE,
    pretty_json,
    rows_of,
    write_egress,
    write_evidence,
    write_metadata,
    write_rows,
    write_words,
)
from rpsg.privacy.egress import host_of
from rpsg.privacy.kernel import Kernel
from rpsg.privacy.ledger import build_private_ledger, build_public_ledger, new_free
from rpsg.report.files import write_release_report
from rpsg.report.summary import Facts
from rpsg.results import Run
from rpsg.storage.checkpoints import table
from rpsg.storage.layout import (
    CORPUS,
    CROISSANT,
    EGRESS,
    EVIDENCE,
    LEDGER,
    PRIVATE_LEDGER,
    REPORT,
    STAGE_TABLE,
    SUMMARY,
)
from rpsg.storage.ownership import readable
from rpsg.storage.public_vectors import PublicVectors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rpsg.methods.base import Job
    from rpsg.pipeline.private_data import PrivateSide
    from rpsg.privacy.facts import Free
    from rpsg.records import Pool
    from rpsg.storage.call_store import CallStore
    from rpsg.storage.failed_requests import SettledWriter
    from rpsg.storage.public_vectors import PublicVectors
    from rpsg.storage.run_folder import RunFolder


def publish(
    folder: RunFolder,
    private: PrivateSide,
    job: Job,
    pool: Pool,
    calls: CallStore,
    writer: SettledWriter,
    vectors: PublicVectors,
) -> None:
    """Assemble ``release/``; it appears whole or not at all. The operator's own ledger goes beside it.

    ``job`` names the models as they are; ``writer`` knows what was asked of the job's, and ``vectors`` what
    was embedded.
    """
    side = private.seeding
    made = Made(
        public_plan(job.plan, job.pack),
        job.pack,
        job.budget,
        pool,
        job.tools,
        folder.evidence,
        private.kernel.performed if isinstance(private.kernel, Kernel) else None,
    )
    if side is None:
        told = (host_of(job.tools.writer), job.tools.writer.name)
        made = replace(
            made,
            replies=calls.replies(writer.asked),
            vectors=vectors.to_bytes(),
            failed=writer.failed & writer.asked,
            asked=len(writer.asked),
            earlier={who: n for who, n in calls.sent().items() if who != told},
        )
    else:
        sigma = sigma_of(job.plan, seeds_wanted(job.plan))
        made = replace(made, noise=side.noise.name, sigma=sigma, flows=side.door.flows)
        write_atomic(folder.private_path(STAGE_TABLE), (table(side.shelf.lines) + "\n").encode())
    commitment = private.commitment
    with folder.assemble_release() as target:
        ledger = build_release(target, made, new_free(commitment))
        if commitment is not None:
            mine = build_private_ledger(ledger, commitment, private.paid())
            folder.vault.write(PRIVATE_LEDGER, pretty_json(mine))
            write_atomic(folder.private_path("commitment"), commitment.value.encode())


def build_release(target: Path, made: Made, free: Free, *, parquet: bytes | None = None) -> Mapping[str, Any]:
    """Fill the empty folder ``target`` with a release and give its public ledger. Nothing private is read.

    The same arguments give the same bytes, so whoever has a release can build it again and compare. What
    does not follow from ``made`` is in ``free``. ``parquet`` stands in for the Parquet file that would be
    written here, because another version of its library writes the same table in other bytes; with no bytes
    in it, there is no such file.
    """
    outputs = write_rows(target, rows_of(made), parquet)
    outputs |= write_evidence(target / EVIDENCE, made)
    outputs[EGRESS] = write_egress(target, made.seen)
    outputs[CROISSANT] = write_metadata(target, made, outputs)
    writer, embedder = made.tools.writer.name, made.tools.embedder.name
    return write_ledger(
        target,
        outputs,
        lambda named: build_public_ledger(ledger_facts(made, named), made.performed, free=free),
        lambda ledger: Facts(made.plan, made.pack, made.pool, ledger, writer, embedder, made.seen),
    )


def write_ledger(
    folder: Path,
    outputs: Mapping[str, str],
    sealed: Callable[[Mapping[str, str]], Mapping[str, Any]],
    facts: Callable[[Mapping[str, Any]], Facts],
) -> Mapping[str, Any]:
    """Write summary, card, report and ledger; ``sealed`` makes a ledger that names files with their SHA-256.

    Words and report tell what the ledger says, and the ledger names them by their hashes. So there are three
    ledgers: one for the words, made to ``facts``, one that names these, for the report, and the last.
    """
    outputs = {**outputs, **write_words(folder, facts(sealed(outputs)))}
    write_atomic(folder / LEDGER, pretty_json(sealed(outputs)), PUBLIC_MODE)
    ledger = sealed({**outputs, REPORT: write_release_report(folder)})
    write_atomic(folder / LEDGER, pretty_json(ledger), PUBLIC_MODE)
    return ledger


def read_release(path: Path, timings: Mapping[str, float] | None = None) -> Run:
    """A finished run from its folder, or from its release folder alone.

    Raises:
        RunError: there is no finished release.
    """
    release = release_folder(path)
    try:
        ledger = json.loads((release / LEDGER).read_text(encoding="utf-8"))
        records = _records(release / CORPUS)
        words = (release / SUMMARY).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RunError(
            f"{path} holds no finished run.", hint="Go on with it: the same `rpsg run` command again."
        ) from None
    return Run(
        path=release.parent,
        texts=tuple(str(record["text"]) for record in records),
        records=tuple(records),
        ledger=ledger,
        summary=words,
        timings=dict(timings or {}),
    )


def read_any_release(path: Path) -> Run:
    """A finished run that may be a stranger's: its release is copied before it is read, unless it is ours.

    Raises:
        RunError: there is no finished release, or a file of it is damaged.
        VerificationError: the release holds what no release has.
    """
    release = release_folder(path)
    try:
        with readable(release) as folder:
            return replace(read_release(folder), path=release.parent)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise RunError(
            f"{release} holds a file that cannot be read.", hint="Check it with: rpsg verify RUN"
        ) from None


def release_folder(path: Path) -> Path:
    """The release folder: ``path`` itself, or the one inside a run folder.

    Raises:
        RunError: there is no finished release.
    """
    for folder in (path, path / "release"):
        if (folder / LEDGER).is_file():
            return folder
    raise RunError(f"{path} holds no finished run.", hint="Go on with it: the same `rpsg run` command again.")


def _records(path: Path) -> Sequence[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
