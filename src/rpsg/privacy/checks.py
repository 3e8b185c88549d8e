"""The arithmetic checks of a public ledger, one for each property.

Every check takes the parsed ledger, which matches the schema, and yields the reasons why it fails; none if it
holds. Whatever can be computed from other parts of the ledger is computed, not read.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rpsg.privacy.accounting import plan_sha256
from rpsg.privacy.audit_figures import audit_holds, earlier_form
from rpsg.privacy.claims import (
    DONORS,
    IN_THE_CLEAR,
    NO_GUARANTEE,
    NOT_PRIVATE,
    Threshold,
    assumptions,
    claim_numbers,
    claim_text,
    not_covered,
    rests_on_data,
    taken_at_its_word,
)
from rpsg.privacy.first_words import as_in
from rpsg.privacy.schema import ledger_schema, violations
from rpsg.privacy.sensitivity import selection_threshold, sensitivity2
from rpsg.privacy.signing import entry_sha256
from rpsg.privacy.sources import NOISY_ANSWER, TOKENS, noisy_answers, sampler_tv, supports_claims
from rpsg.privacy.token_sampling import RULE, TOKEN_SIGMA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rpsg.privacy.sensitivity import Adjacency

    Ledger = Mapping[str, Any]

_TOLERANCE = 1e-9
#: Greek epsilon and its look-alikes: lunate, open e, mathematical alphabets.
BUDGET_LETTERS = frozenset("\u03b5\u03f5\u0395\u025b\U0001d6c6\U0001d700\U0001d73a\U0001d774\U0001d7ae")
_DP = {"end_to_end_dp", "voters_only_dp"}


def makes_dp_claim(ledger: Ledger) -> bool:
    return ledger["claim"]["type"] in _DP


def form(ledger: Ledger) -> Iterator[str]:
    yield from list(earlier_form(ledger)) or violations(ledger, ledger_schema())


def seal_holds(ledger: Ledger) -> Iterator[str]:
    if ledger["chain"]["entry_sha256"] != entry_sha256(ledger):
        yield "the ledger was edited after it was sealed"


def numbering(ledger: Ledger) -> Iterator[str]:
    numbers = [m["seq"] for m in ledger["mechanisms"]]
    if numbers != list(range(len(numbers))):
        yield "the mechanisms are not numbered 0, 1, 2, ...: one was removed, duplicated or moved"


def sensitivities(ledger: Ledger) -> Iterator[str]:
    unit = ledger["privacy_unit"]
    for m in noisy_answers(ledger):
        s = m["sens"]
        try:
            square = sensitivity2(s["rule"], s["k"], s["w"], s["c"], unit["adjacency"])
        except ValueError as error:
            yield f"{m['stage']}: {error}"
            continue
        if m["sensitivity2"] != square:
            yield f"{m['stage']}: the squared sensitivity is {square}, not {m['sensitivity2']:g}"
        if s["rule"] in {"S2_one_cell", "S4_k_votes", RULE} and s["c"] != unit["max_records_per_unit"]:
            yield f"{m['stage']}: c = {s['c']}, but a unit has up to {unit['max_records_per_unit']} rows"
        if (m["kind"] == TOKENS) != (s["rule"] == RULE):
            yield f"{m['stage']}: tokens are drawn by the rule {RULE}, and only tokens are"
        elif m["kind"] == TOKENS and (m["sigma"] > TOKEN_SIGMA or m["dim"] is None):
            yield f"{m['stage']}: drawing tokens counts as less noise than sigma {m['sigma']:g}"


def thresholds(ledger: Ledger) -> Iterator[str]:
    lines = ledger["mechanisms"]
    open_vocabularies = [m for m in noisy_answers(ledger) if m["dim"] is None]
    selections = [m for m in lines if m["kind"] == "selection_threshold"]
    if len(open_vocabularies) != len(selections):
        yield "strings were released without a threshold, or there is a threshold without strings"
    for before, m in pairwise([{}, *lines]):
        if m["kind"] == "selection_threshold":
            yield from _threshold(before, m)


def _threshold(before: Mapping[str, Any], line: Mapping[str, Any]) -> Iterator[str]:
    sens = before.get("sens", {})
    told = (before.get("kind"), before.get("dim"), before.get("sigma"), sens.get("rule"), sens.get("k"))
    if told != (NOISY_ANSWER, None, line["sigma"], "S3_k_items_per_unit", line["items_per_unit"]):
        yield f"{line['stage']}: the threshold does not come right after its own histogram"
    elif not 0.0 < line["delta_fail"] < 1.0:
        yield f"{line['stage']}: a threshold needs a delta_fail between 0 and 1"
    elif line["threshold"] < selection_threshold(line["sigma"], line["items_per_unit"], line["delta_fail"]):
        yield f"{line['stage']}: the threshold is too low for its delta_fail"


def plan_is_complete(ledger: Ledger) -> Iterator[str]:
    """If a mechanism was removed, even the last one, the plan has more entries than the list."""
    if not makes_dp_claim(ledger):
        return
    plan = ledger["stage_plan"]
    if plan_sha256(plan) != ledger["plan_sha256"]:
        yield "the stage plan does not have the hash that the ledger names"
    if plan["adjacency"] != ledger["privacy_unit"]["adjacency"]:
        yield "the stage plan is for another neighbouring relation"
    if (plan["epsilon"], plan["delta"]) != (ledger["claim"]["epsilon"], ledger["claim"]["delta"]):
        yield "epsilon and delta of the claim are not those of the stage plan"
    if [_as_planned(m) for m in plan["releases"]] != list(_performed(ledger)):
        yield "the mechanisms are not those of the stage plan"
    if ledger["replay"]["evidence_files"] != len(plan["releases"]):
        yield "the number of evidence files is not that of the stage plan"


def _as_planned(r: Mapping[str, Any]) -> tuple[object, ...]:
    return (r["stage"], r["rule"], r["k"], r["w"], r["c"], r["sigma"], r["delta_fail"], r["threshold"])


def _performed(ledger: Ledger) -> Iterator[tuple[object, ...]]:
    selections = {
        m["stage"]: (m["delta_fail"], m["threshold"])
        for m in ledger["mechanisms"]
        if m["kind"] == "selection_threshold"
    }
    for m in ledger["mechanisms"]:
        if m["kind"] != "selection_threshold":
            s = m.get("sens", {})
            fail, threshold = selections.get(f"{m['stage']}.select", (0.0, None))
            bounds = (s.get(name) for name in ("rule", "k", "w", "c"))
            yield (m["stage"], *bounds, m.get("sigma"), fail, threshold)


def randomness(ledger: Ledger) -> Iterator[str]:
    rng = ledger["rng"]
    if not makes_dp_claim(ledger):
        return
    if not supports_claims(rng["source"]):
        yield "the noise source is not one that a claim can rely on"
    elif rng["tv_bound_total"] < sampler_tv(ledger["mechanisms"], rng["source"]) * (1.0 - _TOLERANCE):
        yield "the error of the noise source is understated"


def account(ledger: Ledger) -> Iterator[str]:
    """Mu, delta_fail, epsilon and what is derived from them, recomputed from the mechanisms."""
    if not makes_dp_claim(ledger) or not supports_claims(ledger["rng"]["source"]):
        return
    claim = ledger["claim"]
    if any(m["kind"] == "pure_dp" for m in ledger["mechanisms"]):
        yield "this verifier does not account for pure-DP mechanisms"
    numbers = _numbers(ledger)
    if not numbers["epsilon_by_accountant"]["gdp-closed-form"] <= claim["epsilon"]:
        yield "epsilon is larger than claimed"
    if not claim["delta_fail"] < claim["delta"]:
        yield "the thresholds alone use up delta"
    for name in sorted(numbers):
        yield from _at_least(claim[name], numbers[name], name)


def _numbers(ledger: Ledger) -> dict[str, Any]:
    lines, claim = ledger["mechanisms"], ledger["claim"]
    selections = [m for m in lines if m["kind"] == "selection_threshold"]
    spent = (math.fsum(m["delta_fail"] for m in selections), sampler_tv(lines, ledger["rng"]["source"]))
    return claim_numbers(
        mu2_of(ledger),
        _mu2_under(ledger, "replace_one"),
        claim["delta"],
        [Threshold(m["sigma"], m["items_per_unit"], m["threshold"]) for m in selections],
        spent,
    )


def _at_least(claimed: Any, computed: Any, name: str) -> Iterator[str]:
    if isinstance(computed, dict):
        for key in computed:
            if key not in claimed:
                yield f"{name}.{key} is missing"
            else:
                yield from _at_least(claimed[key], computed[key], f"{name}.{key}")
    elif not claimed >= computed * (1.0 - _TOLERANCE):
        yield f"{name} is understated"


def mu2_of(ledger: Ledger) -> float:
    """The squared mu of this run."""
    return _mu2_under(ledger, ledger["privacy_unit"]["adjacency"])


def _mu2_under(ledger: Ledger, adjacency: Adjacency) -> float:
    return math.fsum(
        sensitivity2(m["sens"]["rule"], m["sens"]["k"], m["sens"]["w"], m["sens"]["c"], adjacency)
        / (m["sigma"] * m["sigma"])
        for m in noisy_answers(ledger)
    )


def cost(ledger: Ledger) -> Iterator[str]:
    """The stated cost of the run is exactly that of its mechanisms."""
    told = ledger["cost"]
    if ledger["reads"] == "records":
        if any(value is not None for value in told.values()):
            yield "a cost is stated for a run that has no bound"
        return
    fails = math.fsum(m["delta_fail"] for m in ledger["mechanisms"] if m["kind"] == "selection_threshold")
    for name, paid in (("mu2", mu2_of(ledger)), ("delta_fail", fails)):
        if told[name] is None or not math.isclose(told[name], paid, rel_tol=_TOLERANCE):
            yield f"{name} is not what the mechanisms of this run cost"


def words(ledger: Ledger) -> Iterator[str]:
    claim, text = ledger["claim"], ledger["claim"]["text"]
    if claim["type"] != "no_formal_guarantee":
        if text != as_in(ledger["code"]["version"], claim_text(claim, ledger["privacy_unit"])):
            yield "the wording of the claim does not match the numbers of the claim"
    elif ledger["status"] == "not_private_testing":
        if text != NOT_PRIVATE:
            yield "a test run must say that it is not private"
    elif not text.startswith(NO_GUARANTEE) or "epsilon" in text.lower() or "ε" in text:
        yield "a method without a guarantee must say so first and name no epsilon"
    saw_text = any(e["carries"] == "raw_private" for e in ledger["egress"])
    if claim["type"] == "end_to_end_dp" and saw_text and "llm_provider" in claim["protects_against"]:
        yield "the claim covers what the writing model was sent, although a model was sent private text"
    if claim["type"] == "voters_only_dp" and as_in(ledger["code"]["version"], DONORS) not in text:
        yield "the claim must say that seed donors are not protected"


def caveats(ledger: Ledger) -> Iterator[str]:
    unit = ledger["privacy_unit"]
    has_data = rests_on_data(ledger["reads"], ledger["code"]["version"])
    stated = {a["id"] for a in ledger["assumptions"]}
    if not {a["id"] for a in assumptions(unit, on_data=has_data)} <= stated:
        yield "an assumption of the claim is not stated"
    claims = ledger["claim"]["type"] != "no_formal_guarantee"
    told = not_covered(unit, claims=claims, on_data=has_data)
    told += map(taken_at_its_word, ledger["code"].get("extensions", ()))
    if not set(as_in(ledger["code"]["version"], told)) <= set(ledger["not_covered"]):
        yield "something that the claim does not cover is not stated"


def at_rest(ledger: Ledger) -> Iterator[str]:
    if ("vault" in ledger) != (as_in(ledger["code"]["version"], IN_THE_CLEAR) in ledger["not_covered"]):
        yield "one place says that private files were not encrypted, and another does not"


def no_borrowed_words(ledger: Ledger) -> Iterator[str]:
    """A run without a guarantee names no budget anywhere, neither as a key nor in a sentence."""
    if ledger["reads"] == "records" and any(speaks_of_a_budget(part) for part in _strings(ledger)):
        yield "a method without a guarantee names a privacy budget"


def row_claim(claim: str, *, testing: bool) -> str:
    """The sentence that goes with every row of a corpus from private seeds; ``claim`` is the claim's type."""
    if testing:
        return NOT_PRIVATE
    if claim == "no_formal_guarantee":
        return NO_GUARANTEE
    return f"Differentially private for voters only. {DONORS}"


def speaks_of_a_budget(text: str) -> bool:
    """Whether a text names the privacy budget, by a word or by the letter epsilon."""
    return "epsilon" in text.lower() or bool(set(text) & BUDGET_LETTERS)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, str):
        yield value


CHECKS: tuple[tuple[str, Callable[[Ledger], Iterator[str]]], ...] = (
    ("seal", seal_holds),
    ("numbering", numbering),
    ("sensitivity", sensitivities),
    ("threshold", thresholds),
    ("stage plan", plan_is_complete),
    ("randomness", randomness),
    ("epsilon and delta", account),
    ("cost", cost),
    ("claim in words", words),
    ("no borrowed words", no_borrowed_words),
    ("caveats", caveats),
    ("private files", at_rest),
    ("published audit", audit_holds),
)
