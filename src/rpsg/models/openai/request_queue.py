"""Who is asked next: requests not asked yet, and those to be asked again when their time has come."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

_AT_MOST_SECONDS = 30.0
# The golden ratio spreads the waits of neighbours evenly; no dice are needed for that.
_SPREAD = 0.618033988749895


@dataclass(slots=True)
class Job:
    """One request and what it has been through."""

    index: int
    tries: int = 0
    refusals: int = 0
    changes: frozenset[str] = frozenset()

    def pause(self, first: float) -> float:
        """Seconds before it is asked again: twice as long each time, and not for all at the same moment."""
        doubled = min(_AT_MOST_SECONDS, first * 2 ** max(0, self.tries + self.refusals - 1))
        return float(doubled * (0.75 + 0.5 * (self.index * _SPREAD % 1)))


class Line:
    """``count`` requests in order; those that come back go first when they are due."""

    def __init__(self, count: int) -> None:
        self._fresh = iter(range(count))
        self._next = next(self._fresh, None)
        self._back: list[tuple[float, int, Job]] = []

    def due(self, now: float) -> float | None:
        """Seconds until one can be taken; None: nobody stands in line."""
        if self._next is not None:
            return 0.0
        return max(0.0, self._back[0][0] - now) if self._back else None

    def take(self, now: float) -> Job:
        """The next one. Only when ``due`` says 0."""
        if self._back and (self._next is None or self._back[0][0] <= now):
            return heapq.heappop(self._back)[2]
        if self._next is None:
            raise IndexError("nobody stands in line")
        index, self._next = self._next, next(self._fresh, None)
        return Job(index)

    def put_back(self, job: Job, when: float) -> None:
        heapq.heappush(self._back, (when, job.index, job))
