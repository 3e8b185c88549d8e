"""Asks the attacks one by one. An attack of another package may fail, or return anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from numbers import Real
from typing import TYPE_CHECKING

from rpsg import registry
from rpsg.audit.attacks import ATTACKS, NEEDS, WITH_OWN_STAGES
from rpsg.audit.finding import Finding, judged, not_run
from rpsg.audit.report import plain_number
from rpsg.audit.roc import Rate
from rpsg.audit.subject import NotRunError
from rpsg.errors import RpsgError
from rpsg.privacy.attack_bounds import LARGEST_EPSILON
from rpsg.privacy.private import place_of

if TYPE_CHECKING:
    from rpsg.audit.finding import Attack
    from rpsg.audit.subject import Subject

#: The reason if an attack of another package, or a model or pipeline that was given, says that there is none.
UNSAID = "No result. The reason comes from code outside RPSG and may quote a text, so it is not shown."


def ask(stage: str, subject: Subject, attacks: Mapping[str, Attack]) -> list[Finding]:
    """The findings, in the order of ``attacks``.

    Attacks with stages of their own come after all others. A stage that starts ends the one before, which
    would otherwise be shown as done although not all of its attacks were.
    """
    own = [name for name in WITH_OWN_STAGES if name in attacks and NEEDS[name] in subject.given]
    together = [name for name in attacks if name not in own]
    if together:
        subject.progress.start(stage + (f", without {' and '.join(own)}" if own else ""), len(together))
    findings = {}
    for name in together:
        findings[name] = _found(name, attacks[name], subject)
        subject.progress.advance()
    findings |= {name: _found(name, attacks[name], subject) for name in own}
    return [findings[name] for name in attacks]


def _found(name: str, attack: Attack, subject: Subject) -> Finding:
    """The finding of an attack, or why there is none: only the type of an error, because its message may
    quote texts. RPSG's own attacks quote none in an ``RpsgError``, if they raise it themselves.
    """
    is_own = name in ATTACKS and registry.find("attacks", name) is attack
    try:
        found = attack(subject)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # one attack that fails must not end the others
        if is_own and isinstance(error, RpsgError) and _is_raised_here(error):
            return not_run(name, error.message)
        if isinstance(error, NotRunError):
            return not_run(name, f"{UNSAID} It is a {place_of(error)}.")
        return not_run(name, str(registry.at_fault("attacks", name, f"failed ({place_of(error)})")))
    if not isinstance(found, Finding):
        return not_run(name, str(registry.at_fault("attacks", name, "gives no Finding")))
    return _checked(replace(found, name=name), subject, is_own=is_own)


def _is_raised_here(error: RpsgError) -> bool:
    """Whether code of RPSG raised the error, and not a model or a pipeline that was given to an attack."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith("rpsg.")


def _checked(found: Finding, subject: Subject, *, is_own: bool) -> Finding:
    """The finding, with the verdict that follows from its figures, or "not run" if they are impossible. An
    attack of another package may give any figures, such as a bound that is not a number, and its words may
    quote a text: its reason and its details are left out.
    """
    if not _can_be(found, subject):
        return not_run(found.name, str(registry.at_fault("attacks", found.name, "gives impossible figures")))
    if not is_own:
        found = replace(found, reason="", details={})
    again = judged(replace(found, verdict="no violation seen"), subject)
    if found.verdict != "not run" or (not is_own and found.epsilon_most and again.verdict == "not run"):
        return again
    return found if is_own else replace(found, reason=UNSAID)


def _can_be(found: Finding, subject: Subject) -> bool:
    """Whether figures are numbers, bounds are possible, and the matches are texts that exist."""
    bounds = (found.epsilon_lower, found.epsilon_most, found.epsilon_if_swapped)
    figures = (found.auc, found.limit, found.guesses, found.right, *bounds)
    try:
        json.dumps(asdict(found), ensure_ascii=False, allow_nan=False, default=plain_number).encode()
        return (
            isinstance(found.reason, str)
            and isinstance(found.basis, Mapping)
            and all(isinstance(figure, Real) for figure in figures if figure is not None)
            and all(0.0 <= bound <= LARGEST_EPSILON for bound in bounds if bound is not None)
            and all(isinstance(rate, Rate) for rate in found.rates)
            and all(len(point) == 2 for point in found.curve)
            and all(
                0 <= match.private < len(subject.texts) and 0 <= match.synthetic < len(subject.synthetic)
                for match in found.matches
            )
        )
    except (TypeError, ValueError, AttributeError):
        return False
