"""How fully the server writer uses a server: requests a second against what the server could do.

    python benchmarks/server.py [--requests 6400] [--limited 2000] [--json]

Two servers are made on the loopback interface, each in a process of its own. One answers after 200 ms and
has 64 slots: 320 requests a second at best. The other answers at once, but only 20 requests a second, from
a bucket that saves 20, and refuses the rest with 429. For the second one the saved tokens are taken off, so
that 1 means exactly the rate that it allows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from rpsg.models.openai.writer import ServerWriter
from rpsg.plan import ServerSection
from rpsg.protocols import Message, Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

AIM = 0.95
MOST_REFUSED = 0.03
BODY = json.dumps(
    {
        "id": "one",
        "choices": [{"message": {"content": "TEXT"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 60},
    }
)


class Limits(NamedTuple):
    """What the made-up server does: seconds for an answer, answers at once, and tokens (0: no limit)."""

    latency: float
    slots: int
    rate: float
    saved: float


class MadeUp:
    """A server that keeps to its limits and counts what it answered and refused."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.slots)
        self._tokens = limits.saved
        self._since = time.monotonic()
        self.answered = 0
        self.refused = 0

    async def serve(self) -> None:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                writer.write(await self._answer(head))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, head: bytes) -> bytes:
        if head.startswith(b"GET"):
            return reply(200, json.dumps([self.answered, self.refused]))
        if self._is_dry():
            self.refused += 1
            return reply(429, "{}", "Retry-After: 1\r\n")
        async with self._slots:
            await asyncio.sleep(self._limits.latency)
        self.answered += 1
        return reply(200, BODY.replace("TEXT", f"Text number {self.answered}."))

    def _is_dry(self) -> bool:
        if not self._limits.rate:
            return False
        now = time.monotonic()
        gained = (now - self._since) * self._limits.rate
        self._tokens, self._since = min(self._limits.saved, self._tokens + gained), now
        if self._tokens < 1:
            return True
        self._tokens -= 1
        return False


def reply(status: int, body: str, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} -\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}".encode()


@contextmanager
def running(limits: Limits) -> Iterator[str]:
    """The URL of such a server, in a process of its own."""
    command = [sys.executable, __file__, "--serve", *map(str, limits)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


def measure(limits: Limits, count: int) -> dict[str, float]:
    """Requests a second over the best that the limits allow; the share of them that was refused."""
    requests = [Request((Message("user", "Write a review. " * 60),), 90, seed) for seed in range(count)]
    with running(limits) as url:
        writer = ServerWriter("m", ServerSection(base_url=url, concurrency=64))
        began = time.perf_counter()
        replies = writer.write(requests)
        seconds = time.perf_counter() - began
        answered, refused = json.load(urllib.request.urlopen(url))
    if answered != count or any(r.finish == "error" for r in replies):
        raise SystemExit(f"{count} requests, {answered} answers")
    best = limits.rate or limits.slots / limits.latency
    paced = count - (limits.saved if limits.rate else 0)
    return {
        "seconds": round(seconds, 2),
        "of_the_best": round(paced / seconds / best, 4),
        "refused": round(refused / (answered + refused), 4),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=6400, help="to the server with slots")
    parser.add_argument("--limited", type=int, default=2000, help="to the server with a rate")
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", nargs=4, type=float, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        latency, slots, rate, saved = options.serve
        asyncio.run(MadeUp(Limits(latency, int(slots), rate, saved)).serve())
        return
    figures = {
        "slots": measure(Limits(0.2, 64, 0, 0), options.requests),
        "rate": measure(Limits(0.05, 64, options.rate, options.rate), options.limited),
    }
    if options.json:
        settings = {"requests": options.requests, "limited": options.limited, "rate": options.rate}
        print(json.dumps({"settings": settings, "aim": AIM, "figures": figures}))
        return
    for name, figure in figures.items():
        print(f"{name:6} " + "  ".join(f"{what} {value}" for what, value in figure.items()))
    print(f"(aim: of_the_best >= {AIM}, refused < {MOST_REFUSED})")


if __name__ == "__main__":
    main()
