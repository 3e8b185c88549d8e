"""Limits the requests in flight, and pauses when a server is down or says that it accepts none for a while.

The limit grows with every answer and shrinks when answers do not come in time. A refusal (429 or 503) lowers
the requests per second instead, see ``rate_limit``.
After several failures in a row nothing is sent for a while. Then one request tests whether to continue.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rpsg.models.openai.rate_limit import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable

# The initial and the smallest limit of requests in flight.
_AT_FIRST = 8
_AT_LEAST = 4
# The limit grows at most threefold in this many seconds, however quickly the first answers come.
_STEP, _GROWTH = 0.25, 3.0
# What a missing answer subtracts from the limit, and the least that an answer adds to it.
_SHRINK, _GROW = 0.5, 0.1
_DOWN_AFTER = 10
# The state of the server is judged by this many of the most recent requests. The limit grows fast until
# ``_OVERLOADED`` of them had no answer in time.
_LAST, _OVERLOADED = 20, 4
# A server that answers more than this share of the last requests is not down.
_WELL = 0.25
# The longest pause in seconds, and the longest before the server has given any text.
_LONGEST_PAUSE, _LONGEST_AT_FIRST = 60.0, 5.0
# A wait requested by the server delays all requests if it is at least this long, else only the refused one.
# Single requests, sent after these numbers of seconds, test whether the server really accepts none. If one is
# answered, such waits are ignored until this share of the requests is refused.
_CLOSED_FOR = 2.0
_TESTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_MOST = 0.6

#: How a failure shows overload: no answer in time, or an answer that says so.
Overload = Literal["late", "rejected"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request in flight."""

    number: int
    sent_at: float


class _Closed:
    """A period in which, as the server says, it accepts no requests; and the requests that test this."""

    def __init__(self) -> None:
        self._since = self._until = 0.0
        self._tests = 0
        self._test: int | None = None
        self._is_untrue = False

    def ready(self, now: float) -> float:
        """Seconds until a request may be sent."""
        if self._test is None and self._tests < len(_TESTS):
            return max(0.0, min(self._until, self._since + _TESTS[self._tests]) - now)
        return max(0.0, self._until - now)

    def send(self, number: int, now: float) -> None:
        if now < self._until:
            self._test, self._tests = number, self._tests + 1

    def answered(self, number: int, now: float) -> None:
        if number == self._test:
            self._test, self._until, self._is_untrue = None, now, True

    def failed(self, number: int) -> None:
        if number == self._test:
            self._test = None

    def refused(self, number: int, now: float, wait: float, *, most: bool) -> None:
        """Record a refusal that asks to ``wait`` (seconds); ``most``: whether most requests are refused."""
        self.failed(number)
        self._is_untrue = self._is_untrue and not most
        if self._is_untrue:
            return
        if now >= self._until:
            self._since, self._tests = now, 0
        self._until = max(self._until, now + wait)


class ConcurrencyLimiter:
    """Decides when a request may be sent. ``most``: maximum in flight; ``clock``: monotonic seconds."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._rate = RateLimiter()
        self.under_way = 0
        self._at_once = float(min(most, _AT_FIRST))
        self._starting = True
        self._ceiling, self._ceiling_until = self._at_once * _GROWTH, 0.0
        self._last: deque[bool] = deque(maxlen=_LAST)
        self._late: deque[bool] = deque(maxlen=_LAST)
        self._misses = 0
        self._pauses = 0
        self._longest_pause = _LONGEST_AT_FIRST
        self._paused_until = 0.0
        self._closed = _Closed()
        self._silent_since: float | None = None
        self._troubled_since: float | None = None

    @property
    def is_down(self) -> bool:
        """Whether the server seems down, so that a failure says nothing about the request."""
        return self._misses >= _DOWN_AFTER

    @property
    def is_well(self) -> bool:
        """Whether enough of the last requests were answered. If so, requests without an answer may fail for a
        reason of their own.
        """
        return sum(self._last) > _WELL * len(self._last)

    def silence(self) -> float:
        """For how many seconds there were only refusals and failures."""
        return self._clock() - self._silent_since if self._silent_since is not None else 0.0

    def trouble(self) -> float:
        """Seconds since the first refusal or failure after the last text, whatever was answered since.

        Not every answer is a text: a server may answer each new request by refusing one of its settings, and
        then fail when the request comes without that setting.
        """
        return self._clock() - self._troubled_since if self._troubled_since is not None else 0.0

    def ready(self) -> float | None:
        """Seconds until the next request may be sent; None if it must wait for the end of one that is under
        way.
        """
        now = self._clock()
        at_once = 1 if self.is_down else int(self._at_once)
        if self.under_way >= at_once:
            return None
        return max(0.0, self._paused_until - now, self._closed.ready(now), self._rate.ready(now))

    def send(self) -> Ticket:
        """Record that a request is sent."""
        now = self._clock()
        self.under_way += 1
        number = self._rate.send(now)
        self._closed.send(number, now)
        return Ticket(number, now)

    def forget(self) -> None:
        """The batch has ended: nothing is in flight any more."""
        self.under_way = 0

    @property
    def refuses_at_random(self) -> bool:
        """Whether the server refuses just as many requests when they are sent more slowly."""
        return self._rate.is_noise

    def answered(self, ticket: Ticket) -> None:
        """An answer came, whatever it says."""
        used = 2 * self.under_way >= int(self._at_once)  # an unused limit is no reason to raise it
        self.under_way -= 1
        self._misses = self._pauses = 0
        self._silent_since = None
        self._last.append(True)
        self._late.append(False)
        self._closed.answered(ticket.number, self._clock())
        self._rate.accept(ticket.number, self._clock())
        if used:
            self._grow()

    def proven(self) -> None:
        """A text came, so the end of a later outage is worth waiting for."""
        self._longest_pause = _LONGEST_PAUSE
        self._troubled_since = None

    def refused(self, ticket: Ticket, wait: float | None) -> None:
        """The server refused because of too many requests (429, or 503 with a wait)."""
        now = self._clock()
        self.under_way -= 1
        self._note_trouble(now)
        self._last.append(False)
        news = self._rate.refuse(ticket.number, ticket.sent_at, now, wait or 0.0)
        if wait is not None and wait >= _CLOSED_FOR and not self._rate.is_noise:
            self._closed.refused(ticket.number, now, wait, most=self._rate.share > _MOST)
        elif news and self.silence() > 1.0:
            self._pause(now)

    def failed(self, ticket: Ticket, overload: Overload | None = None) -> None:
        """No answer came, or the answer reports an error of the server."""
        now = self._clock()
        if overload == "rejected":
            self._rate.refuse(ticket.number, ticket.sent_at, now, 0.0)
        elif overload is None:
            self._rate.accept(ticket.number, now)
        self.under_way -= 1
        self._note_trouble(now)
        self._misses += 1
        self._last.append(False)
        self._late.append(overload == "late")
        self._closed.failed(ticket.number)
        if overload == "late":
            self._starting = self._starting and sum(self._late) < _OVERLOADED
            self._at_once = max(min(self._most, _AT_LEAST), self._at_once - _SHRINK)
        if self.is_down and now >= self._paused_until:
            self._pause(now)

    def _note_trouble(self, now: float) -> None:
        self._silent_since = now if self._silent_since is None else self._silent_since
        self._troubled_since = now if self._troubled_since is None else self._troubled_since

    def _pause(self, now: float) -> None:
        self._paused_until = max(self._paused_until, now + min(self._longest_pause, 0.5 * 2**self._pauses))
        self._pauses += 1

    def _grow(self) -> None:
        now = self._clock()
        if now >= self._ceiling_until:
            self._ceiling, self._ceiling_until = self._at_once * _GROWTH, now + _STEP
        step = 2.0 if self._starting else max(1 / self._at_once, _GROW)
        self._at_once = min(self._at_once + step, self._ceiling, self._most)
