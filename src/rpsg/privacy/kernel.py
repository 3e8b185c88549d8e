"""The privacy kernel: the only way from private data to noisy answers.

The whole plan is reserved in the account book when the kernel opens. Then for each release: fix the query
(journal) -> charge a new draw id (book) -> draw -> persist (evidence file) -> commit (journal). Only then is
the value returned.

A crash after *persist* costs nothing: the vector is read back, and neither private data nor noise are needed.
A crash between *draw* and *persist* loses the vector, and the noise is drawn again. The first vector never
left the process: it was not returned, and partial files are in the private folder. So the run has released
one vector for that step and its claim holds, provided that the crash did not depend on the value drawn. This
cannot be proved (a full disk might depend on it), but (crashed or not, second vector) is a post-processing of
both vectors. Therefore every draw is charged separately, under a new id, and the book never under-counts.

The run folder is not trusted. A charged id is used for one draw in one process and never again, so a folder
that was copied, restored to an earlier state or lost its journal can only draw under new ids. A vector in the
folder whose id the account does not know (because of another book, or another account in the plan) is charged
before anything else happens. One charge, one vector.
"""

from __future__ import annotations

import hashlib
import math
import os
import secrets
import weakref
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from rpsg.disk.files import hold_lock, private_dir
from rpsg.errors import BudgetError, PrivacyError, RunError
from rpsg.privacy.evidence import (
    Evidence,
    Selected,
    Texts,
    evidence_file,
    evidence_names,
    parse_evidence,
    read_back,
    write_evidence,
)
from rpsg.privacy.histogram import IntArray, Query
from rpsg.privacy.mechanisms import (
    UnitItems,
    bounded_references,
    noisy_histogram,
    noisy_selection,
)
from rpsg.privacy.noise import MarkedNoise
from rpsg.privacy.released import NextTokens, Performed, Released
from rpsg.privacy.sensitivity import selection_threshold
from rpsg.privacy.token_counts import Draw, require_same_division
from rpsg.privacy.token_log import TokenLog, draw_texts, drawn_under, token_file
from rpsg.privacy.token_sampling import RULE, TOKEN_SIGMA, References, division
from rpsg.privacy.write_ahead_log import JOURNAL_GONE, WriteAheadLog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rpsg.privacy.account import Account
    from rpsg.privacy.accounting import Budget, PlannedRelease
    from rpsg.privacy.exact_sums import Contributions
    from rpsg.privacy.private import Private
    from rpsg.protocols import NoiseSource


class Kernel:
    """Answers the planned queries of one run, each once, in the order of the plan.

    ``journal`` is a file in the private folder of the run, ``evidence`` a folder for the noisy vectors. With
    the same folders and plan it resumes where an earlier process stopped. ``tell`` receives a sentence,
    without anything private, for each charge beyond the plan.

    Raises:
        RunError: the folder belongs to another run or plan, its journal is missing, or another process works
            in it.
        BudgetError: the account has too little left for the plan, or holds charges for another unit.
    """

    def __init__(  # the parts of a run, all by name
        self,
        *,
        journal: Path,
        evidence: Path,
        budget: Budget,
        noise: NoiseSource,
        run_id: str,
        account: Account | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._private = private_dir(journal.parent)
        evidence.mkdir(parents=True, exist_ok=True)
        self._close = weakref.finalize(self, os.close, hold_lock(journal.with_suffix(".lock")))
        self._evidence, self._budget, self._noise = evidence, budget, noise
        self._run_id, self._account, self._tell = run_id, account, tell
        self._plan = budget.sha256()
        heading = {"run_id": run_id, "plan_sha256": self._plan, "noise": noise.name}
        self._done: list[Released] = []
        try:
            kept = self._kept()
            self._settle(kept)
            self._journal = WriteAheadLog(journal, heading, begun=bool(evidence_names(evidence))).open()
            self._reserve(kept)
        except BaseException:
            self._close()  # an error that is kept, as in a notebook, would keep the lock
            raise

    def close(self, *, give_back: bool = True) -> None:
        """Unlock the run folder, and end the reservation unless the run only waits. The reservation of a run
        that waits is kept until the run is resumed or `rpsg budget` returns it.
        """
        if give_back and self._close.alive and self._account is not None:
            with suppress(BudgetError):  # the budget then stays reserved, which is safe
                self._account.give_back(self._run_id)
        self._close()

    def _kept(self) -> dict[int, Evidence]:
        """The noisy vectors of this plan in the folder, by position; damaged ones are reported later."""
        kept = {}
        for seq in range(len(self._budget.releases)):
            with suppress(FileNotFoundError, ValueError):
                evidence = parse_evidence(evidence_file(self._evidence, seq).read_bytes())
                if (evidence.plan_sha256, evidence.seq) == (self._plan, seq):
                    kept[seq] = evidence
        return kept

    def _settle(self, kept: Mapping[int, Evidence]) -> None:
        """Charge each vector in the folder whose draw the account does not know."""
        if self._account is None:
            return
        known = self._account.knows(e.draw for e in kept.values())
        unknown = [e for e in kept.values() if e.draw not in known]
        for evidence in unknown:
            self._account.record(evidence.draw, self._run_id, evidence.stage, *self._cost(evidence.seq))
        if stages := ", ".join(e.stage for e in unknown):
            told = f"This folder has noisy answers for which the account {self._account.name!r} had no charge"
            self._tell(f"{told} ({stages}); they were charged to it now.")

    def _reserve(self, kept: Mapping[int, Evidence]) -> None:
        """Reserve what is not drawn yet."""
        if self._account is not None:
            every = range(len(self._budget.releases))
            missing = [self._cost(seq) for seq in every if seq not in kept and self._begun(seq) is None]
            self._account.reserve(self._run_id, *(math.fsum(cost[i] for cost in missing) for i in range(3)))

    def _begun(self, seq: int) -> str | None:
        """The paid draw under which tokens of this release were drawn before; None if there is none."""
        if self._budget.releases[seq].rule != RULE or seq not in self._journal.steps:
            return None
        draw = drawn_under(token_file(self._private, seq), self._plan)
        if draw not in self._journal.steps[seq].draws:
            return None
        return draw if self._account is None or self._account.knows([draw]) else None

    def _cost(self, seq: int) -> tuple[float, float, float]:
        """The cost of a draw at this position: mu squared, delta_fail, and mu squared under replace-one."""
        planned = self._budget.releases[seq]
        return planned.mu2(self._budget.adjacency), planned.delta_fail, planned.mu2("replace_one")

    @property
    def performed(self) -> Performed:
        """What has been released so far."""
        return Performed(self._budget, tuple(self._done), self._noise.name)

    def release(self, query: Query, contributions: Callable[[], Private[Contributions]]) -> IntArray:
        """The noisy histogram, or the noisy sum of bounded vectors, int64 of shape (dim,).

        ``contributions`` is called only if the answer was not drawn before.

        Raises:
            RunError: the query is not the next one of the plan, or not the one reserved before.
            PrivacyError: the rows break the contribution rule, or the plan's budget would be exceeded.
        """
        planned = self._planned(query)
        _require(planned.threshold is None and query.dim >= 1 and query.rule != RULE, query)

        def draw(noise: NoiseSource, name: str) -> Evidence:
            values = noisy_histogram(query, contributions(), noise)
            return Evidence(self._plan, self._seq, query.stage, name, values=tuple(values.tolist()))

        return self._once(query, planned, draw).histogram()

    def select(self, query: Query, delta_fail: float, items: Callable[[], Private[UnitItems]]) -> Selected:
        """The strings that pass the plan's threshold, with noisy counts. ``items`` as in ``release``.

        Raises:
            RunError: as in ``release``, or ``delta_fail`` differs from the plan.
            PrivacyError: as ``release``.
        """
        planned = self._planned(query)
        threshold = selection_threshold(query.sigma, query.k, delta_fail)
        _require((planned.threshold, planned.delta_fail, query.dim) == (threshold, delta_fail, 0), query)

        def draw(noise: NoiseSource, name: str) -> Evidence:
            found = noisy_selection(query, threshold, items(), noise)
            return Evidence(self._plan, self._seq, query.stage, name, items=tuple(found))

        return self._once(query, planned, draw).selected()

    def sample(
        self, query: Query, choices: NextTokens, references: Callable[[str], Private[References]]
    ) -> Texts:
        """``query.dim`` texts of at most k tokens, drawn token by token as ``token_sampling`` says.

        ``references`` gives the private rows, and is called only if the texts were not all drawn before. Its
        argument, the id of the draw, decides how the rows are divided among the texts: one charge, one
        division.

        Raises as ``release``, ``Account.draw_token`` and ``require_same_division``.
        """
        planned = self._planned(query)
        _require(query.rule == RULE and query.dim >= 1 and query.sigma <= TOKEN_SIGMA, query)

        def draw(_: NoiseSource, name: str) -> Evidence:
            begun = self._begun(self._seq)
            if begun is None:
                choices(0, ())  # so that a model without usable numbers fails before anything is charged
                token_file(self._private, self._seq).unlink(missing_ok=True)
                self._mark_draw(name, query.stage)
            rows = bounded_references(query, references(kept := begun or name))
            if (own := self._account) is not None:
                paid = Draw(kept, self._run_id, query.stage, *self._cost(self._seq)[::2])
                require_same_division(own.book, own.id, paid, rows.map(partial(division, query, self._plan)))
            log = TokenLog(token_file(self._private, self._seq), query.dim, query.k)
            log.open({"event": "begin", "plan_sha256": self._plan, "draw": kept})
            drawn = draw_texts(query, log, choices, rows, lambda text: self._mark_token(query, kept, text))
            return Evidence(self._plan, self._seq, query.stage, kept, texts=drawn)

        return self._once(query, planned, draw).sampled()

    def _mark_token(self, query: Query, name: str, text: int) -> None:
        """Count the next token; one beyond those that were charged is charged too, and reported."""
        mu2, _, replaced = self._cost(self._seq)
        again = Draw(secrets.token_hex(16), self._run_id, query.stage, mu2 / query.k, replaced / query.k)
        if self._account is not None and self._account.draw_token(name, text, query.k, again):
            self._journal.draw(self._seq, again.draw)
            told = f"A token of stage {query.stage} was drawn before, and is not in this folder"
            self._tell(f"{told}: one more token of every text is charged on top.")

    @property
    def _seq(self) -> int:
        return len(self._done)

    def _planned(self, query: Query) -> PlannedRelease:
        if self._seq >= len(self._budget.releases):
            raise PrivacyError(f"Stage {query.stage} is not in the plan: its budget is spent.")
        planned = self._budget.releases[self._seq]
        _require(Query.of(planned, query.what, query.dim) == query, query)
        spent = sum(q.mu2(self._budget.adjacency) for q in (*(r.query for r in self._done), query))
        if not spent <= self._budget.mu2 * (1.0 + 1e-12):
            raise PrivacyError(f"Stage {query.stage} would pass the plan's budget; nothing was released.")
        return planned

    def _once(
        self, query: Query, planned: PlannedRelease, draw: Callable[[NoiseSource, str], Evidence]
    ) -> Evidence:
        """The persisted answer, or a new one."""
        seq = self._seq
        path = evidence_file(self._evidence, seq)
        if path.exists() and seq not in self._journal.steps:
            early = f"The evidence of stage {query.stage} was there before it was drawn."
            raise RunError(early, hint=JOURNAL_GONE)
        step = self._journal.reserve(seq, query)
        if path.exists():
            evidence = read_back(path, (self._plan, seq, query.stage), step.sha256, step.draws)
        elif step.sha256 is not None:
            raise RunError(
                f"The evidence of stage {query.stage} is gone; drawing again would be a second release.",
                hint="Restore the evidence folder, or start a new run.",
            )
        else:
            name = secrets.token_hex(16)
            evidence = draw(MarkedNoise(self._noise, lambda: self._mark_draw(name, query.stage)), name)
            if evidence.draw not in step.draws:
                raise PrivacyError(f"Stage {query.stage} gave an answer without noise; it was not released.")
            write_evidence(self._evidence, evidence, self._private)
        sha256 = hashlib.sha256(evidence.to_bytes()).hexdigest()
        if step.sha256 is None:
            self._journal.commit(seq, sha256)
        self._done.append(Released(seq, query, planned, sha256))
        return evidence

    def _mark_draw(self, name: str, stage: str) -> None:
        """Charge the next draw and log it; a second draw for one answer is reported."""
        if self._account is not None and self._account.charge(
            name, self._run_id, stage, *self._cost(self._seq)
        ):
            told = f"The noise of stage {stage} was drawn before, and that answer is not in this folder"
            self._tell(f"{told}. It is drawn again, and the account is charged for this draw too.")
        self._journal.draw(self._seq, name)


def _require(as_planned: bool, query: Query) -> None:
    if not as_planned:
        raise RunError(
            f"Stage {query.stage} is not what the plan holds at this place.",
            hint="Releases follow the plan: same order, rule, bounds and noise.",
        )
