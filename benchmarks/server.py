"""How fully the server writer uses a server: requests per second, relative to what the server could do.

    python benchmarks/server.py [--requests 6400] [--limited 2000] [--json]
    python benchmarks/server.py --faulty 2000 [--seeds 10] [--refused 0.75] [--slow 0.1] [--out FILE]
    python benchmarks/server.py --show FILE

Three servers are made on the loopback interface, each in a separate process. One answers after 200 ms and has
64 slots: 320 requests per second at best. The second answers at once, but only 20 requests per second, from a
token bucket that holds 20, and refuses the rest with 429. Its full bucket at the start is subtracted, so that
1 means exactly the rate that it allows. The third answers after a second, has 64 slots, and fails at random
for 30 % of its requests: with refusals, errors, cut connections, no answer at all, or answers that cannot be
used (``FAULTS``). For it 1 means the rate without any fault, which cannot be reached. Requests that never
became a text are counted as lost. With ``--refused`` the third server refuses that share of the requests with
429 instead, whatever their rate, and has no other fault. With ``--slow`` that share of its answers takes five
seconds. ``--show`` prints the table of its results as the documents have it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rpsg.models.openai.writer import ServerWriter
from rpsg.plan import ServerSection
from rpsg.protocols import Message, Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

AIM = 0.95
MOST_REFUSED = 0.03
AIM_OF_FAULTY, MOST_LOST = 0.5, 0.02
#: Of 300 faults, how many are of each kind. A server that hangs is given ``TIMEOUT`` seconds.
FAULTS = {
    "429": 60,
    "429, come back in 1 second": 10,
    "500": 50,
    "502": 30,
    "503": 40,
    "cut in the middle": 30,
    "connection reset": 30,
    "no answer": 10,
    "not JSON": 15,
    "no choices": 15,
    "an empty text": 10,
}
TIMEOUT = 10.0
#: A slow answer takes this many times as long as others.
SLOWER = 5
BODY = json.dumps(
    {
        "id": "one",
        "choices": [{"message": {"content": "TEXT"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 60},
    }
)


class Limits(NamedTuple):
    """What the made-up server does: seconds for an answer, answers at once, tokens (0: no limit), and the
    share of faults, drawn with ``seed``; ``refuses``: all faults are 429; ``slow`` is the share of answers
    that take ``SLOWER`` times as long.
    """

    latency: float
    slots: int
    rate: float = 0.0
    saved: float = 0.0
    faults: float = 0.0
    seed: int = 0
    refuses: bool = False
    slow: float = 0.0

    def drawn(self, dice: random.Random) -> float:
        """The seconds that an answer takes."""
        return self.latency * (SLOWER if self.slow and dice.random() < self.slow else 1)

    def mean(self) -> float:
        """The mean of these seconds."""
        return self.latency * (1 + (SLOWER - 1) * self.slow)


class MadeUp:
    """A server that keeps to its limits and counts what it answered and refused."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.slots)
        self._tokens = limits.saved
        self._since = time.monotonic()
        self._dice = random.Random(limits.seed)
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
                if not head.startswith(b"GET") and self._dice.random() < self._limits.faults:
                    faults = {"429": 1} if self._limits.refuses else FAULTS
                    fault = self._dice.choices(list(faults), list(faults.values()))[0]
                    await self._go_wrong(fault, writer)
                else:
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
            await asyncio.sleep(self._limits.drawn(self._dice))
        self.answered += 1
        return reply(200, BODY.replace("TEXT", f"Text number {self.answered}."))

    async def _go_wrong(self, fault: str, writer: asyncio.StreamWriter) -> None:
        if fault[:3].isdigit():
            writer.write(reply(int(fault[:3]), "{}", "Retry-After: 1\r\n" if "come back" in fault else ""))
        elif fault == "no answer":
            await asyncio.sleep(10 * TIMEOUT)
        elif fault in {"cut in the middle", "connection reset"}:
            writer.write(reply(200, BODY)[:90] if fault.startswith("cut") else b"")
            raise ConnectionError
        else:
            body = {"not JSON": "<html>", "no choices": '{"choices": []}'}
            async with self._slots:
                await asyncio.sleep(self._limits.drawn(self._dice))
            writer.write(reply(200, body.get(fault, BODY.replace("TEXT", ""))))

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
    """The URL of such a server, in a separate process."""
    command = [sys.executable, __file__, "--serve", *(str(float(limit)) for limit in limits)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


def measure(limits: Limits, count: int) -> dict[str, float]:
    """Requests per second, divided by the most that the limits allow; and the share of requests that was
    refused.
    """
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


def measure_faulty(count: int, seed: int, refused: float = 0.0, slow: float = 0.0) -> dict[str, float]:
    """Requests per second, divided by the most without faults; and the share that never became a text."""
    limits = Limits(1.0, 64, faults=refused or 0.3, seed=seed, refuses=refused > 0, slow=slow)
    requests = [Request((Message("user", "Write a review. " * 60),), 90, seed) for seed in range(count)]
    with running(limits) as url:
        writer = ServerWriter("m", ServerSection(base_url=url, concurrency=64, timeout=TIMEOUT))
        told: list[int] = []
        began = time.perf_counter()
        replies = writer.write(requests, lambda index, _: told.append(index))
        seconds = time.perf_counter() - began
    if sorted(told) != list(range(count)) or any(bool(r.text) == (r.finish == "error") for r in replies):
        raise SystemExit("a request did not end as one text or one reason")
    return {
        "seed": seed,
        "seconds": round(seconds, 1),
        "of_the_best": round(count / seconds * limits.mean() / limits.slots, 3),
        "lost": sum(r.finish == "error" for r in replies) / count,
    }


def table(result: dict[str, Any]) -> str:
    """The runs of a result file as a table in Markdown."""
    lines = ["| seed | seconds | share of the rate without faults | requests lost |", "|---|---|---|---|"]
    runs = result["runs"]
    lines += [
        f"| {run['seed']} | {run['seconds']:.0f} | {run['of_the_best']:.2f} | {100 * run['lost']:.2f} % |"
        for run in runs
    ]
    used = statistics.median(run["of_the_best"] for run in runs)
    lost = statistics.median(run["lost"] for run in runs)
    return "\n".join([*lines, f"| median | | {used:.2f} | {100 * lost:.2f} % |"])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=6400, help="to the server with slots")
    parser.add_argument("--limited", type=int, default=2000, help="to the server with a rate")
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--faulty", type=int, default=0, help="to the server that goes wrong, and nothing else"
    )
    parser.add_argument("--seeds", type=int, default=5, help="of the server that goes wrong")
    parser.add_argument(
        "--refused", type=float, default=0.0, help="share that it refuses, with no other fault"
    )
    parser.add_argument("--slow", type=float, default=0.0, help="share of its answers that take five seconds")
    parser.add_argument("--out", help="a file for the results with the server that goes wrong")
    parser.add_argument("--show", help="print the table of such a file")
    parser.add_argument("--serve", nargs=8, type=float, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        latency, slots, rate, saved, faults, seed, refuses, slow = options.serve
        limits = Limits(latency, int(slots), rate, saved, faults, int(seed), bool(refuses), slow)
        asyncio.run(MadeUp(limits).serve())
        return
    if options.show:
        print(table(json.loads(Path(options.show).read_text(encoding="utf-8"))))
        return
    if options.faulty:
        result = {
            "how": f"benchmarks/server.py --faulty {options.faulty} --seeds {options.seeds}"
            + (f" --refused {options.refused:g}" if options.refused else "")
            + (f" --slow {options.slow:g}" if options.slow else ""),
            "share_of_faults": options.refused or 0.3,
            "aim": AIM_OF_FAULTY,
            "most_lost": MOST_LOST,
            "runs": [
                measure_faulty(options.faulty, seed, options.refused, options.slow)
                for seed in range(options.seeds)
            ],
            "load_average": round(os.getloadavg()[0], 1),
        }
        if options.out:
            Path(options.out).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(result) if options.json else table(result))
        return
    figures = {
        "slots": measure(Limits(0.2, 64), options.requests),
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
