"""How fast a server is asked, found out on made-up servers and a made-up clock."""

from __future__ import annotations

import random
from itertools import repeat
from typing import Any, Literal

import pytest
from tests.models.openai.simulated import Bucket, Bursts, Dice, Window, ask

from rpsg.models.openai.concurrency import ConcurrencyLimiter
from rpsg.models.openai.retry import NEVER_CAME


@pytest.mark.parametrize("wait", [None, 1.0])
@pytest.mark.parametrize("saved", [5, 20])
@pytest.mark.parametrize("latency", [0.05, 0.2])
def test_a_server_of_twenty_a_second_is_asked_for_twenty_a_second(
    latency: float, saved: int, wait: float | None
) -> None:
    course = ask(2400, Bucket(20, saved), latency=latency, wait=wait)
    assert course.rate >= 0.97 * 20
    assert course.share_refused < 0.03


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


def shares_of_the_best(share: float, latency: float, refusal: float) -> list[float]:
    """The rate with a server that refuses at random, against 64 requests that are always in flight."""
    best = 64 / (1.05 * (latency + refusal * share / (1 - share)))
    dice = [Dice(share, random.Random(seed)) for seed in range(9)]
    return sorted(ask(2000, one, latency=latency, refusal=refusal).rate / best for one in dice)


@pytest.mark.parametrize("latency", [0.2, 1.0])
@pytest.mark.parametrize("share", [0.15, 0.2, 0.25, 0.3])
def test_refusals_at_random_leave_more_than_half_of_the_rate(share: float, latency: float) -> None:
    found = shares_of_the_best(share, latency, 0.05)
    assert found[4] > 0.6
    assert found[0] > 0.35, "and never bring it to a stop"


def test_a_server_that_refuses_three_of_four_requests_at_random_is_not_taken_for_one_with_a_limit() -> None:
    found = shares_of_the_best(0.75, 1.0, 0.05)
    assert found[4] > 0.35


class ThreeOfFour:
    """Refuses three of four requests in turn, however slowly they come."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, now: float) -> bool:
        self.asked += 1
        return self.asked % 4 != 0


@pytest.mark.parametrize("latency", [0.01, 0.2, 1.0])
def test_a_short_wait_that_the_server_asks_for_says_how_slow_is_slow_enough(latency: float) -> None:
    course = ask(24, ThreeOfFour(), latency=latency, refusal=0.01, wait=0.2)
    assert course.seconds < 15, "without this: 17 to 37 seconds"


@pytest.mark.parametrize("rate", [1.2, 2.0, 5.0])
def test_a_limit_that_asks_for_exact_waits_is_kept_and_used(rate: float) -> None:
    bucket = Bucket(rate, 1)
    course = ask(300, bucket, latency=0.2, refusal=0.01, wait=lambda _: (1 - bucket.saved) / rate)
    assert course.rate > 0.75 * rate, "without this: 0.33 to 0.7"
    assert course.share_refused < 0.25


@pytest.mark.parametrize("share", [0.02, 0.06, 0.1])
def test_a_few_refusals_at_random_do_not_bring_it_to_a_stop(share: float) -> None:
    assert ask(2000, Dice(share), latency=0.01, refusal=0.01).rate > 60


@pytest.mark.parametrize("share", [0.06, 0.11])
def test_few_refusals_at_random_are_hardly_ever_taken_for_a_limit(share: float) -> None:
    best = 64 / (1.05 * (1.0 + 0.05 * share / (1 - share)))
    found = [ask(2000, Dice(share, random.Random(seed)), latency=1.0).rate / best for seed in range(40)]
    assert min(found) > 0.6


def test_a_server_that_refuses_at_random_and_then_keeps_a_limit_is_heard() -> None:
    class Both:
        """At random for a minute, then twenty a second."""

        def __init__(self) -> None:
            self.dice, self.bucket = Dice(0.2), Bucket(20, 20)

        def __call__(self, now: float) -> bool:
            return self.dice(now) if now < 60 else self.bucket(now)

    long = ask(20_000, Both())
    rest = long.answered - ask(12_000, Dice(0.2)).answered
    assert long.seconds < 60 + rest / 20 * 1.3
    assert long.share_refused < 0.3


def test_a_server_that_refuses_nothing_is_used_to_the_full() -> None:
    course = ask(6400, lambda _: False)
    assert course.at_once == 64
    assert course.rate > 0.95 * 64 / (0.2 * 1.05)


def down(clock: list[float]) -> ConcurrencyLimiter:
    """A limiter that has just seen ten requests fail in a row."""
    limiter = ConcurrencyLimiter(64, lambda: clock[0])
    for _ in repeat(None, 10):
        limiter.failed(limiter.send(), "late")
    return limiter


def test_a_server_that_is_down_is_tried_with_one_request_after_growing_pauses() -> None:
    assert pauses_of(9, proven=True) == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_a_server_that_never_gave_a_text_is_tried_every_few_seconds_and_for_less_than_a_minute() -> None:
    pauses = pauses_of(14, proven=False)
    assert pauses == [0.5, 1, 2, 4, *[5] * 10]
    last = next(n for n in range(14) if sum(pauses[:n]) > NEVER_CAME)
    assert sum(pauses[:last]) < 60


def pauses_of(count: int, *, proven: bool) -> list[float]:
    """The pauses between requests that fail, one after another."""
    clock = [0.0]
    limiter = down(clock)
    if proven:
        limiter.proven()
    pauses = []
    for _ in range(count):
        pause = limiter.ready()
        assert pause is not None
        pauses.append(pause)
        clock[0] += pause
        ticket = limiter.send()
        assert limiter.ready() is None, "one alone decides"
        limiter.failed(ticket, "late")
    assert limiter.silence() == clock[0]
    return pauses


def test_one_answer_is_enough_to_go_on() -> None:
    clock = [0.0]
    limiter = down(clock)
    clock[0] += limiter.ready() or 0.0
    limiter.answered(limiter.send())
    assert not limiter.is_down
    assert limiter.silence() == 0


def test_trouble_lasts_from_the_first_failure_to_the_first_text_whatever_is_answered_between() -> None:
    """A refused setting is an answer, and each of many requests may get one before it fails."""
    clock = [0.0]
    limiter = ConcurrencyLimiter(4, clock=lambda: clock[0])
    limiter.failed(limiter.send())
    clock[0] = 30.0
    limiter.answered(limiter.send())
    limiter.failed(limiter.send())
    clock[0] = 50.0
    assert (limiter.silence(), limiter.trouble()) == (20.0, 50.0)
    limiter.proven()
    assert limiter.trouble() == 0.0
    assert limiter.ready() == 0


def test_a_wait_that_the_server_asks_for_is_everybodys_and_single_requests_test_it() -> None:
    clock = [0.0]
    limiter = ConcurrencyLimiter(8, lambda: clock[0])
    limiter.refused(limiter.send(), 30.0)
    tests = []
    for _ in range(5):
        pause = limiter.ready()
        assert pause is not None
        clock[0] += pause
        tests.append(clock[0])
        test = limiter.send()
        clock[0] += 0.01
        assert limiter.ready() == pytest.approx(30 - clock[0]), "one alone tests"
        limiter.refused(test, 30 - clock[0])
    assert tests == [1, 2, 4, 8, 16]
    assert limiter.ready() == pytest.approx(30 - clock[0])


def test_an_answer_within_a_wait_ends_it_and_later_waits_are_those_of_single_requests() -> None:
    clock = [0.0]
    limiter = ConcurrencyLimiter(8, lambda: clock[0])
    limiter.refused(limiter.send(), 30.0)
    clock[0] = 1.0
    limiter.answered(limiter.send())
    for _ in range(10):
        clock[0] += 1
        assert limiter.ready() == 0
        limiter.answered(limiter.send())
    limiter.refused(limiter.send(), 30.0)
    assert limiter.ready() == 0
    for _ in range(20):
        limiter.refused(limiter.send(), 30.0)
    assert limiter.ready() != 0, "until most are refused"


@pytest.mark.parametrize("wait", [1.0, 5.0, 20.0])
def test_waits_of_a_server_that_refuses_at_random_do_not_bring_it_to_a_stop(wait: float) -> None:
    best = 64 / (1.05 * (1.0 + 0.05 * 3 / 7))
    courses = [ask(2000, Dice(0.3, random.Random(seed)), latency=1.0, wait=wait) for seed in range(5)]
    assert sorted(course.rate for course in courses)[2] > 0.5 * best


@pytest.mark.parametrize(
    ("failure", "share", "middle", "lowest"),
    [
        *(pytest.param("rejected", share, 0.6, 0.4, id=f"{share} overloaded") for share in (0.04, 0.15, 0.3)),
        # A gateway answers 429, and the server behind it 503 or 529.
        *(
            pytest.param("refused or rejected", share, 0.5, 0.35, id=f"{share} refused or overloaded")
            for share in (0.15, 0.2, 0.25, 0.3)
        ),
    ],
)
def test_errors_that_come_at_random_leave_most_of_the_rate(
    failure: Literal["rejected", "refused or rejected"], share: float, middle: float, lowest: float
) -> None:
    best = 64 / (1.05 * (1.0 + 0.05 * share / (1 - share)))
    dice = [Dice(share, random.Random(seed)) for seed in range(5)]
    rates = sorted(ask(2000, one, latency=1.0, failure=failure).rate for one in dice)
    assert rates[2] > middle * best
    assert rates[0] > lowest * best


@pytest.mark.parametrize(("seconds", "period"), [(3.0, 15.0), (3.0, 12.0), (6.0, 20.0)])
@pytest.mark.parametrize("failure", ["refused", "rejected"])
def test_bursts_of_refusals_slow_a_run_down_and_do_not_bring_it_to_a_stop(
    seconds: float, period: float, failure: Any
) -> None:
    """They look like a limit on the rate, so the rate found is far below what is possible between them."""
    best = 64 / 1.05 * (1 - seconds / period)
    assert ask(2000, Bursts(seconds, period), latency=1.0, failure=failure).rate > 0.06 * best


def test_a_server_with_few_places_that_turns_others_away_is_asked_for_no_more_than_it_can_do() -> None:
    course = ask(2400, lambda _: False, latency=0.5, slots=10, failure="rejected")
    assert course.rate > 0.7 * 10 / (0.5 * 1.05)
    assert course.share_refused < 0.1


def test_a_few_answers_that_never_come_do_not_slow_down_the_others() -> None:
    course = ask(2000, Dice(0.02), latency=1.0, refusal=10.0, failure="late")
    assert course.at_once == 64
    assert course.rate > 0.6 * 64 / 1.05


def test_overload_makes_fewer_at_once_and_answers_make_more() -> None:
    clock = [0.0]
    limiter = ConcurrencyLimiter(64, lambda: clock[0])

    def at_once() -> int:
        tickets = []
        while limiter.ready() == 0:
            tickets.append(limiter.send())
        for ticket in tickets:
            limiter.answered(ticket)
        return len(tickets)

    for _ in repeat(None, 20):
        clock[0] += 1
        at_once()
    assert at_once() == 64
    for _ in repeat(None, 60):
        limiter.failed(limiter.send(), "late")
    clock[0] += 60
    limiter.answered(limiter.send())
    assert at_once() < 40
    for _ in repeat(None, 60):
        clock[0] += 1
        last = at_once()
    assert last == 64
