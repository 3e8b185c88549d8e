"""``rpsg publish``: signs the release of a run, by building it again with the signer in it.

Only the signer changes: the ledger is built like that of the run, from its plan, pack and evidence. A release
that does not follow from them is not signed.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.errors import RunError, VerificationError
from rpsg.files import PUBLIC_MODE, file_errors, private_dir, sync_dir, write_atomic
from rpsg.json_text import strict_json
from rpsg.pipeline.publish import build_release
from rpsg.privacy.facts import Free
from rpsg.privacy.signing import SIGNATURE, private_key, signature_of, signer_of
from rpsg.storage.layout import LEDGER, RELEASE, RUN
from rpsg.storage.run_folder import locked
from rpsg.storage.untrusted import copied
from rpsg.verification.claimed import read_claimed
from rpsg.verification.compare import parquet_of
from rpsg.verification.replay import made_again
from rpsg.verification.verify import plan_to_open, verify

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rpsg.protocols import Progress

_OLD, _NEW = "release.unsigned", "release.partial"


def publish(
    run: Path,
    key_file: Path,
    *,
    models: Mapping[str, str] | None = None,
    plugins: Collection[str] = (),
    progress: Progress | None = None,
) -> str:
    """Sign the release of the finished run in the folder ``run``; returns the fingerprint of the key.

    A release that was signed before is signed anew. ``models`` and ``plugins`` as for ``verify``.

    Raises:
        RunError: there is no finished run.
        UsageError: ``key_file`` holds no private key that can be read.
        VerificationError: the release does not follow from its evidence; nothing is signed.
    """
    key = private_key(key_file)
    if not (run / RUN).is_file():
        raise RunError(f"{run} is no run folder.", hint="Name the folder that was given to rpsg run -o.")
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
        signer = signer_of(key)
        with tempfile.TemporaryDirectory(prefix="rpsg-sign-") as scratch, copied(release) as copy:
            built = Path(scratch) / RELEASE
            built.mkdir()
            _build(copy, release, built, signer, dict(models or {}), plugins, progress)
            content = (built / LEDGER).read_bytes()
            write_atomic(built / SIGNATURE, signature_of(key, content), PUBLIC_MODE)
            _exchange(run, built)
    return signer["fingerprint"]


def _build(
    copy: Path,
    release: Path,
    target: Path,
    signer: Mapping[str, Any],
    models: dict[str, str],
    plugins: Collection[str],
    progress: Progress | None,
) -> None:
    ledger = strict_json((copy / LEDGER).read_bytes())
    claimed = read_claimed(copy, ledger, plugins)
    made = made_again(claimed, plan_to_open(release, claimed, models), models, plugins, progress)
    free = replace(Free.of(ledger), signer=signer)
    build_release(target, made, free, parquet=parquet_of(copy, made))


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
