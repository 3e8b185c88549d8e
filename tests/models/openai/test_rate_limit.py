"""How fast a server is asked, found out on made-up servers and a made-up clock."""

from __future__ import annotations

from itertools import repeat

import pytest
from tests.models.openai.simulated import Bucket, Dice, Window, ask

from rpsg.models.openai.rate_limit import ConcurrencyLimiter


@pytest.mark.parametrize("wait", [None, 1.0])
@pytest.mark.parametrize("saved", [5, 20])
@pytest.mark.parametrize("latency", [0.05, 0.2])
def test_a_server_of_twenty_a_second_is_asked_for_twenty_a_second(
    latency: float, saved: int, wait: float | None
) -> None:
    course = ask(2400, Bucket(20, saved), latency=latency, wait=wait)
    assert course.rate >= 0.97 * 20
    assert course.share_refused < 0.02


def test_a_server_that_saves_nothing_is_asked_nearly_as_fast_as_it_can() -> None:
    course = ask(3600, Bucket(20, 1))
    assert course.rate >= 0.92 * 20
    assert course.share_refused < 0.02


def test_a_long_answer_does_not_hold_up_the_rate() -> None:
    course = ask(2400, Bucket(20, 20), latency=4.0, most=256)
    assert course.rate >= 0.9 * 20
    assert course.at_once > 60


def test_a_server_that_counts_by_the_minute_is_left_alone_until_its_next_minute() -> None:
    course = ask(3000, Window(500, 60), wait=lambda now: 60 - now % 60)
    assert course.rate >= 0.95 * 500 / 60
    assert course.share_refused < 0.03


@pytest.mark.parametrize("share", [0.02, 0.06, 0.1])
def test_refusals_at_random_do_not_bring_it_to_a_stop(share: float) -> None:
    assert ask(2000, Dice(share), latency=0.01, refusal=0.01).rate > 60


def test_a_server_that_refuses_nothing_is_used_to_the_full() -> None:
    course = ask(6400, lambda _: False)
    assert course.at_once == 64
    assert course.rate > 0.95 * 64 / (0.2 * 1.05)


def down(clock: list[float]) -> ConcurrencyLimiter:
    """A limiter that has just seen ten requests fail in a row."""
    limiter = ConcurrencyLimiter(64, lambda: clock[0])
    for _ in repeat(None, 10):
        limiter.send()
        limiter.failed(overload=True)
    return limiter


def test_a_server_that_is_down_is_tried_with_one_request_after_growing_pauses() -> None:
    clock = [0.0]
    limiter = down(clock)
    pauses = []
    for _ in range(9):
        pause = limiter.ready()
        assert pause is not None
        pauses.append(pause)
        clock[0] += pause
        limiter.send()
        assert limiter.ready() is None, "one alone decides"
        limiter.failed(overload=True)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert limiter.silence() == clock[0]


def test_one_answer_is_enough_to_go_on() -> None:
    clock = [0.0]
    limiter = down(clock)
    clock[0] += limiter.ready() or 0.0
    limiter.send()
    limiter.answered()
    assert not limiter.is_down
    assert limiter.silence() == 0
    assert limiter.ready() == 0


def test_a_wait_that_the_server_asks_for_is_everybodys() -> None:
    clock = [0.0]
    limiter = ConcurrencyLimiter(8, lambda: clock[0])
    limiter.refused(limiter.send(), 30.0)
    assert limiter.ready() == 30


def test_overload_makes_fewer_at_once_and_answers_make_more() -> None:
    clock = [0.0]
    limiter = ConcurrencyLimiter(64, lambda: clock[0])

    def at_once() -> int:
        number = 0
        while limiter.ready() == 0:
            limiter.send()
            number += 1
        for _ in repeat(None, number):
            limiter.answered()
        return number

    for _ in repeat(None, 20):
        clock[0] += 1
        at_once()
    assert at_once() == 64
    for _ in repeat(None, 60):
        limiter.send()
        limiter.failed(overload=True)
    clock[0] += 60
    limiter.send()
    limiter.answered()
    assert at_once() < 40
    for _ in repeat(None, 60):
        clock[0] += 1
        last = at_once()
    assert last == 64
