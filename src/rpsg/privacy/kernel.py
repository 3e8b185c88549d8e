"""The only door from private to public, and its replay.

For each release: reserve (journal and odometer) -> draw -> persist (evidence file) -> commit (journal).
Only then is the value handed on.

A crash after *persist* costs nothing: the vector is read back, nothing private is asked again and no noise
is drawn. A crash between *draw* and *persist* loses the vector, and the noise is drawn again. The first
vector never left the process: it was not handed on, and half-written files lie in the private folder. So
the run has released one vector for that step and its own claim stands, as long as the crash did not depend
on the value drawn. Nobody can prove that it did not (a full disk could), and (crashed or not, second
vector) is in any case a post-processing of both vectors. Therefore the odometer is charged again for every
draw after the first: it never under-counts, whatever the crash was.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rpsg.errors import PrivacyError, RunError
from rpsg.privacy.ballots import Ballots, IntArray, Query
from rpsg.privacy.evidence import Evidence, Selected, evidence_file, parse_evidence, write_evidence
from rpsg.privacy.files import hold, private_folder
from rpsg.privacy.journal import Journal, Step
from rpsg.privacy.mechanisms import UnitItems, noisy_histogram, noisy_selection
from rpsg.privacy.sensitivity import selection_threshold

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rpsg.privacy.accounting import Budget, PlannedRelease
    from rpsg.privacy.odometer import Account
    from rpsg.privacy.private import Private
    from rpsg.protocols import NoiseSource


class Releases(Protocol):
    """What a method asks private questions of: the kernel in a run, the evidence in a replay."""

    def release(self, query: Query, ballots: Callable[[], Private[Ballots]]) -> IntArray: ...

    def select(
        self, query: Query, delta_fail: float, items: Callable[[], Private[UnitItems]]
    ) -> Selected: ...


@dataclass(frozen=True, slots=True)
class Released:
    """One finished release as the ledger tells it."""

    seq: int
    query: Query
    planned: PlannedRelease
    output_sha256: str


@dataclass(frozen=True, slots=True)
class Performed:
    """What a kernel did, for the ledger: the plan, the releases, and the name of the noise source."""

    budget: Budget
    releases: tuple[Released, ...]
    source: str


@dataclass(frozen=True, slots=True)
class _MarkedNoise:
    """A noise source that writes each draw down before it makes it."""

    source: NoiseSource
    before: Callable[[], None]

    @property
    def name(self) -> str:
        return self.source.name

    def draw(self, sigma: float, size: int) -> IntArray:
        self.before()
        return self.source.draw(sigma, size)


class Kernel:
    """Answers the planned queries of one run, each once, in the order of the plan.

    ``journal`` is a file in the private folder of the run, ``evidence`` a folder for the noisy vectors.
    The same folders with the same plan go on where an earlier process stopped.

    Raises:
        RunError: the folder belongs to another run or plan, or another process works in it.
        BudgetError: the data set's lifetime budget does not hold the plan.
    """

    def __init__(  # each is one thing a run is made of, all by name
        self,
        *,
        journal: Path,
        evidence: Path,
        budget: Budget,
        noise: NoiseSource,
        run_id: str,
        account: Account | None = None,
    ) -> None:
        self._private = private_folder(journal.parent)
        evidence.mkdir(parents=True, exist_ok=True)
        self._close = weakref.finalize(self, os.close, hold(journal.with_suffix(".lock")))
        self._evidence, self._budget, self._noise = evidence, budget, noise
        self._run_id, self._account = run_id, account
        self._plan = budget.sha256()
        heading = {"run_id": run_id, "plan_sha256": self._plan, "noise": noise.name}
        self._done: list[Released] = []
        try:
            self._journal = Journal(journal, heading).open()
            if account is not None:
                account.book.require_room(account.id, run_id, budget.mu2, budget.delta_fail)
        except BaseException:
            self._close()  # a kept error, as in a notebook, would keep this half-made kernel and its lock
            raise

    def close(self) -> None:
        """Let another process work in the run folder. Done by itself when the kernel is dropped."""
        self._close()

    @property
    def performed(self) -> Performed:
        """What has been released so far."""
        return Performed(self._budget, tuple(self._done), self._noise.name)

    def release(self, query: Query, ballots: Callable[[], Private[Ballots]]) -> IntArray:
        """The noisy histogram, int64 of shape (dim,). ``ballots`` is called only if it was not drawn before.

        Raises:
            RunError: the query is not the next one of the plan, or not the one reserved before.
            PrivacyError: the ballots break the contribution rule, or the plan's budget would be passed.
        """
        planned = self._planned(query)
        _require(planned.threshold is None and query.dim >= 1, query)

        def draw(noise: NoiseSource) -> Evidence:
            values = noisy_histogram(query, ballots(), noise)
            return Evidence(self._plan, self._seq, query.stage, values=tuple(values.tolist()))

        return self._once(query, planned, draw).histogram()

    def select(self, query: Query, delta_fail: float, items: Callable[[], Private[UnitItems]]) -> Selected:
        """The strings that pass the plan's threshold, with noisy counts. ``items`` as in ``release``.

        Raises:
            RunError: as ``release``, or ``delta_fail`` is not the plan's.
            PrivacyError: as ``release``.
        """
        planned = self._planned(query)
        threshold = selection_threshold(query.sigma, query.k, delta_fail)
        _require((planned.threshold, planned.delta_fail, query.dim) == (threshold, delta_fail, 0), query)

        def draw(noise: NoiseSource) -> Evidence:
            found = noisy_selection(query, threshold, items(), noise)
            return Evidence(self._plan, self._seq, query.stage, items=tuple(found))

        return self._once(query, planned, draw).selected()

    @property
    def _seq(self) -> int:
        return len(self._done)

    def _planned(self, query: Query) -> PlannedRelease:
        if self._seq >= len(self._budget.releases):
            raise PrivacyError(f"Stage {query.stage} is not in the plan: its budget is spent.")
        planned = self._budget.releases[self._seq]
        _require(Query.of(planned, query.what, query.dim) == query, query)
        adjacency = self._budget.adjacency
        spent = sum(r.query.mu2(adjacency) for r in self._done) + query.mu2(adjacency)
        if not spent <= self._budget.mu2 * (1.0 + 1e-12):
            raise PrivacyError(
                f"Stage {query.stage} would pass the budget of the plan; nothing was released."
            )
        return planned

    def _once(
        self, query: Query, planned: PlannedRelease, draw: Callable[[NoiseSource], Evidence]
    ) -> Evidence:
        """The persisted answer, or a new one."""
        seq = self._seq
        path = evidence_file(self._evidence, seq)
        if path.exists() and seq not in self._journal.steps:
            raise RunError(f"The evidence of stage {query.stage} lies there before it was drawn.")
        step = self._journal.reserve(seq, query)
        for attempt in range(max(step.draws, 1)):
            self._charge(planned, attempt)
        if path.exists():
            evidence = self._read_back(path, step, query)
        elif step.sha256 is not None:
            raise RunError(
                f"The evidence of stage {query.stage} is gone; drawing again would be a second release.",
                hint="Restore the evidence folder, or start a new run.",
            )
        else:
            evidence = draw(_MarkedNoise(self._noise, lambda: self._mark_draw(step, planned)))
            write_evidence(self._evidence, evidence, self._private)
        sha256 = hashlib.sha256(evidence.to_bytes()).hexdigest()
        if step.sha256 is None:
            self._journal.commit(seq, sha256)
        self._done.append(Released(seq, query, planned, sha256))
        return evidence

    def _mark_draw(self, step: Step, planned: PlannedRelease) -> None:
        self._charge(planned, step.draws)
        self._journal.draw(self._seq)

    def _charge(self, planned: PlannedRelease, attempt: int) -> None:
        if self._account is not None:
            mu2 = planned.mu2(self._budget.adjacency)
            self._account.charge(self._run_id, self._seq, mu2, planned.delta_fail, attempt)

    def _read_back(self, path: Path, step: Step, query: Query) -> Evidence:
        content = path.read_bytes()
        changed = step.sha256 not in {None, hashlib.sha256(content).hexdigest()} or step.draws == 0
        try:
            evidence = parse_evidence(content)
        except ValueError:
            changed = True
        if changed or (evidence.plan_sha256, evidence.seq, evidence.stage) != (
            self._plan,
            self._seq,
            query.stage,
        ):
            raise RunError(
                f"The evidence of stage {query.stage} was changed.",
                hint="Restore the evidence folder, or start a new run.",
            )
        return evidence


def _require(as_planned: bool, query: Query) -> None:
    if not as_planned:
        raise RunError(
            f"Stage {query.stage} is not what the plan holds at this place.",
            hint="Releases follow the plan: same order, rule, bounds and noise.",
        )
