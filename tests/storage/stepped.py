"""A writer that a test lets go step by step, to look at a run while it works."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rpsg.models.fake import FakeWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.protocols import Endpoint, OnReply, Reply, Request


class SteppedWriter:
    """A fake that gives its replies singly: ``free`` of them at once, the others when ``open`` is set."""

    endpoint: Endpoint = "local_model"
    name = "fake-writer"

    def __init__(self, free: int) -> None:
        self._fake = FakeWriter()
        self._steps = threading.Semaphore(free)
        self.open, self.reached = threading.Event(), threading.Event()

    def more(self, count: int) -> None:
        """Let it give this many more."""
        self._steps.release(count)

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        replies = []
        for index, request in enumerate(requests):
            self._wait()
            replies += self._fake.write([request])
            if on_reply is not None:
                on_reply(index, replies[-1])
        return replies

    def _wait(self) -> None:
        if not self._steps.acquire(blocking=False):
            self.reached.set()
            while not self.open.is_set() and not self._steps.acquire(timeout=0.05):
                pass
