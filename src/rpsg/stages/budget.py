"""What strict mode will spend where, and whether that can work at all: public numbers only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rpsg.errors import InfeasibleError
from rpsg.privacy.accounting import Budget, StagePlan, calibrate, max_candidates, max_cells
from rpsg.stages.cards import shapes

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.plan import Plan

#: How far below its true value a noisy count may lie, in standard deviations: once in a million.
LOWER_END = 4.76
#: Fewer candidates than this are not worth a vote.
MINIMUM_POOL = 20


def strict_stages(plan: Plan, pack: Pack) -> list[StagePlan]:
    """The stages of a strict run that read private data, their rules, and their shares made to sum to one."""
    shares, c = plan.privacy.shares, plan.records_per_unit
    k_cards = len(pack.marginals) + (1 if _finds_labels(plan) else 0)
    stages = [
        StagePlan("cards", shares.cards, "S2_one_cell", k=k_cards, c=c),
        StagePlan(
            "votes",
            shares.votes,
            "S4_k_votes",
            k=plan.method.votes_per_record,
            c=c,
            rounds=plan.method.rounds,
        ),
    ]
    if plan.privacy.n_public is None:
        stages.insert(0, StagePlan("size", shares.size, "S1_unit_count", dim=1))
    if _finds_labels(plan):
        stages.insert(-2, StagePlan("labels", shares.labels, "S3_k_items_per_unit", k=c, selects=True))
    if shares.keyphrases:
        k = plan.method.phrases_per_record
        stages.insert(-1, StagePlan("keyphrases", shares.keyphrases, "S3_k_items_per_unit", k=k, selects=True))
    return _normalised([s for s in stages if s.share > 0])


def _finds_labels(plan: Plan) -> bool:
    """Whether label values must be found in the data, because nobody declared them."""
    return plan.data.label is not None and not plan.data.labels


def _normalised(stages: Sequence[StagePlan]) -> list[StagePlan]:
    total = math.fsum(s.share for s in stages)
    return [
        StagePlan(s.stage, s.share / total, s.rule, s.k, s.w, s.c, s.rounds, s.selects, s.dim) for s in stages
    ]


def strict_budget(plan: Plan, pack: Pack) -> Budget:
    """The noise of every stage, so that the whole costs at most the plan's (epsilon, delta)."""
    privacy = plan.privacy
    return calibrate(
        privacy.epsilon, privacy.delta, strict_stages(plan, pack), adjacency=privacy.adjacency
    )


def safe_size(noisy: float, sigma: float) -> int:
    """A lower bound for the number of units, from its noisy count (used for sizing, never for a claim)."""
    return max(0, math.floor(noisy - LOWER_END * sigma - 0.5))


def votes_stage(plan: Plan, round_number: int) -> str:
    return "votes" if plan.method.rounds == 1 else f"votes[{round_number}]"


def pool_size(plan: Plan, n: int, budget: Budget) -> int:
    """How many candidates to write: as many as the plan asks for, and as n votes can tell apart."""
    wanted = math.ceil(plan.corpus.size * plan.method.oversample)
    return min(wanted, max_candidates(n * plan.method.votes_per_record, budget.release(votes_stage(plan, 0)).sigma))


def smallest_size(plan: Plan, pack: Pack, budget: Budget) -> int:
    """The smallest number of people for which this schema and epsilon make sense."""
    largest = max(math.prod(shape) for shape in shapes(pack))
    cards = math.ceil(largest * 0.399 * budget.release("cards").sigma / 0.2)
    votes = math.ceil(2 * MINIMUM_POOL * budget.release(votes_stage(plan, 0)).sigma)
    return max(cards, votes) + 1


def check_feasible(plan: Plan, pack: Pack, n: int, budget: Budget) -> None:
    """InfeasibleError when noise would drown the counts, with the change that helps most."""
    sigma = budget.release("cards").sigma
    allowed = max_cells(n, sigma)
    largest = max(pack.marginals, key=lambda group: _cells_of(pack, group))
    if _cells_of(pack, largest) > allowed:
        raise InfeasibleError(
            f"The schema is too large for this many people at epsilon {plan.privacy.epsilon:g}: the marginal "
            f"{' x '.join(largest)} has {_cells_of(pack, largest)} cells, and noise leaves room for {allowed}.",
            hint=f"Take {largest[-1]!r} out of that marginal or shorten its list of values, raise --epsilon, "
            f"or bring at least {smallest_size(plan, pack, budget)} people.",
        )
    if pool_size(plan, n, budget) < MINIMUM_POOL:
        raise InfeasibleError(
            f"At epsilon {plan.privacy.epsilon:g} the votes of so few people cannot tell "
            f"{MINIMUM_POOL} candidates apart.",
            hint=f"Raise --epsilon, or bring at least {smallest_size(plan, pack, budget)} people.",
        )


def _cells_of(pack: Pack, group: Sequence[str]) -> int:
    return math.prod(len(pack.attribute(name).values) for name in group)
