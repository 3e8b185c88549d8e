"""Learns the requests per second that a server accepts, from its refusals.

A rate limit is a token bucket with some rate R, which is empty at a refusal (429). So between two refusals
the server answered exactly as many requests as it added tokens: answered / time = R, however uneven our
requests were. The estimate therefore improves over time. Sending slightly below it, and slowly faster until
the next refusal, stays within a few per cent of R with hardly any refusals.

Some servers refuse at random, at any rate, and slowing down does not help. So when refusals continue, a trial
sends some requests at a lower rate than the server last accepted. A server with a rate limit refuses none of
them. If some are refused all the same, refusals do not depend on the rate, and no limit is kept for a while.
The smaller the share that is refused, the more requests a trial needs, and the less it slows down.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

# Answers between two refusals needed for an estimate, and seconds for which refusals are remembered.
_ENOUGH = 5
_MEMORY = 20.0
# How far to stay below the estimate, and the seconds in which the rate doubles without refusals.
_MARGIN = 0.03
_SECONDS_TO_DOUBLE = 60.0
# This many isolated refusals in a row, at a rate that was accepted before, show that refusals do not depend
# on the rate.
_UNMOVED, _BELOW, _ISOLATED = 4, 0.94, 0.2
# A trial begins when the rate was lowered ``_HASTY`` times in a row after fewer than ``_FEW`` answers each,
# and at least ``_APART`` requests after the last trial. If a share s of the requests is refused, a trial
# sends _WOULD_REFUSE / s requests, but at least ``_TRIED`` and at most ``_MOST_TRIED``. Its rate is the rate
# at which the last requests were accepted, times 1 - s, times _SLOWER.
_HASTY, _FEW, _APART = 2, 25, 20
_WOULD_REFUSE, _TRIED, _MOST_TRIED = 6, 16, 100
_SLOWER, _RECENT = 0.75, 20
# If a trial has at least this many refusals, they are not an accident, unless nearly everything is refused.
_NO_ACCIDENT, _NEARLY_ALL = 2, 0.9
# After this many refusals, and at least _TRIED requests, a trial ends early: its result is clear.
_PLAIN = 3
# After the first refusal, ``_SOME`` requests are sent as fast as possible. If the server refuses at least
# ``_MANY_REFUSALS`` of them, and more than the share ``_MOST_REFUSED``, it enforces a rate limit.
_SOME, _MANY_REFUSALS, _MOST_REFUSED = 80, 10, 0.55
# How fast the rate is raised after a trial without refusals, per second.
_REGAIN = 1.0
# When the share of refusals grows by this much, they depend on the rate after all.
_STORM = 0.4
# The first requests after the rate was lowered may still meet an empty bucket.
_ECHO = 3
# A first guess of the sustainable share of a server's initial rate, and how fast to raise it, per second.
_FIRST, _CLIMB = 0.2, 2.0
# ``_SURE`` answers since the last refusal are enough for an estimate, unless the rate over the whole time is
# below the share ``_BURSTS`` of this estimate: then the answers came in a burst.
_SURE, _BURSTS = 20, 0.6
# Seconds in which the rate returns to the one at which a request was refused.
_RETURN = 15.0
_SHARE_OVER = 100
# The lowest rate. If all waits that the server asked for were shorter than ``_ROUND`` seconds, it is
# ``_SLOWER`` requests per longest wait, at most ``_ADVISED``. Longer waits are often only a round number.
_SLOWEST, _ROUND, _ADVISED = 0.02, 1.0, 5.0
# If a timer is late, at most this many seconds of its delay are made up for.
_LATE = 0.02


@dataclass(slots=True)
class _Dry:
    """A moment with an empty bucket, and the numbers of requests and answers until then."""

    when: float
    sent: int
    taken: int


@dataclass(slots=True)
class _RateTrial:
    """Requests with a number above ``after``, and how many were accepted or refused. They are sent at
    ``rate`` per second;
    None: as fast as possible, to see what the first refusals mean.
    """

    after: int
    rate: float | None
    size: int = _TRIED
    sent: int = 0
    answered: int = 0
    refused: int = 0

    @property
    def is_over(self) -> bool:
        if self.rate is None:
            return self.sent >= _SOME or self.shows_limit
        seen = self.answered + self.refused
        if self.refused >= _PLAIN and seen >= _TRIED and self.shows_noise:
            return True
        # One refusal may be an accident or the first of many, so the same number of requests is sent again to
        # decide.
        return seen >= self.size * (2 if self.refused == 1 else 1)

    @property
    def shows_limit(self) -> bool:
        # Requests under way count as accepted, because refusals come sooner than answers.
        return self.refused >= _MANY_REFUSALS and self.refused > _MOST_REFUSED * self.sent

    @property
    def shows_noise(self) -> bool:
        return _NO_ACCIDENT <= self.refused <= _NEARLY_ALL * (self.answered + self.refused)


class RateLimiter:
    """Learns the number of requests per second that a server accepts. Times are from one monotonic clock."""

    def __init__(self) -> None:
        self.sent = 0
        self.refused = 0
        self._first = 0.0
        self._next = 0.0
        self._dry: deque[_Dry] = deque()
        self._rate: float | None = None
        self._since = 0.0
        self._wait = 0.0
        self._climb = 0.0
        self._slowly = _SECONDS_TO_DOUBLE
        self._echoes = 0
        self._seen = 0
        self._share = 0.0
        self._estimates: deque[float] = deque(maxlen=_UNMOVED)
        self._unmoved = 0
        self._hasty = 0
        self._answers: deque[float] = deque(maxlen=_RECENT)
        self._trial: _RateTrial | None = None
        self._trial_after = 0
        self._apart = _APART
        # A share of refusals up to this counts as noise; with None no refusal counts as noise.
        self._storm: float | None = None

    @property
    def is_noise(self) -> bool:
        """Whether refusals were found not to depend on the rate."""
        return self._storm is not None

    @property
    def share(self) -> float:
        """The share of the last requests that was refused."""
        return self._share

    def current(self, now: float) -> float | None:
        """Requests per second now; None: no limit is known."""
        if self._trial is not None:
            return self._trial.rate
        if self._rate is None or self.is_noise:
            return None
        passed = max(0.0, now - self._since)
        return self._rate * (1 + self._climb * passed + (passed / self._slowly) ** 2)

    def ready(self, now: float) -> float:
        """Seconds until the next request may be sent."""
        return max(0.0, self._next - now) if self.current(now) is not None else 0.0

    def send(self, now: float) -> int:
        """A request is sent; returns its number."""
        self._first = self._first if self.sent else now
        self.sent += 1
        if self._trial is not None:
            self._trial.sent += 1
        rate = self.current(now)
        if rate is not None:
            self._next = max(self._next, now - max(_LATE, 1 / rate)) + 1 / rate
        return self.sent

    def accept(self, number: int, now: float) -> None:
        """Request ``number`` was answered."""
        self._seen += 1
        self._share -= self._share / min(self._seen, _SHARE_OVER)
        self._answers.append(now)
        if self._trial is not None and number > self._trial.after:
            self._trial.answered += 1
            self._judge(now)

    def refuse(self, number: int, sent_at: float, now: float, wait: float) -> bool:
        """Request ``number`` was refused, with the advice to ``wait``. True if this is new information.

        Refusals of requests that were sent before, or just after, the rate was last lowered are no new
        information.
        """
        self.refused += 1
        self._wait = max(self._wait, wait)
        self._seen += 1
        self._share += (1 - self._share) / min(self._seen, _SHARE_OVER)
        for dry in self._dry:
            dry.taken -= number <= dry.sent
        if self._storm is not None:
            if self._share > self._storm:
                self._storm, self._trial_after = None, number + 2 * _APART
            return False
        if self._trial is not None:
            if number > self._trial.after:
                self._trial.refused += 1
                self._judge(now)
            return False
        if not self._dry:
            self._dry.append(_Dry(now, number, number - self.refused))
            self._trial = _RateTrial(number, None)
            return True
        if self._dry and number <= self._dry[-1].sent + _ECHO:
            self._echoes += number > self._dry[-1].sent
            return False
        self._lower(number, sent_at, now, wait)
        self._echoes = 0
        if self._hasty >= _HASTY and number > self._trial_after:
            self._try_slowly(now)
        self._dry.append(_Dry(now, self.sent, self.sent - self.refused))
        while len(self._dry) > 1 and self._dry[1].when < now - _MEMORY:
            self._dry.popleft()
        return True

    def _lower(self, number: int, sent_at: float, now: float, wait: float) -> None:
        before = self.current(sent_at)
        taken, estimate = self._estimate(number, sent_at)
        self._hasty = self._hasty + 1 if taken < _FEW else 0
        if taken < _ENOUGH or before is None:
            self._set(0.5 * (before or 1.0), _CLIMB, now)
            return
        below = before < _BELOW * max(self._estimates, default=0.0) and self._share < _ISOLATED
        self._unmoved = self._unmoved + 1 if below else 0
        self._estimates.append(estimate)
        if self._unmoved >= _UNMOVED:
            self._found_noise(self._share)
            return
        # A refusal costs at most its wait: the longer that is, the more slowly the rate is raised.
        self._slowly = max(_SECONDS_TO_DOUBLE, 40 * wait)
        # A server with a small bucket lost tokens while we sent less than R. So R is between the estimate
        # and the rate at which we were refused, unless the bucket was always empty; too high a guess is
        # corrected at once.
        upper = estimate if self._echoes > 1 else min(max(before, estimate), 4 * estimate)
        guess = math.sqrt(estimate * upper) * (1 - _MARGIN)
        self._set(guess, max(before / guess - 1, 0.0) / _RETURN + 0.2 / taken, now)

    def _try_slowly(self, now: float, suspected: float = 0.0) -> None:
        """Begin a trial, if enough was answered to know how fast the server answers."""
        if len(self._answers) < _ENOUGH:
            return
        answered = (len(self._answers) - 1) / max(now - self._answers[0], 0.05)
        share = max(self._share, suspected)
        size = min(max(_TRIED, math.ceil(_WOULD_REFUSE / max(self._share, 0.01))), _MOST_TRIED)
        self._trial = _RateTrial(self.sent, max(_SLOWER * (1 - share) * answered, self._slowest()), size)
        self._next = max(self._next, now)

    def _judge(self, now: float) -> None:
        """End the trial when it has shown enough."""
        trial = self._trial
        if trial is None or not trial.is_over:
            return
        self._trial, self._trial_after, self._hasty = None, self.sent + self._apart, 0
        if trial.rate is None:
            # Requests that were sent before may still be refused; those refusals tell us nothing new.
            self._dry.append(_Dry(now, self.sent, self.sent - self.refused))
            if not trial.shows_limit:
                self._try_slowly(now, (trial.refused + 1) / (trial.sent + 2))
            else:
                answered = self.sent - self.refused
                self._set(_FIRST * answered / max(now - self._first, 0.2), _CLIMB, now)
        elif trial.shows_noise:
            self._found_noise(max(self._share, trial.refused / (trial.answered + trial.refused)))
        else:
            self._apart *= 3
            self._set(trial.rate * (1 - _MARGIN), _REGAIN, now)

    def _found_noise(self, share: float) -> None:
        """Keep no rate limit until the share of refusals grows."""
        self._storm, self._rate = min(0.95, share + _STORM), None
        self._unmoved = self._hasty = 0
        self._estimates.clear()

    def _estimate(self, number: int, sent_at: float) -> tuple[int, float]:
        """(answers counted, answers per second) since the last refusal, if enough came since.

        A server that counts by the minute answers in bursts, so its rate is visible only over a long time.
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

    def _slowest(self) -> float:
        return min(_SLOWER / self._wait, _ADVISED) if 0 < self._wait < _ROUND else _SLOWEST

    def _set(self, rate: float, climb: float, now: float) -> None:
        self._rate, self._climb, self._since = max(rate, self._slowest()), climb, now
        self._next = max(self._next, now)
