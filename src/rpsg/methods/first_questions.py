"""All that strict mode may ask the private data before it has drafts: how many people there are, and the
counts for cards. The level of detail of these counts follows from the noisy number of people. Shards are
asked once, before that number is known, so they count at every possible level of detail. Only one of these
counts is released, with noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.methods.dp_steps import cards_query, size_query
from rpsg.methods.questions import CardCounts, Headcount
from rpsg.stages.levels import every_level, thinned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.domains import Pack
    from rpsg.methods.written_questions import Asked
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.stages.annotate import Landmarks


def first_questions(
    plan: Plan, pack: Pack, budget: Budget, landmarks: Mapping[str, Landmarks]
) -> tuple[Asked, ...]:
    """The queries that a run of this plan may make before it has drafts, with their questions."""
    whole, sigma = plan.data.added_to(pack), budget.release("cards").sigma
    people = plan.privacy.n_public
    packs = every_level(whole, sigma) if people is None else (thinned(whole, people, sigma),)
    cards = ((cards_query(budget, level), CardCounts(level, landmarks)) for level in packs)
    return (*(((size_query(budget), Headcount()),) if people is None else ()), *cards)
