"""What was charged to a plan's account, and what budget is left, before a run; no row is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rpsg.errors import BudgetError
from rpsg.methods.named import method_of
from rpsg.pipeline.private_data import account_of, unit_of
from rpsg.privacy.account import LifetimeCap, runs_that_fit
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.units import Total

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget


class AccountView(NamedTuple):
    """What a plan's account says about a run: figures, cautions, and whether it would refuse the run."""

    figures: dict[str, float]
    lines: tuple[str, ...] = ()
    refuses: bool = False


def account_view(plan: Plan, budget: Budget | None) -> AccountView:
    """What was charged to the plan's account, and what budget is left; no row is read."""
    if not method_of(plan).reads_private or not (plan.data.path or plan.data.account):
        return AccountView({})
    account = account_of(plan, Odometer()) if Odometer.is_there() else None
    caution = account.statement().caution() if account is not None else ""
    lines = (caution,) if caution else ()
    if budget is None:
        lasting = "The account will keep a lasting note that this method read texts without any bound."
        return AccountView({}, (*lines, lasting))
    try:
        total = account.total() if account is not None else Total(unit_of(plan))
    except BudgetError as error:
        return AccountView({}, (f"This run would be refused. {error}", *lines), refuses=True)
    cap = LifetimeCap(plan.privacy.lifetime_epsilon, plan.privacy.delta)
    fit = runs_that_fit(total, cap, budget.mu2, budget.delta_fail)
    figures = {
        "epsilon spent so far": total.epsilon,
        "epsilon with what unfinished runs have reserved": total.epsilon_with_reserved,
        "lifetime epsilon": plan.privacy.lifetime_epsilon,
        "runs like this one that still fit": float(fit),
    }
    return AccountView(figures, (*_room(plan, budget, fit), *lines), refuses=not fit)


def _room(plan: Plan, budget: Budget, fit: int) -> Iterator[str]:
    if not fit:
        yield (
            "This run would be refused: too little budget is left in its account (see rpsg budget). A "
            "smaller --epsilon "
            "may fit; --lifetime-epsilon raises the limit."
        )
    if budget.delta_fail:
        yield (
            f"Each run that finds its labels or phrases uses {budget.delta_fail:.2g} of delta for its "
            f"thresholds, and all runs of an account together must remain below "
            f"{plan.privacy.delta:g}: {fit} more runs like this one are possible."
        )
