"""Builds a release: corpus, ledger, summary and report, and the evidence from which anybody can rebuild
it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rpsg.disk.files import PUBLIC_MODE, write_atomic
from rpsg.domains import read_pack
from rpsg.errors import PrivacyError
from rpsg.machine.processes import HERE
from rpsg.pipeline.ledger_facts import extensions, ledger_facts
from rpsg.pipeline.made import Made, public_plan
from rpsg.pipeline.planting import refuse_canaries
from rpsg.pipeline.release_files import (
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
from rpsg.registry import built_in
from rpsg.release.history import as_read
from rpsg.release.quality import begin_quality
from rpsg.release.reader import Release
from rpsg.report.files import write_release_report
from rpsg.storage.checkpoints import table
from rpsg.storage.layout import (
    COMMITMENT,
    CROISSANT,
    EGRESS,
    EVIDENCE,
    LEDGER,
    PACK,
    PRIVATE_LEDGER,
    REPORT,
    STAGE_TABLE,
)
from rpsg.storage.public_vectors import PublicVectors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rpsg.machine.processes import Processes
    from rpsg.methods.base import Job
    from rpsg.pipeline.private_data import PrivateSide
    from rpsg.privacy.facts import Free
    from rpsg.records import Pool
    from rpsg.release.quality import Quality
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
    """Assemble ``release/``, which appears whole or not at all, and the operator's private ledger.

    ``job`` has the models without caches; ``writer`` knows what was asked, and ``vectors`` what was embedded.
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
        this = (host_of(job.tools.writer), job.tools.writer.name)
        made = replace(
            made,
            replies=calls.replies(writer.asked),
            vectors=vectors.chunks(),
            failed=writer.failed & writer.asked,
            asked=len(writer.asked),
            earlier={who: n for who, n in calls.sent().items() if who != this},
            readers=private.readers,
        )
    else:
        sigma, flows = made.method.choice_sigma(job.plan), side.unprotected.flows
        is_plugin = made.method.name not in built_in("methods")
        if is_plugin and flows != made.method.flows_of(made.plan, made.tools):
            raise PrivacyError(
                f"The method {made.method.name!r} read private text in ways that it does not declare. "
                "Nothing was released.",
                hint="Its flows must list every unprotected read, in order.",
            )
        made = replace(made, noise=side.noise.name, sigma=sigma, flows=flows)
        write_atomic(folder.private_path(STAGE_TABLE), (table(side.checkpoints.lines) + "\n").encode())
    commitment = private.commitment
    with folder.assemble_release() as target:
        ledger = build_release(target, made, new_free(commitment, extensions(job.plan)))
        refuse_canaries(folder.vault, made.plan, target)
        if commitment is not None:
            mine = build_private_ledger(ledger, commitment, private.paid())
            folder.vault.write(PRIVATE_LEDGER, pretty_json(mine))
            write_atomic(folder.private_path(COMMITMENT), commitment.value.encode())


def build_release(
    target: Path, made: Made, free: Free, *, parquet: bytes | None = None, processes: Processes = HERE
) -> Mapping[str, Any]:
    """Write a release into the empty folder ``target`` and return its public ledger. Nothing private is read.

    The same arguments give the same bytes, so anyone with a release can build it again and compare. What does
    not follow from ``made`` is in ``free``. ``parquet`` replaces the Parquet file that would be written here,
    because other versions of its library write the same table as different bytes. If it is empty, there is no
    Parquet file. ``processes`` share what can be divided.
    """
    pool = None if made.method.has_seeds else as_read(made.pool)
    # The pack as ``Release`` reads it, and as it is copied into the release.
    quality = (
        None if pool is None else begin_quality(pool.alive(), read_pack(made.evidence / PACK), processes)
    )
    version = free.code["version"]
    outputs = write_rows(target, rows_of(made, version), parquet)
    outputs |= write_evidence(target / EVIDENCE, made)
    outputs[EGRESS] = write_egress(target, made.seen, version)
    outputs[CROISSANT] = write_metadata(target, made, outputs, version)

    def write_ledger(named: Mapping[str, str]) -> Mapping[str, Any]:
        ledger = build_public_ledger(ledger_facts(made, named), made.performed, free=free)
        write_atomic(target / LEDGER, pretty_json(ledger), PUBLIC_MODE)
        return ledger

    # The pages in words and the report are made from the ledger, and the ledger has their hashes. So three
    # ledgers are written in turn: one to make the pages from, one with their hashes to make the report from,
    # and one with the hashes of all files.
    write_ledger(outputs)
    words = _built(target, pool, None if quality is None else quality())
    outputs |= write_words(words)
    write_ledger(outputs)
    page = _built(target, pool, words.quality)
    return write_ledger({**outputs, REPORT: write_release_report(page)})


def _built(folder: Path, pool: Pool | None, quality: Quality | None = None) -> Release:
    """The release that is built in ``folder``. What is known of it is not read or computed again."""
    release = Release(folder, in_place=True)
    if pool is not None:
        release.pool = pool
    if quality is not None:
        release.quality = quality
    return release
