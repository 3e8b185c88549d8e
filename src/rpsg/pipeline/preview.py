"""What a run would do, before it does it: public numbers only, nothing spent, no private row read."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, NamedTuple

from rpsg import registry
from rpsg.domains import find_pack
from rpsg.errors import BudgetError, RpsgError
from rpsg.methods.budget import (
    about_few_people,
    check_declared,
    counts_cards,
    declared_voters,
    plans_votes,
    pool_size,
    smallest_size,
    votes_stage,
)
from rpsg.methods.cautions import cautions
from rpsg.methods.seeded import check_settings
from rpsg.methods.trial import trial_texts
from rpsg.models.download import locate
from rpsg.pipeline import workload as forecasting
from rpsg.pipeline.execute import budget_of
from rpsg.pipeline.private_data import account_of, unit_of
from rpsg.pipeline.workload_seeds import counts, explanation, seeded_workload
from rpsg.privacy.account import Cap, runs_that_fit
from rpsg.privacy.claims import DONORS, replaced_mu
from rpsg.privacy.gaussian import attack_success, epsilon_of
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.units import Total
from rpsg.results import Flow, Preview, StageCost
from rpsg.stages.cards import cells, in_words
from rpsg.stages.levels import thinned
from rpsg.stages.partition import listed
from rpsg.stages.resolution import resolutions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget, PlannedRelease

BYTES_A_SECOND = 4.5e9  # weights read a second by one core with eight texts at once, measured on AVX2

IN_WORDS = {
    "size": "how many people there are",
    "labels": "which label values are common",
    "cards": "how the texts are spread over the public schema",
    "keyphrases": "words many people use with a topic",
    "votes": "which candidates the private texts are nearest to",
    "sketch": "where the private texts lie and how they spread",
}


def preview(plan: Plan) -> Preview:
    """The page of ``rpsg plan``.

    Raises:
        InfeasibleError: the declared number of people cannot carry it.
        UsageError: the run would refuse a setting, or could not read the list of donors.
    """
    check_settings(plan)
    if plan.method.name == "split" and plan.split.donor_list:
        listed(plan)
    pack = find_pack(plan.corpus.domain)
    budget = budget_of(plan, pack)
    pack = pack.with_label(plan.data.label_values)
    seeded = registry.method(plan.method.name).has_seeds
    n = declared_voters(plan) if budget is not None else None
    candidates = pool_size(plan)
    if budget is not None and n is not None:
        check_declared(plan, find_pack(plan.corpus.domain), budget)
        if counts_cards(budget):
            pack = thinned(pack, n, budget.release("cards").sigma)
    work = (seeded_workload if seeded else forecasting.workload)(plan, pack, candidates)
    if seeded:
        tried = trial_texts(plan, pack)
        work = replace(work, requests=work.requests + tried, most_requests=work.most_requests + tried)
    seconds = _seconds(plan, work.computed_prompt + work.completion)
    forecasts = forecasting.forecasts(plan, work, seconds)
    account = _account(plan, budget)
    return Preview(
        method=plan.method.name,
        claim=_claim(plan, budget),
        epsilon=budget.epsilon_spent if budget else None,
        delta=budget.delta if budget else None,
        epsilon_replace_one=_replaced(budget) if budget else None,
        attacker=asdict(attack_success(budget.mu, budget.delta_fail)) if budget else {},
        stages=tuple(_stage(release, budget) for release in budget.releases) if budget else (),
        flows=_flows(plan, budget),
        attributes=()
        if seeded
        else tuple((a.name, a.kind, len(a.values), a.values) for a in pack.attributes),
        cells=0 if seeded else cells(pack),
        smallest_people=smallest_size(plan, pack, budget) if budget else None,
        people=n,
        candidates=_texts(plan, candidates),
        llm_calls=work.requests,
        prompt_tokens=work.computed_prompt,
        new_tokens=work.completion,
        seconds=seconds,
        odometer=account.figures,
        is_refused=account.refuses,
        explanations=(
            *_explanations(plan, pack, budget),
            *((explanation(plan, pack, candidates),) if seeded else ()),
        ),
        warnings=(
            *account.lines,
            *_warnings(plan, budget),
            *filter(None, [about_few_people(plan, find_pack(plan.corpus.domain), budget)]),
            *cautions(plan),
            *forecasting.refusals(plan, private=budget is not None),
            *forecasting.warnings(forecasts),
        ),
        forecasts=forecasts,
        prices=forecasting.about_prices(plan),
    )


def _texts(plan: Plan, candidates: int) -> int:
    return counts(plan, candidates).texts if registry.method(plan.method.name).has_seeds else candidates


def _claim(plan: Plan, budget: Budget | None) -> str:
    seeded = registry.method(plan.method.name).has_seeds
    if budget is None and seeded:
        return "Nothing: private texts go into prompts and decide what is released. There is no guarantee."
    if budget is None:
        return "No private data is read, so nothing is spent and nothing needs to be claimed."
    who = (
        "one user with all rows" if plan.data.user else "one row (not one person: no --user column is named)"
    )
    verb = "Adding or removing" if plan.privacy.adjacency == "add_remove" else "Replacing"
    if seeded:
        return (
            f"{verb} {who} among the voters changes what comes out by at most "
            f"(epsilon {plan.privacy.epsilon:g}, delta {plan.privacy.delta:g}): differential privacy for "
            f"voters. {DONORS}"
        )
    return (
        f"{verb} {who} changes what comes out, and what the language model is sent, by at most "
        f"(epsilon {plan.privacy.epsilon:g}, delta {plan.privacy.delta:g}): differential privacy, end to end."
    )


def _replaced(budget: Budget) -> float:
    return epsilon_of(replaced_mu(budget.mu2, budget.replaced_mu2), budget.delta)


def _stage(release: PlannedRelease, budget: Budget) -> StageCost:
    square = release.sensitivity2(budget.adjacency)
    return StageCost(
        stage=release.stage,
        rule=release.rule,
        sensitivity=math.sqrt(square),
        noise=release.sigma,
        share=release.mu2(budget.adjacency) / budget.mu2,
        in_words=IN_WORDS.get(release.stage.partition("[")[0], release.stage),
    )


def _flows(plan: Plan, budget: Budget | None) -> tuple[Flow, ...]:
    """The table of egress, with the places that the plan names."""
    return tuple(
        Flow(way.role, place, way.sees)
        for way in forecasting.ways_of(plan, private=budget is not None)
        if (place := forecasting.place_of(plan, way.role))
    )


def _seconds(plan: Plan, tokens: int) -> float | None:
    """A guess at the writing time of a model on this machine: tokens times size over what a core does."""
    if plan.models.writer.partition(":")[0] in forecasting.SERVED:
        return None
    try:
        size = locate(plan.models.writer).stat().st_size
    except RpsgError:
        return None
    threads = plan.models.threads or len(os.sched_getaffinity(0))
    return tokens * size / (BYTES_A_SECOND * threads)


class _Account(NamedTuple):
    """What the account of a plan says to it: figures, lines to look at, whether it would refuse the run."""

    figures: dict[str, float]
    lines: tuple[str, ...] = ()
    refuses: bool = False


def _account(plan: Plan, budget: Budget | None) -> _Account:
    """What the account of the plan has paid and has left, and what to look at; no row is read here."""
    if registry.method(plan.method.name).reads == "nothing" or not (plan.data.path or plan.data.account):
        return _Account({})
    account = account_of(plan, Odometer()) if Odometer.is_there() else None
    caution = account.statement().caution() if account is not None else ""
    lines = (caution,) if caution else ()
    if budget is None:
        ever = "The account will remember for ever that this method read records without a bound."
        return _Account({}, (*lines, ever))
    try:
        total = account.total() if account is not None else Total(unit_of(plan))
    except BudgetError as error:
        return _Account({}, (f"This run would be refused. {error}", *lines), refuses=True)
    cap = Cap(plan.privacy.lifetime_epsilon, plan.privacy.delta)
    fit = runs_that_fit(total, cap, budget.mu2, budget.delta_fail)
    figures = {
        "epsilon paid so far": total.epsilon,
        "epsilon with what unfinished runs have reserved": total.epsilon_with_reserved,
        "lifetime epsilon": plan.privacy.lifetime_epsilon,
        "runs like this one that still fit": float(fit),
    }
    return _Account(figures, (*_room(plan, budget, fit), *lines), refuses=not fit)


def _room(plan: Plan, budget: Budget, fit: int) -> Iterator[str]:
    if not fit:
        yield (
            "This run would be refused: its account has no room (see rpsg budget). A smaller --epsilon "
            "may fit; --lifetime-epsilon makes room on purpose."
        )
    if budget.delta_fail:
        yield (
            f"Each run that finds its labels or phrases takes {budget.delta_fail:.2g} of delta for its "
            f"thresholds, and all runs of an account must stay below {plan.privacy.delta:g}: {fit} like this "
            "one still fit."
        )


def _explanations(plan: Plan, pack: Pack, budget: Budget | None) -> tuple[str, ...]:
    what = "prompts come" if registry.method(plan.method.name).has_seeds else "schema and the prompts come"
    lines = [f"The {what} from the domain pack {pack.name}: {pack.title.lower()}."]
    if budget is None:
        if registry.method(plan.method.name).has_seeds:
            lines.append("There is no budget: of [privacy] only the source of noise has an effect.")
        return tuple(lines)
    n = declared_voters(plan)
    if plan.method.name == "split":
        lines.append(_parting(plan, n))
    if counts_cards(budget) and (words := plan.data.passage_words):
        whom = "each user" if plan.data.user else "each row"
        take = "takes" if plan.records_per_unit == 1 else "take"
        lines.append(
            f"Texts of more than {1.5 * words:,.0f} words are read in passages of about {words:,}, cut at "
            f"ends of sentences; of {whom} at most {plan.records_per_unit}, drawn at random, {take} part."
        )
    if counts_cards(budget):
        few = "" if n is not None else " With few people, groups of values are counted in place of values."
        lines.append(f"Counted: {in_words(pack)}.{few}")
        people = n or smallest_size(plan, pack, budget)
        if n is None:
            lines.append(f"The next figures are for {people:,} people, the fewest that can carry this.")
        lines += resolutions(pack, people, budget)
    if plans_votes(budget):
        sigma = budget.release(votes_stage(plan, 0)).sigma
        lines.append(f"With this noise the votes of n people tell n / {2 * sigma:.1f} candidates apart.")
    if counts_cards(budget) and not plan.privacy.shares.keyphrases:
        lines.append(
            "No budget goes to keyphrases: on a few thousand texts they buy nothing over a fine topic list."
        )
    return tuple(lines)


def _parting(plan: Plan, voters: int | None) -> str:
    """Who gives seeds and who votes, and what a declared number of people means there."""
    drawn = f"A secret draw makes {100 * plan.split.donors:g} of a hundred people donors"
    line = "The list of donors says who gives seeds" if plan.split.donor_list else drawn
    if voters is None:
        return f"{line}; all others vote."
    less = "those on the list" if plan.split.donor_list else "the most that the draw may take"
    return (
        f"{line}; all others vote. --n-public counts everybody: less {less}, at least {voters:,} of "
        f"{plan.privacy.n_public:,} vote."
    )


def _warnings(plan: Plan, budget: Budget | None) -> tuple[str, ...]:
    if budget is None:
        return ()
    lines = []
    if plan.data.user is None:
        lines.append("No --user column: what is protected is one row. Name it if people have several rows.")
    if plan.privacy.n_public is not None and plan.privacy.delta > 0.1 / plan.privacy.n_public:
        lines.append("Delta is large for so many people: keep it below one tenth of one over their number.")
    if any(release.stage == "labels" for release in budget.releases):
        lines.append("Label values are found with noise: rare ones vanish. Declare them with --labels.")
    if not plan.corpus.about:
        lines.append("No --about line: the pack's own description of the corpus is used.")
    if plan.privacy.epsilon > 8:
        lines.append("Epsilon above 8 protects little: see `rpsg explain --epsilon`.")
    return tuple(lines)
