"""Signals that stop a command, held back while something is half done."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_STOPPING = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


@contextmanager
def signals_later() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP take effect at the end of the block.

    Signal handlers that Python did not set stay as they are, because Python could not restore them.
    """
    seen: list[int] = []
    before = {n: handler for n in _STOPPING if (handler := signal.getsignal(n)) is not None}
    if threading.current_thread() is not threading.main_thread():  # handlers run in the main thread alone
        before = {}
    try:
        for number in before:
            signal.signal(number, lambda number, _: seen.append(number))
        yield
    finally:
        with ExitStack() as restoring:  # each is restored, even if the one before it raises at once
            for number, handler in before.items():
                restoring.callback(signal.signal, number, handler)
        for stopped_by in dict.fromkeys(seen):
            signal.raise_signal(stopped_by)
