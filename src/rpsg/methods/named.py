"""How a method is found by its name, and what follows from a plan's method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg import registry
from rpsg.errors import UsageError
from rpsg.methods.base import Method
from rpsg.methods.languages import about_languages
from rpsg.methods.plugins import guarded

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget


def find_method(name: str) -> Method:
    """The method called ``name``.

    Raises:
        UsageError: there is none, or one from another package does not declare what it reads.
    """
    found = registry.find("methods", name)
    if type(found) is not Method:  # a subclass could say one thing and do another
        raise UsageError(
            f"The method {name!r} does not declare what it reads, so nothing can be said about its release.",
            hint="Its entry point must lead to an rpsg.methods.base.Method, which has to name what it reads: "
            '"nothing", "noisy_answers", "donors" or "records".',
        )
    if found.name != name:
        raise UsageError(
            f"The method {name!r} calls itself {found.name!r}, so its ledger would name another method.",
            hint="Give its entry point and its Method the same name.",
        )
    return found if name in registry.built_in("methods") else guarded(found)


def cautions_of(plan: Plan) -> tuple[str, ...]:
    """What to know before a run of this plan: what is not protected, and what has no effect."""
    method = method_of(plan)
    known = (*about_languages(plan, reads_private=method.reads_private), *method.cautions(plan))
    if method.budget is None or plan.data.unusable == "drop":
        return known
    one_row = (
        'With [data] unusable = "refuse" a single row decides whether there is a release, and the claim says '
        'that it does not cover this. "drop" leaves such rows out; `rpsg check` shows them to you alone.'
    )
    return (one_row, *known)


def method_of(plan: Plan) -> Method:
    """The plan's method; errors as for ``find_method``."""
    return find_method(plan.method.name)


def budget_of(plan: Plan, pack: Pack) -> Budget | None:
    """What the plan's method spends; None for one that reads no private data, or claims nothing."""
    budget = method_of(plan).budget
    return None if budget is None else budget(plan, pack)
