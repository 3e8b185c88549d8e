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

import json
import os
import secrets
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rpsg.errors import RunError
from rpsg.files import (
    PART,
    file_errors,
    hold_lock,
    private_dir,
    remove_parts,
    safe_join,
    sync_dir,
    write_atomic,
)
from rpsg.json_text import canonical_json
from rpsg.plan import NOT_IDENTITY
from rpsg.storage.layout import EVIDENCE, PLAN, PRIVATE, RELEASE, RUN
from rpsg.storage.ownership import mark_own
from rpsg.storage.run_journal import Journal
from rpsg.storage.vault import VAULT, Vault, VaultKey
from rpsg.storage.writer_changes import ABOUT_TEXTS, begin_anew, change_generation, charged, only_tried

if TYPE_CHECKING:
    from types import TracebackType

_FORMAT = 2
_LOCK = ".lock"
#: In the private folder of a run whose private files were destroyed.
PURGED = "purged.json"
_MOST_DIFFERENCES = 8


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
    ) -> Self:
        """Open the run of this plan in ``path``, beginning it if the folder is new or empty.

        Args:
            path: the folder, made if it is not there.
            plan_fingerprint: identifies the plan; a run of another one is refused, except for changes that
                ``rpsg.storage.writer_changes`` allows.
            plan_toml: the plan as resolved, kept in ``plan.toml``.
            command: the command line, for the journal.
            questions: identifies the part of the plan that noisy answers depend on; "" for unknown.
            vault: where the key of a new run's private files is.

        Raises:
            RunError: the folder belongs to another plan, is no run folder, is in use by another
                process, is damaged or cannot be written, or the key of its private files is not there.
        """
        folder = Path(path)
        _refuse_strangers(folder)
        lock = hold_lock(private_dir(folder) / _LOCK)
        try:
            changed_after = _make_way(folder, plan_fingerprint, questions, plan_toml)
            run_id = _run_id(folder, plan_fingerprint, questions)
            opened = _layout(folder, plan_toml, vault)
            journal = Journal(folder / "journal.jsonl")
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
        lock = hold_lock(path / _LOCK)
        try:
            run_id = str(_about(path)["run_id"])
            return cls(path, lock, run_id, open_vault(path), Journal(path / "journal.jsonl"))
        except BaseException:
            os.close(lock)
            raise

    @property
    def vault(self) -> Vault:
        """The private files; those of a released run are opened at first use.

        Raises:
            RunError: the run was purged, or its key is not there.
        """
        if self._vault is None:
            self._vault = open_vault(self.path)
        return self._vault

    @property
    def key(self) -> bytes:
        """32 secret bytes of this run alone, never released."""
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
                hint="Use it as it is, or make a new run in another folder with -o.",
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"


def _refuse_strangers(folder: Path) -> None:
    """RunError for a folder that is no run folder, which is not touched: no lock, no other mode."""
    with file_errors(f"open the folder {folder}"):
        names = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
    if RUN in names:
        _about(folder)
    elif any(name != _LOCK and not name.startswith(PART) for name in names):
        raise RunError(
            f"{folder} holds other files and is not a run folder.",
            hint="Choose a new or empty folder with -o.",
        )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the run folder for this block; RunError if another process works in it."""
    lock = hold_lock(folder / _LOCK)
    try:
        yield
    finally:
        os.close(lock)


def _make_way(folder: Path, fingerprint: str, questions: str, plan_toml: str) -> tuple[str, ...]:
    """Check that the folder can hold a run of this plan, and put away files of a plan that was changed.

    Returns the stages that were charged before the writer or its prompts were changed.

    Raises:
        RunError: the folder holds a run of another plan, which is left as it is.
    """
    if not (folder / RUN).exists():
        return ()
    about = _about(folder)
    if about["plan_fingerprint"] == fingerprint:
        return ()
    stages, hint = charged(folder), "Set these back to resume that run"
    if not (folder / RELEASE).exists():
        if questions and not stages and only_tried(folder):
            begin_anew(folder)
            return ()
        if stages and questions and about.get("questions") == questions:
            if not any(stage.startswith(ABOUT_TEXTS) for stage in stages):
                change_generation(folder, stages)
                _keep_about(folder, about["run_id"], fingerprint, questions)
                return stages
            hint = (
                "The data were asked about the texts that were written, so these cannot change. Set them back"
            )
    raise RunError(
        f"{folder} holds a run of another plan{_differences(folder, plan_toml)}.",
        hint=f"{hint}, or start a new one in another folder with -o.",
    )


def _run_id(folder: Path, fingerprint: str, questions: str) -> str:
    """The id of the run in the folder; a new 128-bit one is drawn and kept if the folder is empty."""
    if (folder / RUN).exists():
        return str(_about(folder)["run_id"])
    run_id = secrets.token_hex(16)
    _keep_about(folder, run_id, fingerprint, questions)
    return run_id


def _keep_about(folder: Path, run_id: str, fingerprint: str, questions: str) -> None:
    about = {"format": _FORMAT, "run_id": run_id, "plan_fingerprint": fingerprint, "questions": questions}
    write_atomic(folder / RUN, canonical_json(about) + b"\n")


def _about(folder: Path) -> dict[str, Any]:
    with file_errors("read run.json"):
        content = (folder / RUN).read_bytes()
    try:
        about = json.loads(content)
    except ValueError:
        about = None
    known = {"format", "run_id", "plan_fingerprint"}
    if not isinstance(about, dict) or not known <= about.keys() or about["format"] != _FORMAT:
        raise RunError(
            f"{folder / RUN} is damaged or of another version of RPSG.",
            hint="Use the version that began this run, or start a new one in another folder with -o.",
        )
    return about


def _differences(folder: Path, plan_toml: str) -> str:
    """Which keys of the two plans differ; names only, since values may be paths."""
    try:
        before = _flat(tomllib.loads((folder / PLAN).read_text(encoding="utf-8")))
        now = _flat(tomllib.loads(plan_toml))
    except (OSError, ValueError):
        return ""
    free = {f"{section}.{key}" for section, keys in NOT_IDENTITY.items() for key in keys}
    keys = sorted(key for key in (before.keys() | now.keys()) - free if before.get(key) != now.get(key))
    if not keys:
        return " (the settings are the same: its domain pack, a prompt or a model has changed)"
    more = ", ..." if len(keys) > _MOST_DIFFERENCES else ""
    return f" (they differ in {', '.join(keys[:_MOST_DIFFERENCES])}{more})"


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def open_vault(run: Path) -> Vault:
    """The vault of the run in the folder ``run``, for reading.

    Raises:
        RunError: the run was purged, or its vault cannot be opened.
    """
    if (run / PRIVATE / PURGED).is_file():
        raise RunError(
            "What was private in this run was destroyed with rpsg purge.",
            hint="Its release stays as it is: rpsg verify and rpsg report work on it.",
        )
    if not (run / PRIVATE / VAULT).exists():
        raise RunError(
            f"The folder {run / PRIVATE} is missing, or parts of it are. Without it this run cannot go on.",
            hint="Bring it back from a backup, or begin anew with another -o: what was spent stays spent.",
        )
    return Vault.open(run / PRIVATE)


def _layout(folder: Path, plan_toml: str, key: VaultKey) -> Vault | None:
    """Make missing folders and files; gives the vault, or None for a released run, which may lack it."""
    is_begun = (folder / "journal.jsonl").exists()
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
            "The plan wants private files encrypted, and private/vault.json says that they are not.",
            hint="Somebody changed that file. Start a new run in another folder with -o.",
        )
    if not is_begun:
        mark_own(folder)
    return vault


def _sync_tree(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(Path(root) / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_dir(Path(root))
