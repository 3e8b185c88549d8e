"""An audit that is published on purpose, as an entry of the ledger, and the checks of its figures.

Its counts were read from private texts without noise. A verifier cannot count again, but it recomputes every
bound from the counts and every verdict from the bounds, and checks that the claim is that of the ledger.
Whether they also fit the release is checked in ``rpsg.pipeline.verification.audited``.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from rpsg.disk.json_text import canonical_json
from rpsg.errors import UsageError
from rpsg.privacy.attack_bounds import (
    LARGEST_EPSILON,
    answer_guesses,
    extraction_p_value,
    gaussian_run_refuted,
    guess_sizes,
    noise_left_mu,
    one_run_p_value,
)
from rpsg.privacy.gaussian import epsilon_of, mu_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Ledger = Mapping[str, Any]
    Line = Mapping[str, Any]

FORM = "rpsg-published-audit/2"
#: The error rate of all tests of an audit together.
LEVEL = 0.05
THIS, LIKE_IT = (
    "the corpus of this release",
    "another corpus of the same plan, with canaries, destroyed since",
)
WORDS = (
    "Every figure of this audit was counted in private texts, without noise and without a budget: how many "
    "people were used and held out, and how many of them each attack named. No claim covers it. That nothing "
    "was seen proves nothing."
)
NOT_COVERED = "the figures of the published audit: they were counted in private texts without noise"
#: What no verifier can show about a published audit: in every case, and if another corpus was attacked.
CANNOT_SHOW = (
    "that the counts of the published audit were counted, in these private texts: the publisher says so",
    "that no other audit of these texts was made, of which the best was published",
)
CANNOT_SHOW_LIKE_IT = (
    "that the corpus of the published audit, which is destroyed, was made from the same private texts: the "
    "publisher's machine compared them when it published, and nobody else can"
)
#: The attack that ranks canaries and not people.
OF_CANARIES = "exposure"
_TOLERANCE = 1e-6
_NAMED = ("units", "members", "guesses", "right")
#: The figures that decide the bound of an attack, if the attack does not name people.
_FIGURES = {"extraction": ("planted", "chance", "right"), "noise": ("entries", "squares", "added")}


def published(found: Mapping[str, Any], *, of: str) -> dict[str, Any]:
    """The block for a ledger, from the stored results of an audit; an attack that was not run is only named.

    Raises:
        UsageError: the audit did not count, or did not test a claim.
    """
    if found["verdict"] == "not run" or not found["claim"]["is_made"]:
        raise UsageError(
            "An audit that tested no claim, or that did not count, cannot be published.",
            hint="Why is in its private report: rpsg report RUN --private, or AUDIT/private/audit.html.",
        )
    if unknown := [e["name"] for e in found["findings"] if not e["basis"] and e["verdict"] != "not run"]:
        raise UsageError(
            f"Nobody could check the bounds of {', '.join(unknown)}: those attacks do not say from what "
            "their bounds follow.",
            hint="Audit without them: rpsg audit RUN --attacks A,B",
        )
    if of == THIS and any((each["basis"] or {}).get("kind") == "noise" for each in found["findings"]):
        raise UsageError(
            "The size of the noise would give the exact answers, because this release has the noisy ones.",
            hint="Publish an audit run of the same plan instead: rpsg audit-run.",
        )
    base, about, counts = found["baseline"], found["about"], found["counts"]
    corpus = {"texts": counts["synthetic texts"]}
    return {
        "form": FORM,
        "of": of,
        "plan": about["plan"],
        "corpus": corpus | ({"sha256": about["texts"]} if of == THIS else {}),
        "people": {
            "members": counts["members"],
            "held_out": counts["held out"],
            "share_held_out": about["held out"],
            # With many equal texts, members are left out, and the audit would seem to be about other people.
            **({"left_out": counts["members left out"]} if counts.get("members left out") else {}),
        },
        "verdict": found["verdict"],
        "claim": {name: found["claim"][name] for name in ("epsilon", "delta")},
        "level": LEVEL,
        "tested": max(round(LEVEL / each["basis"]["level"]) for each in found["findings"] if each["basis"]),
        "told_apart": {"auc": base["auc"], "low": base["interval"][0], "high": base["interval"][1]},
        "attacks": [_line(each) for each in found["findings"]],
        "words": WORDS,
    }


def texts_digest(texts: Sequence[str]) -> str:
    """The SHA-256 of the texts of a corpus, in their order, as hexadecimal digits."""
    return hashlib.sha256(canonical_json(list(texts))).hexdigest()


def _line(each: Mapping[str, Any]) -> dict[str, Any]:
    told = {"name": each["name"], "verdict": each["verdict"]}
    if each["verdict"] == "not run":
        return told
    about = {**each["basis"], **each}
    names = ("kind", "tests", *_FIGURES.get(about["kind"], _NAMED), "epsilon_lower", "epsilon_most")
    return told | {name: about[name] for name in names}


def audit_holds(ledger: Ledger) -> Iterator[str]:
    """The reasons why a ledger's published audit cannot be true; none if there is no published audit."""
    found = ledger.get("published_audit")
    if (found is not None) != (ledger.get("audit", {}).get("published") == "figures"):
        yield "one place says that an audit is published, and another does not"
    if (found is not None) != (NOT_COVERED in ledger["not_covered"]):
        yield "it is not said that no claim covers the published audit"
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
        yield "it is not said what the figures of an audit are"
    if ledger.get("audit") != summary_of(found):
        yield "the verdict of the audit is not the one that it came to"


def _outcome(found: Line) -> Iterator[str]:
    """The points in which verdicts, bounds and counts do not fit together."""
    if len({line["name"] for line in found["attacks"]}) != len(found["attacks"]):
        yield "an attack is named twice"
    run = [line for line in found["attacks"] if line["verdict"] != "not run"]
    if not len(run) <= found["tested"] <= len(found["attacks"]):
        yield "the number of attacks that share the error is not theirs"
    yield from _of_all_people(run, found["people"])
    if found["told_apart"]["low"] > 0.5:
        yield "the two sides were told apart without the corpus, so the audit says nothing"
    for line in run:
        yield from (f"{line['name']}: {reason}" for reason in _reasons(line, found))
    if found["of"] == THIS and any(line["kind"] == "extraction" and line["right"] for line in run):
        yield "a canary was in this release, which then is none"
    if found["of"] == THIS and any(line["kind"] == "noise" for line in run):
        yield "the size of the noise gives the exact answers, because this release has the noisy ones"
    refuted = any(line["verdict"] == "refuted" for line in run)
    if not run or found["verdict"] != ("refuted" if refuted else "no violation seen"):
        yield "the verdict does not follow from its attacks"


def _of_all_people(run: Sequence[Line], people: Line) -> Iterator[str]:
    """The points in which an attack counted other people, or other canaries, than the audit had."""
    planted = {line["planted"] for line in run if line["kind"] == "extraction"}
    sides = (people["members"] + people["held_out"], people["members"])
    for line in run:
        if line["name"] == OF_CANARIES or line["kind"] == "answers":
            if planted and line["members"] not in planted:
                yield f"{line['name']}: it counted other canaries than were planted"
        elif "units" in line and (line["units"], line["members"]) != sides:
            yield f"{line['name']}: it counted other people than the audit had"


def summary_of(found: Line) -> dict[str, Any]:
    """The entry ``audit`` of a ledger with this published audit."""
    verdict = "violation" if found["verdict"] == "refuted" else "no_violation_found"
    return {"ran": True, "published": "figures", "verdict": verdict}


def _reasons(line: Line, found: Line) -> Iterator[str]:
    """Why the line of one attack does not fit together."""
    claimed, delta = found["claim"]["epsilon"], found["claim"]["delta"]
    level = found["level"] / found["tested"] / line["tests"]
    if line["kind"] == "extraction":
        yield from _extracted(line, delta, level)
    elif line["kind"] == "answers":
        yield from _answered(line, delta, level)
    elif line["kind"] == "noise":
        yield from _left(line, delta, level)
    else:
        yield from _named(line, delta, level)
    refuted = line["epsilon_lower"] > claimed
    if refuted != (line["verdict"] == "refuted") or not (refuted or line["epsilon_most"] > claimed):
        yield "its verdict does not follow from its bound"


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


def _named(line: Line, delta: float, level: float) -> Iterator[str]:
    units, members, guesses, right = (line[name] for name in ("units", "members", "guesses", "right"))
    sizes = guess_sizes(units) if line["kind"] == "ranked" else [members]
    if not (0 < members < units and guesses - units + members <= right <= min(guesses, members)):
        yield "its counts cannot be"
        return
    if line["kind"] == "ranked" and (line["tests"] != len(sizes) or guesses not in {0, *sizes}):
        yield "it names other numbers of people than such an attack does"
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
        yield "its counts cannot be"
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
    answers = [line[name] for name in _FIGURES["noise"]]
    if {len(each) for each in answers} != {line["tests"]}:
        yield "its answers cannot be"
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
