"""The checks of a published audit's figures: what anybody can compute again without the private texts.

A verifier cannot count again, but it recomputes every bound from the counts, the verdict of each attack from
its bound and from what the attack found in the controls, and the verdict of the audit from these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.privacy.attack_bounds import (
    LARGEST_EPSILON,
    answer_guesses,
    extraction_p_value,
    gaussian_run_refuted,
    guess_sizes,
    noise_left_mu,
    one_run_p_value,
)
from rpsg.privacy.attack_limits import (
    answers_limit,
    extraction_limit,
    found_leak,
    named_limit,
    ranked_limit,
)
from rpsg.privacy.gaussian import epsilon_of, mu_for
from rpsg.privacy.published_audit import (
    FIGURES,
    FORM,
    NOT_COVERED,
    OF_CANARIES,
    THIS,
    WORDS,
    summary_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Ledger = Mapping[str, Any]
    Line = Mapping[str, Any]

_TOLERANCE = 1e-6


def earlier_form(ledger: Any) -> Iterator[str]:
    """A sentence if the ledger has a published audit in a form that this version cannot check."""
    found = ledger.get("published_audit") if isinstance(ledger, dict) else None
    if isinstance(found, dict) and found.get("form") != FORM:
        yield (
            "the published audit is in a form that this version of RPSG does not check; the publisher has to "
            "publish it with this version"
        )


def audit_holds(ledger: Ledger) -> Iterator[str]:
    """The reasons why a ledger's published audit cannot be true; none if there is no published audit."""
    found = ledger.get("published_audit")
    if (found is not None) != (ledger.get("audit", {}).get("published") == "figures"):
        yield "one place says that an audit is published, and another does not"
    if (found is not None) != (NOT_COVERED in ledger["not_covered"]):
        yield "the ledger does not say that no claim covers the published audit"
    if found is not None:
        yield from _told(ledger, found)
        yield from _outcome(found)


def _told(ledger: Ledger, found: Line) -> Iterator[str]:
    """The points in which the ledger and its audit contradict each other."""
    claim = ledger["claim"]
    if "epsilon" not in claim or (claim["epsilon"], claim["delta"]) != (
        found["claim"]["epsilon"],
        found["claim"]["delta"],
    ):
        yield "the claim that was tested is not that of this ledger"
    if found["words"] != WORDS:
        yield "the ledger does not say what the figures of an audit are"
    if ledger.get("audit") != summary_of(found):
        yield "the verdict in the ledger is not that of the published audit"


def _outcome(found: Line) -> Iterator[str]:
    """The points in which verdicts, bounds and counts do not fit together."""
    if len({line["name"] for line in found["attacks"]}) != len(found["attacks"]):
        yield "an attack is named twice"
    run = [line for line in found["attacks"] if "kind" in line]
    if not len(run) <= found["tested"] <= len(found["attacks"]):
        yield "the number of attacks that share the error rate does not fit the attacks"
    yield from _of_all_people(run, found["people"])
    if found["told_apart"]["low"] > 0.5:
        yield "the two sides were told apart without the corpus, so the audit says nothing"
    for line in run:
        yield from (f"{line['name']}: {reason}" for reason in _reasons(line, found))
    if found["of"] == THIS and any(line["kind"] == "extraction" and line["right"] for line in run):
        yield "a canary was in this corpus, which must not be released then"
    if found["of"] == THIS and any(line["kind"] == "noise" for line in run):
        yield (
            "the size of the noise is published, which together with the noisy answers of this release "
            "reveals the exact answers"
        )
    if found["verdict"] != _verdict(run, found["claim"]["epsilon"]):
        yield "the verdict of the audit does not follow from the attacks"


def _verdict(run: Sequence[Line], claimed: float) -> str:
    """The verdict of an audit whose attacks with figures are ``run``.

    That nothing was seen means something only if an attack that counts found the leak planted as a test.
    """
    verdicts = [_verdict_of(line, claimed) for line in run]
    if "refuted" in verdicts:
        return "refuted"
    quiet = [line for line, verdict in zip(run, verdicts, strict=True) if verdict != "not run"]
    return "no violation seen" if any(found_planted(line, claimed) for line in quiet) else "not run"


def _verdict_of(line: Line, claimed: float) -> str:
    """The verdict of an attack with figures, whatever it says."""
    if line["epsilon_lower"] > claimed:
        return "refuted"
    counts = line["epsilon_most"] > claimed and _found("in_own_texts", line, claimed)
    return "no violation seen" if counts else "not run"


def found_planted(line: Line, claimed: float) -> bool:
    """Whether an attack found the leak that was planted among other texts as a test."""
    return _found("in_planted_leak", line, claimed)


def _found(control: str, line: Line, claimed: float) -> bool:
    seen = line.get(control)
    return seen is not None and found_leak(seen["epsilon_lower"], claimed, seen.get("auc"))


def _of_all_people(run: Sequence[Line], people: Line) -> Iterator[str]:
    """The points in which an attack counted other people, or other canaries, than the audit had."""
    planted = {line["planted"] for line in run if line["kind"] == "extraction"}
    sides = (people["members"] + people["held_out"], people["members"])
    for line in run:
        if line["name"] == OF_CANARIES or line["kind"] == "answers":
            if planted and line["members"] not in planted:
                yield f"{line['name']}: the canaries that it counted are not those that were planted"
        elif "units" in line and (line["units"], line["members"]) != sides:
            yield f"{line['name']}: the people that it counted are not those of the audit"


def _reasons(line: Line, found: Line) -> Iterator[str]:
    """Why the line of one attack does not fit together."""
    claimed, delta = found["claim"]["epsilon"], found["claim"]["delta"]
    level = found["level"] / found["tested"] / line["tests"]
    of_kind = {"extraction": _extracted, "answers": _answered, "noise": _left}.get(line["kind"], _named)
    wrong = list(of_kind(line, delta, level))
    yield from wrong
    if not wrong:  # the rest needs counts that are possible
        yield from _seen(line, found["claim"], level)
        if _names_the_wrong_side(line, delta, level) and _verdict_of(line, claimed) != "not run":
            yield "it named more of the people held out than chance explains, so the audit has no verdict"
    if line["verdict"] != _verdict_of(line, claimed):
        yield "its verdict does not follow from its bound and from the leaks planted as a test"


def _extracted(line: Line, delta: float, level: float) -> Iterator[str]:
    planted, chance, right = line["planted"], line["chance"], line["right"]
    if right > planted or line["tests"] != 1:
        yield "more canaries came out than were planted"
        return

    def p_value(hits: int) -> Callable[[float], float]:
        return lambda epsilon: extraction_p_value([chance] * planted, epsilon, delta, hits) if hits else 1.0

    if not _is_bound(line["epsilon_lower"], p_value(right), level):
        yield "its lower bound does not follow from its counts"
    if not _is_bound(line["epsilon_most"], p_value(planted), level):
        yield "what it could have shown does not follow from its counts"


def _seen(line: Line, claim: Line, level: float) -> Iterator[str]:
    """The reason why an attack would not have detected what it says."""
    told, tested = line["limit"], {"delta": claim["delta"], "level": level}
    units, members, epsilon = int(line.get("units", 0)), int(line.get("members", 0)), claim["epsilon"]
    if line["kind"] == "extraction":
        limit = extraction_limit(line["planted"], line["chance"], epsilon, **tested)
    elif line["kind"] == "answers":
        limit = answers_limit(units, epsilon, **tested)
    elif line["kind"] == "ranked":
        limit = ranked_limit(units, members, epsilon, **tested)
    elif line["kind"] == "named":
        limit = named_limit(units, members, line["guesses"] - line["right"], epsilon, **tested)
    else:
        limit = None
    if (told is None) != (limit is None) or abs((told or 0.0) - (limit or 0.0)) > _TOLERANCE:
        yield "the smallest leak that it would have detected does not follow from its counts"


def _names_the_wrong_side(line: Line, delta: float, level: float) -> bool:
    """Whether the guesses prove something if those who were held out are taken for the members."""
    if line["kind"] not in {"ranked", "named", "answers"} or not line["guesses"]:
        return False
    units, guesses, wrong = line["units"], line["guesses"], line["guesses"] - line["right"]
    if line["kind"] == "answers":
        return gaussian_run_refuted(units, guesses, wrong, 0.0, level)
    return one_run_p_value(units, guesses, wrong, 0.0, delta, 1 - line["members"] / units) < level


def _named(line: Line, delta: float, level: float) -> Iterator[str]:
    units, members, guesses, right = (line[name] for name in ("units", "members", "guesses", "right"))
    sizes = guess_sizes(units) if line["kind"] == "ranked" else [members]
    if not (0 < members < units and guesses - units + members <= right <= min(guesses, members)):
        yield "its counts are impossible"
        return
    if line["kind"] == "ranked" and (line["tests"] != len(sizes) or guesses not in {0, *sizes}):
        yield "it names numbers of people that such an attack cannot have"
        return

    def p_value(named: int, true: int) -> Callable[[float], float]:
        share = members / units
        return lambda epsilon: one_run_p_value(units, named, true, epsilon, delta, share) if named else 1.0

    if not _is_bound(line["epsilon_lower"], p_value(guesses, right), level):
        yield "its lower bound does not follow from its counts"
    # The stated epsilon is the largest of several: no test refutes more, and one test refutes exactly this
    # much.
    most = [p_value(size, min(size, members)) for size in sizes]
    told = line["epsilon_most"]
    if not any(_is_bound(told, each, level) for each in most) or any(
        each(told + _TOLERANCE) < level for each in most
    ):
        yield "what it could have shown does not follow from its counts"


def _answered(line: Line, delta: float, level: float) -> Iterator[str]:
    units, members, guesses, right = (line[name] for name in ("units", "members", "guesses", "right"))
    sizes = answer_guesses(units) if units else []
    if not (0 < members < units and right <= guesses) or line["tests"] != len(sizes) or guesses not in sizes:
        yield "its counts are impossible"
        return

    def p_value(named: int, true: int) -> Callable[[float], float]:
        def of(epsilon: float) -> float:
            mu = mu_for(max(epsilon, _TOLERANCE), delta)
            refuted = epsilon <= LARGEST_EPSILON and gaussian_run_refuted(units, named, true, mu, level)
            return 0.0 if refuted else 1.0

        return of

    if not _is_bound(line["epsilon_lower"], p_value(guesses, right), level):
        yield "its lower bound does not follow from its counts"
    most = [p_value(size, size) for size in sizes]
    told = line["epsilon_most"]
    if not any(_is_bound(told, each, level) for each in most) or any(
        each(told + _TOLERANCE) < level for each in most
    ):
        yield "what it could have shown does not follow from its counts"


def _left(line: Line, delta: float, level: float) -> Iterator[str]:
    """The figures of ``noise-left``: each answer is a test, and ``level`` is the error rate of one test."""
    answers = [line[name] for name in FIGURES["noise"]]
    if {len(each) for each in answers} != {line["tests"]}:
        yield "its answers are impossible"
        return
    mu = noise_left_mu(list(zip(*answers, strict=True)), level * line["tests"])
    shown = min(epsilon_of(mu, delta), LARGEST_EPSILON) if mu else 0.0
    if abs(line["epsilon_lower"] - shown) > _TOLERANCE:
        yield "its lower bound does not follow from its figures"
    if line["epsilon_most"] != LARGEST_EPSILON:
        yield "what it could have shown does not follow from its figures"


def _is_bound(epsilon: float, p_value: Callable[[float], float], level: float) -> bool:
    """Whether ``epsilon`` is the largest that is refuted at this level, or is 0 because none is refuted."""
    is_least = epsilon == 0.0 or p_value(max(0.0, epsilon - _TOLERANCE)) < level
    return is_least and p_value(epsilon + _TOLERANCE) >= level
