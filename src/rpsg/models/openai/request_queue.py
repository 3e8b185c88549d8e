"""Requests that are still to be sent, or to be sent again."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

#: The longest pause of a request in seconds.
MAX_PAUSE = 30.0
# Multiples of the golden ratio spread the pauses of successive requests evenly, without random numbers.
_SPREAD = 0.618033988749895


@dataclass(slots=True)
class PendingRequest:
    """One request and its history."""

    index: int
    tries: int = 0
    refusals: int = 0
    asked_again: bool = False
    changes: frozenset[str] = frozenset()

    def pause(self, first: float, most: float = MAX_PAUSE) -> float:
        """Seconds before the next attempt: doubled each time, and different for each request."""
        doubled = min(most, first * 2 ** max(0, self.tries + self.refusals - 1))
        return float(doubled * (0.75 + 0.5 * (self.index * _SPREAD % 1)))


class RequestQueue:
    """``count`` requests in order; a retry comes first as soon as it is due."""

    def __init__(self, count: int) -> None:
        self._fresh = iter(range(count))
        self._next = next(self._fresh, None)
        self._back: list[tuple[float, int, PendingRequest]] = []

    def due(self, now: float) -> float | None:
        """Seconds until a request can be taken; None: the queue is empty."""
        if self._next is not None:
            return 0.0
        return max(0.0, self._back[0][0] - now) if self._back else None

    def take(self, now: float) -> PendingRequest:
        """The next request. Only when ``due`` gives 0."""
        if self._back and (self._next is None or self._back[0][0] <= now):
            return heapq.heappop(self._back)[2]
        if self._next is None:
            raise IndexError("the queue is empty")
        index, self._next = self._next, next(self._fresh, None)
        return PendingRequest(index)

    def put_back(self, request: PendingRequest, when: float) -> None:
        heapq.heappush(self._back, (when, request.index, request))
