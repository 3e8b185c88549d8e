"""Files that are either whole or not there, in folders only their owner can open.

A file is written beside its final name, flushed to the disk and then renamed, so a crash, a kill or a
full disk leaves the old file or none, never half of one. Links are not followed. POSIX only.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from rpsg.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PART = ".rpsg-part-"
_CHUNK = 1 << 20
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_DIRECTORY_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})
_DEVICE_NAMES = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?")


@contextmanager
def file_errors(doing: str) -> Iterator[None]:
    """Turn what the operating system refuses inside the block into a RunError with a hint.

    Args:
        doing: what was tried, as the end of a sentence ("write journal.jsonl").
    """
    try:
        yield
    except OSError as error:
        raise _run_error(doing, error) from error


def _run_error(doing: str, error: OSError) -> RunError:
    if error.errno in _DISK_FULL:
        return RunError(
            f"The disk is full: cannot {doing}. Nothing was left half-written.",
            hint="Free some space (df -h shows where) and run the same command again; it goes on from here.",
        )
    reason = os.strerror(error.errno) if error.errno else "the operating system refused"
    return RunError(
        f"Cannot {doing}: {reason}.",
        hint="Check who owns the folder and that it is on a writable disk, or choose another one with -o.",
    )


def private_dir(path: Path) -> Path:
    """Make (or tighten) a directory that only its owner can open, whatever the umask; gives ``path`` back.

    Raises:
        RunError: ``path`` is a link, a file or another user's, or cannot be made.
    """
    with file_errors(f"open the folder {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != 0o700:
                os.fchmod(descriptor, 0o700)
        finally:
            os.close(descriptor)
    return path


def write_atomic(path: Path, data: bytes, mode: int = 0o600) -> str:
    """Write ``data`` as the whole file ``path``; gives its SHA-256 in hex. Errors as ``write_chunks``."""
    return write_chunks(path, (data,), mode)


def write_chunks(path: Path, chunks: Iterable[bytes], mode: int = 0o600) -> str:
    """Write the chunks one after another as the whole file ``path``; gives its SHA-256 in hex.

    A file of that name is replaced at once at the end; if anything goes wrong it stays as it was.

    Raises:
        RunError: the disk is full, the folder is not writable, or ``path`` is a link.
    """
    with file_errors(f"write {path.name}"):
        if path.is_symlink():
            raise RunError(
                f"{path.name} is a link, and links are not followed here.",
                hint="Remove the link, or choose another folder with -o.",
            )
        part = path.with_name(PART + secrets.token_hex(8))
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
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, mode)  # the umask may have taken bits away
        for block in _blocks(chunks):
            digest.update(block)
            write_all(descriptor, block)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Gather small chunks: one system call a megabyte instead of one a line."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        if len(waiting) >= _CHUNK:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte: one call to the system may take only some of them."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def file_sha256(path: Path) -> str:
    """SHA-256 in hex of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_dir(path: Path) -> None:
    """Make new names in ``path`` survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:  # some network disks cannot, and that is no fault
            raise
    finally:
        os.close(descriptor)


def remove_parts(folder: Path) -> None:
    """Remove what a killed process left unfinished in ``folder``. Call it only under the run's lock."""
    with file_errors(f"tidy {folder.name}"):
        for part in folder.glob(PART + "*"):
            part.unlink(missing_ok=True)


def safe_join(root: Path, name: str) -> Path:
    """The path of ``name`` inside ``root``; it need not exist yet.

    Raises:
        RunError: ``name`` is empty, absolute, climbs out with "..", holds control characters or a
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


def canonical_json(value: Any) -> bytes:
    """The one UTF-8 spelling of a JSON value: keys sorted, no spaces, no escapes beyond the needed ones.

    Raises:
        ValueError: a NaN, an infinity or half a surrogate pair.
        TypeError: something that is no JSON value, or a key that is no string.
    """
    _check_keys(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def _check_keys(value: Any) -> None:
    """json.dumps would spell the keys 1 and "1" alike, and so give two values one hash."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("canonical JSON takes only strings as keys")
        for inner in value.values():
            _check_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_keys(inner)


def tagged_sha256(tag: str, value: Any) -> str:
    """SHA-256 in hex of ``rpsg:<tag>``, a zero byte and the canonical JSON of ``value``.

    The tag keeps a hash made for one purpose from passing for another. Errors as ``canonical_json``.
    """
    return hashlib.sha256(f"rpsg:{tag}\0".encode() + canonical_json(value)).hexdigest()
