"""Work on public texts, divided among processes of this machine.

Only ``rpsg verify`` uses it. The texts may come from a hostile release, so no release decides what a process
runs: a process gets a function of RPSG and values that RPSG has read, and returns values. The pipes between
the processes are closed to everybody else.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from types import ModuleType
from typing import TYPE_CHECKING, Self, TypeVar

from rpsg.errors import LostProcessError, UsageError
from rpsg.machine.signals import signals_later

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from types import TracebackType

T = TypeVar("T")
Part = TypeVar("Part")
#: The number of texts in a part: they take about a quarter of a second, and a few hundred kilobytes to send.
A_PART = 500
_UNSAFE = "PYTHONSAFEPATH"


class Processes:
    """``count`` processes in addition to this one; with 1, only this process works.

    They start when they first get work, and end with the block, however it ends, or when this process dies.
    """

    def __init__(self, count: int) -> None:
        self.count = 1 if _would_import_from_here() else count
        self._pool: ProcessPoolExecutor | None = None
        self._door: Connection | None = None

    def map(self, work: Callable[[Part], T], parts: Iterable[Part]) -> Iterator[T]:
        """``work`` of each part, in their order. With several processes ``work`` is a function of a module.

        An error of ``work`` is raised where its result would be given.

        Raises:
            LostProcessError: a process was ended from outside, or could not start.
        """
        if self.count == 1:
            return map(work, parts)
        # The work has not begun, so these errors are about the machine: too many processes or threads, no
        # semaphores.
        with signals_later(), _lost_if(Exception), _for_children():
            found = self._started().map(work, parts)
        return _results(found)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Not "fork": a copy of this process would have the locks of its threads, but not the threads.
            context = multiprocessing.get_context("spawn")
            outside, self._door = context.Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(self.count, context, _end_with_parent, (outside,))
        return self._pool

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is None or self._door is None:
            return
        if kind is not None:
            self._door.close()  # so that they end at once, not after their part
        self._pool.shutdown(cancel_futures=True)
        self._door.close()
        self._pool = self._door = None


def check_number(workers: int | None) -> None:
    """Raise UsageError for a number of worker processes that makes no sense; None lets RPSG choose."""
    if workers is not None and workers < 1:
        raise UsageError("The number of worker processes is at least 1.", hint="For instance: --workers 2")


def can_start_here() -> bool:
    """Whether processes can wait for each other on this system; some containers have no semaphores."""
    try:
        multiprocessing.get_context("fork").Lock()  # "fork" leaves nothing behind and starts no process
    except (ImportError, OSError):
        return False
    return True


def in_parts(values: Sequence[T], size: int | None = None) -> Iterator[Sequence[T]]:
    """Successive slices of ``size`` values (default: ``A_PART``); the last may be shorter."""
    most = size or A_PART
    return (values[start : start + most] for start in range(0, len(values), most))


def _would_import_from_here() -> bool:
    """Whether a new process would look for Python's own modules in the current folder, which may be the
    release. Python does this unless an environment variable forbids it, and this process was told to read
    none.
    """
    return bool(sys.flags.ignore_environment) and not sys.flags.safe_path


@contextmanager
def _for_children() -> Iterator[None]:
    """Set up what processes that start within this block inherit. They import nothing from the current
    folder, and ignore Ctrl-C and the end of a terminal, which this process handles. They do not run the
    script that called RPSG, because it would start another check, or could be a file of the release that is
    called ``<stdin>``.
    """
    before, main = os.environ.get(_UNSAFE), sys.modules["__main__"]
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        sys.modules["__main__"] = ModuleType("__main__")  # has no file that a new process would import
        os.environ[_UNSAFE] = "1"
        resource_tracker.ensure_running()  # a later start would unblock the signals
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        yield
    finally:
        sys.modules["__main__"] = main
        if before is None:
            os.environ.pop(_UNSAFE, None)
        else:
            os.environ[_UNSAFE] = before
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _end_with_parent(door: Connection) -> None:
    """End this process as soon as nobody holds the other end of ``door``: its parent stopped, or is dead."""

    def watch() -> None:
        wait([door])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _results(found: Iterator[T]) -> Iterator[T]:
    with _lost_if(BrokenProcessPool):
        yield from found


@contextmanager
def _lost_if(*errors: type[Exception]) -> Iterator[None]:
    try:
        yield
    except errors:
        raise LostProcessError(
            "A worker process was ended from outside, or could not start, so the check is not finished. This "
            "says nothing about the release.",
            hint="If memory was short, use fewer: --workers 1 starts none.",
        ) from None


#: Only this process works.
HERE = Processes(1)
