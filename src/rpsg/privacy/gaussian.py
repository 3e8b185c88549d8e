"""Gaussian differential privacy in closed form: the cost of noise, and the noise for a budget.

A mechanism is mu-GDP when telling neighbouring inputs apart is no easier than telling N(0,1) from
N(mu,1) (Dong, Roth, Su, 2022). Its privacy profile (Balle and Wang, 2018) is

    delta(epsilon) = Phi(mu/2 - epsilon/mu) - e^epsilon * Phi(-mu/2 - epsilon/mu)

Every result is rounded to the safe side: delta and epsilon up, mu and with it the budget down. Only the
standard library is used, so that a third party can read and re-run all of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

_SQRT2 = math.sqrt(2.0)
_LARGEST_EPSILON = 1e6  # reported as infinite beyond this
_ULP = 2.3e-16
_LOG_FROM = 30.0  # above this, the logarithm of Phi is used
_LOG_ROUNDING = 1e-9


def normal_cdf(x: float) -> float:
    """Phi(x), accurate in the lower tail."""
    return 0.5 * math.erfc(-x / _SQRT2)


def normal_upper_quantile(tail: float) -> float:
    """The z with 1 - Phi(z) = ``tail``, accurate for small tails."""
    return -NormalDist().inv_cdf(tail)


def _log_normal_cdf(x: float) -> float:
    if x > -_LOG_FROM:
        return math.log(normal_cdf(x))
    inverse = 1.0 / (x * x)
    series = 1.0 - inverse * (1.0 - 3.0 * inverse * (1.0 - 5.0 * inverse))
    return -0.5 * x * x - math.log(-x) - 0.5 * math.log(2.0 * math.pi) + math.log(series)


def _rounding(x: float) -> float:
    """A bound on the relative error of Phi(x): an error of one ulp in x is x^2 ulp in Phi(x)."""
    return (8.0 + 2.0 * x * x) * _ULP


def _second_term(mu: float, epsilon: float) -> tuple[float, float]:
    """e^epsilon * Phi(-mu/2 - epsilon/mu), and its relative error."""
    at = -mu / 2.0 - epsilon / mu
    if at > -_LOG_FROM:
        return math.exp(epsilon) * normal_cdf(at), _rounding(at) + epsilon * _ULP
    return math.exp(epsilon + _log_normal_cdf(at)), _LOG_ROUNDING


def delta_of(mu: float, epsilon: float) -> float:
    """The smallest delta for which mu-GDP implies (epsilon, delta)-DP, rounded up.

    Raises:
        ValueError: ``mu`` or ``epsilon`` is negative or not finite.
    """
    if not (mu >= 0.0 and epsilon >= 0.0 and math.isfinite(mu) and math.isfinite(epsilon)):
        raise ValueError("mu and epsilon must be finite and not negative")
    if mu == 0.0:
        return 0.0
    at = mu / 2.0 - epsilon / mu
    first = normal_cdf(at)
    second, error = _second_term(mu, epsilon)
    slack = _rounding(at) * first + error * second
    return min(1.0, max(0.0, first - second) + slack)


def delta_total(mu: float, epsilon: float, delta_fail: float = 0.0, tv: float = 0.0) -> float:
    """Delta at ``epsilon``, including all errors.

    Threshold failures add ``delta_fail``. Noise within total variation ``tv`` of the exact distribution adds
    (1 + e^epsilon) * tv.
    """
    sampler = (1.0 + math.exp(min(epsilon, 700.0))) * tv if tv > 0.0 else 0.0
    return min(1.0, delta_of(mu, epsilon) + delta_fail + sampler)


def epsilon_of(mu: float, delta: float, delta_fail: float = 0.0, tv: float = 0.0) -> float:
    """The smallest epsilon with ``delta_total(mu, epsilon, ...) <= delta``, rounded up; inf if there is none.

    Raises:
        ValueError: ``delta`` is not in (0, 1).
    """
    _check_delta(delta)
    if delta_total(mu, 0.0, delta_fail, tv) <= delta:
        return 0.0
    low, high = 0.0, 1.0
    while delta_total(mu, high, delta_fail, tv) > delta:
        low, high = high, 2.0 * high
        if high > _LARGEST_EPSILON:
            return math.inf
    while low < (middle := 0.5 * (low + high)) < high:  # until no double lies between them
        if delta_total(mu, middle, delta_fail, tv) <= delta:
            high = middle
        else:
            low = middle
    return high


def mu_for(epsilon: float, delta: float) -> float:
    """The largest mu for which mu-GDP implies (epsilon, delta)-DP, rounded down.

    Raises:
        ValueError: ``epsilon`` is not positive and finite, or ``delta`` not in (0, 1).
    """
    _check_delta(delta)
    if not (epsilon > 0.0 and math.isfinite(epsilon)):
        raise ValueError("epsilon must be positive and finite")
    low, high = 0.0, 1.0
    while delta_of(high, epsilon) <= delta:
        low, high = high, 2.0 * high
    while low < (middle := 0.5 * (low + high)) < high:  # until no double lies between them
        if delta_of(middle, epsilon) <= delta:
            low = middle
        else:
            high = middle
    return low


@dataclass(frozen=True, slots=True)
class AttackBound:
    """The optimal membership attack: deciding whether one unit took part."""

    auc: float
    tpr_at_fpr_1_percent: float
    tpr_at_fpr_01_percent: float


def rounded_up(value: float, decimals: int) -> str:
    """A bound as printed: ``decimals`` digits after the point, never below the value."""
    if not math.isfinite(value):
        return "unbounded"
    return f"{math.ceil(value * 10**decimals - 1e-9) / 10**decimals:.{decimals}f}"


def attack_success(mu: float, delta_fail: float = 0.0) -> AttackBound:
    """The optimal attack on mu-GDP: AUC = Phi(mu / sqrt 2), TPR = Phi(Phi^-1(FPR) + mu); + ``delta_fail``."""
    return AttackBound(
        auc=min(1.0, normal_cdf(mu / _SQRT2) + delta_fail),
        tpr_at_fpr_1_percent=_best_true_positive_rate(mu, 0.01, delta_fail),
        tpr_at_fpr_01_percent=_best_true_positive_rate(mu, 0.001, delta_fail),
    )


def _best_true_positive_rate(mu: float, false_positive_rate: float, delta_fail: float) -> float:
    return min(1.0, normal_cdf(mu - normal_upper_quantile(false_positive_rate)) + delta_fail)


def _check_delta(delta: float) -> None:
    if not 0.0 < delta < 1.0:
        raise ValueError("delta must lie strictly between 0 and 1")
