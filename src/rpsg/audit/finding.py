"""The result of one attack: its ROC curve, the lower bound on epsilon, and what it could have detected."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.metrics.intervals import around_share
from rpsg.evaluation.metrics.two_sample import wins
from rpsg.privacy.attack_bounds import (
    clopper_pearson,
    detection_limit,
    fewest_right,
    guess_sizes,
    one_run_epsilon,
)
from rpsg.stages.rng import stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.audit.subject import Subject

Floats = npt.NDArray[np.float64]
Verdict = Literal["refuted", "no violation seen", "not run"]
Interval = tuple[float, float]
RESAMPLES = 200
FALSE_POSITIVE_RATES = (0.01, 0.001)


@dataclass(frozen=True, slots=True)
class Match:
    """The indices of a synthetic text and of the private text that it copies. Private."""

    synthetic: int
    private: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Rate:
    """The true positive rate at a false positive rate, with a 95 % interval."""

    false_positive_rate: float
    value: float | None
    interval: Interval | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one attack. All of it was read from private texts: it is internal.

    ``epsilon_lower`` is a 95 % lower bound, simultaneous for all attacks of the audit. It follows from
    ``right`` of ``guesses`` being members. ``epsilon_most`` is the bound that a perfect attack would have
    shown with this number of people. ``limit`` is the share of members who have to leak for the tests to
    detect it with a power of 95 %, if leaked members rank above all others, as they do where whole texts are
    copied; None where no share suffices. ``details`` hold counts; ``matches`` are for the data's owner only.
    ``basis`` has what the bounds are computed from, besides the guesses: kind, number of tests, units,
    members, and the level of all tests together.
    """

    name: str
    verdict: Verdict
    reason: str = ""
    auc: float | None = None
    auc_interval: Interval | None = None
    rates: tuple[Rate, ...] = ()
    epsilon_lower: float | None = None
    epsilon_most: float | None = None
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
    """As ``of_scores``, for one score of each person, or of each canary."""
    units = len(is_in)
    order = stream(subject.seed, "audit ties").permutation(units)  # no tie is broken by which side came first
    ranked = is_in[order][np.argsort(-scores[order], kind="stable")]
    sizes = guess_sizes(units)
    level, prior = subject.level / len(sizes), float(is_in.mean())
    delta, tested = subject.claim.delta, subject.claim.epsilon

    def bound(guesses: int, right: int) -> float:
        return one_run_epsilon(units, guesses, right, delta=delta, level=level, by_chance=prior)

    hits = np.cumsum(ranked)
    shown = [(bound(size, int(hits[size - 1])), size, int(hits[size - 1])) for size in sizes]
    epsilon, guesses, right = max(shown, key=lambda each: (each[0], each[2] / each[1]))
    limit = detection_limit(units, sizes, tested, delta=delta, level=level, by_chance=prior)
    members, others = scores[is_in], scores[~is_in]
    auc, interval = _area(members, others)
    return judged(
        Finding(
            name,
            "no violation seen",
            auc=auc,
            auc_interval=interval,
            rates=_rates(members, others, subject.seed),
            epsilon_lower=epsilon,
            # With more guesses than members, some guesses must be wrong.
            epsilon_most=max(bound(size, min(size, int(is_in.sum()))) for size in sizes),
            guesses=guesses,
            right=right,
            limit=None if limit is None or limit > is_in.sum() else limit / int(is_in.sum()),
            curve=_curve(ranked),
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

    def bound(named: int, true: int) -> float:
        return one_run_epsilon(subject.people, named, true, delta=delta, level=level, by_chance=prior)

    return judged(
        Finding(
            name,
            "no violation seen",
            epsilon_lower=bound(guesses, right),
            epsilon_most=bound(members, members),
            guesses=guesses,
            right=right,
            limit=_fewest_hits(subject, level, guesses - right),
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


def _fewest_hits(subject: Subject, level: float, false: int) -> float | None:
    """The smallest share of members that refutes the claim if guessed right, given the false guesses made."""
    members = int(subject.is_in.sum())

    def is_enough(hits: int) -> bool:
        needed = fewest_right(
            subject.people,
            hits + false,
            subject.claim.epsilon,
            delta=subject.claim.delta,
            level=level,
            by_chance=subject.prior,
        )
        return needed is not None and needed <= hits

    if not is_enough(members):
        return None
    low, high = 0, members
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high / members


def judged(finding: Finding, subject: Subject) -> Finding:
    """The finding with its verdict.

    Only a lower bound above the claim refutes it. If not even a perfect attack could have shown one, a result
    without a violation would be uninformative, so the attack counts as not run.
    """
    claim, most, lower = subject.claim, finding.epsilon_most or 0.0, finding.epsilon_lower or 0.0
    if lower > claim.epsilon:
        shown = f"an epsilon of at least {math.floor(lower * 1000) / 1000:g}"
        against = f"claimed is {claim.epsilon:.3g}" if claim.is_made else "no claim was made"
        return replace(
            finding,
            verdict="refuted",
            reason=f"It names more members than chance allows, which shows {shown}; {against}.",
        )
    if most <= claim.epsilon:
        return replace(
            finding,
            verdict="not run",
            reason=f"With so few people even a perfect attack shows no more than epsilon {most:.2f}.",
        )
    return finding


def _area(members: Floats, others: Floats) -> tuple[float, Interval]:
    """The area under the ROC curve and its 95 % interval, from DeLong's standard error."""
    for_members, for_others = wins(members, others)
    value = float(for_members.mean())
    error = math.sqrt(for_members.var(ddof=1) / len(members) + for_others.var(ddof=1) / len(others))
    return value, around_share(value, error, min(len(members), len(others)))


def _rates(members: Floats, others: Floats, seed: int) -> tuple[Rate, ...]:
    """The true positive rate at each false positive rate, with a 95 % interval.

    The interval covers that of the bootstrap, which includes the choice of the threshold, and Clopper and
    Pearson's.
    """
    draw = stream(seed, "audit rates")
    times = RESAMPLES if len(others) * max(FALSE_POSITIVE_RATES) >= 1 else 1
    again = [
        _found(draw.choice(members, len(members)), draw.choice(others, len(others))) for _ in range(times)
    ]
    lows, highs = np.quantile(again, (0.025, 0.975), axis=0)
    rates = []
    for rate, value, low, high in zip(
        FALSE_POSITIVE_RATES, _found(members, others), lows, highs, strict=True
    ):
        if len(others) * rate < 1:
            rates.append(Rate(rate, None, reason=f"This needs {round(1 / rate):,} people who were held out."))
            continue
        least, most = clopper_pearson(round(value * len(members)), len(members), 0.025)
        rates.append(Rate(rate, value, (min(least, float(low)), max(most, float(high)))))
    return tuple(rates)


def _found(members: Floats, others: Floats) -> list[float]:
    """The true positive rate at each false positive rate."""
    indices = [len(others) - 1 - math.floor(len(others) * rate) for rate in FALSE_POSITIVE_RATES]
    ordered = np.partition(others, indices)
    return [float((members > ordered[index]).mean()) for index in indices]


def _curve(ranked: npt.NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    """The ROC curve at forty false positive rates, evenly spaced on a log axis."""
    hits, false = np.cumsum(ranked), np.cumsum(~ranked)
    rates = np.unique(np.geomspace(1 / max(int(false[-1]), 1), 1.0, 40))
    indices = np.searchsorted(false, np.floor(rates * false[-1] + 1e-9), side="right") - 1
    return tuple(
        (float(rate), float(hits[index] / hits[-1]) if index >= 0 else 0.0)
        for rate, index in zip(rates, indices, strict=True)
    )


class Attack(Protocol):
    """An attack. It raises NotRunError where it has no result; the message becomes the reason."""

    def __call__(self, subject: Subject, /) -> Finding: ...
