"""What each stage of strict and split mode spends, and whether that can work: public numbers only."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from rpsg.errors import InfeasibleError, UsageError
from rpsg.methods.named import method_of
from rpsg.privacy.accounting import Budget, StagePlan, calibrate, max_candidates
from rpsg.privacy.gaussian import epsilon_of, rounded_up
from rpsg.stages.levels import LOWER_END, fewest_people, safe_size
from rpsg.stages.partition import listed
from rpsg.stages.sketch import LENGTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import PlannedRelease
    from rpsg.privacy.sensitivity import Rule

#: A larger epsilon than this is not recommended to anybody.
WEAKEST = 10
#: In only one of a million secret draws is the number of voters further below its mean than this many
#: standard deviations.
FEWEST_DRAWN = 4.76
#: What each stage reads, for previews.
PEOPLE = "how many {} there are"
LABELS = "which label values are common"
CARDS = "how the texts are spread over the public schema"
PHRASES = "words that many {} use with a topic"
VOTES = "which candidates the private texts are nearest to"
SKETCH = "what the private texts are like on average, and how different they are"
#: With fewer candidates than this, a vote is not worth its budget.
MINIMUM_POOL = 20


def strict_stages(plan: Plan, pack: Pack) -> list[StagePlan]:
    """The stages of a strict run that read private data, their rules, and their shares of the budget, which
    sum to one.
    """
    shares, c = plan.privacy.shares, plan.records_per_unit
    stages = []
    if plan.privacy.n_public is None:
        stages.append(_size_of(plan))
    if plan.data.label is not None and not plan.data.labels:  # values that nobody declared must be found
        stages.append(
            StagePlan("labels", shares.labels, "S3_k_items_per_unit", k=c, selects=True, words=LABELS)
        )
    k_cards = len(pack.marginals) + (plan.data.label is not None) + len(plan.data.columns)
    needs = partial(fewest_people, plan.data.added_to(pack))
    stages.append(StagePlan("cards", shares.cards, "S2_one_cell", k=k_cards, c=c, words=CARDS, needs=needs))
    if shares.keyphrases:
        k = plan.method.phrases_per_record
        rule: Rule = "S3_k_items_per_unit"
        words = PHRASES.format("people" if plan.data.user else "texts")
        stages.append(StagePlan("keyphrases", shares.keyphrases, rule, k=k, selects=True, words=words))
    if plan.method.select == "votes":
        stages.append(_votes_of(plan))
    else:  # one sum of vectors: the length bounds what a person adds, however many rows they have
        stages.append(StagePlan("sketch", shares.sketch, "S6_bounded_vector", w=LENGTH, c=c, words=SKETCH))
    if not stages[-1].share:
        raise UsageError(
            f"The share of {stages[-1].stage} is 0, and nothing else decides which texts are released.",
            hint=f"Give [privacy.shares] {stages[-1].stage} a value above 0, or choose texts in another way "
            "with [method] select.",
        )
    return _normalised([s for s in stages if s.share > 0])


def _size_of(plan: Plan) -> StagePlan:
    return StagePlan(
        "size", plan.privacy.shares.size, "S1_unit_count", dim=1, words=PEOPLE.format(_protected(plan))
    )


def _votes_of(plan: Plan) -> StagePlan:
    method = plan.method
    return votes_of(plan, plan.privacy.shares.votes, method.votes_per_record, method.rounds)


def votes_of(plan: Plan, share: float, votes: int, rounds: int) -> StagePlan:
    """A stage in whose ``rounds`` each record votes for ``votes`` candidates."""
    return StagePlan(
        "votes",
        share,
        "S4_k_votes",
        k=votes,
        c=plan.records_per_unit,
        rounds=rounds,
        words=VOTES,
        needs=partial(_fewest_voters, plan, votes),
    )


def _fewest_voters(plan: Plan, votes: int, sigma: float) -> int:
    """The smallest number of voters whose votes tell a useful number of candidates apart."""
    least = min(MINIMUM_POOL, plan.corpus.size)
    voters = max(0, math.ceil(2 * least * sigma / votes) - 1)
    while max_candidates(voters * votes, sigma) < least:
        voters += 1
    return voters


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
    votes = _votes_of(plan)
    stages = [_size_of(plan), votes] if plan.privacy.n_public is None else [votes]
    return budget_for(plan, _normalised(stages))


def split_voters(plan: Plan) -> int | None:
    """How many people can vote in split mode by ``n_public``; None if they are counted with noise.

    ``n_public`` counts everybody. The donors are subtracted: those on the list, or the number that a secret
    draw exceeds with a probability of one in a million.

    Raises:
        UsageError: the list of donors cannot be read.
    """
    people = plan.privacy.n_public
    return None if people is None else _voters_among(plan, people)


def _voters_among(plan: Plan, people: int) -> int:
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


def voted_apart(budget: Budget) -> str:
    """For ``rpsg plan``: how many candidates a number of people can distinguish by votes."""
    votes = next(release for release in budget.releases if release.rule == "S4_k_votes")
    return f"With this noise the votes of n people can distinguish n / {2 * votes.sigma:.1f} candidates."


def smallest_size(budget: Budget) -> int | None:
    """The smallest number of people (in split mode: of voters) from which something can be learnt.

    If people are counted with noise, more are needed: the lower end of the count is used, which may be below
    the true number by up to twice its margin. None if no stage knows how many people it needs.
    """
    needed = [release.fewest for release in budget.releases if release.fewest is not None]
    if not needed:
        return None
    size = _size(budget)
    return max(needed) + (0 if size is None else math.ceil(2 * LOWER_END * size.sigma) + 1)


def _size(budget: Budget) -> PlannedRelease | None:
    """The noisy count of people; None if their number is declared, or is not needed."""
    return next((release for release in budget.releases if release.stage == "size"), None)


def check_declared(plan: Plan, budget: Budget | None, n: int | None) -> None:
    """Check, before anything is read or spent, that something can be learnt from ``n`` people, as declared.

    If people are counted with noise, nothing can be checked yet, and a run with few of them still ends with
    a release.

    Raises:
        InfeasibleError: nothing can be learnt; it says what to do instead.
    """
    if budget is not None and n is not None:
        check_people(plan, n, budget)


def check_people(plan: Plan, n: int, budget: Budget) -> None:
    """InfeasibleError, with the ways out, when noise outweighs what ``n`` people say."""
    lost = next((release for release in budget.releases if _is_lost(release, n)), None)
    if lost is None:
        return
    what = f": {lost.words}" if lost.words else ""
    who, fewest = asked_of(plan), smallest_size(budget) or 0
    enough = f"{fewest:,} {who}"
    if who == "voters":
        enough += f" ({_people_with(plan, fewest):,} people, as the others are donors)"
    raise InfeasibleError(
        f"At epsilon {plan.privacy.epsilon:g} the noise that protects so few {who} ({n:,}) outweighs what "
        f"their texts say in the step {lost.stage}{what}.",
        hint=f"Use --method floor, which reads no private text and costs nothing; or wait until there are at "
        f"least {enough}, {_larger_epsilon(n, budget)}",
    )


def _people_with(plan: Plan, voters: int) -> int:
    """The smallest number of people such that this many of them can vote."""
    people = voters
    while (found := _voters_among(plan, people)) < voters:
        people += voters - found
    return people


def _larger_epsilon(n: int, budget: Budget) -> str:
    """The end of a sentence, with roughly the smallest epsilon at which ``n`` people outweigh the noise, if
    this epsilon still protects. The noise shrinks by the factor by which mu grows.
    """
    times = max(release.fewest / max(n, 1) for release in budget.releases if release.fewest is not None)
    epsilon = epsilon_of(1.02 * times * budget.mu, budget.delta, budget.delta_fail)
    if epsilon > WEAKEST:
        return f"or pool your data with others'. No --epsilon up to {WEAKEST} is enough."
    return f"pool your data with others', or raise --epsilon to {rounded_up(epsilon, 1)}."


def is_too_few(n: int, budget: Budget) -> bool:
    """Whether the noise of a stage outweighs what ``n`` people say, as far as the stages know."""
    return any(_is_lost(release, n) for release in budget.releases)


def _is_lost(release: PlannedRelease, n: int) -> bool:
    return release.fewest is not None and n < release.fewest


def asked_of(plan: Plan) -> Literal["people", "voters", "rows"]:
    """Who is read through noise: everybody, or all but the donors. Without a user column these are rows."""
    return "voters" if method_of(plan).has_donors else _protected(plan)


def _protected(plan: Plan) -> Literal["people", "rows"]:
    return "people" if plan.data.user else "rows"


def noise_decides(budget: Budget | None, counted: int | None) -> bool:
    """Whether noise outweighs what people say, judged by their noisy number; False if there is no such
    number.
    """
    size = None if budget is None else _size(budget)
    if budget is None or size is None or counted is None:
        return False
    return is_too_few(safe_size(counted, size.sigma), budget)


def about_few_people(plan: Plan, budget: Budget | None) -> str:
    """What to say before a run that counts its people with noise; empty for any other run, and if no stage
    knows how many people it needs.
    """
    if budget is None or plan.privacy.n_public is not None or (fewest := smallest_size(budget)) is None:
        return ""
    who = asked_of(plan)
    warned = (
        f"With fewer than {fewest:,} {who} the noise outweighs what the private texts say. A run would then "
        "spend its budget, and its texts would be about as good as those of --method floor, which costs "
        f"nothing. So if you have fewer, get more {who}, pool your data with others', or raise --epsilon."
    )
    if _size(budget) is None:
        return warned
    return (
        f"{warned} If their number is public, give it with --n-public: a plan for too few of them is then "
        "refused before anything is spent."
    )
