"""The sensitivity of histograms and vector sums, and the threshold that hides a unit's own strings.

    rule                 one unit adds                                     squared L2 (add/remove)
    S1_unit_count        1 to a single cell                                w^2
    S2_one_cell          per row one cell in each of k marginals, c rows   k w^2 c^2
    S3_k_items_per_unit  at most k distinct cells over all its rows        k w^2
    S4_k_votes           per row k distinct cells, c rows                  k w^2 c^2
    S5_l2_normalised     a vector of L2 length at most 1, in steps of 1/w  w^2 (counts are in steps)
    S6_bounded_vector    whole numbers of either sign, L2 length at most w w^2
    S7_token_scores      per row scores of -w to w for each token, c rows    k w^2 c^2

``w`` is what one entry adds; in S5 and S6 it is the length of a unit's whole contribution. All rows of a unit
may be equal, hence c^2; in S5 and S6 a unit is bounded after its rows are added up, so c does not matter.
Replace-one doubles the square if contributions are never negative: |a - b|^2 <= |a|^2 + |b|^2. In S6 two
units may point in opposite directions, |a - b| <= |a| + |b|, and the square is four times as large.

S7 is no sum with noise: k tokens are drawn in proportion to exp of a sum of scores. A draw reveals no more
than a Gaussian mechanism whose sum a unit changes by w c (see ``token_sampling``). Scores have either
sign, so replacing makes the square four times as large.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

from rpsg.privacy.gaussian import normal_cdf, normal_upper_quantile

Rule = Literal[
    "S1_unit_count",
    "S2_one_cell",
    "S3_k_items_per_unit",
    "S4_k_votes",
    "S5_l2_normalised",
    "S6_bounded_vector",
    "S7_token_scores",
]
Adjacency = Literal["add_remove", "replace_one"]

RULES: tuple[Rule, ...] = get_args(Rule)
ADJACENCIES: tuple[Adjacency, ...] = get_args(Adjacency)

#: The largest length of a vector of S6, and the largest w * c: sums and squares of such vectors fit 64 bits.
LONGEST, LONGEST_SUM = 1 << 15, 1 << 20
#: The rules with contributions of either sign.
SIGNED = frozenset({"S6_bounded_vector", "S7_token_scores"})
#: The rules whose draw is exact, so that no error of a noise source is added.
EXACT = frozenset({"S7_token_scores"})


def sensitivity2(rule: Rule, k: int, w: int, c: int, adjacency: Adjacency) -> int:
    """The squared L2 sensitivity of a histogram, or of a sum of vectors, under ``rule``.

    Raises:
        ValueError: an unknown rule or adjacency, or a number below 1.
    """
    if rule not in RULES or adjacency not in ADJACENCIES:
        raise ValueError("unknown contribution rule or adjacency")
    if min(k, w, c) < 1:
        raise ValueError("k, w and c are counts of at least 1")
    if rule == "S1_unit_count" and (k, c) != (1, 1):
        raise ValueError("S1 counts each unit once: k = c = 1")
    if rule == "S6_bounded_vector" and (k != 1 or w > LONGEST or w * c > LONGEST_SUM):
        raise ValueError(f"S6 needs k = 1, w of at most {LONGEST} and w * c of at most {LONGEST_SUM}")
    square = w * w
    if rule in {"S2_one_cell", "S4_k_votes", "S7_token_scores"}:
        square *= k * c * c
    elif rule == "S3_k_items_per_unit":
        square *= k
    if adjacency == "add_remove":
        return square
    return 4 * square if rule in SIGNED else 2 * square


def selection_threshold(sigma: float, k: int, delta_fail: float) -> int:
    """The smallest noisy count at which a string may be released.

    A string that only one unit holds has count 1 and passes with probability 1 - Phi((tau - 1.5) / sigma),
    where 1.5 is the count plus half a unit of rounding. With k such strings
    tau = ceil(1.5 + sigma * Phi^-1((1 - delta_fail)^(1/k))) hides all of them except with ``delta_fail``.

    Raises:
        ValueError: ``sigma`` or ``k`` is not positive, or ``delta_fail`` not in (0, 1).
    """
    if not (sigma > 0.0 and math.isfinite(sigma) and k >= 1 and 0.0 < delta_fail < 1.0):
        raise ValueError("sigma and k must be positive, delta_fail between 0 and 1")
    tail = -math.expm1(math.log1p(-delta_fail) / k)
    threshold = math.ceil(1.5 + sigma * normal_upper_quantile(tail))
    while _own_string_passes(sigma, k, threshold) > delta_fail:
        threshold += 1
    return threshold


def _own_string_passes(sigma: float, k: int, threshold: int) -> float:
    tail = normal_cdf(-(threshold - 1.5) / sigma)
    return -math.expm1(k * math.log1p(-tail))


def group_delta_fail(sigma: float, k: int, threshold: int, group: int) -> float:
    """A bound on the probability that the threshold fails to hide the strings of ``group`` units.

    They hold at most group * k string uses; a string that j of them share passes with probability
    Q((threshold - j - 1/2) / sigma), so the sum over strings is at most group * k * max_j Q_j / j.
    """
    per_use = max(normal_cdf(-(threshold - j - 0.5) / sigma) / j for j in range(1, group + 1))
    return min(1.0, group * k * per_use)
