"""Lower bounds from many runs of a mechanism, with and without one record: to test mechanisms and methods."""

from __future__ import annotations

import math
from statistics import NormalDist

from rpsg.privacy.attack_bounds import clopper_pearson


def many_run_epsilon(
    true_positives: int,
    runs_in: int,
    false_positives: int,
    runs_out: int,
    *,
    delta: float,
    level: float = 0.05,
) -> float:
    """The largest epsilon refuted by many runs with, and many without, one record.

    log((TPR - delta) / FPR) and log((1 - FPR - delta) / (1 - TPR)), the larger, from one-sided
    Clopper-Pearson bounds that share ``level`` (Jagielski, Ullman & Oprea 2020).
    """
    hit_low, _ = clopper_pearson(true_positives, runs_in, level / 2)
    _, false_high = clopper_pearson(false_positives, runs_out, level / 2)
    found = [0.0]
    if hit_low > delta:
        found.append(math.log((hit_low - delta) / false_high))
    if 1 - false_high > delta and hit_low < 1:
        found.append(math.log((1 - false_high - delta) / (1 - hit_low)))
    return max(found)


def gaussian_audit(
    true_positives: int, runs_in: int, false_positives: int, runs_out: int, level: float = 0.05
) -> float:
    """A lower bound on mu of a Gaussian mechanism: z(TPR, low) - z(FPR, high), not below 0.

    z is the inverse of Phi (Nasr et al. 2023); the two Clopper-Pearson bounds share ``level``.
    """
    hit_low, _ = clopper_pearson(true_positives, runs_in, level / 2)
    _, false_high = clopper_pearson(false_positives, runs_out, level / 2)
    if hit_low <= 0.0 or false_high >= 1.0:
        return 0.0
    inverse = NormalDist().inv_cdf
    return max(0.0, inverse(min(hit_low, 1 - 1e-16)) - inverse(max(false_high, 1e-300)))
