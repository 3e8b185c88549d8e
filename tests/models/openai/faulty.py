"""A server on the loopback interface that answers as it is told to: well, late, wrongly or not at all."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from rpsg.plan import ServerSection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

#: Faults after which the same request may be answered, and faults that are an answer.
PASSING = ("429", "429-wait", "500", "502", "503", "hang", "drip", "cut", "reset")
FINAL = ("not-json", "schema", "no-choices", "filter", "twice", "huge", "empty")
_STATUS = {"429": 429, "429-wait": 429, "500": 500, "502": 502, "503": 503}


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


def answer(text: str, *, name: str = "", finish: str = "stop", **message: Any) -> dict[str, Any]:
    """What a good server says."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, **message},
        "finish_reason": finish,
    }
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    return {"id": name, "object": "chat.completion", "choices": [choice], "usage": usage}


@dataclass
class FaultyServer:
    """``behave(asked)`` names what happens to a request: "ok", a fault, (status, body), or a whole answer.

    With ``secure`` it speaks https. ``answered`` counts by seed the answers that were sent to their end.
    """

    behave: Callable[[Asked], Any] = lambda _: "ok"
    latency: float = 0.0
    secure: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    answered: Counter[int] = field(default_factory=Counter)
    under_way: int = 0
    most_under_way: int = 0
    milestone: int = 0
    reached: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return int(self._port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def settings(self, **changes: Any) -> ServerSection:
        """The section ``[server]`` of a plan that uses this server."""
        return ServerSection(**{"base_url": self.url, "timeout": 20.0, **changes})

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._leave = asyncio.Event()
        self._last = answer("the very first", name="first")
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self.secure)
        self._port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._leave.wait()
        server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                asked = await _receive(reader)
                self.asked.append(asked)
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                try:
                    await self._answer(asked, writer)
                finally:
                    self.under_way -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        what = self.behave(asked)
        if self.latency:
            await asyncio.sleep(self.latency)
        if isinstance(what, tuple):
            await _send(writer, what[0], json.dumps(what[1]).encode(), *what[2:])
        elif isinstance(what, dict):
            await self._good(asked, what, writer)
        elif what == "ok":
            text = f"reply to {asked.body.get('seed')}"
            await self._good(asked, answer(text, name=f"id-{len(self.asked)}"), writer)
        elif what in _STATUS:
            wait = ["Retry-After: 1"] if what == "429-wait" else []
            await _send(writer, _STATUS[what], b'{"error": {"message": "later"}}', *wait)
        else:
            await self._spoil(what, writer)

    async def _good(self, asked: Asked, said: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        self._last = said
        await _send(writer, 200, json.dumps(said).encode())
        self.answered[asked.body.get("seed", 0)] += 1
        if self.milestone and self.answered.total() >= self.milestone:
            self.milestone = 0
            self.reached.set()

    async def _spoil(self, fault: str, writer: asyncio.StreamWriter) -> None:
        whole = json.dumps(answer("half of a text", name="spoilt")).encode()
        if fault == "hang":
            await asyncio.sleep(60)
        elif fault == "drip":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n")
            for _ in range(2000):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        elif fault == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(whole) + whole[:40])
            writer.close()
        elif fault == "reset":
            writer.transport.abort()
        else:
            await self._send_final(fault, writer)

    async def _send_final(self, fault: str, writer: asyncio.StreamWriter) -> None:
        bodies: dict[str, bytes] = {
            "not-json": b"<html>It works!</html>",
            "schema": b'{"choices": [{"message": "hello"}]}',
            "no-choices": b'{"choices": []}',
            "filter": json.dumps(answer("a filtered text", finish="content_filter")).encode(),
            "twice": json.dumps(self._last).encode(),
            "huge": b'{"choices": "' + b"x" * 10_500_000,
            "empty": json.dumps(answer("")).encode(),
        }
        await _send(writer, 200, bodies[fault])


async def _receive(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in head[1:] if line)
    headers = {name.lower(): value for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(head[0].split()[1], headers, json.loads(body))


async def _send(writer: asyncio.StreamWriter, status: int, body: bytes, *headers: str) -> None:
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}", *headers]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    await writer.drain()


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether ``condition`` comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        threading.Event().wait(0.005)
    return condition()
