"""Runs a command, or imports every module, as where the system has none of the calls that Windows lacks.

The standard library and the packages of others are imported first: they have a Windows of their own.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import pkgutil
import signal
import sqlite3
import subprocess
import sys
import tempfile

for name in ("numpy", "cryptography", "pydantic", "rich.console", "typer.testing", "pytest", "onnxruntime"):
    with contextlib.suppress(ImportError):
        importlib.import_module(name)

BEFORE = (multiprocessing, sqlite3, subprocess, tempfile)
MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix")
OF_OS = (
    *("O_NOFOLLOW", "O_CLOEXEC", "O_DIRECTORY", "O_NONBLOCK", "O_SYNC", "O_DSYNC", "SEEK_HOLE", "SEEK_DATA"),
    *("getuid", "geteuid", "getgid", "getegid", "getpgid", "getpgrp", "setsid", "fork", "forkpty", "killpg"),
    *("fchmod", "fchown", "chown", "lchown", "mkfifo", "mknod", "pread", "pwrite", "sync", "nice"),
    *("posix_fallocate", "posix_fadvise", "sched_getaffinity", "sched_setaffinity", "sysconf", "getloadavg"),
)
OF_SIGNAL = (
    *("SIGKILL", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGPIPE", "SIGCHLD", "SIGTSTP"),
    *("setitimer", "alarm", "pause", "pthread_sigmask", "sigwait"),
)


def hide() -> None:
    """From now on nothing that is imported or called finds them."""
    sys.modules.update(dict.fromkeys(MODULES))  # type: ignore[arg-type]  # None stops an import
    for module, names in ((os, OF_OS), (signal, OF_SIGNAL)):
        for hidden in names:
            if hasattr(module, hidden):
                delattr(module, hidden)


def import_all() -> None:
    """Print how many modules were imported, or fail with the first that cannot be."""
    import rpsg

    count = 0
    for found in pkgutil.walk_packages(rpsg.__path__, "rpsg."):
        importlib.import_module(found.name)
        count += 1
    sys.stdout.write(str(count))


if __name__ == "__main__":
    hide()
    if sys.argv[1:]:
        from rpsg.cli import main

        sys.exit(main(sys.argv[1:]))
    import_all()
