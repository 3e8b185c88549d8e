"""What each stage of strict and split mode spends, and whether that can work: public numbers only."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rpsg.errors import InfeasibleError, UsageError
from rpsg.privacy.accounting import Budget, StagePlan, calibrate, max_candidates
from rpsg.stages.levels import LOWER_END, fewest_people, safe_size
from rpsg.stages.partition import listed
from rpsg.stages.sketch import LENGTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import PlannedRelease

#: How far, in standard deviations, the number of voters after a secret draw may fall below its mean: further
#: once in a million.
FEWEST_DRAWN = 4.76
#: Fewer candidates than this are not worth a vote.
MINIMUM_POOL = 20


def strict_stages(plan: Plan, pack: Pack) -> list[StagePlan]:
    """The stages of a strict run that read private data, their rules, and their shares made to sum to one."""
    shares, c = plan.privacy.shares, plan.records_per_unit
    stages = []
    if plan.privacy.n_public is None:
        stages.append(StagePlan("size", shares.size, "S1_unit_count", dim=1))
    if plan.data.label is not None and not plan.data.labels:  # values that nobody declared must be found
        stages.append(StagePlan("labels", shares.labels, "S3_k_items_per_unit", k=c, selects=True))
    k_cards = len(pack.marginals) + (plan.data.label is not None) + len(plan.data.columns)
    stages.append(StagePlan("cards", shares.cards, "S2_one_cell", k=k_cards, c=c))
    if shares.keyphrases:
        k = plan.method.phrases_per_record
        stages.append(StagePlan("keyphrases", shares.keyphrases, "S3_k_items_per_unit", k=k, selects=True))
    if plan.method.select == "votes":
        stages.append(_votes_of(plan))
    else:  # one sum of vectors: the length bounds what a person adds, however many rows they have
        stages.append(StagePlan("sketch", shares.sketch, "S6_bounded_vector", w=LENGTH, c=c))
    if not stages[-1].share:
        raise UsageError(
            f"The share of {stages[-1].stage} is 0, and nothing else decides which texts are released.",
            hint=f"Set [privacy.shares] {stages[-1].stage}, or [method] select.",
        )
    return _normalised([s for s in stages if s.share > 0])


def _votes_of(plan: Plan) -> StagePlan:
    method = plan.method
    return StagePlan(
        "votes",
        plan.privacy.shares.votes,
        "S4_k_votes",
        k=method.votes_per_record,
        c=plan.records_per_unit,
        rounds=method.rounds,
    )


def _normalised(stages: Sequence[StagePlan]) -> list[StagePlan]:
    total = math.fsum(s.share for s in stages)
    return [replace(s, share=s.share / total) for s in stages]


def budget_for(plan: Plan, stages: Sequence[StagePlan]) -> Budget:
    """The noise of these stages, so that the whole costs at most the plan's (epsilon, delta)."""
    privacy = plan.privacy
    return calibrate(privacy.epsilon, privacy.delta, stages, adjacency=privacy.adjacency)


def strict_budget(plan: Plan, pack: Pack) -> Budget:
    """The noise of every stage of a strict run."""
    return budget_for(plan, strict_stages(plan, pack))


def split_budget(plan: Plan, pack: Pack) -> Budget:  # noqa: ARG001  # the signature of all budgets
    """The noise of the queries to the voters."""
    votes, size = _votes_of(plan), StagePlan("size", plan.privacy.shares.size, "S1_unit_count", dim=1)
    return budget_for(plan, _normalised([size, votes] if plan.privacy.n_public is None else [votes]))


def split_voters(plan: Plan) -> int | None:
    """How many people can vote in split mode by ``n_public``; None where they are counted with noise.

    ``n_public`` counts everybody. The donors are subtracted: those on the list, or the number that a secret
    draw exceeds with a probability of one in a million.

    Raises:
        UsageError: the list of donors cannot be read.
    """
    people = plan.privacy.n_public
    if people is None:
        return None
    if plan.split.donor_list:
        return max(0, people - len(listed(plan)))
    share = plan.split.donors
    margin = FEWEST_DRAWN * math.sqrt(people * share * (1 - share))
    return max(0, math.floor(people * (1 - share) - margin))


def votes_stage(plan: Plan, round_number: int) -> str:
    return "votes" if plan.method.rounds == 1 else f"votes[{round_number}]"


def pool_size(plan: Plan) -> int:
    """How many candidates to write: more to choose from is better, however few people there are."""
    return math.ceil(plan.corpus.size * plan.method.oversample)


def plans_votes(budget: Budget) -> bool:
    """Whether candidates are voted for."""
    return any(release.stage.partition("[")[0] == "votes" for release in budget.releases)


def first_votes(budget: Budget) -> PlannedRelease:
    """The first vote of a budget with votes; the others have the same noise."""
    return next(r for r in budget.releases if r.stage.partition("[")[0] == "votes")


def voted_apart(plan: Plan, n: int, budget: Budget) -> int:
    """How many of the candidates n votes can tell apart, for a budget with votes; 0 for too few people."""
    votes = first_votes(budget)
    return min(pool_size(plan), max_candidates(n * votes.k, votes.sigma))


def smallest_size(plan: Plan, pack: Pack, budget: Budget) -> int:
    """The smallest number of people (in split mode: of voters) from which something can be learnt.

    Where they are counted with noise there must be more: the lower end of the count is used, which may lie up
    to twice its margin below the truth.
    """
    if not knows_its_people(budget):
        return 1
    cards = fewest_people(pack, budget.release("cards").sigma) if counts_cards(budget) else 1
    votes = fewest_voters(plan, budget) if plans_votes(budget) else 1
    return max(cards + _counting_margin(budget), votes)


def knows_its_people(budget: Budget) -> bool:
    """Whether the budget has a query whose need for people is known here."""
    return counts_cards(budget) or plans_votes(budget)


def fewest_voters(plan: Plan, budget: Budget) -> int:
    """The smallest number of voters whose votes tell a useful number of candidates apart."""
    vote = first_votes(budget)
    return math.ceil(2 * _least_pool(plan) * vote.sigma / vote.k) + 1 + _counting_margin(budget)


def _counting_margin(budget: Budget) -> int:
    return math.ceil(2 * LOWER_END * budget.release("size").sigma) + 1 if counts_people(budget) else 0


def _least_pool(plan: Plan) -> int:
    """The fewest candidates that are worth a vote."""
    return min(MINIMUM_POOL, plan.corpus.size)


def counts_people(budget: Budget) -> bool:
    """Whether the people are counted with noise: not where their number is declared, or is not needed."""
    return any(release.stage == "size" for release in budget.releases)


def counts_cards(budget: Budget) -> bool:
    """Whether the schema is counted: in split mode voters only vote."""
    return any(release.stage == "cards" for release in budget.releases)


def check_declared(plan: Plan, pack: Pack, budget: Budget | None, n: int | None) -> None:
    """Check, before anything is read or spent, that something can be learnt from ``n`` people, as declared.

    Where people are counted with noise nothing can be checked yet, and a run with few of them still ends with
    a release.

    Raises:
        InfeasibleError: nothing can be learnt; it says what to do instead.
    """
    if budget is not None and n is not None:
        check_people(plan, plan.data.added_to(pack), n, budget)


def check_people(plan: Plan, pack: Pack, n: int, budget: Budget) -> None:
    """InfeasibleError, with the ways out, when noise outweighs what ``n`` people say."""
    if not is_too_few(plan, pack, n, budget):
        return
    fewest, who = smallest_size(plan, pack, budget), _who(budget)
    why = "outweighs what they write about" if _is_unfilled(pack, n, budget) else "outweighs their votes"
    raise InfeasibleError(
        f"At epsilon {plan.privacy.epsilon:g} the noise that protects so few {who} ({n:,}) {why}.",
        hint=f"Use --method floor, which reads no private text and costs nothing; or wait until there are at "
        f"least {fewest:,} {who}, pool your data with others', or raise --epsilon.",
    )


def is_too_few(plan: Plan, pack: Pack, n: int, budget: Budget) -> bool:
    """Whether the noise outweighs what ``n`` people write about, or their votes if they vote."""
    unheard = plans_votes(budget) and voted_apart(plan, n, budget) < _least_pool(plan)
    return unheard or _is_unfilled(pack, n, budget)


def _is_unfilled(pack: Pack, n: int, budget: Budget) -> bool:
    return counts_cards(budget) and n < fewest_people(pack, budget.release("cards").sigma)


def _who(budget: Budget) -> str:
    return "people" if counts_cards(budget) else "voters"


def noise_decides(plan: Plan, pack: Pack, budget: Budget | None, counted: int | None) -> bool:
    """Whether noise outweighs what people say, by their noisy number; False without one."""
    size = next((r for r in budget.releases if r.stage == "size"), None) if budget is not None else None
    if budget is None or size is None or counted is None:
        return False
    n = safe_size(counted, size.sigma)
    return is_too_few(plan, plan.data.added_to(pack), n, budget)


def about_few_people(plan: Plan, pack: Pack, budget: Budget | None) -> str:
    """What to say before a run that counts its people with noise; empty for any other run, and for a method
    of another package, whose need for people is not known here.
    """
    if budget is None or plan.privacy.n_public is not None or not knows_its_people(budget):
        return ""
    fewest = smallest_size(plan, plan.data.added_to(pack), budget)
    warned = (
        f"With fewer than {fewest:,} {_who(budget)} the noise outweighs what they say: the budget is spent "
        "on texts about as good as those of --method floor, which costs nothing. Wait for more, pool your "
        "data with others', or raise --epsilon."
    )
    if not counts_people(budget):
        return warned
    return (
        f"{warned} If their number is public, give it with --n-public: a plan that cannot work is then "
        "refused before anything is spent."
    )
