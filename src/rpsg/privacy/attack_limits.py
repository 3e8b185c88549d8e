"""What an attack would have detected, computed from counts, and when it has found a leak that was planted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.privacy.attack_bounds import (
    LARGEST_EPSILON,
    POWER,
    answer_guesses,
    at_least,
    detection_limit,
    extraction_p_value,
    gaussian_run_refuted,
    guess_sizes,
    one_run_p_value,
)
from rpsg.privacy.gaussian import mu_for

if TYPE_CHECKING:
    from collections.abc import Callable

#: The AUC that an attack must reach on a corpus that is the members' own texts.
LEAST_AUC = 0.8


def found_leak(epsilon_lower: float, claimed: float, auc: float | None = None) -> bool:
    """Whether an attack found a planted leak: its lower bound is above the claim, and its AUC, if one is
    needed, is high.
    """
    return epsilon_lower > claimed and (auc is None or auc >= LEAST_AUC)


def ranked_limit(units: int, members: int, epsilon: float, *, delta: float, level: float) -> float | None:
    """The share of members that must leak for an attack with scores to refute ``epsilon`` in 95 of 100 cases;
    None if no share is enough. ``level`` is the error rate of one of its tests.
    """
    limit = detection_limit(
        units, guess_sizes(units), epsilon, delta=delta, level=level, by_chance=members / units
    )
    return None if limit is None or limit > members else limit / members


def named_limit(
    units: int, members: int, false: int, epsilon: float, *, delta: float, level: float
) -> float | None:
    """The smallest share of members that refutes ``epsilon`` if they are named, besides ``false`` wrong
    guesses.
    """

    def is_enough(hits: int) -> bool:
        return one_run_p_value(units, hits + false, hits, epsilon, delta, members / units) < level

    hits = _fewest(is_enough, members)
    return None if hits is None else hits / members


def extraction_limit(
    planted: int, chance: float, epsilon: float, *, delta: float, level: float
) -> float | None:
    """The smallest share of planted canaries that would refute ``epsilon`` if they were in the corpus."""
    if not planted or epsilon >= LARGEST_EPSILON:
        return None
    chances = [chance] * planted
    hits = _fewest(
        lambda hits: hits > 0 and extraction_p_value(chances, epsilon, delta, hits) < level, planted
    )
    return None if hits is None else hits / planted


def answers_limit(units: int, epsilon: float, *, delta: float, level: float) -> float | None:
    """The smallest share of canaries that refutes ``epsilon`` in 95 of 100 cases, if the answers reveal these
    for certain and nothing about the others.
    """
    mu = mu_for(epsilon, delta) if epsilon else 0.0
    found = [_known(units, size, mu, level) for size in answer_guesses(units)]
    enough = [known for known in found if known is not None]
    return min(enough) / units if enough else None


def _known(units: int, size: int, mu: float, level: float) -> int | None:
    """How many of ``size`` guesses have to be certain if chance decides the others."""
    needed = _fewest(lambda right: gaussian_run_refuted(units, size, right, mu, level), size)
    if needed is None:
        return None
    return _fewest(lambda known: at_least(size - known, 0.5, needed - known) >= POWER, size)


def _fewest(is_enough: Callable[[int], bool], most: int) -> int | None:
    """The smallest number from 0 to ``most`` that is enough; None if not even ``most`` is."""
    if not is_enough(most):
        return None
    low, high = -1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
