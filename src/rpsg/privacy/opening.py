"""The kernel of ``rpsg verify --with-vault``: what was released is set beside the clean counts again.

Nothing is drawn and nothing is released. The clean counts live in these functions; what comes out are tests
of the noise, which depend on private data and are for the operator alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.privacy.mechanisms import clean_answer, string_counts
from rpsg.privacy.private import open_private
from rpsg.privacy.replay import ReplayKernel
from rpsg.privacy.residuals import Outcome, below_threshold, outcome, seen
from rpsg.privacy.sensitivity import selection_threshold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rpsg.privacy.evidence import Selected
    from rpsg.privacy.histogram import IntArray, Query
    from rpsg.privacy.mechanisms import Contributions, UnitItems
    from rpsg.privacy.private import Private


class OpeningKernel:
    """Answers as the run did, from ``evidence`` and ``ledger``, and tests the noise of each answer.

    Errors as ``ReplayKernel``, and PrivacyError where the rows break a contribution rule.
    """

    def __init__(self, evidence: Path, ledger: Mapping[str, Any]) -> None:
        self._released = ReplayKernel(evidence, ledger)
        self.outcomes: list[Outcome] = []

    def release(self, query: Query, contributions: Callable[[], Private[Contributions]]) -> IntArray:
        noisy = self._released.release(query, contributions)
        clean = clean_answer(query, contributions())
        noise = (noisy - clean).tolist()
        self.outcomes.append(outcome(query.stage, [seen(value, query.sigma) for value in noise]))
        return noisy

    def select(self, query: Query, delta_fail: float, items: Callable[[], Private[UnitItems]]) -> Selected:
        noisy = self._released.select(query, delta_fail, items)
        counts = string_counts(query, open_private(items()))
        threshold = selection_threshold(query.sigma, query.k, delta_fail)
        passed = dict(noisy)
        if passed.keys() - counts.keys():
            reason = "a string was released that nobody in the data holds"
            self.outcomes.append(Outcome(query.stage, len(passed), 0.0, 0.0, reason))
            return noisy
        intervals = [
            seen(passed[name] - count, query.sigma)
            if name in passed
            else below_threshold(threshold - count, query.sigma)
            for name, count in counts.items()
        ]
        self.outcomes.append(outcome(query.stage, intervals))
        return noisy
