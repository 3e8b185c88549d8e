"""The engine of a normal run: this process, with the people in one part or in several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.privacy.exact_sums import exact_sum, together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.engines.base import Question
    from rpsg.privacy.exact_sums import ExactSum
    from rpsg.privacy.histogram import Query
    from rpsg.privacy.private import Private
    from rpsg.protocols import Classifier
    from rpsg.stages.contributions import People


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Asks one part of the people after the other. No person may be in two parts."""

    parts: Sequence[People]
    sentiment: Classifier

    def exact_sum(self, query: Query, question: Question) -> Private[ExactSum]:
        return together(
            query, (exact_sum(query, question.contributions(part, self.sentiment)) for part in self.parts)
        )
