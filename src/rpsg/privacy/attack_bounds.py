"""What the outcome of an attack proves about epsilon, and what a claim would have allowed.

Every lower bound holds with confidence 1 - ``level``. Nothing here reads a text: counts go in, figures come
out. If several tests are made, the caller divides ``level`` by their number (Bonferroni).
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.privacy.residuals import chi_squared_tails

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Floats = npt.NDArray[np.float64]
#: Beyond this no number of people can show a bound, and e^epsilon is no longer a useful number.
LARGEST_EPSILON = 40.0
#: The same limit for mu. At any delta, the epsilon of this mu is above the limit for epsilon.
LARGEST_MU = 8.0
#: The probability with which a leak of the size of a detection limit is detected.
POWER = 0.95
_HALVINGS = 60
#: An attack with scores makes several tests: it names half of all people as members, and each of these
#: numbers of people.
GUESSES = (25, 100, 400, 1600)


def guess_sizes(units: int) -> list[int]:
    """Out of ``units`` people, the number that an attack with scores names in each of its tests."""
    return sorted({size for size in GUESSES if size < units // 2} | {units // 2})


def answer_guesses(units: int) -> list[int]:
    """The approximate number of canaries, out of ``units``, about which an attack on noisy answers says
    something in each of its tests.
    """
    return sorted({max(1, units // part) for part in (10, 5, 2)})


@lru_cache(maxsize=16)
def _log_choices(n: int) -> Floats:
    """Log C(n, k) for k = 0..n."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1, dtype=np.float64)))])
    return np.asarray(logs[n] - logs - logs[::-1])


def binomial(n: int, share: float) -> Floats:
    """P[Bin(n, share) = k] for k = 0..n."""
    if share <= 0.0 or share >= 1.0:
        found = np.zeros(n + 1)
        found[0 if share <= 0.0 else n] = 1.0
        return found
    k = np.arange(n + 1)
    return np.asarray(np.exp(_log_choices(n) + k * math.log(share) + (n - k) * math.log1p(-share)))


def at_least(n: int, share: float, k: int) -> float:
    """P[Bin(n, share) >= k]."""
    return 1.0 if k <= 0 else min(1.0, float(binomial(n, share)[k:].sum()))


def _root(is_below: Callable[[float], bool], low: float, high: float) -> float:
    """The value between ``low`` and ``high`` at which ``is_below`` changes from true to false; it is still
    true there.
    """
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return low


def clopper_pearson(k: int, n: int, level: float = 0.05) -> tuple[float, float]:
    """A lower and an upper bound of a share, each with confidence 1 - ``level``, if ``k`` of ``n`` were seen.

    Together they hold with 1 - 2 * ``level`` (Clopper & Pearson 1934).
    """
    if not 0 <= k <= n or n < 1:
        raise ValueError("k must lie between 0 and n, and n be at least 1")
    low = 0.0 if k == 0 else _root(lambda p: at_least(n, p, k) < level, 0.0, 1.0)
    high = 1.0 if k == n else 1 - _root(lambda p: at_least(n, p, n - k) < level, 0.0, 1.0)
    return low, high


def zero_of(n: int, level: float = 0.05) -> float:
    """An upper bound on the probability of something that was seen in none of ``n`` independent trials."""
    return 1 - float(level ** (1 / n))


def one_run_p_value(
    units: int, guesses: int, right: int, epsilon: float, delta: float = 0.0, by_chance: float = 0.5
) -> float:
    """The chance that at least ``right`` of ``guesses`` guesses are right if one run is (epsilon, delta)-DP.

    ``units`` people were put in or held out by independent coins. The attacker names ``guesses`` of them and
    keeps silent about the others; before the output is seen, a guess is right with a chance of at most
    ``by_chance``. p = P[Bin(r, q) >= v] + 2 m delta max_i P[v - i <= Bin(r, q) < v] / i, where q has
    e^epsilon times the odds of ``by_chance`` (Steinke, Nasr & Jagielski 2023, theorem 5.2).

    Raises:
        ValueError: not 0 <= right <= guesses <= units, or ``by_chance`` is not strictly between 0 and 1.
    """
    if not 0 <= right <= guesses <= units or not 0.0 < by_chance < 1.0:
        raise ValueError("0 <= right <= guesses <= units and 0 < by_chance < 1 must hold")
    chances = binomial(guesses, by_chance / (by_chance + (1 - by_chance) * math.exp(-epsilon)))
    tail = float(chances[right:].sum())
    if delta <= 0.0 or right == 0:
        return min(1.0, tail)
    below = np.cumsum(chances[:right][::-1]) / np.arange(1, right + 1)
    return min(1.0, tail + 2 * units * delta * float(below.max()))


def one_run_epsilon(
    units: int,
    guesses: int,
    right: int,
    *,
    delta: float = 0.0,
    level: float = 0.05,
    by_chance: float = 0.5,
) -> float:
    """The largest epsilon that the guesses refute with confidence 1 - ``level``; 0 if they refute none."""

    def is_refuted(epsilon: float) -> bool:
        return one_run_p_value(units, guesses, right, epsilon, delta, by_chance) < level

    if guesses == 0 or not is_refuted(0.0):
        return 0.0
    return _root(is_refuted, 0.0, LARGEST_EPSILON)


def fewest_right(
    units: int, guesses: int, epsilon: float, *, delta: float, level: float, by_chance: float
) -> int | None:
    """The smallest number of right guesses, out of ``guesses``, that refutes ``epsilon``; None if not even
    all do.
    """

    def refutes(right: int) -> bool:
        return one_run_p_value(units, guesses, right, epsilon, delta, by_chance) < level

    if not refutes(guesses):
        return None
    low, high = 0, guesses
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if refutes(middle) else (middle, high)
    return high


def detection_limit(
    units: int, guess_sets: Sequence[int], epsilon: float, *, delta: float, level: float, by_chance: float
) -> int | None:
    """How many members must have leaked for one of the tests to refute ``epsilon`` in 95 of 100 cases.

    The best case: a leaked member outranks everybody else, and all others are ranked by chance. An attack
    that detects a leak less clearly needs more leaked members. None if no number is enough.
    """
    found = []
    for guesses in guess_sets:
        needed = fewest_right(units, guesses, epsilon, delta=delta, level=level, by_chance=by_chance)
        if needed is None:
            continue
        low, high = -1, needed  # this many leaks are enough, whatever the others do
        while high - low > 1:
            leaked = (low + high) // 2
            is_enough = at_least(guesses - leaked, by_chance, needed - leaked) >= POWER
            low, high = (low, leaked) if is_enough else (leaked, high)
        found.append(high)
    return min(found, default=None)


def extraction_p_value(chances: Sequence[float], epsilon: float, delta: float, hits: int = 1) -> float:
    """The probability that an (epsilon, delta)-DP run reveals at least ``hits`` of the secrets.

    ``chances`` has for each secret the probability that it is in the output of a run that never saw it. By
    the union bound, and by Markov's inequality if ``hits`` is more than one: sum(e^epsilon q_i + delta) /
    hits. Each secret is added or removed alone, so the epsilon of groups plays no role.
    """
    total = math.fsum(min(1.0, math.exp(min(epsilon, 700.0)) * q + delta) for q in chances)
    return min(1.0, total / max(hits, 1))


def extraction_epsilon(chances: Sequence[float], hits: int, *, delta: float, level: float = 0.05) -> float:
    """The largest epsilon that ``hits`` secrets in the corpus refute; 0 without a hit."""

    def is_refuted(epsilon: float) -> bool:
        return extraction_p_value(chances, epsilon, delta, hits) < level

    if hits < 1 or not is_refuted(0.0):
        return 0.0
    return _root(is_refuted, 0.0, LARGEST_EPSILON)


def most_true_positives(epsilon: float, delta: float, false_positive_rate: float) -> float:
    """The highest TPR that (epsilon, delta)-DP allows at a FPR, for one person who is in or not.

    min(e^epsilon FPR + delta, 1 - e^-epsilon (1 - delta - FPR)) (Kairouz, Oh & Viswanath 2015).
    """
    low = math.exp(min(epsilon, 700.0)) * false_positive_rate + delta
    high = 1 - math.exp(-epsilon) * (1 - delta - false_positive_rate)
    return max(0.0, min(1.0, low, high))


def most_auc(epsilon: float, delta: float) -> float:
    """The largest area under the curve that (epsilon, delta)-DP allows, for one person who is in or not.

    The area under ``most_true_positives``, whose two lines meet at FPR = (1 - delta) / (1 + e^epsilon).
    """
    knee = (1 - delta) / (1 + math.exp(min(epsilon, 700.0)))
    height = min(1.0, 1 - knee)
    full = 1 - delta  # from here on the second line is at 1
    return float(knee * (delta + height) / 2 + (full - knee) * (height + 1) / 2 + (1 - full))


def gaussian_run_refuted(units: int, guesses: int, right: int, mu: float, level: float) -> bool:
    """Whether guesses about coins refute mu-GDP with confidence 1 - ``level``.

    ``units`` people were put in or held out by independent fair coins. The attacker says about ``guesses`` of
    them whether they are in. Let p(n) be the probability that n guesses are right, and for each number i

        r(i) = sum over n >= i of n p(n) / units,    h(i) = sum over n >= i of (guesses - n) p(n) / units,

    the mean probability that a person is guessed rightly, or wrongly, and i guesses or more are right. For
    one person, whatever the other coins are, "guessed rightly, and i - 1 of the others too" has at most the
    probability Phi(Phi^-1(x) + mu), if x is that of "guessed wrongly, and i - 1 of the others rightly". This
    function of x is concave, so it holds for the means: h(i - 1) >= Phi(Phi^-1(r(i)) - mu). Suppose that
    ``right`` or more guesses are right with probability ``level``. Then the smallest possible r(i) and h(i)
    can be computed in turn, down to i = 0. If their sum exceeds guesses / units, some probability would
    exceed one, so mu is refuted (Mahloujifar, Melis & Chaudhuri 2024, with the trade-off curve of a
    Gaussian).

    Raises:
        ValueError: not 0 <= right <= guesses <= units.
    """
    if not 0 <= right <= guesses <= units:
        raise ValueError("0 <= right <= guesses <= units must hold")
    hit, miss, normal = level * right / units, level * (guesses - right) / units, NormalDist()
    for i in range(right - 1, -1, -1):
        if hit >= 1.0:
            return True
        needed = normal.cdf(normal.inv_cdf(hit) - mu)
        if needed > miss:
            hit += i / (guesses - i) * (needed - miss)
            miss = needed
    return hit + miss > guesses / units


def gaussian_run_mu(units: int, guesses: int, right: int, level: float = 0.05) -> float:
    """The largest mu that the guesses refute, as ``gaussian_run_refuted`` says; 0 if they refute none."""

    def is_refuted(mu: float) -> bool:
        return gaussian_run_refuted(units, guesses, right, mu, level)

    return _root(is_refuted, 0.0, LARGEST_MU) if guesses and is_refuted(0.0) else 0.0


@lru_cache(maxsize=16)
def chi_squared_quantile(share: float, degrees: int) -> float:
    """The ``share`` quantile of the chi-squared distribution with ``degrees`` degrees of freedom."""
    high = degrees + 20.0 * math.sqrt(degrees) + 60.0
    return _root(lambda value: chi_squared_tails(value, degrees)[0] < share, 0.0, high)


def noise_left_mu(answers: Sequence[tuple[int, float, float]], level: float = 0.05) -> float:
    """The largest mu that the Gaussian noise of a run's answers refutes with confidence 1 - ``level``.

    Each answer has three numbers: how many entries it has, the sum of the squares of their noise, and the
    squared length of what one person adds. The unit is the claimed standard deviation. If the real deviation
    of an answer is s, the sum is s^2 times a chi-squared variable, whatever was asked before. So s^2 is at
    most the sum divided by a quantile, for all answers at once if they share ``level``. Mu squared for that
    person is then at least the sum, over answers, of the squared length divided by s^2.
    """
    square = 0.0
    for entries, noise, added in answers:
        least = chi_squared_quantile(level / len(answers), entries)
        square += added * least / noise if noise > 0.0 else math.inf if added else 0.0
    return min(math.sqrt(square), LARGEST_MU)
