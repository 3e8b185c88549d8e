"""The result of one attack: its ROC curve, the lower bound on epsilon, and what it could have detected."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from rpsg.audit.roc import area_of, curve_of, rates_of
from rpsg.evaluation.metrics.intervals import around_share
from rpsg.privacy.attack_bounds import guess_sizes, one_run_epsilon
from rpsg.privacy.attack_limits import named_limit, ranked_limit
from rpsg.stages.rng import stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.audit.roc import Interval, Rate
    from rpsg.audit.subject import Subject

Floats = npt.NDArray[np.float64]
Verdict = Literal["refuted", "no violation seen", "not run"]


@dataclass(frozen=True, slots=True)
class Match:
    """The indices of a synthetic text and of the private text that it copies. Private."""

    synthetic: int
    private: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one attack. All of it was read from private texts: it is internal.

    ``epsilon_lower`` is a 95 % lower bound, simultaneous for all attacks of the audit. It follows from
    ``right`` of ``guesses`` being members. ``epsilon_most`` is the bound that a perfect attack would have
    shown with this number of people. ``limit`` is the share of members whose texts must leak for the tests to
    detect this with a power of 95 %, if leaked members rank above all others, as they do if whole texts are
    copied; None if no share suffices. ``details`` hold counts; ``matches`` are for the data's owner only.
    ``epsilon_if_swapped`` is the bound if members and people held out were exchanged: if it is above 0, the
    attack names too many people who were held out. ``basis`` has what the bounds are computed from, besides
    the guesses: kind, number of tests, units, members, and the level of all tests together.
    """

    name: str
    verdict: Verdict
    reason: str = ""
    auc: float | None = None
    auc_interval: Interval | None = None
    rates: tuple[Rate, ...] = ()
    epsilon_lower: float | None = None
    epsilon_most: float | None = None
    epsilon_if_swapped: float | None = None
    guesses: int | None = None
    right: int | None = None
    limit: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    matches: tuple[Match, ...] = ()
    curve: tuple[tuple[float, float], ...] = ()
    basis: Mapping[str, Any] = field(default_factory=dict)


def not_run(name: str, reason: str) -> Finding:
    """An attack without a result, and the reason."""
    return Finding(name, "not run", reason)


def of_scores(
    name: str,
    subject: Subject,
    scores: Floats,
    *,
    matches: tuple[Match, ...] = (),
) -> Finding:
    """The finding of an attack that gives each private text a score; higher is more like a member.

    A person has the largest score of their texts. The people with the 25, 100, 400 and 1,600 highest scores,
    and the upper half, are guessed to be members; each number up to half of all is a separate test, and the
    tests share the level.
    """
    people = subject.by_person(np.nan_to_num(scores, nan=-np.inf))
    return replace(of_people(name, subject, people, subject.is_in), matches=matches)


def of_people(name: str, subject: Subject, scores: Floats, is_in: npt.NDArray[np.bool_]) -> Finding:
    """As ``of_scores``, for one score of each person, or of each canary.

    Scores that are all equal name nobody: with ties broken at random, chance alone could show a bound.
    """
    units, scores = len(is_in), np.nan_to_num(scores, nan=-np.inf)
    order = stream(subject.seed, "audit ties").permutation(units)  # no tie is broken by which side came first
    ranked = is_in[order][np.argsort(-scores[order], kind="stable")]
    sizes = guess_sizes(units)
    level, prior = subject.level / len(sizes), float(is_in.mean())
    delta, tested = subject.claim.delta, subject.claim.epsilon

    def bound(guesses: int, right: int, by_chance: float = prior) -> float:
        return one_run_epsilon(units, guesses, right, delta=delta, level=level, by_chance=by_chance)

    hits = np.cumsum(ranked)
    shown, swapped = [(0.0, 0, 0)], 0.0
    if scores.min() < scores.max():
        shown = [(bound(size, int(hits[size - 1])), size, int(hits[size - 1])) for size in sizes]
        swapped = max(bound(size, size - right, 1 - prior) for _, size, right in shown)
    epsilon, guesses, right = max(shown, key=lambda each: (each[0], each[2] / max(each[1], 1)))
    auc, error, fewest = area_of(scores, is_in)
    return judged(
        Finding(
            name,
            "no violation seen",
            auc=auc,
            auc_interval=around_share(auc, error, fewest),
            rates=rates_of(scores[is_in], scores[~is_in], subject.seed),
            epsilon_lower=epsilon,
            # With more guesses than members, some guesses must be wrong.
            epsilon_most=max(bound(size, min(size, int(is_in.sum()))) for size in sizes),
            epsilon_if_swapped=swapped,
            guesses=guesses,
            right=right,
            limit=ranked_limit(units, int(is_in.sum()), tested, delta=delta, level=level),
            curve=curve_of(ranked),
            basis={
                "kind": "ranked",
                "tests": len(sizes),
                "units": units,
                "members": int(is_in.sum()),
                "level": subject.level,
            },
        ),
        subject,
    )


def of_hits(
    name: str,
    subject: Subject,
    hit: npt.NDArray[np.bool_],
    *,
    tests: int = 1,
    details: Mapping[str, Any] | None = None,
    matches: tuple[Match, ...] = (),
) -> Finding:
    """The finding of an attack that guesses some people to be members and abstains about all others.

    ``tests``: the number of such tests, which share the level.
    """
    guesses, right = int(hit.sum()), int((hit & subject.is_in).sum())
    members, level = int(subject.is_in.sum()), subject.level / tests
    delta, prior = subject.claim.delta, subject.prior

    def bound(named: int, true: int, by_chance: float = prior) -> float:
        return one_run_epsilon(subject.people, named, true, delta=delta, level=level, by_chance=by_chance)

    return judged(
        Finding(
            name,
            "no violation seen",
            epsilon_lower=bound(guesses, right),
            epsilon_most=bound(members, members),
            epsilon_if_swapped=bound(guesses, guesses - right, 1 - prior),
            guesses=guesses,
            right=right,
            limit=named_limit(
                subject.people, members, guesses - right, subject.claim.epsilon, delta=delta, level=level
            ),
            details=details or {},
            matches=matches,
            basis={
                "kind": "named",
                "tests": tests,
                "units": subject.people,
                "members": members,
                "level": subject.level,
            },
        ),
        subject,
    )


_WHY_NAMED = "It names more members than chance allows"
_WHY = {
    "extraction": "Planted canaries are in the corpus",
    "answers": "The noisy answers reveal which canaries were in the data",
    "noise": "The noisy answers have less noise than is claimed",
}


def judged(finding: Finding, subject: Subject) -> Finding:
    """The finding with its verdict.

    Only a lower bound above the claim refutes it. If not even a perfect attack could have shown one, a result
    without a violation would be uninformative, so the attack counts as not run.
    """
    claim, most, lower = subject.claim, finding.epsilon_most or 0.0, finding.epsilon_lower or 0.0
    if lower > claim.epsilon:
        shown = f"an epsilon of at least {math.floor(lower * 1000) / 1000:g}"
        kind = str(finding.basis.get("kind"))
        against = f"the claim is epsilon {claim.epsilon:.3g}" if claim.is_made else "no claim was made"
        return replace(
            finding,
            verdict="refuted",
            reason=f"{_WHY.get(kind, _WHY_NAMED)}, which shows {shown}; {against}.",
        )
    if most <= claim.epsilon:
        return replace(
            finding,
            verdict="not run",
            reason=f"With so few people or canaries, even a perfect attack could not prove more than epsilon "
            f"{most:.2f}.",
        )
    return finding


class Attack(Protocol):
    """An attack. It raises NotRunError if it has no result. The message becomes the reason, but is not shown
    for attacks of other packages, because it may quote a text.
    """

    def __call__(self, subject: Subject, /) -> Finding: ...
