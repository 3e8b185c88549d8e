"""The attacks on the noisy answers of a run.

``noisy-answers`` asks which canaries were in the data that the answers were drawn from, and assumes of the
mechanism only that it is mu-GDP. ``noise-left`` assumes that its noise is Gaussian, and detects smaller
faults.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.finding import Finding, judged
from rpsg.audit.roc import area_of, curve_of, rates_of
from rpsg.audit.subject import NotRunError
from rpsg.evaluation.metrics.intervals import around_share
from rpsg.privacy.attack_bounds import (
    LARGEST_EPSILON,
    POWER,
    answer_guesses,
    chi_squared_quantile,
    gaussian_run_mu,
    noise_left_mu,
)
from rpsg.privacy.attack_limits import answers_limit
from rpsg.privacy.gaussian import epsilon_of, mu_for
from rpsg.stages.rng import stream

if TYPE_CHECKING:
    from rpsg.audit.answers import CanaryAnswers
    from rpsg.audit.subject import Subject

Floats = npt.NDArray[np.float64]
NAME, NOISE = "noisy-answers", "noise-left"
#: The variances that are tried, as shares of the stated one; the most likely of them is used.
VARIANCES = np.geomspace(1.0, 1e-4, 9)
FEWEST = 20


def noisy_answers(subject: Subject) -> Finding:
    """Canaries that the noisy answers reveal to an attacker who knows the rows of everybody else.

    What everybody else adds is subtracted from the answers, and the coins of all canaries are estimated
    together from the rest (``scores``).
    """
    answers, is_in = _answers_and_coins(subject)
    return of_coins(scores(answers), is_in, subject)


def _answers_and_coins(subject: Subject) -> tuple[CanaryAnswers, npt.NDArray[np.bool_]]:
    if subject.answers is None or subject.canaries is None:
        raise NotRunError("This attack needs the noisy answers of a run with canaries in its data.")
    if not subject.claim.delta:
        raise NotRunError(
            "The claim has no delta, and without one no epsilon follows from the size of the noise."
        )
    return subject.answers, np.array(subject.canaries.is_in)


def of_coins(found: Floats, is_in: npt.NDArray[np.bool_], subject: Subject) -> Finding:
    """The finding of an attack that estimates coins: above 0 means "in", and further from 0 is more certain.

    For the canaries whose estimates are furthest from 0, it guesses whether they were in. It does so for a
    tenth, a fifth and half of all canaries, which are three tests. Because the noise is Gaussian, the right
    guesses prove a lower bound on mu, and so on the epsilon that belongs to it at the delta of the claim. The
    canaries may be those of several runs.
    """
    units, claimed, delta = len(is_in), subject.claim.epsilon, subject.claim.delta
    if units < FEWEST or is_in.all() or not is_in.any():
        raise NotRunError("There are too few canaries on one side.")
    order = stream(subject.seed, "audit ties").permutation(units)
    order = order[np.argsort(-np.abs(found[order]), kind="stable")]
    hits = np.cumsum((found > 0.0)[order] == is_in[order])
    sizes = answer_guesses(units)
    level = subject.level / len(sizes)

    def bound(guesses: int, right: int) -> float:
        return _epsilon(gaussian_run_mu(units, guesses, right, level), delta)

    told = [(bound(size, int(hits[size - 1])), size, int(hits[size - 1])) for size in sizes]
    epsilon, guesses, right = max(told, key=lambda each: (each[0], each[2] / each[1]))
    auc, error, fewest = area_of(found, is_in)
    return judged(
        Finding(
            NAME,
            "no violation seen",
            auc=auc,
            auc_interval=around_share(auc, error, fewest),
            rates=rates_of(found[is_in], found[~is_in], subject.seed),
            epsilon_lower=epsilon,
            epsilon_most=max(bound(size, size) for size in sizes),
            epsilon_if_swapped=max(bound(size, size - named) for _, size, named in told),
            guesses=guesses,
            right=right,
            limit=answers_limit(units, claimed, delta=delta, level=level),
            details={"mu at least": gaussian_run_mu(units, guesses, right, level)},
            curve=curve_of(is_in[np.argsort(-found, kind="stable")]),
            basis={
                "kind": "answers",
                "tests": len(sizes),
                "units": units,
                "members": int(is_in.sum()),
                "level": subject.level,
            },
        ),
        subject,
    )


def scores(answers: CanaryAnswers) -> Floats:
    """How far the estimate of each coin is from one half, shape (canaries,); above 0 for "in".

    A coin minus one half has the variance 1/4. What the answers show of these numbers is ``added`` times
    them, plus noise. The estimate is the best linear one. An attacker does not know by how much the noise is
    too small, so it uses the noise level that makes the answers most likely, but never more than the stated
    noise.
    """
    values, axes = np.linalg.eigh(answers.added)
    kept = values > 1e-9 * max(values[-1], 1e-9)
    values, axes = values[kept], axes[:, kept]
    seen = axes.T @ (answers.shown - answers.added.sum(axis=1) / 2)

    def surprise(variance: float) -> float:
        spread = values**2 / 4 + variance * values
        return float(np.sum(seen**2 / spread + np.log(spread)))

    likeliest = min(VARIANCES, key=surprise)
    found: Floats = axes @ (seen / (values + 4 * likeliest))
    return found


def noise_left(subject: Subject) -> Finding:
    """How much noise the answers have, once the rows of everybody and the planted canaries are known.

    A claim holds against somebody who knows all rows but one. Such a person sees each canary under this noise
    alone, whatever other canaries hide it from ``noisy-answers``. No coin is guessed: the size of the noise
    of each answer is compared with what the ledger states. If it is Gaussian, its size decides how well the
    canary that adds most can be detected. This gives a mu (``noise_left_mu``), and the epsilon that belongs
    to it at the delta of the claim.

    It is not run on the answers of a release: they are public, so anybody who also knows the size of their
    noise could compute the exact answers.
    """
    answers, _ = _answers_and_coins(subject)
    if not answers.noise:
        raise NotRunError(
            "The noisy answers of this run are in its release. Together with the size of their noise they "
            "would reveal the exact answers, so the noise was not measured. An audit run measures it: rpsg "
            "audit-run."
        )
    added = np.array([each.added for each in answers.noise])
    if not added.any():
        raise NotRunError("No canary adds anything to the noisy answers.")
    level, delta, claimed = subject.level, subject.claim.delta, subject.claim.epsilon
    tests = len(answers.noise)
    # ``square / least`` is the largest variance that the noise of an answer can have, as a share of the
    # stated one; ``most`` is the canary that adds most, compared with these variances.
    least = np.array([chi_squared_quantile(level / tests, each.entries) for each in answers.noise])
    square = np.array([max(each.square, 1e-9) for each in answers.noise])
    most = int((added.T @ (least / square)).argmax())
    figures = [(each.entries, each.square, float(each.added[most])) for each in answers.noise]
    mu = noise_left_mu(figures, level)
    usual = np.array([chi_squared_quantile(POWER, each.entries) for each in answers.noise])
    seen = math.sqrt((added.T @ (least / usual)).max()) / mu_for(claimed, delta) if claimed else None
    entries = sum(each.entries for each in answers.noise)
    return judged(
        Finding(
            NOISE,
            "no violation seen",
            epsilon_lower=_epsilon(mu, delta),
            epsilon_most=LARGEST_EPSILON,
            details={
                "noise, of what is claimed": math.sqrt(sum(each.square for each in answers.noise) / entries),
                "noise that would be seen": seen,
                "mu at least": mu,
            },
            basis={
                "kind": "noise",
                "tests": tests,
                "entries": [entries for entries, _, _ in figures],
                "squares": [square for _, square, _ in figures],
                "added": [added for _, _, added in figures],
                "level": level,
            },
        ),
        subject,
    )


def _epsilon(mu: float, delta: float) -> float:
    return min(epsilon_of(mu, delta), LARGEST_EPSILON) if mu else 0.0
