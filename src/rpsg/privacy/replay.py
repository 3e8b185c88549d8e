"""The kernel of a replay: the same questions, answered from a finished run's ledger and evidence alone."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from rpsg.errors import RunError, VerificationError
from rpsg.privacy.evidence import Evidence, Selected, evidence_file, parse_evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rpsg.privacy.ballots import Ballots, IntArray, Query
    from rpsg.privacy.mechanisms import UnitItems
    from rpsg.privacy.private import Private


class ReplayKernel:
    """``Releases`` without private data: what the run released is handed out again, in the same order.

    ``ledger`` is the public ledger as parsed JSON. The callbacks that would read private data are not called.
    """

    def __init__(self, evidence: Path, ledger: Mapping[str, Any]) -> None:
        self._folder = evidence
        self._plan = str(ledger["plan_sha256"])
        self._lines = [m for m in ledger["mechanisms"] if m["kind"] == "rounded_gaussian"]
        self._next = 0

    def release(
        self,
        query: Query,
        ballots: Callable[[], Private[Ballots]],  # noqa: ARG002  # not called in a replay
    ) -> IntArray:
        """The histogram the run released for this query.

        Raises:
            RunError: the run asked another question at this place.
            VerificationError: the evidence is missing or is not what the ledger names.
        """
        return self._evidence(query).histogram()

    def select(
        self,
        query: Query,
        delta_fail: float,  # noqa: ARG002  # the ledger holds the threshold
        items: Callable[[], Private[UnitItems]],  # noqa: ARG002  # not called in a replay
    ) -> Selected:
        """The strings the run released for this query; errors as for ``release``."""
        return self._evidence(query).selected()

    def _evidence(self, query: Query) -> Evidence:
        if self._next >= len(self._lines) or not _same(self._lines[self._next], query):
            raise RunError(
                f"The run did not release stage {query.stage} at this place.",
                hint="Replay with the plan and the version of RPSG that made the run.",
            )
        seq, line = self._next, self._lines[self._next]
        self._next += 1
        try:
            content = evidence_file(self._folder, seq).read_bytes()
            evidence = parse_evidence(content)
        except (OSError, ValueError):
            raise VerificationError(f"The evidence of stage {query.stage} cannot be read.") from None
        named = hashlib.sha256(content).hexdigest() == line.get("output_sha256")
        if not named or (evidence.plan_sha256, evidence.seq, evidence.stage) != (
            self._plan,
            seq,
            query.stage,
        ):
            raise VerificationError(f"The evidence of stage {query.stage} is not what the ledger names.")
        return evidence


def _same(line: Mapping[str, Any], query: Query) -> bool:
    told = (line["stage"], line.get("query"), line.get("dim"), line["sigma"], line["sens"])
    sens = {"rule": query.rule, "k": query.k, "w": query.w, "c": query.c}
    return told == (query.stage, query.what, query.dim or None, query.sigma, sens)
