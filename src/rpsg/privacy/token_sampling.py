"""Tokens drawn from sums of clipped scores: the draw itself is the noise.

Each private row has a whole number for each of the tokens that may come next; one unit of a text's sum is
one part in ``SCALE`` of a logit, so that the token y is drawn with a probability proportional to

    exp(s(y) / SCALE),   s(y) = p(y) + sum over rows of r(y),   |r(y)| <= w

where p, the public scores, and the tokens that may come next do not depend on private data. The rows are
divided among the texts; all rows of a unit, at most c, are in one text, so a unit changes the sum of one text
by at most c w at each token.

What a draw costs. Removing the unit multiplies the odds of every pair of tokens by a factor between e^-x and
e^x with x = 2 c w / SCALE: the draw has bounded range x (Durfee and Rogers, 2019), and anybody who sees it
learns no more than from one coin with the chances p and q whose log odds differ by x. Such a coin is mu-GDP
for mu = Phi^-1(p) - Phi^-1(q), because the trade-off curve of a coin consists of two straight lines, which
are above the convex Gaussian curve if their common corner is above it. With g(t) = Phi^-1(1 / (1 + e^-t)), mu
is at most x times the largest slope of g, which is F (1 - F) / phi for F = Phi(z). The square [-z, z]^2 holds
the disc of radius z, so (2 F - 1)^2 >= 1 - e^(-z^2/2), that is F (1 - F) <= e^(-z^2/2) / 4, and the slope is
at most sqrt(2 pi) / 4. So mu <= c w sqrt(pi / 2) / SCALE: a token costs no more than Gaussian noise of
deviation

    TOKEN_SIGMA = SCALE sqrt(2 / pi)

in a sum that a unit changes by c w. k tokens of a text, each chosen with knowledge of those before, cost
k c^2 w^2 / TOKEN_SIGMA^2 as mu squared (Dong, Roth and Su, 2022, corollary 2), and all texts together no
more, because a unit is in one of them. Replacing a unit changes one text by 2 c w or two texts by c w.

The draw is exact: weights are whole numbers, floor(2^512 exp(-(m - s(y)) / SCALE)) with m the largest score,
and a number below their sum comes from the operating system. Scores are bounded so that m - s(y) is below 200
SCALE; a weight is then off by less than one part in 2^200, far less than ``TOKEN_SIGMA`` is rounded down.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from dataclasses import asdict, dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rpsg.disk.json_text import canonical_json
from rpsg.privacy.histogram import largest_group, require_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpsg.privacy.evidence import Token
    from rpsg.privacy.histogram import IntArray, Query
    from rpsg.privacy.sensitivity import Rule

RULE: Rule = "S7_token_scores"
SCALE = 1 << 15
#: sqrt(2 / pi) * SCALE, rounded down to a multiple of 1e-6, less another 1e-6.
TOKEN_SIGMA = (math.floor(math.sqrt(2.0 / math.pi) * SCALE * 1e6) - 1) / 1e6
#: Public scores are at most this far below their maximum; tokens further below cannot be drawn.
DEEPEST = 64 * SCALE
#: The sum of the private scores of a token is clipped to -MOST_MOVED..MOST_MOVED; clipping never makes the
#: difference between two sums larger.
MOST_MOVED = 64 * SCALE
_BITS = 512
_EXACT = Context(prec=120)


@dataclass(frozen=True, slots=True)
class Choices:
    """The tokens that may come next, and their public scores, float64 of shape (tokens,), in logits."""

    tokens: tuple[Token, ...]
    scores: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class References:
    """The private rows: ``units`` (rows,) is the unit of each row, ``texts`` (rows,) the text in which it
    takes part.

    ``tags`` names the person of each row, so that two rows of one person, now or in a later process, have the
    same tag. ``scores`` takes the number of a text, its tokens so far, and the choices, and returns float64
    of shape (rows of that text, tokens), in logits. For a claim to hold, each row of it must be a function of
    its own row and public parameters alone, bit for bit.
    """

    units: IntArray
    texts: IntArray
    tags: tuple[bytes, ...]
    scores: Callable[[int, Sequence[Token], Choices], npt.NDArray[Any]]


def require_bounded(query: Query, rows: References) -> None:
    """PrivacyError unless each unit has at most c rows, all of them in one of the query's texts."""
    units, texts = rows.units, rows.texts
    whole = units.dtype == texts.dtype == np.int64 and units.shape == texts.shape and units.ndim == 1
    require_kept(query.rule == RULE and query.dim >= 1 and whole and len(rows.tags) == len(units), query)
    require_kept(largest_group(units) <= query.c, query)
    if len(units):
        require_kept(int(texts.min()) >= 0 and int(texts.max()) < query.dim, query)
        pairs = np.unique(np.stack([units, texts]), axis=1)
        require_kept(len(np.unique(units)) == pairs.shape[1], query)


def division(query: Query, plan_sha256: str, rows: References) -> bytes:
    """A digest of who is in which text, and of the numbers that decide the cost of a token. Private. It does
    not depend on the order of the rows, because no draw does.
    """
    who = sorted(tag + int(text).to_bytes(8, "big") for tag, text in zip(rows.tags, rows.texts, strict=True))
    priced = canonical_json({"plan_sha256": plan_sha256, "query": asdict(query)})
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in (priced, *who))).digest()


def offered(choices: Choices) -> tuple[tuple[Token, ...], IntArray]:
    """The tokens that can be drawn, and their public scores in steps of 1 / SCALE.

    Raises:
        ValueError: there are none, a score is not finite, or a token is there twice.
    """
    scores = np.asarray(choices.scores, np.float64)
    if scores.shape != (len(choices.tokens),) or not len(scores) or not np.isfinite(scores).all():
        raise ValueError("choices are one or more tokens with finite scores")
    if len({number for number, _ in choices.tokens}) != len(choices.tokens):
        raise ValueError("choices are distinct tokens")
    steps = np.rint((scores - scores.max()) * SCALE)
    near = np.flatnonzero(steps >= -DEEPEST)
    return tuple(choices.tokens[i] for i in near), steps[near].astype(np.int64)


def summed(query: Query, rows: npt.NDArray[Any], tokens: int) -> IntArray:
    """The exact sum of the clipped private scores, int64 of shape (tokens,). Private.

    Scores are in logits; each becomes the nearest whole number of steps between -w and w. A row with a number
    that is not finite counts as zeros.
    """
    require_kept(rows.ndim == 2 and rows.shape[1] == tokens, query)
    exact = rows.astype(np.float64)
    usable = np.where(np.isfinite(exact).all(axis=1, keepdims=True), exact, 0.0)
    limit = query.w / SCALE
    steps = np.rint(np.clip(usable, -limit, limit) * SCALE).astype(np.int64)
    total: IntArray = np.clip(steps, -query.w, query.w).sum(axis=0)
    return np.clip(total, -MOST_MOVED, MOST_MOVED)


def weights(scores: Sequence[int]) -> list[int]:
    """Whole numbers in proportion to exp(score / SCALE), the largest 2^512.

    Raises:
        ValueError: there are none, or they are further apart than 200 * SCALE.
    """
    if not scores or max(scores) - min(scores) > 200 * SCALE:
        raise ValueError("scores are one or more numbers at most 200 * SCALE apart")
    most = max(scores)
    return [_weight(most - score) for score in scores]


def _weight(below: int) -> int:
    power = _EXACT.exp(_EXACT.divide(Decimal(-below), Decimal(SCALE)))
    return int(_EXACT.multiply(power, Decimal(1 << _BITS)))


def chances(scores: Sequence[int]) -> list[Fraction]:
    """The exact probability with which ``draw`` gives each index."""
    each = weights(scores)
    return [Fraction(weight, sum(each)) for weight in each]


def draw(scores: Sequence[int], below: Callable[[int], int] = secrets.randbelow) -> int:
    """An index into ``scores``, drawn with ``chances``. ``below`` gives a uniform number below another."""
    each = weights(scores)
    left = below(sum(each))
    for index, weight in enumerate(each):
        left -= weight
        if left < 0:
            return index
    raise ValueError("the random number was not below the sum")


def is_whole(text: Sequence[Token], most: int) -> bool:
    """Whether a text is finished: it has ended, or has as many tokens as it may have."""
    return len(text) >= most or bool(text and not text[-1][1])


def is_text(text: Sequence[Token], most: int) -> bool:
    """Whether a run can have drawn this text: it is finished, and it has a token that ends texts only at its
    end, if at all.
    """
    return is_whole(text, most) and len(text) <= most and all(piece for _, piece in text[:-1])


def largest_clip(mu: float, k: int, c: int, *, doubled: bool) -> int:
    """The largest w for which texts of k tokens cost at most ``mu``; ``doubled`` for replaced units."""
    moved = mu * TOKEN_SIGMA / (c * math.sqrt(k) * (2.0 if doubled else 1.0))
    return math.floor(moved * (1.0 - 1e-9))
