"""Tests whether noisy minus exact counts have the distribution in the ledger; for the operator, who has both.

Each count gives a number that is uniform if the noise is right: a random point between F(r - 1) and F(r),
where F is the distribution function of the rounded Gaussian and r the difference. A string that did not reach
its threshold is only known to be below it: its point is between 0 and F at the threshold. So the points are
exactly uniform and independent, whatever the counts are, and their normal scores z exactly normal: the sum of
squares is chi-squared, the sum over sqrt n normal. Both tests are two-sided.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The probability that correct noise is rejected, over all tests of a run together.
FALSE_ALARM = 1e-6
_FARTHEST = 40.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The tests of one stage's noise: the number of scores, and the two-sided p-values of spread and mean."""

    stage: str
    cells: int
    spread: float
    mean: float
    reason: str = ""

    def is_noise(self, tests: int) -> bool:
        """Whether no test rejects it, when ``tests`` tests share the rate of false alarms."""
        return not self.reason and min(self.spread, self.mean) >= FALSE_ALARM / max(1, tests)


def outcome(stage: str, intervals: Sequence[tuple[float, float]]) -> Outcome:
    """The tests of one stage; ``intervals`` are (F below, F at) of its counts."""
    dice = random.SystemRandom()
    scores = [_score(low + (high - low) * dice.random()) for low, high in intervals]
    if not scores:
        return Outcome(stage, 0, 1.0, 1.0)
    below, above = chi_squared_tails(math.fsum(z * z for z in scores), len(scores))
    centre = abs(math.fsum(scores)) / math.sqrt(2.0 * len(scores))
    return Outcome(stage, len(scores), min(1.0, 2.0 * min(below, above)), math.erfc(centre))


def seen(difference: int, sigma: float) -> tuple[float, float]:
    """The interval of a count that was released."""
    return _at_most(difference - 1, sigma), _at_most(difference, sigma)


def below_threshold(distance: int, sigma: float) -> tuple[float, float]:
    """The interval of a count below its threshold, which is ``distance`` above the exact count."""
    return 0.0, _at_most(distance - 1, sigma)


def _at_most(value: int, sigma: float) -> float:
    """The probability that the rounded Gaussian is at most ``value``."""
    return 0.5 * math.erfc(-(value + 0.5) / (sigma * math.sqrt(2.0)))


def _score(point: float) -> float:
    if not 0.0 < point < 1.0:
        return math.copysign(_FARTHEST, point - 0.5)
    return NormalDist().inv_cdf(point)


def chi_squared_tails(value: float, degrees: int) -> tuple[float, float]:
    """The probabilities that a chi-squared variable is below and above ``value``.

    The regularised incomplete gamma function by its series and its continued fraction (Numerical Recipes,
    6.2), which both converge in some multiple of sqrt(degrees) steps.
    """
    a, x = degrees / 2.0, value / 2.0
    if x <= 0.0:
        return 0.0, 1.0
    scale = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1.0:
        below = scale * _series(a, x)
        return below, 1.0 - below
    above = scale * _fraction(a, x)
    return 1.0 - above, above


def _series(a: float, x: float) -> float:
    term = total = 1.0 / a
    n = a
    while term > total * 1e-17:
        n += 1.0
        term *= x / n
        total += term
    return total


def _fraction(a: float, x: float) -> float:
    tiny = 1e-300
    b = x + 1.0 - a
    c, d = 1.0 / tiny, 1.0 / b
    h, i = d, 0
    while True:
        i += 1
        step = -i * (i - a)
        b += 2.0
        d = 1.0 / _not_zero(step * d + b, tiny)
        c = _not_zero(b + step / c, tiny)
        h *= d * c
        if abs(d * c - 1.0) < 1e-15:
            return h


def _not_zero(value: float, tiny: float) -> float:
    return value if abs(value) >= tiny else tiny
