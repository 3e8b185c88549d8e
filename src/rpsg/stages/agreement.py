"""The score of an abstraction: like its source, in the mood of its source; and the gate before the choice.

    s = a * similarity + (1 - a) * agreement - penalty * (1 - agreement)       a = 0.75, penalty = 0.15

Agreement is 1 when the classifier gives the candidate the mood of its source, 0 when another, 0.5 when the
source has none; the penalty counts only where there is a mood to agree with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_TARGET = 0.5


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known about a candidate beside its text."""

    similarity: float
    agreement: float
    confidence: float

    def fits(self, least: float) -> bool:
        """Whether it surely has the mood of its source."""
        return self.agreement == 1.0 and self.confidence >= least


def agreement(found: str, target: str) -> float:
    """1, 0, or 0.5 without a target."""
    if not target:
        return NO_TARGET
    return 1.0 if found == target else 0.0


def score(judged: Judged, *, has_target: bool, weight: float, penalty: float) -> float:
    """The score of one candidate."""
    flipped = penalty * (1.0 - judged.agreement) if has_target else 0.0
    return weight * judged.similarity + (1.0 - weight) * judged.agreement - flipped


def considered(candidates: Sequence[Judged], least: float) -> list[int]:
    """The places of those that stand for the choice: candidates that surely fit, or all when none does."""
    fitting = [i for i, judged in enumerate(candidates) if judged.fits(least)]
    return fitting or list(range(len(candidates)))


def second_is_better(first: Judged, second: Judged) -> bool:
    """Whether the pick of the second pass takes the place of the first one's."""
    surer = second.agreement == 1.0 and second.confidence >= first.confidence
    return surer or second.similarity > first.similarity
