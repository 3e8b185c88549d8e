"""A run is a folder: the same command in the same folder resumes where it stopped.

    plan.toml        the plan as resolved, without secrets
    run.json         the id of the run and the fingerprint of its plan
    journal.jsonl    what happened in each stage, without private text
    private/         never published: mode 0700, and encrypted by the run's vault
    evidence/        outputs of mechanisms, and texts generated from them
    release/         may be published; appears at the end, as a whole

Creation writes run.json first and the journal last, so that a creation that was interrupted is completed by
the next call.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rpsg.disk.files import (
    PART,
    descriptor_of,
    file_errors,
    hold_lock,
    private_dir,
    remove_parts,
    safe_join,
    sync_dir,
    write_atomic,
)
from rpsg.disk.journals import Journal
from rpsg.errors import RunError
from rpsg.storage.layout import EVIDENCE, JOURNAL, PLAN, PRIVATE, PURGED, QUESTION, RELEASE, RUN, VAULT
from rpsg.storage.ownership import is_own, mark_own
from rpsg.storage.run_identity import make_run_id, make_way, read_about
from rpsg.storage.vault import Vault, VaultKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The file that a process locks while it works in the folder of a run, or of a comparison.
LOCK = ".lock"
#: The purpose of a run whose corpus is attacked and destroyed.
AUDIT_RUN = "audit"


class RunFolder:
    """An open run folder, locked for this process until ``close``. Use it in a ``with`` statement."""

    def __init__(self, path: Path, lock: int, run_id: str, vault: Vault | None, journal: Journal) -> None:
        self.path = path
        self.run_id = run_id
        self.journal = journal
        self._vault = vault
        self._lock = lock

    @classmethod
    def create_or_resume(
        cls,
        path: Path | str,
        plan_fingerprint: str,
        plan_toml: str,
        command: Sequence[str] = (),
        *,
        questions: str = "",
        vault: VaultKey = "file",
        purpose: str = "",
    ) -> Self:
        """Open the run of this plan in ``path``, or begin it if the folder is new or empty.

        Args:
            path: the folder, made if it is not there.
            plan_fingerprint: identifies the plan; a run of another one is refused, except for changes that
                ``rpsg.storage.run_identity`` allows.
            plan_toml: the plan as resolved, kept in ``plan.toml``.
            command: the command line, for the journal.
            questions: identifies the part of the plan that noisy answers depend on; "" for unknown.
            vault: where the key of a new run's private files is.
            purpose: what the run is for, if not for a release; a folder keeps the one it was begun for.

        Raises:
            RunError: the folder belongs to another plan, is not a run folder, is in use by another process,
                is damaged or cannot be written, or the key of its private files is not there.
        """
        folder = Path(path)
        _refuse_strangers(folder)
        lock = hold_lock(private_dir(folder) / LOCK)
        try:
            changed_after = make_way(folder, plan_fingerprint, questions, plan_toml, purpose)
            run_id = make_run_id(folder, plan_fingerprint, questions, purpose)
            opened = _layout(folder, plan_toml, vault)
            journal = Journal(folder / JOURNAL)
        except BaseException:
            os.close(lock)
            raise
        run = cls(folder, lock, run_id, opened, journal)
        try:
            journal.append("opened", command=list(command), run_id=run_id)
            if changed_after:
                journal.append("generation changed", after=list(changed_after))
        except BaseException:
            run.close()
            raise
        return run

    @classmethod
    def finished(cls, path: Path) -> Self:
        """Open a published run for reading.

        Raises:
            RunError: it is in use, damaged or purged, or its key is not there.
        """
        lock = hold_lock(path / LOCK)
        try:
            run_id = str(read_about(path)["run_id"])
            return cls(path, lock, run_id, open_vault(path), Journal(path / JOURNAL))
        except BaseException:
            os.close(lock)
            raise

    @property
    def vault(self) -> Vault:
        """The private files. In a run that is released, they are opened only when they are first needed.

        Raises:
            RunError: the run was purged, or its key is not there.
        """
        if self._vault is None:
            self._vault = open_vault(self.path)
        return self._vault

    @property
    def key(self) -> bytes:
        """32 secret bytes that only this run has, and that are never released."""
        return self.vault.run_key

    @property
    def private(self) -> Path:
        return self.path / PRIVATE

    @property
    def evidence(self) -> Path:
        return self.path / EVIDENCE

    @property
    def release(self) -> Path:
        return self.path / RELEASE

    @property
    def is_released(self) -> bool:
        return self.release.is_dir()

    def private_path(self, name: str) -> Path:
        return safe_join(self.private, name)

    def evidence_path(self, name: str) -> Path:
        return safe_join(self.evidence, name)

    @contextmanager
    def assemble_release(self) -> Iterator[Path]:
        """A new empty folder to fill; it becomes ``release/`` if the block succeeds, else it is deleted.

        Raises:
            RunError: this run has already been released, or the disk refuses.
        """
        if self.is_released:
            raise RunError(
                f"{self.release} is already there, and a release is never changed.",
                hint="Use it unchanged, or start a new run in another folder with -o.",
            )
        partial = self.path / "release.partial"
        with file_errors("assemble the release"):
            if partial.exists():
                shutil.rmtree(partial)  # left by a process that was killed
            private_dir(partial)
        try:
            yield partial
            with file_errors("finish the release"):
                _sync_tree(partial)
                partial.rename(self.release)
                sync_dir(self.path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise

    def close(self) -> None:
        """Unlock the folder. A second call does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"


def run_id_of(folder: Path) -> str:
    """The id of the run in this folder; RunError if there is no run."""
    return str(read_about(folder)["run_id"])


def way_to_finish(folder: Path) -> str:
    """A sentence that says what to do with a run that has no release."""
    if is_own(folder) and purpose_of(folder) == AUDIT_RUN:
        return "An audit run has no release: see its private folder."
    if (folder / PRIVATE / PURGED).is_file():
        return "It was purged, and cannot continue: start a new run in another folder with -o."
    if (folder / QUESTION.format(1)).is_file():
        return "Its shards are not all counted and merged: see rpsg shards --help."
    return "Continue it: run the same `rpsg run` command again."


def purpose_of(folder: Path) -> str:
    """What the run in this folder is for; "" for a release. RunError if there is no run."""
    return str(read_about(folder).get("purpose", ""))


def _refuse_strangers(folder: Path) -> None:
    """RunError for a folder that is not a run folder; nothing in it is changed, not even its mode."""
    with file_errors(f"open the folder {folder}"):
        names = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
    if RUN in names:
        read_about(folder)
    elif any(name != LOCK and not name.startswith(PART) for name in names):
        raise RunError(
            f"{folder} holds other files and is not a run folder.",
            hint="Choose a new or empty folder with -o.",
        )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the run folder within the block; RunError if another process works in it."""
    lock = hold_lock(folder / LOCK)
    try:
        yield
    finally:
        os.close(lock)


def open_vault(run: Path) -> Vault:
    """The vault of the run in the folder ``run``, for reading.

    Raises:
        RunError: the run was purged, or its vault cannot be opened.
    """
    if (run / PRIVATE / PURGED).is_file():
        raise RunError(
            "The private files of this run were destroyed with rpsg purge.",
            hint="Its release is unchanged: rpsg verify and rpsg report work with it."
            if (run / RELEASE).is_dir()
            else "It has no release, and cannot continue. Start a new run in another folder with -o.",
        )
    if not (run / PRIVATE / VAULT).exists():
        raise RunError(
            f"The folder {run / PRIVATE} is missing, or parts of it are. Without it this run cannot "
            "continue.",
            hint="Restore it from a backup, or start a new run with another -o: the budget that was "
            "spent remains spent.",
        )
    return Vault.open(run / PRIVATE)


def _layout(folder: Path, plan_toml: str, key: VaultKey) -> Vault | None:
    """Make missing folders and files. Returns the vault, or None for a released run, which may have none."""
    is_begun = (folder / JOURNAL).exists()
    for part in (folder, private_dir(folder / PRIVATE), private_dir(folder / EVIDENCE)):
        remove_parts(part)
    if not (folder / PLAN).exists():
        write_atomic(folder / PLAN, plan_toml.encode())
    if (folder / RELEASE).is_dir():
        return None
    fresh = not is_begun and not os.path.lexists(folder / PRIVATE / VAULT)
    vault = Vault.create(folder / PRIVATE, key) if fresh else open_vault(folder)
    if key != "none" and not vault.is_sealed:
        raise RunError(
            f"The plan asks for encrypted private files, but {PRIVATE}/{VAULT} says that they are not "
            f"encrypted.",
            hint="Somebody changed that file. Start a new run in another folder with -o.",
        )
    if not is_begun:
        mark_own(folder)
    return vault


def _sync_tree(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            with descriptor_of(Path(root) / name, os.O_RDONLY) as descriptor:
                os.fsync(descriptor)
        sync_dir(Path(root))
