"""Methods of other packages, held to what they declare.

A plug-in is code that the operator trusts with this machine: nothing here keeps it from reading a file. Only
what it declares is checked. Its functions see the plan without the path of the data. They must return what
the fields of ``Method`` say. Its rules of egress may be stricter than those of its kind but not looser, and
its budget must be the plan's. If a function fails, the message names the method and the function; the
function's own message is never shown, because it may quote private text.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rpsg import registry
from rpsg.errors import PrivacyError, RpsgError
from rpsg.methods.base import Method, Tools, Workload
from rpsg.models.plugins import guarded as guarded_model
from rpsg.plan import Plan
from rpsg.privacy.accounting import Budget
from rpsg.privacy.egress import NOWHERE, STRICT, EgressRule
from rpsg.privacy.facts import UnprotectedFlow
from rpsg.privacy.gaussian import epsilon_of
from rpsg.privacy.private import place_of
from rpsg.records import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rpsg.errors import PlugInError

#: The protocols that a method's own models are held to, by their names in ``Tools``.
KINDS = {
    "writer": "writers",
    "embedder": "embedders",
    "sentiment": "classifiers",
    "scorer": "scorers",
    "recogniser": "recognizers",
}
#: A relative difference that is larger than rounding can explain.
_ABOVE = 1e-9


def guarded(method: Method) -> Method:
    """The method with each of its functions checked as the module says."""
    changes: dict[str, Any] = {
        name: _checked(method, name, function, fits)
        for name, fits in _FITS.items()
        if (function := getattr(method, name)) is not None
    }
    return replace(method, **changes)


def _checked(
    method: Method, name: str, function: Callable[..., Any], fits: Callable[..., bool]
) -> Callable[..., Any]:
    def call(*given: Any) -> Any:
        try:
            result = function(*(one.without_data() if isinstance(one, Plan) else one for one in given))
        except PrivacyError as error:
            fault = _fault(method, f"failed in {name}")
            error.hint = error.hint or f"{fault.message} {fault.hint}"
            raise
        except RpsgError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it says may be private text, so it is not chained
            raise _fault(method, f"failed in {name} ({place_of(error)})") from None
        if not fits(method, result, *given):
            raise _fault(method, f"gives something in {name} that cannot be used")
        return _checked_models(method, result) if name == "models" else result

    return call


def _fault(method: Method, what: str) -> PlugInError:
    return registry.at_fault("methods", method.name, what)


def _checked_models(method: Method, makers: Mapping[str, Callable[[], Any]]) -> dict[str, Callable[[], Any]]:
    """The same makers, but what they make is checked like models of other packages."""

    def fault(role: str, what: str) -> PlugInError:
        return _fault(method, f"brings a {role} that {what}")

    return {
        role: partial(guarded_model, KINDS.get(role, ""), make, partial(fault, role))
        for role, make in makers.items()
    }


def _are(kind: type, result: Any) -> bool:
    return isinstance(result, tuple | list) and all(isinstance(one, kind) for one in result)


def _is_budget(_: Method, result: Any, plan: Plan, *__: Any) -> bool:
    """Whether the budget promises what the plan promises, and its noise costs no more than that."""
    wanted = plan.privacy
    if not isinstance(result, Budget):
        return False
    if (result.epsilon, result.delta, result.adjacency) != (wanted.epsilon, wanted.delta, wanted.adjacency):
        return False
    return epsilon_of(result.mu, wanted.delta, result.delta_fail) <= wanted.epsilon * (1 + _ABOVE)


def _are_rules(method: Method, result: Any, *_: Any) -> bool:
    """Whether the rules are at least as strict as those of the method's kind.

    Raises:
        PrivacyError: they are not; it names the role.
    """
    if not _are(EgressRule, result):
        return False
    if not method.reads_private:
        return True
    mine = {rule.role: rule for rule in result}
    for least in NOWHERE if method.has_seeds else STRICT:
        rule = mine.get(least.role)
        if least.role == "writer" and method.has_seeds:
            fits = rule is not None and rule.carries in {"raw_private", "abstracted_private"}
        else:
            fits = rule is not None and (rule.place == "here" or least.place == "anywhere")
            fits = fits and (rule is None or (rule.kind, rule.carries) == (least.kind, least.carries))
        if not fits:
            raise PrivacyError(
                f"The method {method.name!r} does not correctly declare what its {least.role} is sent. "
                "Nothing was read.",
                hint=f"Give it a rule for the role {least.role!r} that is as strict as RPSG's own "
                "(rpsg.privacy.egress), or define the method without egress.",
            )
    return True


def _are_models(_: Method, result: Any, *__: Any) -> bool:
    roles = {field.name for field in fields(Tools)}
    return isinstance(result, dict) and result.keys() <= roles and all(map(callable, result.values()))


def _is_pool(_: Method, result: Any, *__: Any) -> bool:
    return isinstance(result, Pool) and len({one.id for one in result}) == len(result)


#: What each function of a method has to return.
_FITS: dict[str, Callable[..., bool]] = {
    "synthesize": _is_pool,
    "budget": _is_budget,
    "check": lambda *_: True,
    "trial": lambda *_: True,
    "models": _are_models,
    "egress": _are_rules,
    "flows": lambda _, result, *__: _are(UnprotectedFlow, result) and bool(result),
    "choice_sigma": lambda _, result, *__: isinstance(result, float) and 0 <= result < 1e300,
    "workload": lambda _, result, *__: isinstance(result, Workload),
    "people": lambda _, result, *__: result is None or (type(result) is int and result >= 0),
    "noiseless": lambda _, result, *__: isinstance(result, bool),
    "claim_words": lambda _, result, *__: isinstance(result, str),
    "explain": lambda _, result, *__: _are(str, result),
    "cautions": lambda _, result, *__: _are(str, result),
    "retell": lambda *_: True,
}
