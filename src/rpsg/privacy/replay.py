"""Two kernels that answer queries from a finished run's ledger and evidence, and draw no noise.

``ReplayKernel`` reads no private data. ``OpeningKernel`` (``rpsg verify --with-vault``) compares the released
values with the exact ones, which never leave its methods; its results are tests of the noise, which depend on
private data and are for the operator only.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from rpsg.errors import RunError, VerificationError
from rpsg.privacy.evidence import Evidence, Selected, Texts, evidence_file, parse_evidence
from rpsg.privacy.histogram import Query
from rpsg.privacy.mechanisms import bounded_references, clean_answer, string_counts
from rpsg.privacy.private import open_private
from rpsg.privacy.released import Performed, Released
from rpsg.privacy.residuals import Outcome, below_threshold, outcome, seen
from rpsg.privacy.sensitivity import selection_threshold
from rpsg.privacy.sources import noisy_answers
from rpsg.privacy.token_sampling import is_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.exact_sums import Contributions
    from rpsg.privacy.histogram import IntArray
    from rpsg.privacy.mechanisms import UnitItems
    from rpsg.privacy.private import Private
    from rpsg.privacy.released import NextTokens
    from rpsg.privacy.token_sampling import References


class ReplayKernel:
    """``Releases`` without private data: returns what the run released, in the same order.

    ``ledger`` is the public ledger as parsed JSON. Callbacks that would read private data are not called.
    """

    def __init__(self, evidence: Path, ledger: Mapping[str, Any]) -> None:
        self._folder = evidence
        self._plan = str(ledger["plan_sha256"])
        self._lines = noisy_answers(ledger)
        self._done: list[tuple[Query, str]] = []
        self.last_draw = ""

    @property
    def next_cells(self) -> int:
        """The number of cells of the next answer; 1 for strings, or if there is no next answer."""
        index = len(self._done)
        return int(self._lines[index]["dim"] or 1) if index < len(self._lines) else 1

    def performed(self, budget: Budget, source: str) -> Performed:
        """What the run did.

        Raises:
            VerificationError: it is not exactly what ``budget`` plans.
        """
        planned, done = budget.releases, self._done
        as_planned = len(planned) == len(done) == len(self._lines) and all(
            Query.of(p, q.what, q.dim) == q for p, (q, _) in zip(planned, done, strict=True)
        )
        if not as_planned or budget.sha256() != self._plan:
            raise VerificationError("The queries of this run are not those that its plan and budget ask for.")
        releases = (Released(i, q, p, sha) for i, (p, (q, sha)) in enumerate(zip(planned, done, strict=True)))
        return Performed(budget, tuple(releases), source)

    def release(
        self,
        query: Query,
        contributions: Callable[[], Private[Contributions]],  # noqa: ARG002  # not called in a replay
    ) -> IntArray:
        """The histogram or sum that the run released for this query.

        Raises:
            RunError: the run made another query at this position.
            VerificationError: the evidence is missing or is not the one in the ledger.
        """
        counts = self._evidence(query).histogram()
        if len(counts) != query.dim:
            raise VerificationError(f"The evidence of stage {query.stage} does not have {query.dim} cells.")
        return counts

    def select(
        self,
        query: Query,
        delta_fail: float,  # noqa: ARG002  # the ledger holds the threshold
        items: Callable[[], Private[UnitItems]],  # noqa: ARG002  # not called in a replay
    ) -> Selected:
        """The strings the run released for this query; errors as for ``release``."""
        return self._evidence(query).selected()

    def sample(
        self,
        query: Query,
        choices: NextTokens,  # noqa: ARG002  # the model is not asked in a replay
        references: Callable[[str], Private[References]],  # noqa: ARG002  # not called in a replay
    ) -> Texts:
        """The texts that the run drew for this query; errors as for ``release``."""
        texts = self._evidence(query).sampled()
        if len(texts) != query.dim or not all(is_text(text, query.k) for text in texts):
            raise VerificationError(
                f"The evidence of stage {query.stage} does not have {query.dim} whole texts."
            )
        return texts

    def _evidence(self, query: Query) -> Evidence:
        seq = len(self._done)
        if seq >= len(self._lines) or not _same(self._lines[seq], query):
            raise RunError(
                f"At this point the run did not release the stage {query.stage}.",
                hint="Replay with the plan and the version of RPSG that made the run.",
            )
        line = self._lines[seq]
        try:
            content = evidence_file(self._folder, seq).read_bytes()
            evidence = parse_evidence(content)
        except (OSError, ValueError):
            raise VerificationError(f"The evidence of stage {query.stage} cannot be read.") from None
        digest = hashlib.sha256(content).hexdigest()
        if digest != line.get("output_sha256") or (evidence.plan_sha256, evidence.seq, evidence.stage) != (
            self._plan,
            seq,
            query.stage,
        ):
            raise VerificationError(
                f"The evidence of stage {query.stage} is not the evidence that the ledger names."
            )
        self._done.append((query, digest))
        self.last_draw = evidence.draw
        return evidence


def _same(line: Mapping[str, Any], query: Query) -> bool:
    told = (line["stage"], line.get("query"), line.get("dim"), line["sigma"], line["sens"])
    sens = {"rule": query.rule, "k": query.k, "w": query.w, "c": query.c}
    return told == (query.stage, query.what, query.dim or None, query.sigma, sens)


class OpeningKernel:
    """Answers as the run did, from ``evidence`` and ``ledger``, and tests the noise of each answer.

    Errors as ``ReplayKernel``, and PrivacyError if the rows break a contribution rule.
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

    def sample(
        self, query: Query, choices: NextTokens, references: Callable[[str], Private[References]]
    ) -> Texts:
        """The texts as drawn. Tokens are not tested, because every score would have to be computed again."""
        texts = self._released.sample(query, choices, references)
        bounded_references(query, references(self._released.last_draw))
        return texts

    def select(self, query: Query, delta_fail: float, items: Callable[[], Private[UnitItems]]) -> Selected:
        noisy = self._released.select(query, delta_fail, items)
        counts = string_counts(query, open_private(items()))
        threshold = selection_threshold(query.sigma, query.k, delta_fail)
        passed = dict(noisy)
        if passed.keys() - counts.keys():
            reason = "a string that is not in the data was released"
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
