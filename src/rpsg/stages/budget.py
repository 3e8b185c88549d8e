"""What strict and split mode will spend where, and whether that can work at all: public numbers only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rpsg import registry
from rpsg.errors import InfeasibleError
from rpsg.privacy.accounting import Budget, StagePlan, calibrate, max_candidates, max_cells
from rpsg.stages.partition import listed
from rpsg.stages.sketch import LENGTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack
    from rpsg.plan import Plan

#: How far below its true value a noisy count may lie, in standard deviations: once in a million.
LOWER_END = 4.76
#: Fewer candidates than this are not worth a vote.
MINIMUM_POOL = 20
#: Mean of max(noise, 0) in an empty cell, in sigmas; and the share of n that such noise may make up.
NOISE_PER_CELL, NOISE_SHARE = 0.399, 0.2


def strict_stages(plan: Plan, pack: Pack) -> list[StagePlan]:
    """The stages of a strict run that read private data, their rules, and their shares made to sum to one."""
    shares, c = plan.privacy.shares, plan.records_per_unit
    stages = []
    if plan.privacy.n_public is None:
        stages.append(StagePlan("size", shares.size, "S1_unit_count", dim=1))
    if _finds_labels(plan):
        stages.append(StagePlan("labels", shares.labels, "S3_k_items_per_unit", k=c, selects=True))
    k_cards = len(pack.marginals) + (plan.data.label is not None)
    stages.append(StagePlan("cards", shares.cards, "S2_one_cell", k=k_cards, c=c))
    if shares.keyphrases:
        k = plan.method.phrases_per_record
        stages.append(StagePlan("keyphrases", shares.keyphrases, "S3_k_items_per_unit", k=k, selects=True))
    stages.append(_votes_of(plan) if plan.method.select == "votes" else _sketch_of(plan))
    return _normalised([s for s in stages if s.share > 0])


def _sketch_of(plan: Plan) -> StagePlan:
    """One sum of vectors: what a person adds is bounded by its length, however many rows there are."""
    return StagePlan(
        "sketch", plan.privacy.shares.sketch, "S6_bounded_vector", w=LENGTH, c=plan.records_per_unit
    )


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


def split_stages(plan: Plan) -> list[StagePlan]:
    """The stages of a split run that ask the voters."""
    shares, votes = plan.privacy.shares, _votes_of(plan)
    size = StagePlan("size", shares.size, "S1_unit_count", dim=1)
    return _normalised([size, votes] if plan.privacy.n_public is None else [votes])


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
    return calibrate(privacy.epsilon, privacy.delta, strict_stages(plan, pack), adjacency=privacy.adjacency)


def split_budget(plan: Plan, pack: Pack) -> Budget:  # noqa: ARG001  # the face of all budgets
    """The noise of the questions to the voters, for at most the plan's (epsilon, delta) in all."""
    privacy = plan.privacy
    return calibrate(privacy.epsilon, privacy.delta, split_stages(plan), adjacency=privacy.adjacency)


def safe_size(noisy: float, sigma: float) -> int:
    """A lower bound for the number of units, from its noisy count (used for sizing, never for a claim)."""
    return max(0, math.floor(noisy - LOWER_END * sigma - 0.5))


def declared_voters(plan: Plan) -> int | None:
    """How many people can vote by the plan's ``n_public``; None where they are counted with noise.

    ``n_public`` counts everybody. In split mode some of them are donors: at the most those on the list, or
    as many as a secret draw takes but once in a million.

    Raises:
        UsageError: the list of donors cannot be read.
    """
    people = plan.privacy.n_public
    if people is None or registry.method(plan.method.name).reads != "donors":
        return people
    if plan.split.donor_list:
        return max(0, people - len(listed(plan)))
    share = plan.split.donors
    margin = LOWER_END * math.sqrt(people * share * (1 - share))
    return max(0, math.floor(people * (1 - share) - margin))


def votes_stage(plan: Plan, round_number: int) -> str:
    return "votes" if plan.method.rounds == 1 else f"votes[{round_number}]"


def pool_size(plan: Plan, n: int, budget: Budget) -> int:
    """How many candidates to write: as many as the plan asks for, and as n votes can tell apart.

    However few people were counted, it is enough for a vote: what is spent on it is spent in any case.
    """
    if not counts_votes(budget):
        return math.ceil(plan.corpus.size * plan.method.oversample)
    apart = voted_apart(plan, n, budget)
    return apart if plan.privacy.n_public is not None else max(apart, _least_pool(plan))


def voted_apart(plan: Plan, n: int, budget: Budget) -> int:
    """How many of the candidates that the plan asks for n votes can tell apart; 0 for too few people."""
    wanted = math.ceil(plan.corpus.size * plan.method.oversample)
    return min(
        wanted, max_candidates(n * plan.method.votes_per_record, budget.release(votes_stage(plan, 0)).sigma)
    )


def smallest_size(plan: Plan, pack: Pack, budget: Budget) -> int:
    """The smallest number of people for which this schema and epsilon make sense.

    People who are counted with noise must be more: what is used is the safe lower end of the count, which
    lies up to twice its margin below the truth (but once in a million).
    """
    cards = math.ceil(_fewest_cells(pack) * NOISE_PER_CELL * budget.release("cards").sigma / NOISE_SHARE)
    voters = fewest_voters(plan, budget) if counts_votes(budget) else 0
    return max(cards + 1 + _counting_margin(plan, budget), voters)


def fewest_voters(plan: Plan, budget: Budget) -> int:
    """The smallest number of voters whose votes tell a useful number of candidates apart."""
    wanted, sigma = _least_pool(plan), budget.release(votes_stage(plan, 0)).sigma
    votes = math.ceil(2 * wanted * sigma / plan.method.votes_per_record)
    return votes + 1 + _counting_margin(plan, budget)


def _counting_margin(plan: Plan, budget: Budget) -> int:
    counted = plan.privacy.n_public is None
    return math.ceil(2 * LOWER_END * budget.release("size").sigma) + 1 if counted else 0


def _least_pool(plan: Plan) -> int:
    """The fewest candidates that are worth a vote."""
    return min(MINIMUM_POOL, plan.corpus.size)


def counts_cards(budget: Budget) -> bool:
    """Whether the schema is counted: in split mode voters are asked for votes alone."""
    return any(release.stage == "cards" for release in budget.releases)


def counts_votes(budget: Budget) -> bool:
    """Whether votes choose the texts: elsewhere their number has no limit."""
    return any(release.stage.startswith("votes") for release in budget.releases)


def _fewest_cells(pack: Pack) -> int:
    """Cells of the largest marginal when everything is thinned out that can be without losing an attribute.

    Marginals are thinned by size, so one that must stay whole keeps every smaller one whole too.
    """
    sizes = sorted({_cells_of(pack, part) for group in pack.marginals for part in (group, group[:1])})
    everything = {name for group in pack.marginals for name in group}
    for allowed in sizes:
        kept = _kept(pack, allowed)
        if {name for group in kept for name in group} == everything and _largest(pack, kept) <= allowed:
            return allowed
    return sizes[-1]


def _kept(pack: Pack, allowed: int) -> tuple[tuple[str, ...], ...]:
    """Each marginal whole if it has at most so many cells, else by its first attribute alone."""
    return tuple(group if _cells_of(pack, group) <= allowed else group[:1] for group in pack.marginals)


def _largest(pack: Pack, groups: Sequence[Sequence[str]]) -> int:
    return max(_cells_of(pack, group) for group in groups)


def thinned(pack: Pack, n: int, sigma: float) -> Pack:
    """The pack with only those attributes counted together that ``n`` people can fill.

    A marginal with more cells than the noise leaves room for is counted by its first attribute alone, as long
    as every attribute is still counted somewhere. The number of marginals stays, so the plan of the budget
    holds; what it depends on is public or paid for.
    """
    return pack.model_copy(update={"marginals": _kept(pack, max(max_cells(n, sigma), _fewest_cells(pack)))})


def check_declared(plan: Plan, pack: Pack, budget: Budget | None) -> None:
    """See, before anything is read or spent, that a declared number of people can carry the plan.

    Where people are counted with noise there is nothing to see yet, and a run with few of them still ends
    with a release.

    Raises:
        InfeasibleError: they cannot; it says what to change.
    """
    n = declared_voters(plan) if budget is not None else None
    if budget is not None and n is not None:
        check_people(plan, pack.with_label(plan.data.label_values), n, budget)


def check_people(plan: Plan, pack: Pack, n: int, budget: Budget) -> None:
    """InfeasibleError, with what to change, when ``n`` people cannot fill the schema or carry the votes."""
    if counts_cards(budget):
        _check_cells(pack, n, budget.release("cards").sigma)
    if counts_votes(budget) and voted_apart(plan, n, budget) < _least_pool(plan):
        cards = counts_cards(budget)
        fewest = smallest_size(plan, pack, budget) if cards else fewest_voters(plan, budget)
        who = "people" if cards else "voters"
        raise InfeasibleError(
            f"At epsilon {plan.privacy.epsilon:g} the votes of so few {who} cannot tell "
            f"{_least_pool(plan)} candidates apart.",
            hint=f"Raise --epsilon, or bring at least {fewest} {who}.",
        )


def _check_cells(pack: Pack, n: int, sigma: float) -> None:
    allowed = max_cells(n, sigma)
    kept = _kept(pack, allowed)
    counted = {name for group in kept for name in group}
    lost = [name for group in pack.marginals for name in group if name not in counted]
    if lost or _largest(pack, kept) > allowed:
        widest = max((g for g in pack.marginals), key=lambda g: len(pack.attribute(g[0]).values))[0]
        raise InfeasibleError(
            f"The schema is too large for this many people: noise leaves room for {allowed} cells in a "
            f"histogram, and the attribute {lost[0] if lost else widest!r} cannot be counted.",
            hint="Shorten its list of values in a copy of the pack, raise --epsilon, or bring more people.",
        )


def is_too_few(plan: Plan, pack: Pack, n: int, budget: Budget) -> bool:
    """Whether the noise outweighs what ``n`` people say: about the schema, or with their votes."""
    cells = max_cells(n, budget.release("cards").sigma) if counts_cards(budget) else 0
    unfilled = counts_cards(budget) and _fewest_cells(pack) > cells
    return unfilled or (counts_votes(budget) and voted_apart(plan, n, budget) < _least_pool(plan))


def noise_decides(plan: Plan, pack: Pack, budget: Budget | None, counted: int | None) -> bool:
    """Whether the noisy number of people, if there is one, is so small that noise outweighs what they say."""
    size = next((r for r in budget.releases if r.stage == "size"), None) if budget is not None else None
    if budget is None or size is None or counted is None:
        return False
    n = safe_size(counted, size.sigma)
    return is_too_few(plan, pack.with_label(plan.data.label_values), n, budget)


def about_few_people(plan: Plan, pack: Pack, budget: Budget | None) -> str:
    """What a run that counts its people with noise has to be told before; empty for any other run."""
    if budget is None or plan.privacy.n_public is not None:
        return ""
    cards = counts_cards(budget)
    pack = pack.with_label(plan.data.label_values)
    fewest = smallest_size(plan, pack, budget) if cards else fewest_voters(plan, budget)
    who = "people" if cards else "voters"
    return (
        f"With fewer than {fewest:,} {who} the noise outweighs what they say: the budget is spent on texts "
        "about as good as those of --method floor, which costs nothing. A larger --epsilon needs fewer "
        f"{who}. If their number is public, give it with --n-public: a plan that cannot work is then refused "
        "before anything is spent."
    )


def _cells_of(pack: Pack, group: Sequence[str]) -> int:
    return math.prod(len(pack.attribute(name).values) for name in group)
