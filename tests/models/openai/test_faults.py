"""Two thousand requests through a server of which three answers in ten go wrong."""

from __future__ import annotations

import hashlib
import itertools
import logging
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.models.openai.faulty import FINAL, PASSING, Asked, FaultyServer

from rpsg.models.openai.writer import ServerWriter
from rpsg.protocols import Message, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKER = "ZQXPROMPT"
# Of a thousand: most faults are cheap; those that take long or much are rare.
SHARES = {
    "429": 60,
    "429-wait": 10,
    "500": 40,
    "502": 20,
    "503": 30,
    "cut": 30,
    "reset": 30,
    "hang": 5,
    "drip": 5,
}
SHARES |= {"not-json": 12, "schema": 12, "no-choices": 12, "filter": 12, "twice": 10, "huge": 2, "empty": 10}


def request(seed: int) -> Request:
    return Request((Message("user", f"{MARKER} number {seed}"),), max_tokens=20, seed=seed)


class Fate:
    """Draws what happens to each request, each time that it comes."""

    def __init__(self) -> None:
        self._line = list(itertools.accumulate(SHARES.values()))
        self.drawn: Counter[str] = Counter()
        self._times: Counter[int] = Counter()

    def __call__(self, asked: Asked) -> str:
        seed = asked.body["seed"]
        self._times[seed] += 1
        digest = hashlib.sha256(f"{seed}/{self._times[seed]}".encode()).digest()
        number = int.from_bytes(digest[:4], "big") % 1000
        names = zip(SHARES, self._line, strict=True)
        what = next((name for name, end in names if number < end), "ok")
        self.drawn[what] += 1
        return what


@pytest.fixture
def jumping_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall clock that jumps by a day, forth and back, each time it is looked at."""
    real, jumps = time.time, itertools.cycle((86_400.0, -86_400.0))
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))


@pytest.mark.slow
@pytest.mark.usefixtures("jumping_clock")
def test_every_one_of_two_thousand_requests_ends_as_one_text_or_one_reason(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    fate = Fate()
    told: list[int] = []
    with FaultyServer(fate, latency=0.002) as server:
        writer = ServerWriter("some-model", server.settings(timeout=3, retries=8), first_pause=0.02)
        replies = writer.write([request(seed) for seed in range(2000)], lambda index, _: told.append(index))
    assert sorted(told) == list(range(2000)), "told of once, each of them"
    assert set(fate.drawn) == {"ok", *PASSING, *FINAL}, "every fault happened"
    wrong = sum(fate.drawn.values()) - fate.drawn["ok"]
    assert wrong > 0.25 * sum(fate.drawn.values())
    for seed, reply in enumerate(replies):
        if reply.finish == "stop":
            assert (reply.text, reply.error) == (f"reply to {seed}", "")
            assert server.answered[seed] == 1, "and paid for once"
        else:
            assert (reply.finish, reply.text) == ("error", "")
            assert reply.error
    lost = [reply for reply in replies if reply.finish == "error" and "content filter" not in reply.error]
    assert len(lost) < 0.02 * 2000, "a filter decides; all else is nearly always answered in the end"
    said = caplog.text + "".join(capfd.readouterr()) + "".join(reply.error for reply in replies)
    assert not [word for word in (MARKER, "reply to", "half of", "filtered text") if word in said]


def one(fault: str, **settings: float) -> Reply:
    """What becomes of one request to a server that always fails in the same way."""
    timeout = 0.3 if fault in {"hang", "drip"} else 20.0
    with FaultyServer(lambda _: fault) as server:
        writer = ServerWriter("m", server.settings(timeout=timeout, retries=2, **settings), first_pause=0.001)
        return writer.write([request(1)])[0]


REASONS = {
    "500": 'the server answered with HTTP 500: "later", 3 times',
    "502": 'the server answered with HTTP 502: "later", 3 times',
    "503": 'the server answered with HTTP 503: "later", 3 times',
    "hang": "no answer in time, 3 times",
    "drip": "no answer in time, 3 times",
    "cut": "the connection was cut, 3 times",
    "reset": "the connection was cut, 3 times",
    "not-json": "a web page in place of an answer: base_url leads elsewhere",
    "schema": "the answer is not as the API says",
    "no-choices": "an answer without choices",
    "filter": "the server's content filter",
    "huge": "the answer is longer than 10 MB",
    "empty": "an empty text",
}


@pytest.mark.parametrize("fault", REASONS)
def test_a_request_without_an_answer_is_dropped_with_its_reason(fault: str) -> None:
    reply = one(fault)
    assert (reply.finish, reply.text, reply.error) == ("error", "", REASONS[fault])


def test_an_answer_to_another_request_given_again_is_dropped() -> None:
    acts: Iterator[str] = iter(("ok", "twice", "twice"))
    with FaultyServer(lambda _: next(acts)) as server:
        writer = ServerWriter("m", server.settings(concurrency=1))
        first, second = writer.write([request(1), request(2)])
    assert first.text == "reply to 1"
    assert (second.finish, second.error) == ("error", "the answer to another request, given again")


def test_a_drip_of_bytes_does_not_outlast_the_whole_timeout() -> None:
    began = time.monotonic()
    one("drip")
    assert time.monotonic() - began < 30
