"""Means over seeds and their intervals (Student's t); two methods with the same seeds are compared by the
paired interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The 97.5 % quantile of Student's t by degrees of freedom; beyond the last entry, the next smaller entry is
#: used, which makes intervals a little wider.
T_QUANTILES: Mapping[int, float] = {
    1: 12.7062,
    2: 4.3027,
    3: 3.1824,
    4: 2.7764,
    5: 2.5706,
    6: 2.4469,
    7: 2.3646,
    8: 2.3060,
    9: 2.2622,
    10: 2.2281,
    11: 2.2010,
    12: 2.1788,
    13: 2.1604,
    14: 2.1448,
    15: 2.1314,
    16: 2.1199,
    17: 2.1098,
    18: 2.1009,
    19: 2.0930,
    20: 2.0860,
    25: 2.0595,
    30: 2.0423,
    40: 2.0211,
    60: 2.0003,
    120: 1.9799,
}
HOW = "± is half a 95 % interval over seeds (Student's t); one seed has none"


@dataclass(frozen=True, slots=True)
class OverSeeds:
    """The mean of a figure over ``n`` seeds, and half the width of its 95 % interval (None with one seed)."""

    mean: float
    half: float | None
    n: int

    def in_words(self, digits: int = 3) -> str:
        """As in "0.276 ± 0.008"; ``digits`` is the number of significant digits of the mean."""
        places = decimals_of(self.mean, digits)
        if self.half is None:
            return f"{self.mean:,.{places}f}"
        return f"{self.mean:,.{places}f} ± {self.half:,.{max(places, decimals_of(self.half, 1))}f}"


def decimals_of(value: float, digits: int) -> int:
    """The number of decimals that shows a value with ``digits`` significant digits; at most six."""
    if value == 0 or not math.isfinite(value):
        return 0
    return min(max(0, digits - 1 - math.floor(math.log10(abs(value)))), 6)


def over_seeds(values: Sequence[float | None]) -> OverSeeds | None:
    """The mean and its interval; None if no seed has a value."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return OverSeeds(fmean(known), _half(known), len(known))


def _half(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    return quantile(len(values) - 1) * stdev(values) / math.sqrt(len(values))


def quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t; ValueError below one degree of freedom."""
    if freedom < 1:
        raise ValueError("Student's t needs at least one degree of freedom")
    return T_QUANTILES[max(known for known in T_QUANTILES if known <= freedom)]


def is_apart(first: Mapping[int, float], second: Mapping[int, float]) -> bool | None:
    """Whether two methods differ by more than chance on the seeds that both have, by the paired interval.

    All methods of a seed have the same people, so differences within a seed are what counts. None if fewer
    than two seeds are shared.
    """
    shared = sorted(first.keys() & second.keys())
    differences = [first[seed] - second[seed] for seed in shared]
    half = _half(differences)
    return None if half is None else abs(fmean(differences)) > half
