"""Where a cell is in the matrix of a comparison."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from rpsg.compare.matrix import epsilon_in_words


@dataclass(frozen=True, slots=True)
class CellKey:
    """Where a cell is in the matrix. A value on which the method does not depend is None.

    ``epsilon`` and ``people`` are None for a method that reads no private text, ``epsilon`` also for one that
    does not use it. ``temperature`` is None if the plan or the pack decides it. Real texts have no writer.
    """

    data: str
    writer: str
    method: str
    epsilon: float | None
    people: int | None
    size: int
    temperature: float | None
    seed: int

    def in_words(self) -> str:
        """For a line of progress: "reviews, strict, epsilon 2, 300 people, 200 texts, seed 0"."""
        parts = [self.data, self.method]
        if self.writer:
            parts.append(self.writer)
        if self.epsilon is not None:
            parts.append(f"epsilon {epsilon_in_words(self.epsilon)}")
        if self.people is not None:
            parts.append(f"{self.people:,} people" if self.people else "all people")
        parts.append(f"{self.size:,} texts")
        if self.temperature is not None:
            parts.append(f"temperature {self.temperature:g}")
        return ", ".join([*parts, f"seed {self.seed}"])


def plain_key(key: CellKey) -> dict[str, Any]:
    """The key for JSON, which has no infinity: there an infinite epsilon is "inf"."""
    found = asdict(key)
    if key.epsilon is not None and math.isinf(key.epsilon):
        found["epsilon"] = "inf"
    return found
