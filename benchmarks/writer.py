"""How much of llama.cpp's own speed the local writer keeps: tokens per second, side by side.

    python benchmarks/writer.py [--model FILE.gguf] [--requests 64] [--repeats 3] [--json]
    python benchmarks/writer.py --pytorch [--model FILE.gguf] [--requests 64]

The same requests go through ``LlamaCppWriter.write`` and straight to llama.cpp (same settings, same number of
servers and slots, as many threads as slots, plain calls), in turn, several times. A ratio of 1 means that
nothing is lost. Above 1, the writer gains more than streaming costs, because it orders the requests and
computes their shared beginning once. Ratios are taken within a repeat, so that other work on the machine
affects both sides.

With --pytorch, the same requests go through ``TransformersWriter`` on one core instead, and only its tokens
per second of processor time are printed.
"""

# ruff: noqa: SLF001 - the writer is compared with the bare server behind it

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from rpsg.models.download import locate
from rpsg.models.llamacpp.server import LlamaServer, _payload
from rpsg.models.llamacpp.writer import LlamaCppWriter
from rpsg.protocols import Message, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

PRODUCTS = (
    *("green tea", "instant coffee", "dog treats", "olive oil", "crackers", "honey", "canned soup"),
    *("potato chips", "dark chocolate", "oatmeal", "hot sauce", "peanut butter", "pasta", "rice cakes"),
    *("gummy candy", "beef jerky"),
)
MOODS = ("happy", "in two minds", "disappointed", "surprised")
LENGTHS = (30, 60, 45, 90)
EXAMPLES = (
    Message("system", "You write reviews as ordinary people type them in an online shop. Only the review."),
    Message("user", "Product: dog treats. The customer is happy. Length: 30 words."),
    Message(
        "assistant",
        "My two beagles go crazy for these. I only have to rattle the bag and they come running from the"
        " yard. Will be buying again for sure.",
    ),
    Message("user", "Product: canned soup. The customer is disappointed. Length: 36 words."),
    Message(
        "assistant",
        "Six of the twelve cans were dented and one had leaked all over the others. I don't trust eating from"
        " dented cans, so half the order was wasted. Pack it better please.",
    ),
    Message("user", "Product: green tea. The customer is in two minds. Length: 38 words."),
    Message(
        "assistant",
        "Nice delicate taste the first week. Then I noticed that the date on the tin was two months away,"
        " and by now it tastes like hay. Check the date before you order.",
    ),
)


class Speed(NamedTuple):
    """Tokens written per second of the clock and per second of processor time."""

    per_second: float
    per_processor_second: float


def requests(count: int) -> list[Request]:
    cards = [(mood, thing) for mood, thing in product(MOODS, PRODUCTS)]
    made = []
    for number in range(count):
        mood, thing = cards[number % len(cards)]
        words = LENGTHS[number % len(LENGTHS)]
        ask = f"Product: {thing}. The customer is {mood}. Length: {words} words."
        messages = (*EXAMPLES, Message("user", ask))
        made.append(Request(messages, max_tokens=int(1.4 * words), seed=number))
    return made


def raw_calls(servers: Sequence[LlamaServer], slots: int, asked: Sequence[Request]) -> int:
    """Plain calls from a pool of threads, one per slot; returns the number of tokens written."""
    free: SimpleQueue[Any] = SimpleQueue()
    for _ in range(slots):
        for server in servers:
            free.put(server._server)

    def call(request: Request) -> int:
        server = free.get()
        payload = _payload(request, -1, chat=True)
        payload.pop("stream")
        payload.pop("stream_options")
        answer = server.handle_chat_completions(payload)
        free.put(server)
        return int(answer["usage"]["completion_tokens"])

    with ThreadPoolExecutor(slots * len(servers)) as pool:
        return sum(pool.map(call, asked))


def compare_once(model: Path, asked: Sequence[Request], *, writer_first: bool) -> tuple[Speed, Speed]:
    """(writer, raw), both with freshly loaded weights and nothing in their caches but a greeting."""
    greeting = Request((Message("user", "Hello."),), max_tokens=2, seed=1)
    with tempfile.TemporaryDirectory() as state:
        writer = LlamaCppWriter(model)
        writer.write([greeting])
        # Plain llama.cpp with the settings and the number of servers and slots of the writer, but without the
        # writer.
        raw = [writer._start(Path(state)) for _ in range(writer._servers)]
        raw_calls(raw, 1, [greeting] * len(raw))
        speeds: dict[str, Speed] = {}
        for who in ("writer", "raw") if writer_first else ("raw", "writer"):
            clock, processor = time.perf_counter(), time.process_time()
            if who == "writer":
                tokens = sum(reply.completion_tokens for reply in writer.write(asked))
            else:
                tokens = raw_calls(raw, writer._slots, asked)
            speeds[who] = Speed(
                tokens / (time.perf_counter() - clock), tokens / (time.process_time() - processor)
            )
        writer.close()
        for server in raw:
            server.close()
    return speeds["writer"], speeds["raw"]


def with_pytorch(model: str, asked: Sequence[Request]) -> float:
    """Tokens written per second of processor time, on one core and with loaded weights."""
    from rpsg.models.transformers.writer import TransformersWriter  # noqa: PLC0415 - needs the extra hf

    writer = TransformersWriter(model, threads=1)
    writer.write([Request((Message("user", "Hello."),), max_tokens=2, seed=1)])
    began = time.process_time()
    return sum(reply.completion_tokens for reply in writer.write(asked)) / (time.process_time() - began)


def summary(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 3),
        "lowest": round(min(values), 3),
        "highest": round(max(values), 3),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--model", default="smollm2-135m")
    options.add_argument("--requests", type=int, default=64)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--json", action="store_true")
    options.add_argument("--pytorch", action="store_true")
    chosen = options.parse_args()
    model, asked = locate(chosen.model), requests(chosen.requests)
    if chosen.pytorch:
        print(f"tokens per second of processor time: {with_pytorch(chosen.model, asked):.1f}")
        return
    runs = [compare_once(model, asked, writer_first=n % 2 == 0) for n in range(chosen.repeats)]
    facts = {
        "writer_tokens_per_second": summary([ours.per_second for ours, _ in runs]),
        "raw_tokens_per_second": summary([raw.per_second for _, raw in runs]),
        "utilisation": summary([ours.per_second / raw.per_second for ours, raw in runs]),
        "utilisation_per_processor_second": summary(
            [ours.per_processor_second / raw.per_processor_second for ours, raw in runs]
        ),
        "requests": chosen.requests,
        "repeats": chosen.repeats,
    }
    if chosen.json:
        print(json.dumps(facts))
        return
    for name, fact in facts.items():
        said = "{median} ({lowest} to {highest})".format(**fact) if isinstance(fact, dict) else fact
        print(f"{name.replace('_', ' ')}: {said}")


if __name__ == "__main__":
    main()
