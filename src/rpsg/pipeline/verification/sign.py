"""``rpsg publish``: signs the release of a run, by building it again with the signer in it.

Only the signer changes: the ledger is built like that of the run, from its plan, pack and evidence. A release
that does not follow from them is not signed.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.disk.files import PUBLIC_MODE, file_errors, private_dir, sync_dir, write_atomic
from rpsg.disk.json_text import strict_json
from rpsg.domains.folders import read_pack
from rpsg.errors import RunError, UsageError, VerificationError
from rpsg.pipeline.planting import refuse_canaries, tested_plan
from rpsg.pipeline.private_data import account_of
from rpsg.pipeline.publish import build_release
from rpsg.pipeline.verification.audited import audit_fits
from rpsg.pipeline.verification.claimed import read_claimed
from rpsg.pipeline.verification.compare import parquet_of
from rpsg.pipeline.verification.opening import check_commitment
from rpsg.pipeline.verification.replay import made_again
from rpsg.pipeline.verification.verify import plan_to_open, verify
from rpsg.plan import read_toml, resolve
from rpsg.privacy.audit_figures import audit_holds
from rpsg.privacy.commitment import commit_to
from rpsg.privacy.facts import Free
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.published_audit import LIKE_IT, NOT_COVERED, THIS, published, summary_of
from rpsg.privacy.schema import ledger_schema, violations
from rpsg.privacy.signing import SIGNATURE, private_key, signature_of, signer_of
from rpsg.storage.blocked import refuse_blocked
from rpsg.storage.layout import (
    AUDIT,
    CORPUS,
    EVIDENCE,
    LEDGER,
    PACK,
    PLAN,
    PRIVATE,
    PURGED,
    RELEASE,
    RUN,
)
from rpsg.storage.readers import read_by_rule
from rpsg.storage.run_folder import AUDIT_RUN, locked, open_vault, purpose_of, run_id_of
from rpsg.storage.untrusted import copied

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import Progress

_OLD, _NEW = "release.unsigned", "release.partial"


def publish(
    run: Path,
    key_file: Path,
    *,
    audit: Path | None = None,
    data: Path | None = None,
    models: Mapping[str, str] | None = None,
    plugins: Collection[str] = (),
    progress: Progress | None = None,
) -> str:
    """Sign the release of the finished run in the folder ``run``; returns the fingerprint of the key.

    A release that was signed before is signed again. With ``audit``, this run's folder or that of an audit
    run of the same plan, the figures of that audit become part of the ledger; the account of the data then
    records that they were read without a bound. An audit run must have read the same rows as this run, so the
    rows are read again, from ``data`` or where the plan says. ``models`` and ``plugins`` as for ``verify``.

    Raises:
        UsageError: the audit is of another plan, of other rows or of another corpus, its sizes do not fit,
            it does not follow from its own figures or tested no claim, or one is published already.
        RunError: there is no finished run.
        UsageError: ``key_file`` holds no private key that can be read.
        VerificationError: the release does not follow from its evidence; nothing is signed.
    """
    key = private_key(key_file)
    if not (run / RUN).is_file():
        raise RunError(f"{run} is not a run folder.", hint="Name the folder that was given to rpsg run -o.")
    if purpose_of(run) == AUDIT_RUN:
        raise RunError(
            f"{run} holds an audit run, whose corpus is never released.",
            hint="Make a release with rpsg run -o NEW, which spends budget again.",
        )
    refuse_blocked(run)
    with locked(run):
        release = run / RELEASE
        _finish_exchange(run)
        found = verify(release, models=models, plugins=plugins, progress=progress)
        if not found.ok:
            wrong = next(check for check in found.checks if not check.ok)
            raise VerificationError(
                f"This release is not signed, because it does not verify ({wrong.name}: {wrong.detail}).",
                hint=f"See all of it with: rpsg verify {run}",
            )
        if not (run / PRIVATE / PURGED).is_file():  # a purged run no longer has its canaries
            refuse_canaries(open_vault(run), resolve(read_toml(run / PLAN)), release)
        signer = signer_of(key)
        told = None if audit is None else _audit_to_publish(run, audit, data)
        with tempfile.TemporaryDirectory(prefix="rpsg-sign-") as scratch, copied(release) as copy:
            built = Path(scratch) / RELEASE
            built.mkdir()
            _build(copy, release, built, signer, told, dict(models or {}), plugins, progress)
            content = (built / LEDGER).read_bytes()
            write_atomic(built / SIGNATURE, signature_of(key, content), PUBLIC_MODE)
            _exchange(run, built)
    return signer["fingerprint"]


def _audit_to_publish(run: Path, folder: Path, data: Path | None) -> dict[str, Any]:
    """The block of the ledger for the audit in ``folder``; the account records it before it is published."""
    ledger, plan = strict_json((run / RELEASE / LEDGER).read_bytes()), resolve(read_toml(run / PLAN))
    pack = read_pack(run / RELEASE / EVIDENCE / PACK)
    if "published_audit" in ledger:
        raise UsageError(
            "This release has a published audit, and a second one is refused: somebody could make several "
            "audits and publish only the best.",
            hint="Make a new release for another audit, which spends budget again.",
        )
    try:
        found = json.loads((folder / PRIVATE / AUDIT).read_bytes())
        about = found["about"]
        is_this = about.get("ledger_id") == ledger["ledger_id"]
        if not (is_this or ("ledger_id" not in about and about.get("plan") == tested_plan(plan, pack))):
            raise UsageError(
                f"The audit in {folder} is not one of this release, nor of an audit run of the same plan.",
                hint="Audit it first: rpsg audit RUN, or rpsg audit-run with the same settings.",
            )
        block = published(found, of=THIS if is_this else LIKE_IT)
        rows = None if is_this else (bytes.fromhex(about["rows"]["nonce"]), str(about["rows"]["value"]))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise UsageError(
            f"{folder} holds no audit that can be read.", hint="Audit it first: rpsg audit RUN"
        ) from None
    _refuse_what_does_not_fit(block, ledger, plan, pack, run / RELEASE)
    if rows is not None:
        _refuse_other_rows(run, plan, ledger, rows, data)
    account_of(plan, Odometer()).read_without_bound(run_id_of(run), "published audit")
    return block


def _refuse_what_does_not_fit(
    block: Mapping[str, Any], ledger: Mapping[str, Any], plan: Plan, pack: Pack, release: Path
) -> None:
    """UsageError for an audit that ``rpsg verify`` would not accept, or not as one of this release."""
    if next(violations(block, ledger_schema()["properties"]["published_audit"]), None) is not None:
        raise UsageError(
            "The figures of this audit are not those of an audit.",
            hint="Audit this run again: rpsg audit RUN",
        )
    holds = {
        **ledger,
        "published_audit": block,
        "audit": summary_of(block),
        "not_covered": [*ledger["not_covered"], NOT_COVERED],
    }
    reason = next(audit_holds(holds), None)
    if reason is not None:
        raise UsageError(
            f"This audit does not follow from its own figures ({reason}), so it cannot be published.",
            hint="Audit this run again and publish that: rpsg audit RUN",
        )
    with (release / CORPUS).open("rb") as rows:
        texts = [str(strict_json(row)["text"]) for row in rows]
    checks = audit_fits(block, ledger, plan, pack, texts, release / EVIDENCE)
    wrong = next((check for check in checks if not check.ok), None)
    if wrong is not None:
        raise UsageError(
            f"This audit does not fit the release. The check that failed: {wrong.name} ({wrong.detail}).",
            hint="Audit this run and publish that: rpsg audit RUN",
        )


def _refuse_other_rows(
    run: Path, plan: Plan, ledger: Mapping[str, Any], of_audit: tuple[bytes, str], data: Path | None
) -> None:
    """UsageError if the audit run had other private rows than this run, by the commitments of both."""
    moved = plan.data if data is None else plan.data.model_copy(update={"path": str(data)})
    corpus = read_by_rule(moved).map(lambda reading: reading.corpus)
    nonce, value = of_audit
    if not check_commitment(open_vault(run), corpus, ledger).ok:
        raise UsageError(
            "These are not the rows that the run read, so it is not known whether the audit run had the "
            "same.",
            hint="Say where they are: rpsg publish RUN --audit FOLDER --data FILE",
        )
    if commit_to(corpus, nonce).value != value:
        raise UsageError(
            "The audit run had other private rows than this run, so it says nothing about this release.",
            hint="Make an audit run with the same file, or audit this run: rpsg audit RUN",
        )


def _build(
    copy: Path,
    release: Path,
    target: Path,
    signer: Mapping[str, Any],
    audit: Mapping[str, Any] | None,
    models: dict[str, str],
    plugins: Collection[str],
    progress: Progress | None,
) -> None:
    ledger = strict_json((copy / LEDGER).read_bytes())
    claimed = read_claimed(copy, ledger, plugins)
    made = made_again(claimed, plan_to_open(release, claimed, models), models, plugins, progress)
    free = replace(Free.of(ledger), signer=signer)
    if audit is not None:
        free = replace(free, audit=audit, previous_sha256=str(ledger["chain"]["entry_sha256"]))
    build_release(target, made, free, parquet=parquet_of(copy, made, free.code["version"]))


def _exchange(run: Path, built: Path) -> None:
    """Replace the release by ``built``. After a crash in between the next call completes this."""
    with file_errors("publish the release"):
        partial = run / _NEW
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(built, private_dir(partial), dirs_exist_ok=True)
        (run / RELEASE).rename(run / _OLD)
        partial.rename(run / RELEASE)
        sync_dir(run)
        shutil.rmtree(run / _OLD)


def _finish_exchange(run: Path) -> None:
    with file_errors("publish the release"):
        if (run / _OLD).is_dir():
            if (run / RELEASE).is_dir():
                shutil.rmtree(run / _OLD)
            else:
                (run / _OLD).rename(run / RELEASE)
