"""``rpsg purge``: destroys what was private in a published run; its claim and its release remain.

A run that is counted in shards can be purged even before its release, because its key opens the files of the
shards. The key is destroyed first: without it nothing that was encrypted can be read, wherever copies are.
The account book is not in the run folder and is not changed: what was spent remains spent.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.disk.files import descriptor_of, file_errors, sync_dir, write_atomic
from rpsg.disk.json_text import canonical_json
from rpsg.errors import RunError
from rpsg.storage.blocked import refuse_blocked
from rpsg.storage.layout import COMMITMENT, EVIDENCE, LEDGER, PRIVATE, PURGED, QUESTION, RELEASE, RUN, VAULT
from rpsg.storage.ownership import MARK
from rpsg.storage.run_folder import locked, run_id_of, way_to_finish

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

#: What remains in the private folder: the public value of the commitment, the mark of a run that began here,
#: and the note of the purge.
KEPT = (COMMITMENT, MARK, PURGED)
NOT_REACHED = (
    f"copies and backups of the run folder: those that hold {VAULT} can still be opened",
    "blocks of deleted files that a drive keeps, above all a solid-state drive",
    "memory that was swapped to the disk",
    "the private file that the run read",
)


@dataclass(frozen=True, slots=True)
class Purged:
    """What was destroyed, as names in the private folder, and what no purge reaches."""

    path: Path
    destroyed: tuple[str, ...]
    not_reached: tuple[str, ...]


def purge(run: Path) -> Purged:
    """Destroy the private part of the run in ``run``. An interrupted purge can be repeated.

    Raises:
        RunError: the folder holds no run that may be purged, or another process works in it.
    """
    require_finished_or_shards(run)
    private = _no_link(run / PRIVATE)
    with locked(run), file_errors(f"purge {private}"):
        was_sealed = _was_sealed(private)
        names = _destroy_private(private, KEPT)
    clear = (
        "the blocks of the deleted files: this run did not encrypt them, and a deleted file can be recovered",
    )
    reserved = f"budget that the run may have reserved: rpsg budget --give-back {run_id_of(run)}"
    rest = () if is_published(run) else (reserved,)
    return Purged(run, names, (() if was_sealed else clear) + NOT_REACHED + rest)


def is_published(run: Path) -> bool:
    """Whether there is a release."""
    return (run / RELEASE / LEDGER).is_file()


def require_finished_or_shards(run: Path) -> None:
    """RunError unless the folder has a published run, or a run that waits for its shards.

    PrivacyError for a run that a canary has blocked: its folder is to be deleted as a whole.
    """
    if not (run / RUN).is_file():
        raise RunError(f"{run} is not a run folder.", hint="Name the folder that was given to -o.")
    refuse_blocked(run)
    if not is_published(run) and not (run / QUESTION.format(1)).is_file():
        raise RunError(
            f"The run in {run} has not been published, and without its private part it never could be.",
            hint=f"{way_to_finish(run)} Or delete the folder as a whole.",
        )


def destroy_unreleased(run: Path, keep: Collection[str]) -> None:
    """Destroy what a run without a release made, except the files of ``keep`` in its private folder.

    The caller holds the folder's lock. After an interruption a second call completes it.
    """
    private = _no_link(run / PRIVATE)
    with file_errors(f"destroy the corpus in {run}"):
        _destroy_private(private, {*KEPT, *keep})
        remove(run / EVIDENCE)
        sync_dir(run)


def _no_link(private: Path) -> Path:
    if private.is_symlink():
        raise RunError(
            f"{private} is a link, which may lead out of the run, so nothing was destroyed.",
            hint="Put the folder itself in place of the link, or delete by hand what belongs to the run.",
        )
    return private


def _destroy_private(private: Path, kept: Collection[str]) -> tuple[str, ...]:
    """Destroy the key and then everything but ``kept``; returns the names of the destroyed files."""
    _destroy_key(private / VAULT)
    names = tuple(sorted(e.name for e in private.iterdir() if e.name not in kept))
    write_atomic(private / PURGED, canonical_json({"format": "rpsg-purged/1"}) + b"\n")
    for name in names:
        remove(private / name)
    sync_dir(private)
    return names


def _was_sealed(private: Path) -> bool:
    try:
        return bool(json.loads((private / VAULT).read_bytes())["key"] != "none")
    except (OSError, ValueError, KeyError, TypeError):
        return not any(file.suffix == ".tag" for file in private.glob("*"))


def _destroy_key(file: Path) -> None:
    """Overwrite the key in place, then delete it."""
    if file.is_symlink() or not file.is_file():
        return
    with descriptor_of(file, os.O_WRONLY) as descriptor:
        os.write(descriptor, secrets.token_bytes(os.fstat(descriptor).st_size))
        os.fsync(descriptor)
    file.unlink()
    sync_dir(file.parent)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
