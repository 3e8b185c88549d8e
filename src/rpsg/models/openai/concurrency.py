"""How fast to ask: how many requests at once, how many a second, and when to leave a server alone.

The number at once grows with every answer and shrinks when the server shows that it has too much to do
(503, no answer in time, no connection). The number a second is found in ``rate``. After several failures
in a row and no answer between, nothing is sent for a while, then one request, which decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.models.openai.rate_limit import Rate

if TYPE_CHECKING:
    from collections.abc import Callable

_AT_FIRST = 8
_AT_LEAST = 4
# The number at once grows at most threefold in this time, however quickly the first answers come.
_STEP, _GROWTH = 0.25, 3.0
# Of the failures that cut the number at once, so many are outweighed by one answer.
_SHRINK, _GROW = 0.5, 0.1
_DOWN_AFTER = 10
_LONGEST_PAUSE = 60.0
# A wait that the server asks for is everybody's from here on, below it is that of the refused request.
_CLOSED_FOR = 2.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request under way."""

    number: int
    sent_at: float


class Pace:
    """Decides when a request may go out. ``most``: how many at once at most; ``clock``: monotonic seconds."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._rate = Rate()
        self._under_way = 0
        self._at_once = float(min(most, _AT_FIRST))
        self._starting = True
        self._ceiling, self._ceiling_until = self._at_once * _GROWTH, 0.0
        self._misses = 0
        self._pauses = 0
        self._paused_until = 0.0
        self._silent_since: float | None = None

    @property
    def under_way(self) -> int:
        return self._under_way

    @property
    def is_down(self) -> bool:
        """Whether the server is taken to be out of order: failures then say nothing about a request."""
        return self._misses >= _DOWN_AFTER

    def silence(self) -> float:
        """For how many seconds there were only refusals and failures."""
        return self._clock() - self._silent_since if self._silent_since is not None else 0.0

    def ready(self) -> float | None:
        """Seconds until the next request may go out; None: not before another one has come back."""
        now = self._clock()
        at_once = 1 if self.is_down else int(self._at_once)
        if self._under_way >= at_once:
            return None
        return max(0.0, self._paused_until - now, self._rate.ready(now))

    def send(self) -> Ticket:
        """A request goes out."""
        now = self._clock()
        self._under_way += 1
        return Ticket(self._rate.send(now), now)

    def forget(self) -> None:
        """Nothing is under way any more: whoever waited has gone."""
        self._under_way = 0

    def answered(self) -> None:
        """An answer came, whatever it says."""
        used = 2 * self._under_way >= int(self._at_once)  # what is not used tells nothing about more
        self._under_way -= 1
        self._misses = self._pauses = 0
        self._silent_since = None
        self._rate.accept()
        if used:
            self._grow()

    def refused(self, ticket: Ticket, wait: float | None) -> None:
        """The server has had too many requests (429, or 503 with a wait)."""
        now = self._clock()
        self._under_way -= 1
        self._silent_since = now if self._silent_since is None else self._silent_since
        news = self._rate.refuse(ticket.number, ticket.sent_at, now, wait or 0.0)
        if wait is not None and wait >= _CLOSED_FOR:
            self._paused_until = max(self._paused_until, now + wait)
        elif news and self.silence() > 1.0:
            self._pause(now)

    def failed(self, *, overload: bool) -> None:
        """No answer, or one that says that the server is in trouble."""
        now = self._clock()
        self._under_way -= 1
        self._silent_since = now if self._silent_since is None else self._silent_since
        self._misses += 1
        if overload:
            self._starting = False
            self._at_once = max(min(self._most, _AT_LEAST), self._at_once - _SHRINK)
        if self.is_down and now >= self._paused_until:
            self._pause(now)

    def _pause(self, now: float) -> None:
        self._paused_until = max(self._paused_until, now + min(_LONGEST_PAUSE, 0.5 * 2**self._pauses))
        self._pauses += 1

    def _grow(self) -> None:
        now = self._clock()
        if now >= self._ceiling_until:
            self._ceiling, self._ceiling_until = self._at_once * _GROWTH, now + _STEP
        step = 2.0 if self._starting else max(1 / self._at_once, _GROW)
        self._at_once = min(self._at_once + step, self._ceiling, self._most)
