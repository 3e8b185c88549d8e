"""Limits the requests in flight, and pauses when a server is down.

The limit grows with every answer and shrinks when the server seems overloaded (503, timeout, no connection).
After several failures in a row nothing is sent for a while, then one request, which decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.models.openai.rate_limit import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable

# The initial and the smallest limit of requests in flight.
_AT_FIRST = 8
_AT_LEAST = 4
# The limit grows at most threefold in this many seconds, however quickly the first answers come.
_STEP, _GROWTH = 0.25, 3.0
# What an overload subtracts from the limit, and the least that an answer adds to it.
_SHRINK, _GROW = 0.5, 0.1
_DOWN_AFTER = 10
# A single failure is no sign of overload that should slow down the start; this many in a row are.
_OVERLOADED = 3
# The longest pause in seconds, and the longest before the server has given any text.
_LONGEST_PAUSE, _LONGEST_AT_FIRST = 60.0, 5.0
# A wait requested by the server delays all requests if it is at least this long, else only the refused one.
_CLOSED_FOR = 2.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request in flight."""

    number: int
    sent_at: float


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
        self._misses = 0
        self._pauses = 0
        self._longest_pause = _LONGEST_AT_FIRST
        self._paused_until = 0.0
        self._silent_since: float | None = None

    @property
    def is_down(self) -> bool:
        """Whether the server seems down, so that a failure says nothing about the request."""
        return self._misses >= _DOWN_AFTER

    def silence(self) -> float:
        """Seconds since the last answer, with only refusals and failures."""
        return self._clock() - self._silent_since if self._silent_since is not None else 0.0

    def ready(self) -> float | None:
        """Seconds until the next request may be sent; None: not before another one is done."""
        now = self._clock()
        at_once = 1 if self.is_down else int(self._at_once)
        if self.under_way >= at_once:
            return None
        return max(0.0, self._paused_until - now, self._rate.ready(now))

    def send(self) -> Ticket:
        """A request goes out."""
        now = self._clock()
        self.under_way += 1
        return Ticket(self._rate.send(now), now)

    def forget(self) -> None:
        """The batch has ended: nothing is in flight any more."""
        self.under_way = 0

    def answered(self, ticket: Ticket) -> None:
        """An answer came, whatever it says."""
        used = 2 * self.under_way >= int(self._at_once)  # an unused limit is no reason to raise it
        self.under_way -= 1
        self._misses = self._pauses = 0
        self._silent_since = None
        self._rate.accept(ticket.number, self._clock())
        if used:
            self._grow()

    def proven(self) -> None:
        """A text came: an outage from now on is worth waiting for."""
        self._longest_pause = _LONGEST_PAUSE

    def refused(self, ticket: Ticket, wait: float | None) -> None:
        """The server refused because of too many requests (429, or 503 with a wait)."""
        now = self._clock()
        self.under_way -= 1
        self._silent_since = now if self._silent_since is None else self._silent_since
        news = self._rate.refuse(ticket.number, ticket.sent_at, now, wait or 0.0)
        if wait is not None and wait >= _CLOSED_FOR:
            self._paused_until = max(self._paused_until, now + wait)
        elif news and self.silence() > 1.0:
            self._pause(now)

    def failed(self, *, overload: bool) -> None:
        """No answer came, or one that reports an error of the server."""
        now = self._clock()
        self.under_way -= 1
        self._silent_since = now if self._silent_since is None else self._silent_since
        self._misses += 1
        if overload:
            self._starting = self._starting and self._misses < _OVERLOADED
            self._at_once = max(min(self._most, _AT_LEAST), self._at_once - _SHRINK)
        if self.is_down and now >= self._paused_until:
            self._pause(now)

    def _pause(self, now: float) -> None:
        self._paused_until = max(self._paused_until, now + min(self._longest_pause, 0.5 * 2**self._pauses))
        self._pauses += 1

    def _grow(self) -> None:
        now = self._clock()
        if now >= self._ceiling_until:
            self._ceiling, self._ceiling_until = self._at_once * _GROWTH, now + _STEP
        step = 2.0 if self._starting else max(1 / self._at_once, _GROW)
        self._at_once = min(self._at_once + step, self._ceiling, self._most)
