"""What a writer and an embedder of one server share, and how a batch of requests is sent to it.

A batch runs on an event loop in a separate thread, with as many requests at once as the server can take. Each
is sent until it is answered or has failed. Answers go to the calling thread, which may stop at any moment. An
answer that is not yet taken counts as in flight, so a killed process loses at most ``concurrency`` answers.
"""

from __future__ import annotations

import asyncio
import heapq
import threading
import time
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from rpsg.models.openai.concurrency import ConcurrencyLimiter
from rpsg.models.openai.endpoint import address_of, certificate_of, credentials_hint, headers_of, url_of
from rpsg.models.openai.http_request import HttpClient
from rpsg.models.openai.response_class import RequestContext
from rpsg.models.openai.retry import PendingRequest, RetryConfig, RetryPolicy, ServerState

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rpsg.models.openai.chat import Questions
    from rpsg.models.openai.concurrency import Ticket
    from rpsg.models.openai.endpoint import Kind
    from rpsg.models.openai.retry import Dropped
    from rpsg.plan import ServerSection
    from rpsg.protocols import Endpoint

Read = TypeVar("Read")

MIN_PATIENCE = 300.0
# Seconds to wait for the thread to end, and between two checks whether an answer was taken.
_LEAVE_SECONDS = 5.0
_LOOK_SECONDS = 0.002


class ServerClient:
    """One model on one server, and what was learned about the server. Raises as ``address_of`` does."""

    def __init__(
        self,
        model: str,
        server: ServerSection,
        kind: Kind,
        first_pause: float,
        concurrency: int | None = None,
    ) -> None:
        self.address = address_of(kind, server)
        self.name = f"{kind}:{model}@{self.address.host_as_name}"
        self._model = model
        self._server = server
        self._kind = kind
        self._concurrency = concurrency or server.concurrency
        patience = max(MIN_PATIENCE, 2 * server.timeout)
        self._config = RetryConfig(server.retries, patience, first_pause)
        self._state = ServerState(ConcurrencyLimiter(self._concurrency, time.monotonic))

    @property
    def learned(self) -> tuple[str, ...]:
        return tuple(sorted(self._state.capabilities.kept))

    def tell_trouble(self, note: Callable[[str], None]) -> None:
        """Call ``note`` once, at the first failure of a server that has not answered yet."""
        self._state.note = note

    def hurry(self, seconds: float) -> None:
        """Give up after ``seconds`` without a text, however the server asks to wait."""
        self._config = replace(self._config, patience=seconds)

    def batch(self, questions: Questions[Read], task: str, count: int) -> BatchClient[Read]:
        """A batch of ``count`` requests for ``task``, such as "chat/completions"."""

        def connect() -> HttpClient:
            return HttpClient(
                url_of(self._kind, self.address, self._server, self._model, task),
                headers_of(self._kind, self._server),
                self.address,
                timeout=self._server.timeout,
                certificate=certificate_of(self._server),
            )

        variables = tuple(header.partition("=")[2] for header in self._server.headers)
        context = RequestContext(
            self.address.host,
            self._model,
            self._server.key_env,
            variables,
            credentials_hint(self._kind, self._server),
        )
        policy = RetryPolicy(questions, connect, context, self._config, self._state)
        return BatchClient(policy, count, self._concurrency)


class ServerModel:
    """A model behind a server: its name, where it is, and who sees the requests."""

    _client: ServerClient

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"

    @property
    def name(self) -> str:
        return self._client.name

    @property
    def endpoint(self) -> Endpoint:
        return self._client.address.endpoint

    @property
    def host(self) -> str:
        """The host that sees the texts, with its port if the address has one."""
        return self._client.address.host

    @property
    def learned(self) -> tuple[str, ...]:
        """The changes to requests after refusals of the server."""
        return self._client.learned


class RequestQueue:
    """``count`` requests in order; a retry comes first as soon as it is due."""

    def __init__(self, count: int) -> None:
        self._fresh = iter(range(count))
        self._next = next(self._fresh, None)
        self._back: list[tuple[float, int, PendingRequest]] = []

    def due(self, now: float) -> float | None:
        """Seconds until a request can be taken; None if the queue is empty."""
        if self._next is not None:
            return 0.0
        return max(0.0, self._back[0][0] - now) if self._back else None

    def take(self, now: float) -> PendingRequest:
        """The next request. May be called only when ``due`` gives 0."""
        if self._back and (self._next is None or self._back[0][0] <= now):
            return heapq.heappop(self._back)[2]
        if self._next is None:
            raise IndexError("the queue is empty")
        index, self._next = self._next, next(self._fresh, None)
        return PendingRequest(index)

    def put_back(self, request: PendingRequest, when: float) -> None:
        heapq.heappush(self._back, (when, request.index, request))


class BatchClient(Generic[Read]):
    """One batch of ``count`` requests; ``results`` gives the answers as they arrive."""

    def __init__(self, policy: RetryPolicy[Read], count: int, concurrency: int) -> None:
        self._policy = policy
        self._limiter = policy.limiter
        self._concurrency = concurrency
        self._queue = RequestQueue(count)
        self._unfinished = count
        self._landed: SimpleQueue[tuple[int, Read | Dropped] | BaseException | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._stopped = False

    def results(self) -> Generator[tuple[int, Read | Dropped], None, None]:
        """(index, parsed answer or reason), each index once.

        Close it after use: leaving the loop early, by an error or Ctrl-C, then cancels requests in flight.

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
        """Make the thread end; it may have ended already."""
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
            self._limiter.forget()
            self._landed.put(None)

    async def _drive(self) -> None:
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        moved = asyncio.Event()
        async with self._policy.connect() as client, asyncio.TaskGroup() as group:
            while self._unfinished and not self._stopped:
                wait = self.pause(self._loop.time())
                if wait == 0:
                    request = self._queue.take(self._loop.time())
                    group.create_task(self._attempt(client, request, self._limiter.send(), moved))
                    continue
                moved.clear()
                try:
                    async with asyncio.timeout(wait):
                        await moved.wait()
                except TimeoutError:
                    continue

    def pause(self, now: float) -> float | None:
        """Seconds until a request can be sent; None if it must wait for the end of another one."""
        untaken = self._landed.qsize()
        if untaken and self._limiter.under_way + untaken >= self._concurrency:
            return _LOOK_SECONDS
        due, ready = self._queue.due(now), self._limiter.ready()
        return None if due is None or ready is None else max(due, ready)

    async def _attempt(
        self, client: HttpClient, request: PendingRequest, ticket: Ticket, moved: asyncio.Event
    ) -> None:
        try:
            outcome = await self._policy.attempt(client, request, ticket)
        except Exception as error:  # noqa: BLE001 - raised again in the calling thread
            self._landed.put(error)
        else:
            if isinstance(outcome, float):
                self._queue.put_back(request, asyncio.get_running_loop().time() + outcome)
            else:
                self._unfinished -= 1
                self._landed.put((request.index, outcome))
        finally:
            moved.set()
