"""The privacy cost of DP-SGD as an accountant computes it: a figure for research, on which no claim of a
release is built.

In each step every person takes part with the same probability (Poisson sampling), and clipped gradients and
noise are added up. Steps are composed by privacy-loss distributions (Koskela et al., 2020; Doroshenko et al.,
2022), which dp-accounting computes, for adding or removing one person. The figure holds for exact Gaussian
noise of a secure source, and for a number of people that is public; training on floating-point numbers has
neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rpsg.errors import InfeasibleError, needed

#: The noise multiplier is found to this relative precision, and is never below what the target needs.
PRECISION = 1e-4
#: The range in which a noise multiplier is searched; a smaller one bounds nothing.
LEAST_NOISE, MOST_NOISE = 0.05, 1e4


@dataclass(frozen=True, slots=True)
class Training:
    """The public numbers of a training: the probability that a person takes part in a step, and the number of
    steps. ``counted`` is the mu of another Gaussian mechanism over the same people; 0 if there was none.
    """

    rate: float
    steps: int
    counted: float = 0.0


def epsilon_of_training(training: Training, noise_multiplier: float, delta: float) -> float:
    """Epsilon at ``delta`` of all steps with this ratio of noise to clipping length; infinite without noise.

    Raises:
        MissingExtraError: dp-accounting is not installed.
    """
    with needed("dpsgd", "dp-accounting"):
        import dp_accounting
        from dp_accounting import pld
    if noise_multiplier <= 0:
        return math.inf
    accountant = pld.PLDAccountant()
    step = dp_accounting.GaussianDpEvent(noise_multiplier)
    if training.rate < 1:
        step = dp_accounting.PoissonSampledDpEvent(training.rate, step)
    accountant.compose(step, training.steps)
    if training.counted:
        accountant.compose(dp_accounting.GaussianDpEvent(1 / training.counted))
    return float(accountant.get_epsilon(delta))


def noise_for(epsilon: float, delta: float, training: Training) -> float:
    """The smallest noise multiplier, up to ``PRECISION``, whose cost is at most ``epsilon``; by bisection.

    Raises:
        InfeasibleError: no noise is large enough for the target, or the target is so loose that hardly any
            noise is needed and nobody would be protected.
        MissingExtraError: dp-accounting is not installed.
    """

    def keeps(noise: float) -> bool:
        return epsilon_of_training(training, noise, delta) <= epsilon

    low = high = 1.0
    while not keeps(high):
        low, high = high, 2 * high
        if high > MOST_NOISE:
            raise InfeasibleError(
                "No noise is large enough to keep this budget over that many steps.",
                hint="Raise --epsilon, or lower [dpsgd] steps, batch or cards.",
            )
    while low == high or keeps(low):
        low, high = low / 2, low
        if low < LEAST_NOISE:
            raise InfeasibleError(
                "At this epsilon hardly any noise is needed, so nobody would be protected.",
                hint="Lower --epsilon, or set [dpsgd] noise_multiplier = 0 for training without noise.",
            )
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return high
