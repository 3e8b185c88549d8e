"""The system calls that durable and private files need: Linux and macOS have them, Windows does not.

Every module of this package can be imported anywhere, so plans, previews of a plan and the help work
anywhere. If the system lacks a call that is needed, this module refuses to open a file, so nothing is read or
written.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from rpsg.errors import RunError

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]  # ``open_plain`` refuses before anything is locked

if TYPE_CHECKING:
    from pathlib import Path

#: Flags that not every system has; without them ``open_plain`` opens nothing.
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
#: A pipe is opened without waiting for somebody who writes into it.
NO_WAITING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
CANNOT = "This needs Linux or macOS: on this system, private files cannot be kept for their owner alone."
WAY_ROUND = "On Windows, run RPSG in the Windows Subsystem for Linux (WSL) or in a container."
#: A lock that may be held only for a moment is tried again this many times, after so many seconds.
_TRIES, _MOMENT = 50, 0.01
_NEEDED = ("O_NOFOLLOW", "O_CLOEXEC", "O_DIRECTORY", "O_NONBLOCK", "fchmod")


def is_able() -> bool:
    """Whether this system can protect a file against links, other users and a second process."""
    return fcntl is not None and all(hasattr(os, name) for name in _NEEDED)


def open_plain(path: Path | str, flags: int, *, within: int | None = None) -> int:
    """A descriptor of ``path``. Links are not followed. Only its owner can open a new file.

    Args:
        path: the file or folder.
        flags: those of ``os.open``.
        within: the descriptor of the folder that ``path`` is relative to.

    Raises:
        RunError: this system lacks something that is needed for this.
        OSError: it is a link, or the system refuses.
    """
    if not is_able():
        raise RunError(CANNOT, hint=WAY_ROUND)
    return os.open(path, flags | _NO_LINKS, 0o600, dir_fd=within)


def lock(descriptor: int, *, wait: bool) -> None:
    """Lock an open file for this process; BlockingIOError if another one has it and ``wait`` is False.

    Without ``wait`` it still tries for a moment, because another process may hold the lock briefly in
    ``is_locked``.
    """
    for _ in range(0 if wait else _TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_MOMENT)
    fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_locked(path: Path) -> bool:
    """Whether a process has locked this file; False if it is missing or a link. It is not changed."""
    try:
        descriptor = open_plain(path, NO_WAITING)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
