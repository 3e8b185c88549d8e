"""What a run would do: public numbers only, nothing is spent, no private row is used."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from rpsg.domains import find_pack
from rpsg.errors import BudgetError, RpsgError
from rpsg.methods.budget import about_few_people, asked_of, check_declared, smallest_size
from rpsg.methods.named import budget_of, cautions_of, method_of
from rpsg.models.download import locate
from rpsg.models.hardware import cores
from rpsg.pipeline import forecast
from rpsg.pipeline.account_view import account_view
from rpsg.pipeline.obstacles import obstacles
from rpsg.pipeline.shards.reading_machines import READERS, possible_readers
from rpsg.plan.previews import Flow, Preview, StageCost
from rpsg.privacy.claims import DONORS, replaced_mu
from rpsg.privacy.gaussian import attack_success, epsilon_of
from rpsg.stages.cards import cells
from rpsg.stages.levels import thinned
from rpsg.storage.readers import check_columns
from rpsg.textstats.languages import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.domains import Pack
    from rpsg.methods.base import Method
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget, PlannedRelease

BYTES_A_SECOND = 4.5e9  # weights that one core reads per second with eight texts at once, measured on AVX2


def preview(plan: Plan) -> Preview:
    """The page of ``rpsg plan``.

    Raises:
        InfeasibleError: the declared number of people is too small.
        UsageError: the run would refuse a setting, or could not read the list of donors.
        DataError: the file is not there, or has no such column, or is not text of its encoding.
    """
    method = method_of(plan)
    method.check_plan(plan)
    if method.reads_private and plan.data.path:
        check_columns(plan.data)
    pack = find_pack(plan.corpus.domain)
    budget = budget_of(plan, pack)
    pack = plan.data.added_to(pack)
    n = method.people(plan) if budget is not None else None
    if budget is not None and n is not None:
        check_declared(plan, budget, n)
        if method.cards == "counted":
            pack = thinned(pack, n, budget.release("cards").sigma)
    work = None if method.workload is None else method.workload(plan, pack)
    seconds = None if work is None else _seconds(plan, work.computed_prompt + work.completion)
    lines = forecast.forecasts(plan, work, seconds)
    account = account_view(plan, budget)
    stops = tuple(obstacles(plan))
    refused = BudgetError.exit_code if account.refuses else 0
    return Preview(
        method=plan.method.name,
        claim=_claim(plan, method),
        epsilon=budget.epsilon_spent if budget else None,
        delta=budget.delta if budget else None,
        epsilon_replace_one=epsilon_if_replaced(budget) if budget else None,
        attacker=asdict(attack_success(budget.mu, budget.delta_fail)) if budget else {},
        stages=tuple(_stage(release, budget) for release in budget.releases) if budget else (),
        flows=_flows(plan, pack),
        attributes=tuple((a.name, a.kind, len(a.values), a.values) for a in pack.attributes)
        if method.cards
        else (),
        cells=cells(pack) if method.cards == "counted" else 0,
        smallest_people=smallest_size(budget) if budget else None,
        people=n,
        asked=asked_of(plan),
        candidates=None if work is None else work.candidates,
        llm_calls=None if work is None else work.requests,
        prompt_tokens=None if work is None else work.computed_prompt,
        new_tokens=None if work is None else work.completion,
        seconds=seconds,
        odometer=account.figures,
        is_refused=account.refuses,
        explanations=tuple(_explanations(plan, pack)),
        warnings=(
            *account.lines,
            *_warnings(plan, budget),
            *filter(None, [about_few_people(plan, budget)]),
            *cautions_of(plan),
            *forecast.possible_refusals(plan),
            *forecast.warnings(lines),
        ),
        forecasts=lines,
        prices=forecast.about_prices(plan),
        obstacles=tuple(stop.sentence for stop in stops),
        exit_code=stops[0].exit_code if stops else refused,
    )


def _claim(plan: Plan, method: Method) -> str:
    claim = method.claim
    if method.status == "research_only":
        return (
            "Nothing: this method's noise is for research and cannot support a claim. There is no guarantee."
        )
    if claim == "no_formal_guarantee":
        return "Nothing: private texts go into prompts and decide what is released. There is no guarantee."
    if claim == "no_private_data":
        return "No private data is read, so nothing is spent and nothing needs to be claimed."
    who = (
        "one person with all rows"
        if plan.data.user
        else "one row (not one person: no --user column is named)"
    )
    verb = "Adding or removing" if plan.privacy.adjacency == "add_remove" else "Replacing"
    if claim == "voters_only_dp":
        return (
            f"{verb} {who} among the voters changes what comes out by at most "
            f"(epsilon {plan.privacy.epsilon:g}, delta {plan.privacy.delta:g}): differential privacy for "
            f"voters. {DONORS}"
        )
    reads = any(way.role == "writer" and way.kind == "private" for way in method.egress_of(plan))
    sent = "" if reads else ", and what the language model is sent,"
    return (
        f"{verb} {who} changes what comes out{sent} by at most "
        f"(epsilon {plan.privacy.epsilon:g}, delta {plan.privacy.delta:g}): differential privacy, end to end."
    )


def epsilon_if_replaced(budget: Budget) -> float:
    """Epsilon for one unit that is replaced by another, at the delta of the budget."""
    return epsilon_of(replaced_mu(budget.mu2, budget.replaced_mu2), budget.delta)


def _stage(release: PlannedRelease, budget: Budget) -> StageCost:
    square = release.sensitivity2(budget.adjacency)
    return StageCost(
        stage=release.stage,
        rule=release.rule,
        sensitivity=math.sqrt(square),
        noise=release.sigma,
        share=release.mu2(budget.adjacency) / budget.mu2,
        in_words=release.words or release.stage,
    )


def _flows(plan: Plan, pack: Pack) -> tuple[Flow, ...]:
    """The egress table, with the places that the plan names."""
    readers = possible_readers(plan)[:1]
    return tuple(
        Flow(way.role, readers[0] if readers and way.role in READERS else where, way.sees)
        for way in method_of(plan).shown_egress(plan, pack)
        if (where := forecast.place_of(plan, way.role))
    )


def _seconds(plan: Plan, tokens: int) -> float | None:
    """The estimated writing time on this machine: tokens times size of the weights, divided by the speed of
    the cores.
    """
    if plan.models.writer.partition(":")[0] in forecast.SERVED:
        return None
    try:
        size = locate(plan.models.writer).stat().st_size
    except RpsgError:
        return None
    threads = plan.models.threads or cores()
    return tokens * size / (BYTES_A_SECOND * threads)


def _explanations(plan: Plan, pack: Pack) -> Iterator[str]:
    method = method_of(plan)
    what = "schema and the prompts come" if method.cards else "prompts come"
    yield f"The {what} from the domain pack {pack.name}: {pack.title}."
    if pack.language and pack.language == plan.data.language:
        yield f"The pack writes in {name_of(pack.language)}, which you declare for the private texts too."
    elif pack.language:
        yield (
            f"The pack writes in one language ({name_of(pack.language)}), whatever the language of the "
            "private texts. For another language give a pack in it with --domain."
        )
    if plan.data.audit_holdout and method.reads_private:
        yield (
            f"A secret draw holds out about {100 * plan.data.audit_holdout:g} % of the people for `rpsg "
            "audit`; the run uses none of their texts, so it has fewer people."
        )
    if plan.data.audit_canaries and method.reads_private:
        yield (
            f"{plan.data.audit_canaries:,} canaries are drawn. Coin tosses plant about half of them among "
            "the private texts, each as one more person, and noisy counts include them. If one is in the "
            "corpus, nothing is released."
        )
    if method.explain is not None:
        yield from method.explain(plan, pack)


def _warnings(plan: Plan, budget: Budget | None) -> tuple[str, ...]:
    lines = list(forecast.unencrypted(plan))
    if budget is None:
        return tuple(lines)
    if plan.data.user is None:
        lines.append(
            "No --user column is named, so single rows are protected, not people. Name the column if people "
            "have several rows."
        )
    if plan.privacy.n_public is not None and plan.privacy.delta > 0.1 / plan.privacy.n_public:
        lines.append(
            "Delta is large for this number of people: keep it below 0.1 divided by the number of people."
        )
    if not plan.corpus.about:
        lines.append("No --about line: the pack's own description of the corpus is used.")
    if plan.privacy.epsilon > 8:
        lines.append("An epsilon above 8 protects little. To see what it means: `rpsg explain --epsilon`.")
    return tuple(lines)
