"""Files that survive a crash and are closed to others: each change is on the disk when the call returns."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from typing import TYPE_CHECKING, Any, Never

from rpsg.errors import PrivacyError, RunError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644
PRIVATE_FOLDER = 0o700

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)  # not on Windows


def private_folder(folder: Path) -> Path:
    """``folder``, made if need be, open to its owner only whatever the umask says."""
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != PRIVATE_FOLDER:
        folder.chmod(PRIVATE_FOLDER)
    return folder


def create_private(path: Path, content: bytes) -> None:
    """A new file of mode 0600.

    Raises:
        FileExistsError: something, be it a link, is there already.
    """
    with _opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE) as descriptor:
        _write_all(descriptor, content)
    sync_folder(path.parent)


def read_private(path: Path) -> bytes:
    """The content of a private file.

    Raises:
        FileNotFoundError: there is none.
        PrivacyError: the path is a link, or others may read the file.
    """
    with _opened(path, os.O_RDONLY, PRIVATE) as descriptor:
        check_owner_only(descriptor, path)
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read()


def check_owner_only(descriptor: int, path: Path) -> None:
    """Refuse a file that its group or others may open."""
    if os.name == "posix" and stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
        raise PrivacyError(
            f"The private file {path.name} may be read by others.", hint=f"Close it: chmod 600 {path}"
        )


def append_durably(path: Path, line: bytes) -> None:
    """One more line at the end of a private file (mode 0600), on the disk when this returns."""
    with _opened(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE) as descriptor:
        check_owner_only(descriptor, path)
        _write_all(descriptor, line + b"\n")
    sync_folder(path.parent)


def replace_durably(path: Path, content: bytes, scratch: Path, mode: int = PUBLIC) -> None:
    """``content`` at ``path``, all of it or nothing. ``scratch`` is a private folder on the same file system.

    The half-written file lies in ``scratch``, so that a crash leaves nothing where others look.
    """
    half_written = scratch / f"{path.name}.part"
    half_written.unlink(missing_ok=True)
    with _opened(half_written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE) as descriptor:
        _write_all(descriptor, content)
    half_written.chmod(mode)
    half_written.replace(path)
    sync_folder(path.parent)


def hold(lock: Path) -> int:
    """A descriptor that keeps ``lock`` for this process until it is closed or the process ends.

    Raises:
        RunError: another process holds it.
    """
    with _opened(lock, os.O_RDWR | os.O_CREAT, PRIVATE) as descriptor:
        held = os.dup(descriptor)
    if os.name == "posix":
        import fcntl  # noqa: PLC0415  # not on Windows

        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            raise RunError(
                "Another process works in this run folder.", hint="Wait for it, or use a new folder."
            ) from None
    return held


def sync_folder(folder: Path) -> None:
    """Make a new name in ``folder`` durable. Windows has no such call and needs none."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _opened(path: Path, flags: int, mode: int) -> Iterator[int]:
    """A descriptor that never follows a link."""
    if path.is_symlink():
        raise PrivacyError(f"The private file {path.name} is a link; it is not followed.")
    descriptor = os.open(path, flags | _NO_FOLLOW, mode)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
    os.fsync(descriptor)


def canonical_json(value: object) -> bytes:
    """The one spelling that is hashed: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def strict_json(text: bytes | str) -> Any:
    """Parsed JSON.

    Raises:
        ValueError: it is no JSON, repeats a key, or holds NaN, Infinity or a number that overflows to it.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not a number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError("a number is too large")
    return value


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a journal; a last line cut short by a crash counts as not written.

    Raises:
        RunError: another line is damaged.
    """
    try:
        lines = read_private(path).split(b"\n")
    except FileNotFoundError:
        return []
    records = []
    for line in lines[:-1]:
        try:
            records.append(strict_json(line))
        except ValueError:
            raise RunError(
                f"The journal {path.name} is damaged.", hint="Start again in a new run folder."
            ) from None
    return records
