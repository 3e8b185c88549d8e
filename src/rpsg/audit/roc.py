"""The ROC curve of an attack: its area, its points, and the rates that are reported, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.metrics.two_sample import wins
from rpsg.privacy.attack_bounds import clopper_pearson
from rpsg.stages.rng import stream

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]
RESAMPLES = 200
FALSE_POSITIVE_RATES = (0.01, 0.001)


@dataclass(frozen=True, slots=True)
class Rate:
    """The true positive rate at a false positive rate, with a 95 % interval."""

    false_positive_rate: float
    value: float | None
    interval: Interval | None = None
    reason: str = ""


def area_of(scores: Floats, is_in: npt.NDArray[np.bool_]) -> tuple[float, float, int]:
    """The area under the ROC curve, DeLong's standard error, and the number of people of the smaller side."""
    members, others = wins(scores[is_in], scores[~is_in])
    error = math.sqrt(members.var(ddof=1) / len(members) + others.var(ddof=1) / len(others))
    return float(members.mean()), error, min(len(members), len(others))


def rates_of(members: Floats, others: Floats, seed: int) -> tuple[Rate, ...]:
    """The true positive rate at each false positive rate, with a 95 % interval.

    The interval covers two others: the bootstrap's, which includes the choice of the threshold, and Clopper
    and Pearson's.
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
            rates.append(
                Rate(
                    rate,
                    None,
                    reason=f"This figure needs at least {round(1 / rate):,} people who were held out.",
                )
            )
            continue
        least, most = clopper_pearson(round(value * len(members)), len(members), 0.025)
        rates.append(Rate(rate, value, (min(least, float(low)), max(most, float(high)))))
    return tuple(rates)


def _found(members: Floats, others: Floats) -> list[float]:
    """The true positive rate at each false positive rate."""
    indices = [len(others) - 1 - math.floor(len(others) * rate) for rate in FALSE_POSITIVE_RATES]
    ordered = np.partition(others, indices)
    return [float((members > ordered[index]).mean()) for index in indices]


def curve_of(ranked: npt.NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    """The ROC curve at forty false positive rates, evenly spaced on a log axis."""
    hits, false = np.cumsum(ranked), np.cumsum(~ranked)
    rates = np.unique(np.geomspace(1 / max(int(false[-1]), 1), 1.0, 40))
    indices = np.searchsorted(false, np.floor(rates * false[-1] + 1e-9), side="right") - 1
    return tuple(
        (float(rate), float(hits[index] / hits[-1]) if index >= 0 else 0.0)
        for rate, index in zip(rates, indices, strict=True)
    )
