"""Asks a server many questions: as many at once as it can take, each until it is answered or has failed.

All of it happens on one event loop in a thread of its own; what lands is handed to the calling thread,
which may stop at any moment. A text that has landed and is not yet taken holds its place, so what a killed
process can lose is never more than ``concurrency``.
"""

from __future__ import annotations

import asyncio
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from rpsg.models.openai.request_queue import Line

if TYPE_CHECKING:
    from collections.abc import Generator

    from rpsg.models.openai.concurrency import Ticket
    from rpsg.models.openai.http_request import Client
    from rpsg.models.openai.request_queue import Job
    from rpsg.models.openai.retry import Asking, Dropped

_LEAVE_SECONDS = 5.0
_LOOK_SECONDS = 0.002

Read = TypeVar("Read")


class Exchange(Generic[Read]):
    """One batch of ``count`` questions; ``results`` gives what lands, as it lands."""

    def __init__(self, asking: Asking[Read], count: int, concurrency: int) -> None:
        self._asking = asking
        self._pace = asking.pace
        self._concurrency = concurrency
        self._line = Line(count)
        self._unfinished = count
        self._landed: SimpleQueue[tuple[int, Read | Dropped] | BaseException | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._stopped = False

    def results(self) -> Generator[tuple[int, Read | Dropped], None, None]:
        """(index, what was read or why not), each index once.

        To be closed: leaving the loop early, by an error or Ctrl-C, then drops what is under way at once.

        Raises:
            ModelError: no request can succeed, or the server was out of order for too long.
        """
        thread = threading.Thread(target=self._work, name="rpsg-server", daemon=True)
        thread.start()
        try:
            while (landed := self._landed.get()) is not None:
                if isinstance(landed, BaseException):
                    raise landed
                yield landed
        finally:
            self._stop()
            thread.join(_LEAVE_SECONDS)

    def _stop(self) -> None:
        """Ask the thread to leave; it may have left already."""
        self._stopped = True
        loop, main = self._loop, self._main
        if loop is None or main is None:
            return
        try:
            loop.call_soon_threadsafe(main.cancel)
        except RuntimeError:
            return  # closed already

    # -- the thread of the event loop ---------------------------------------------------------------------

    def _work(self) -> None:
        try:
            asyncio.run(self._drive())
        except asyncio.CancelledError:
            return
        except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
            self._landed.put(error)
        finally:
            self._pace.forget()
            self._landed.put(None)

    async def _drive(self) -> None:
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        moved = asyncio.Event()
        async with self._asking.connect() as client, asyncio.TaskGroup() as group:
            while self._unfinished and not self._stopped:
                wait = self._wait(self._loop.time())
                if wait == 0:
                    job = self._line.take(self._loop.time())
                    group.create_task(self._attempt(client, job, self._pace.send(), moved))
                else:
                    await _pass(moved, wait)

    def _wait(self, now: float) -> float | None:
        """Seconds until a request can go out; None: when another has come back."""
        untaken = self._landed.qsize()
        if untaken and self._pace.under_way + untaken >= self._concurrency:
            return _LOOK_SECONDS
        due, ready = self._line.due(now), self._pace.ready()
        return None if due is None or ready is None else max(due, ready)

    async def _attempt(self, client: Client, job: Job, ticket: Ticket, moved: asyncio.Event) -> None:
        try:
            outcome = await self._asking.attempt(client, job, ticket)
        except Exception as error:  # noqa: BLE001 - raised again in the calling thread
            self._landed.put(error)
        else:
            if isinstance(outcome, float):
                self._line.put_back(job, asyncio.get_running_loop().time() + outcome)
            else:
                self._unfinished -= 1
                self._landed.put((job.index, outcome))
        finally:
            moved.set()


async def _pass(moved: asyncio.Event, wait: float | None) -> None:
    """Let time pass: so many seconds, or until another request has come back."""
    moved.clear()
    try:
        async with asyncio.timeout(wait):
            await moved.wait()
    except TimeoutError:
        return
