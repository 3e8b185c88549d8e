"""Assigns requests to the slots of several servers, and decides their order and their shared prefixes.

Requests with the same prefix follow each other, so that it is computed once, saved, and loaded into each slot
in milliseconds. Among them the longest are first, so that no slot is idle for long at the end. Prefixes of
private requests are never saved to disk; private requests with the same prompt follow each other in one slot,
whose cache still has the prompt.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, ClassVar, Protocol

from rpsg.models.llamacpp.server import ServerGoneError
from rpsg.protocols import Message, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

# A shorter prefix (in characters) is cheaper to compute in each slot than to save and to load.
_WORTH_SHARING = 400
_KEPT_PREFIXES = 16
_PATIENCE = 5.0
#: ``_PATIENCE`` is how many seconds to wait for workers to end; this is how many at the end of the process.
_LAST_PATIENCE = 60.0

Group = tuple[Message, ...]


class SlotServer(Protocol):
    def reply(self, request: Request, slot: int, stopped: Callable[[], bool]) -> Reply: ...

    def save(self, slot: int, name: str) -> bool: ...

    def restore(self, slot: int, name: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """One request, its index in the caller's list, and its shared prefix (None: none worth saving)."""

    index: int
    request: Request
    shared: str | None


def in_order(requests: Sequence[Request]) -> list[QueuedRequest]:
    """The requests in the order in which to write them."""
    groups: dict[Group, list[int]] = {}
    for index, request in enumerate(requests):
        groups.setdefault(request.messages[:-1], []).append(index)
    queued: list[QueuedRequest] = []
    for members in groups.values():
        shared = _shared_beginning([requests[index] for index in members])
        longest_first = sorted(members, key=lambda index: -requests[index].max_tokens)
        queued += [QueuedRequest(index, requests[index], shared) for index in longest_first]
    return queued


def batches(queued: Sequence[QueuedRequest], most: int) -> list[list[QueuedRequest]]:
    """The requests that a slot takes at a time: one, or up to ``most`` private ones with the same prompt."""
    taken: list[list[QueuedRequest]] = []
    for one in queued:
        last = taken[-1] if taken else []
        alike = bool(last) and one.request.private and one.request.messages == last[0].request.messages
        if alike and len(last) < most:
            last.append(one)
        else:
            taken.append([one])
    return taken


def _shared_beginning(requests: Sequence[Request]) -> str | None:
    # Saving a slot writes its whole cache, and no private text may be on disk.
    if len(requests) < 2 or any(request.private for request in requests):
        return None
    texts = ["\x1e".join(f"{m.role}\x1f{m.content}" for m in request.messages) for request in requests]
    # After sorting, the prefix that the first and the last have in common is common to all.
    first, last = min(texts), max(texts)
    same = next((k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same] if same >= _WORTH_SHARING else None


@dataclass(slots=True)
class _Prefix:
    name: str
    ready: threading.Event = field(default_factory=threading.Event)
    saved: bool = False


class PrefixCache:
    """The shared prefixes saved so far. The first slot that needs one computes it, the others wait."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, _Prefix] = {}
        self._held: dict[tuple[int, int], str] = {}
        self._lock = threading.Lock()
        self._count = 0

    def provide(
        self, request: QueuedRequest, server: SlotServer, slot: tuple[int, int], stopped: threading.Event
    ) -> None:
        """Load the shared prefix of ``request`` into ``slot`` (server, number)."""
        if request.shared is None:
            self._held.pop(slot, None)  # this prompt replaces the slot's cache
            return
        if self._held.get(slot) == request.shared:
            return
        prefix, mine = self._enter(request.shared)
        if mine:
            self._compute(prefix, request, server, slot[1], stopped)
        else:
            while not prefix.ready.wait(0.1) and not stopped.is_set():
                pass
            if prefix.saved:
                server.restore(slot[1], prefix.name)
        self._held[slot] = request.shared

    def _enter(self, shared: str) -> tuple[_Prefix, bool]:
        with self._lock:
            if shared in self._known:
                return self._known[shared], False
            while len(self._known) >= _KEPT_PREFIXES:
                oldest = self._known.pop(next(iter(self._known)))
                (self._folder / oldest.name).unlink(missing_ok=True)
            self._count += 1
            prefix = self._known[shared] = _Prefix(f"prefix-{self._count}.bin")
            return prefix, True

    def _compute(
        self, prefix: _Prefix, request: QueuedRequest, server: SlotServer, slot: int, stopped: threading.Event
    ) -> None:
        try:
            first_token = replace(request.request, max_tokens=1)
            reply = server.reply(first_token, slot, stopped.is_set)
            prefix.saved = reply.finish != "error" and server.save(slot, prefix.name)
        finally:
            if not prefix.saved:
                with self._lock:
                    self._known = {key: known for key, known in self._known.items() if known is not prefix}
            prefix.ready.set()


class _Worker(threading.Thread):
    """A thread that is in ``WORKING`` while it runs."""

    WORKING: ClassVar[set[threading.Thread]] = set()

    def run(self) -> None:
        self.WORKING.add(self)
        try:
            super().run()
        finally:
            self.WORKING.discard(self)


@atexit.register
def _let_end() -> None:
    """Wait for workers that compute a long prompt, because the process would crash if Python ended before
    them.
    """
    deadline = time.monotonic() + _LAST_PATIENCE
    for worker in tuple(_Worker.WORKING):
        worker.join(max(0.0, deadline - time.monotonic()))


class SlotScheduler:
    """One worker thread for each slot, with one queue. ``slots`` is the number of slots of each server."""

    def __init__(self, servers: Sequence[SlotServer], slots: int, prefixes: PrefixCache) -> None:
        self._servers = servers
        self._slots = [(server, slot) for slot in range(slots) for server in range(len(servers))]
        self._prefixes = prefixes

    def work(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        """(index, reply) as each one is done. Raises ServerGoneError when a server is lost.

        Leaving the loop early, by an error or Ctrl-C, stops every worker at its next token.
        """
        queue = deque(batches(in_order(requests), max(1, len(requests) // len(self._slots))))
        landed: SimpleQueue[tuple[int, Reply | ServerGoneError]] = SimpleQueue()
        stopped = threading.Event()
        workers = [
            _Worker(target=self._write, args=(slot, queue, landed, stopped), daemon=True)
            for slot in self._slots[: len(requests)]
        ]
        try:
            for worker in workers:
                worker.start()
            for _ in range(len(requests)):
                index, reply = landed.get()
                if isinstance(reply, ServerGoneError):
                    raise reply
                yield index, reply
        finally:
            stopped.set()
            deadline = time.monotonic() + _PATIENCE  # a worker may be in the middle of a long prompt
            for worker in filter(threading.Thread.is_alive, workers):
                worker.join(max(0.0, deadline - time.monotonic()))

    def _write(
        self,
        slot: tuple[int, int],
        queue: deque[list[QueuedRequest]],
        landed: SimpleQueue[tuple[int, Reply | ServerGoneError]],
        stopped: threading.Event,
    ) -> None:
        server = self._servers[slot[0]]
        while not stopped.is_set():
            try:
                batch = queue.popleft()
            except IndexError:
                return
            for request in batch:
                if stopped.is_set():
                    return
                try:
                    self._prefixes.provide(request, server, slot, stopped)
                    landed.put((request.index, server.reply(request.request, slot[1], stopped.is_set)))
                except ServerGoneError as error:
                    landed.put((request.index, error))
                    return
