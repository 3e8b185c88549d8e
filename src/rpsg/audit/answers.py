"""What each canary adds (or would add) to the noisy answers of a run, and what is left of these answers when
the contributions of everybody else are subtracted.

A release has its noisy answers in its evidence, so that ``rpsg verify`` can repeat the choice of texts. An
attacker who knows the rows of everybody but the canaries can subtract what these rows add. What remains is
what the planted canaries add, and the noise. To compute it, the run is repeated with all canaries, planted or
not. Every question of the run whose answer is a histogram or a sum is attacked in this way. Strings that
passed a threshold, and tokens, stay as they were drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from rpsg.audit.attacks import NEEDS
from rpsg.errors import RpsgError, RunError
from rpsg.methods.named import method_of
from rpsg.pipeline.models_of_run import failed_texts
from rpsg.pipeline.people import bounds_of
from rpsg.pipeline.planting import kept_canaries, planted_among
from rpsg.pipeline.verification.repeating import WritesNothing, repeat
from rpsg.privacy.evidence import evidence_file, parse_evidence
from rpsg.privacy.exact_sums import exact_sum
from rpsg.privacy.histogram import RowCells
from rpsg.privacy.private import Private, open_private
from rpsg.privacy.vector_sum import BoundedVectors
from rpsg.protocols import Silent
from rpsg.stages.canaries import Canaries
from rpsg.stages.contributions import People, unit_numbers
from rpsg.storage.cached_writer import CachedWriter
from rpsg.storage.failed_requests import SettledWriter
from rpsg.storage.public_vectors import PublicVectors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from rpsg.engines.base import Engine, Question
    from rpsg.methods.base import Tools
    from rpsg.plan import Plan
    from rpsg.privacy.evidence import Evidence, Selected, Texts
    from rpsg.privacy.exact_sums import Contributions, ExactSum
    from rpsg.privacy.histogram import IntArray, Query
    from rpsg.privacy.mechanisms import UnitItems
    from rpsg.privacy.released import NextTokens
    from rpsg.privacy.token_sampling import References
    from rpsg.protocols import Classifier, Progress
    from rpsg.records import PrivateCorpus
    from rpsg.storage.call_store import CallStore
    from rpsg.storage.run_folder import RunFolder

Floats = npt.NDArray[np.float64]
#: The attacks that need them.
NAMES = frozenset(name for name, need in NEEDS.items() if need == "answers")


@dataclass(frozen=True)
class AnswerNoise:
    """The noise of one answer, in units of what the ledger states.

    ``square`` is the sum of the squares of its ``entries``; half a step is added to the size of each entry,
    so that none is smaller than before rounding. ``added`` (canaries,) are the squares of the lengths of what
    each canary adds, or would add, to this answer.
    """

    entries: int
    square: float
    added: Floats = field(repr=False)


@dataclass(frozen=True)
class CanaryAnswers:
    """Noisy answers as the canaries see them; every number is in units of the noise that the ledger states.

    ``added`` (canaries, canaries) has the inner products of what two canaries add to all answers together.
    ``shown`` (canaries,) has, for each canary, the inner product of what it adds with the answers. What
    everybody but the canaries adds was subtracted from the answers before, so ``shown`` is ``added`` times
    the coins, plus noise. The covariance of that noise is ``added`` if the noise of the answers is as the
    ledger states. ``noise`` is that of each answer, which remains if the planted canaries are subtracted too.
    """

    added: Floats = field(repr=False)
    shown: Floats = field(repr=False)
    noise: tuple[AnswerNoise, ...] = ()

    def with_noise_times(self, part: float, is_in: npt.NDArray[np.bool_]) -> CanaryAnswers:
        """The same answers with ``part`` of their noise, for a control."""
        exact = self.added @ is_in
        less = tuple(replace(each, square=part**2 * each.square) for each in self.noise)
        return replace(self, shown=exact + part * (self.shown - exact), noise=less)


def answers_of(
    folder: RunFolder, plan: Plan, corpus: Private[PrivateCorpus], tools: tuple[Tools, Tools]
) -> CanaryAnswers | None:
    """The answers of the run in ``folder``, which read ``corpus``; None if none is a histogram or a sum.

    ``tools`` are the models that read private rows, and those that read public texts.

    Raises:
        RpsgError: the run cannot be repeated here.
    """
    drawn = kept_canaries(folder.vault)
    everyone = Canaries(drawn.canaries, (True,) * len(drawn.canaries))
    most, words = bounds_of(plan, bounded=method_of(plan).budget is not None)
    asking = _Asking(folder.evidence, np.array(drawn.is_in, np.bool_), tools[0].sentiment)

    def asked(used: Private[PrivateCorpus]) -> tuple[People, Engine]:
        rows = used.map(lambda corpus: planted_among(corpus, everyone, plan, folder.key))
        asking.people = People(
            lambda: rows,
            max_records=most,
            passage_words=words,
            key=folder.key,
            embedder=tools[0].embedder,
            progress=Silent(),
        )
        return asking.people, asking

    repeat(folder, plan, corpus, tools, asking, Silent(), asked)
    return CanaryAnswers(asking.added, asking.shown, tuple(asking.noise)) if asking.noise else None


def if_asked(
    attacks: Collection[str],
    plan: Plan,
    make: Callable[[], CanaryAnswers | None],
    progress: Progress,
    *,
    has_canaries: bool = True,
) -> tuple[CanaryAnswers | None, tuple[str, ...]]:
    """The result of ``make`` if ``attacks`` (by default all) include one that reads it, the plan has a budget
    for noisy answers, and there are canaries; otherwise None. If the run cannot be repeated, a note for the
    report says why.
    """
    if not has_canaries or method_of(plan).budget is None or (attacks and NAMES.isdisjoint(attacks)):
        return None, ()
    progress.start("compute what canaries add to the noisy answers")
    try:
        return make(), ()
    except RpsgError as error:
        return None, (f"The noisy answers were not attacked: {error.message}",)


def tools_of_unreleased(folder: RunFolder, plan: Plan, tools: Tools, calls: CallStore) -> tuple[Tools, Tools]:
    """The models of a run without a release, for ``answers_of``: its writer's replies are in ``calls``."""
    kept = CachedWriter(WritesNothing(tools.writer.name), calls)
    public = replace(tools, writer=SettledWriter(kept, failed_texts(folder, calls), calls.key_of))
    if not method_of(plan).has_seeds:
        public = replace(public, embedder=PublicVectors(tools.embedder))
    return tools, public


class _Asking:
    """Takes the place of kernel and engine: answers as the run did, and notes what canaries add.

    ``people`` are those who are asked; their last rows are those of the canaries.
    """

    people: People

    def __init__(self, evidence: Path, is_in: npt.NDArray[np.bool_], sentiment: Classifier) -> None:
        self._folder, self._seq, self._is_in, self._sentiment = evidence, 0, is_in, sentiment
        self.added, self.shown = np.zeros((len(is_in), len(is_in))), np.zeros(len(is_in))
        self.noise: list[AnswerNoise] = []

    def exact_sum(self, query: Query, question: Question) -> Private[ExactSum]:
        """The contributions themselves: ``release`` accepts them in place of their exact sum."""
        del query
        return cast("Private[ExactSum]", question.contributions(self.people, self._sentiment))

    def release(self, query: Query, contributions: Callable[[], Private[Contributions]]) -> IntArray:
        noisy = self._next(query).histogram()
        rows = open_private(contributions())
        if not isinstance(rows, (RowCells, BoundedVectors)):
            raise RunError(
                f"Stage {query.stage} cannot be attacked: it gives a sum, not what each person contributed."
            )
        canary_of = self._canaries()
        owner = np.array([canary_of.get(unit, -1) for unit in rows.units.tolist()], np.int64)
        own = np.stack([_sum(query, rows, owner == i) for i in range(len(self.shown))])
        beyond = noisy / query.sigma - _sum(query, rows, owner < 0)
        left = np.abs(beyond - own[self._is_in].sum(axis=0)) + 0.5 / query.sigma
        self.added += own @ own.T
        self.shown += own @ beyond
        self.noise.append(AnswerNoise(len(left), float(left @ left), (own**2).sum(axis=1)))
        return noisy

    def select(
        self,
        query: Query,
        delta_fail: float,  # noqa: ARG002  # they were drawn already
        items: Callable[[], Private[UnitItems]],  # noqa: ARG002  # they were drawn already
    ) -> Selected:
        return self._next(query).selected()

    def sample(
        self,
        query: Query,
        choices: NextTokens,  # noqa: ARG002  # they were drawn already
        references: Callable[[str], Private[References]],  # noqa: ARG002  # they were drawn already
    ) -> Texts:
        return self._next(query).sampled()

    def _canaries(self) -> dict[int, int]:
        """The index of the canary, by unit, for those units that are canaries."""
        rows = open_private(self.people.rows)
        first = max(row.id for row in rows) + 1 - len(self.shown)
        units = unit_numbers(rows).tolist()
        return {unit: row.id - first for unit, row in zip(units, rows, strict=True) if row.id >= first}

    def _next(self, query: Query) -> Evidence:
        evidence = parse_evidence(evidence_file(self._folder, self._seq).read_bytes())
        self._seq += 1
        if evidence.stage != query.stage:
            raise RunError(f"At this point the run did not release the stage {query.stage}.")
        return evidence


def _sum(query: Query, rows: RowCells | BoundedVectors, chosen: npt.NDArray[np.bool_]) -> Floats:
    """What the people of these rows add to an answer together, in units of its noise; shape (dim,)."""
    which = np.flatnonzero(chosen)
    some: Contributions
    if isinstance(rows, RowCells):
        some = RowCells(rows.units[which], rows.cells[which])
    else:
        some = BoundedVectors(rows.units[which], lambda block: rows.vectors(which[block]))
    whole: Floats = open_private(exact_sum(query, Private(some))).values / query.sigma
    return whole
