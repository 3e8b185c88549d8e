"""Durable files: whole or absent, on the disk when the call returns; only their owner can read private ones.

A file is written under another name, flushed to the disk and then renamed, so a crash, a kill or a full disk
leaves the old file or none, never half of one. Links are not followed. On Windows these functions refuse:
see ``rpsg.disk.system``.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from rpsg.disk.system import FOLDER, lock, open_plain
from rpsg.errors import PrivacyError, RunError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PART = ".rpsg-part-"
#: Who may read a released file: everybody.
PUBLIC_MODE = 0o644
_CHUNK = 1 << 20
_ELSEWHERE = "Or choose another folder, with -o for a run, or with RPSG_HOME for keys and accounts."
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_DIRECTORY_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})
_DEVICE_NAMES = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?")


@contextmanager
def descriptor_of(path: Path | str, flags: int, *, within: int | None = None) -> Iterator[int]:
    """A descriptor for the block. No link is followed, and only its owner can open a file that is made.

    ``within`` is the descriptor of the folder that ``path`` is relative to.
    """
    descriptor = open_plain(path, flags, within=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def file_errors(doing: str) -> Iterator[None]:
    """Turn an OSError into a RunError with a hint; ``doing`` is the end of its sentence ("write a.txt")."""
    try:
        yield
    except OSError as error:
        raise _run_error(doing, error) from error


def _run_error(doing: str, error: OSError) -> RunError:
    if error.errno in _DISK_FULL:
        return RunError(
            f"The disk is full: cannot {doing}. Nothing incomplete is left behind.",
            hint=f"Free some space (see df -h), then run the same command again: it resumes. {_ELSEWHERE}",
        )
    if isinstance(error, NotADirectoryError | FileExistsError):
        return RunError(
            f"Cannot {doing}: something on that path is a link, or is a file where a folder should be.",
            hint="Choose a new or empty folder, with -o for a run, or with RPSG_HOME for keys and accounts. "
            "Instead of a link, name the folder that it leads to.",
        )
    reason = os.strerror(error.errno) if error.errno else "the operating system refused"
    return RunError(
        f"Cannot {doing}: {reason}.",
        hint=f"Check that you own the folder and that it is on a writable disk. {_ELSEWHERE}",
    )


def private_dir(path: Path) -> Path:
    """Make (or tighten) a directory that only its owner can open, whatever the umask; returns ``path``.

    Raises:
        RunError: ``path`` is a link, a file or another user's, or cannot be made.
    """
    with file_errors(f"open the folder {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        with descriptor_of(path, FOLDER) as descriptor:
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != 0o700:
                os.fchmod(descriptor, 0o700)
    return path


def write_atomic(path: Path, data: bytes, mode: int = 0o600, *, scratch: Path | None = None) -> str:
    """Write ``data`` as the whole file ``path`` and return its SHA-256 in hex. See ``write_chunks``."""
    return write_chunks(path, (data,), mode, scratch=scratch)


def write_chunks(
    path: Path, chunks: Iterable[bytes], mode: int = 0o600, *, scratch: Path | None = None
) -> str:
    """Write the chunks one after another as the whole file ``path`` and return its SHA-256 in hex.

    A file of that name is replaced in one step at the end; if anything goes wrong, it is not changed.

    Args:
        path: where the file appears.
        chunks: its content.
        mode: its mode, whatever the umask says.
        scratch: a folder on the same file system that holds the file while it is incomplete, so that a crash
            leaves nothing in the folder of ``path``, which is the default.

    Raises:
        RunError: the disk is full, the folder is not writable, or ``path`` is a link, a device or a pipe.
    """
    with file_errors(f"write {path.name} in {path.absolute().parent}"):
        if path.is_symlink():
            raise RunError(
                f"{path.name} is a link, and links are not followed here.",
                hint="Remove the link, or choose another folder with -o.",
            )
        if path.exists() and not (path.is_file() or path.is_dir()):
            # The user root, for example in a container, would otherwise replace /dev/null with a file.
            raise RunError(f"{path.name} is a device or a pipe, not a file.", hint="Name a file with -o.")
        part = (scratch or path.parent) / (PART + secrets.token_hex(8))
        try:
            digest = _write_new(part, chunks, mode)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync_dir(path.parent)
    return digest


def _write_new(path: Path, chunks: Iterable[bytes], mode: int) -> str:
    digest = hashlib.sha256()
    with descriptor_of(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor:
        os.fchmod(descriptor, mode)  # the umask may have taken bits away
        for block in _blocks(chunks):
            digest.update(block)
            write_all(descriptor, block)
        os.fsync(descriptor)
    return digest.hexdigest()


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Gather small chunks: one system call per megabyte instead of one per line."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        if len(waiting) >= _CHUNK:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, because one call to the system may write only some of them."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def create_private(path: Path, content: bytes) -> None:
    """Make a new file of mode 0600; if writing fails, no file is left. After a crash it may be incomplete.

    Raises:
        FileExistsError: something of that name, even a link, is there already.
        OSError: the disk refuses.
    """
    try:
        _write_new(path, (content,), 0o600)
    except OSError as error:
        if not isinstance(error, FileExistsError):
            path.unlink(missing_ok=True)
        raise
    sync_dir(path.parent)


def ensure_private(path: Path) -> None:
    """Make ``path`` a file that only its owner may open; if there is none, an empty file is made.

    Raises:
        RunError: the path is a link, or the file is another user's or cannot be made.
    """
    with file_errors(f"open {path.name}"):
        with descriptor_of(path, os.O_RDWR | os.O_CREAT) as descriptor:
            os.fchmod(descriptor, 0o600)
        sync_dir(path.parent)


def read_private(path: Path) -> bytes:
    """The content of a private file.

    Raises:
        FileNotFoundError: there is none.
        PrivacyError: the path is a link, or others may read the file.
    """
    with open_private_file(path, os.O_RDONLY) as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read()


@contextmanager
def open_private_file(path: Path, flags: int) -> Iterator[int]:
    """A descriptor of a file that is not a link, and that only its owner may open."""
    if path.is_symlink():
        raise PrivacyError(f"The private file {path.name} is a link, and RPSG does not follow it.")
    with descriptor_of(path, flags) as descriptor:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            raise PrivacyError(
                f"Other users may read the private file {path.name}.",
                hint=f"Make it private: chmod 600 {path}",
            )
        yield descriptor


def hold_lock(path: Path, *, wait: bool = False) -> int:
    """Lock the file ``path``, which is made if missing; returns the descriptor that holds the lock.

    The lock is released when the descriptor is closed or the process ends, however it ends.

    Raises:
        RunError: another process holds it (with ``wait`` it waits instead), or it cannot be made.
    """
    with file_errors(f"lock the folder {path.parent}"):
        descriptor = open_plain(path, os.O_RDWR | os.O_CREAT)
        try:
            lock(descriptor, wait=wait)
        except BlockingIOError:
            os.close(descriptor)
            raise RunError(
                f"Another process is working in {path.parent}.",
                hint="Wait until it has finished, or start this command in another folder with -o.",
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
    return descriptor


def file_sha256(path: Path) -> str:
    """SHA-256 in hex of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_dir(path: Path) -> None:
    """Flush the directory ``path``, so that new names in it survive a power cut."""
    descriptor = os.open(path, FOLDER)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:  # some network disks cannot
            raise
    finally:
        os.close(descriptor)


def remove_parts(folder: Path) -> None:
    """Remove unfinished files of a killed process from ``folder``. Call it only under the run's lock."""
    with file_errors(f"clean up {folder.name}"):
        for part in folder.glob(PART + "*"):
            part.unlink(missing_ok=True)


def safe_join(root: Path, name: str) -> Path:
    """The path of ``name`` inside ``root``; it need not exist yet.

    Raises:
        RunError: ``name`` is empty, absolute, leaves ``root`` with "..", contains control characters or a
            backslash, is a device name on Windows, or leads through a link.
    """
    parts = PurePosixPath(name).parts
    target = root.joinpath(*parts) if _is_plain(name, parts) else None
    if target is None or not target.resolve().is_relative_to(root.resolve()) or _through_link(root, target):
        raise RunError(
            f"A file name for {root.name} is not allowed: it would leave the folder or is not portable.",
            hint="Use a plain relative name of letters, digits, '-', '_' and '.', such as notes.json.",
        )
    return target


def _is_plain(name: str, parts: tuple[str, ...]) -> bool:
    if not parts or name != "/".join(parts) or name.startswith("/") or PureWindowsPath(name).drive:
        return False
    if "\\" in name or not name.isprintable():
        return False
    return not any(
        part == ".." or part.endswith((".", " ")) or _DEVICE_NAMES.fullmatch(part) for part in parts
    )


def _through_link(root: Path, target: Path) -> bool:
    steps = target.relative_to(root).parts
    return any(root.joinpath(*steps[: depth + 1]).is_symlink() for depth in range(len(steps)))


def nearest(path: Path) -> Path:
    """The path itself if it exists, else the nearest folder above it that does."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
