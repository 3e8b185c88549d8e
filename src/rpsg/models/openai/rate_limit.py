"""How many requests a second a server takes, found out from its refusals (429).

A server that counts requests gives out tokens at some rate R. When it refuses, it has none left. Between two
refusals it therefore answered just what it gave out: answered / time = R, exactly, however unevenly we
asked. So the estimate gets better the longer we ask, each refusal only tells once more that the tokens are
used up, and asking a little below the estimate and slowly more until the next refusal stays within a
few per cent of R and has hardly any refusals.

Some servers refuse at random, however slowly they are asked. Slowing down for those would never end: when
refusals go on below the estimate, they are not about the rate, and no rate is kept for a while.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

# Answers between two refusals that make an estimate, and for how many seconds refusals are remembered.
_ENOUGH = 5
_MEMORY = 20.0
# Below the estimate by this share, and the seconds in which the rate would double when nothing is refused.
_MARGIN = 0.03
_SECONDS_TO_DOUBLE = 60.0
# Refusals in a row, each one alone, below what was taken before: they show that it is not the rate.
_UNMOVED, _BELOW, _ISOLATED = 4, 0.94, 0.2
# The share of refusals that shows that it is the rate after all.
_STORM = 0.3
# The first ones after the rate was lowered may still meet a server without a token.
_ECHO = 3
# The share of what a server took at first that it may take for long, and how fast to find out, per second.
_FIRST, _CLIMB = 0.2, 2.0
# So many answers make the time since the last refusal long enough; below this share it was a burst.
_SURE, _BURSTS = 20, 0.6
# Seconds in which we come back to the rate at which we were refused.
_RETURN = 15.0
_SHARE_OVER = 40
# A timer that wakes late may make up for so many seconds at once.
_LATE = 0.02


@dataclass(slots=True)
class _Dry:
    """A moment when the server had no token left: when, after how many requests and how many answers."""

    when: float
    sent: int
    taken: int


class Rate:
    """Says when the next request may go out. Every time is one of the same monotonic clock, in seconds."""

    def __init__(self) -> None:
        self.sent = 0
        self.refused = 0
        self._first = 0.0
        self._next = 0.0
        self._dry: deque[_Dry] = deque()
        self._rate: float | None = None
        self._since = 0.0
        self._climb = 0.0
        self._slowly = _SECONDS_TO_DOUBLE
        self._estimates: deque[float] = deque(maxlen=_UNMOVED)
        self._unmoved = 0
        self._echoes = 0
        self._noise = False
        self._share = 0.0

    def current(self, now: float) -> float | None:
        """Requests a second now; None: no limit is known."""
        if self._rate is None or self._noise:
            return None
        passed = max(0.0, now - self._since)
        return self._rate * (1 + self._climb * passed + (passed / self._slowly) ** 2)

    def ready(self, now: float) -> float:
        """Seconds until the next request may go out."""
        return max(0.0, self._next - now) if self.current(now) is not None else 0.0

    def send(self, now: float) -> int:
        """A request goes out; gives its number."""
        self._first = self._first if self.sent else now
        self.sent += 1
        rate = self.current(now)
        if rate is not None:
            self._next = max(self._next, now - max(_LATE, 1 / rate)) + 1 / rate
        return self.sent

    def accept(self) -> None:
        """A request was answered."""
        self._share -= self._share / _SHARE_OVER

    def refuse(self, number: int, sent_at: float, now: float, wait: float) -> bool:
        """Request ``number`` was refused, with the advice to ``wait``. Whether this says something new.

        Refusals of requests sent before, or just after, the rate was last lowered say nothing new.
        """
        self.refused += 1
        self._share += (1 - self._share) / _SHARE_OVER
        for dry in self._dry:
            dry.taken -= number <= dry.sent
        if self._noise:
            self._noise = self._share < _STORM
            return False
        if self._dry and number <= self._dry[-1].sent + _ECHO:
            self._echoes += number > self._dry[-1].sent
            return False
        self._lower(number, sent_at, now, wait)
        self._echoes = 0
        self._dry.append(_Dry(now, self.sent, self.sent - self.refused))
        while len(self._dry) > 1 and self._dry[1].when < now - _MEMORY:
            self._dry.popleft()
        return True

    def _lower(self, number: int, sent_at: float, now: float, wait: float) -> None:
        before = self.current(sent_at)
        if not self._dry:
            self._set(_FIRST * (number - self.refused) / max(sent_at - self._first, 0.2), _CLIMB, now)
            return
        taken, estimate = self._estimate(number, sent_at)
        if taken < _ENOUGH or before is None:
            self._set(0.5 * (before or 1.0), _CLIMB, now)
            return
        below = before < _BELOW * max(self._estimates, default=0.0) and self._share < _ISOLATED
        self._unmoved = self._unmoved + 1 if below else 0
        self._estimates.append(estimate)
        if self._unmoved >= _UNMOVED:
            self._unmoved, self._noise, self._rate = 0, True, None
            self._estimates.clear()
            return
        # A refusal costs its wait at worst: the longer that is, the more rarely one is risked.
        self._slowly = max(_SECONDS_TO_DOUBLE, 40 * wait)
        # A server that saves few tokens lost some while we asked for less than R. R lies between the
        # estimate and the rate at which we were refused, unless it had none left all the while; too high
        # a guess is corrected at once.
        upper = estimate if self._echoes > 1 else min(max(before, estimate), 4 * estimate)
        guess = math.sqrt(estimate * upper) * (1 - _MARGIN)
        self._set(guess, max(before / guess - 1, 0.0) / _RETURN + 0.2 / taken, now)

    def _estimate(self, number: int, sent_at: float) -> tuple[int, float]:
        """(answers that it rests on, answers a second): since the last refusal, if enough came since.

        A server that counts by the minute answers in bursts; for such a one only a long time tells.
        """
        found = [
            (number - self.refused - dry.taken, sent_at - dry.when) for dry in self._dry if sent_at > dry.when
        ]
        if not found:
            return 0, 0.0
        whole, length = found[0]
        taken, seconds = next((pair for pair in reversed(found) if pair[0] >= _SURE), found[0])
        if whole / length < _BURSTS * taken / seconds:
            return whole, whole / length
        return taken, taken / seconds

    def _set(self, rate: float, climb: float, now: float) -> None:
        self._rate, self._climb, self._since = max(rate, 0.02), climb, now
        self._next = max(self._next, now)
