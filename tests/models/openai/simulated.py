"""A server and the time it takes, both made up: minutes of asking pass in a moment."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rpsg.models.openai.concurrency import ConcurrencyLimiter

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.models.openai.concurrency import Ticket


@dataclass
class Bucket:
    """Gives out ``rate`` tokens a second and saves up to ``size`` of them."""

    rate: float
    size: float
    saved: float = field(init=False)
    last: float = 0.0

    def __post_init__(self) -> None:
        self.saved = self.size

    def __call__(self, now: float) -> bool:
        self.saved = min(self.size, self.saved + (now - self.last) * self.rate)
        self.last = now
        if self.saved < 1:
            return True
        self.saved -= 1
        return False


@dataclass
class Window:
    """Takes ``count`` requests in each ``seconds``, whenever they come."""

    count: int
    seconds: float
    taken: int = 0
    number: int = -1

    def __call__(self, now: float) -> bool:
        if int(now / self.seconds) != self.number:
            self.number, self.taken = int(now / self.seconds), 0
        self.taken += 1
        return self.taken > self.count


@dataclass
class Dice:
    """Refuses a share of all requests, however slowly they come."""

    share: float
    dice: random.Random = field(default_factory=lambda: random.Random(3))

    def __call__(self, now: float) -> bool:
        return self.dice.random() < self.share


@dataclass
class Bursts:
    """Refuses everything for ``seconds`` out of every ``period``."""

    seconds: float
    period: float

    def __call__(self, now: float) -> bool:
        return now % self.period < self.seconds


@dataclass
class Course:
    """What became of it: ``seconds`` taken, answers and refusals, and the most requests at once."""

    seconds: float = 0.0
    answered: int = 0
    refused: int = 0
    at_once: int = 0

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    @property
    def share_refused(self) -> float:
        return self.refused / (self.answered + self.refused)


def ask(
    count: int,
    refuses: Callable[[float], bool],
    *,
    most: int = 64,
    latency: float = 0.2,
    refusal: float = 0.05,
    wait: float | Callable[[float], float] | None = None,
    slots: int = 10_000,
    failure: Literal["refused", "rejected", "late", "refused or rejected"] = "refused",
) -> Course:
    """Ask until ``count`` are answered; refused requests are asked again, after ``wait`` or half a second.

    ``failure``: what a refusal is: a 429, a 503 without a wait, no answer in time, or one of the first two.
    """
    clock = [0.0]
    limiter = ConcurrencyLimiter(most, lambda: clock[0])
    course = Course()
    back: list[tuple[float, int, Ticket, bool]] = []
    again: list[float] = []
    fresh, number = count, 0
    jitter = random.Random(1)
    while course.answered < count:
        now = clock[0]
        due = 0.0 if fresh else (max(0.0, again[0] - now) if again else None)
        ready = limiter.ready()
        wait_for = None if due is None or ready is None else max(due, ready)
        if wait_for == 0:
            if again and again[0] <= now:
                heapq.heappop(again)
            else:
                fresh -= 1
            ticket = limiter.send()
            number += 1
            no = refuses(now) or limiter.under_way > slots
            takes = (refusal if no else latency) * jitter.uniform(0.9, 1.2)
            heapq.heappush(back, (now + takes, number, ticket, no))
            course.at_once = max(course.at_once, limiter.under_way)
            continue
        soonest = back[0][0] if back else float("inf")
        clock[0] = min(soonest, now + wait_for) if wait_for is not None else soonest
        if clock[0] < soonest:
            continue
        _, _, came, no = heapq.heappop(back)
        if no:
            course.refused += 1
            asked = wait(clock[0]) if callable(wait) else wait
            kind = jitter.choice(["refused", "rejected"]) if failure == "refused or rejected" else failure
            if kind == "refused":
                limiter.refused(came, asked)
            else:
                limiter.failed(came, "late" if kind == "late" else "rejected")
            pause = 0.5 if asked is None else min(asked, 2.0) if limiter.refuses_at_random else asked
            heapq.heappush(again, clock[0] + pause)
        else:
            course.answered += 1
            limiter.answered(came)
    course.seconds = clock[0]
    return course
