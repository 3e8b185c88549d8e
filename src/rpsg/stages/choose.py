"""Step 6, choose: the texts whose mean features come nearest to the sketch (post-processing).

First texts are chosen greedily: each time the text that brings the mean of the chosen ones nearest to the
target (kernel herding; Welling, 2009; Chen, Welling and Smola, 2010). Then chosen texts are exchanged for
others as long as that helps. Products of coordinates are never stored: the inner product of two texts'
products is the square of the inner product of their coordinates. So memory is one number for each text and
axis.

Every choice looks at every text, so the time is quadratic. This is why more than ``MOST_TOGETHER`` texts are
divided into parts, and the choice in each part corrects the distance from the target that the parts before it
left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpsg.stages.sketch_target import Target

    #: The inner products of every text with some of the texts, shape (texts, some).
    Columns = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

#: How often an exchange is tried for each chosen text.
PASSES = 4
BLOCK = 64
#: A larger pool is divided into parts, and the texts are chosen from one part after the other.
MOST_TOGETHER, PART = 20_000, 2_000


@dataclass(frozen=True, slots=True)
class Block:
    """Further features whose mean has a target too: ``entries`` (texts, p), ``aim`` (p,)."""

    entries: Floats
    aim: Floats
    weight: float = 1.0

    @classmethod
    def of_codes(cls, codes: Numbers, shares: Floats, weight: float = 1.0) -> Block:
        """A block for the wanted shares of categorical values: ``codes`` (texts,), -1 for none."""
        entries = np.zeros((len(codes), len(shares)))
        known = np.flatnonzero(codes >= 0)
        entries[known, codes[known]] = 1.0
        return cls(entries, shares, weight)


@dataclass(frozen=True, slots=True)
class Objective:
    """The squared distance of a mean from its target, as inner products between texts.

    ``linear`` (texts, p) are features used as they are; ``z`` (texts, d) are features whose products are
    used, with the weight ``spread``. ``towards`` (texts,) is each text's inner product with the target.
    """

    linear: Floats
    z: Floats
    spread: float
    towards: Floats

    @classmethod
    def of(cls, z: Floats, target: Target, spread: float, blocks: Sequence[Block] = ()) -> Objective:
        """The objective for texts at ``z``. ``spread`` is the weight of the covariance."""
        roots = [np.sqrt(block.weight) for block in blocks]
        linear = np.concatenate([z, *(r * b.entries for r, b in zip(roots, blocks, strict=True))], axis=1)
        aim = np.concatenate([target.mean, *(r * b.aim for r, b in zip(roots, blocks, strict=True))])
        quadratic = np.einsum("ij,ij->i", z @ target.products, z)
        return cls(linear, z, spread, linear @ aim + spread * quadratic)

    def columns(self, which: Numbers) -> Floats:
        """The inner products of every text with those at ``which``, shape (texts, len(which))."""
        out: Floats = self.linear @ self.linear[which].T
        out += self.spread * (self.z @ self.z[which].T) ** 2
        return out

    def all_columns(self) -> Columns:
        """As ``columns``, from a table of shape (texts, texts): many times faster, but with more memory."""
        table = self.columns(np.arange(len(self.towards)))
        return lambda which: table[which].T

    def squares(self) -> Floats:
        """The inner product of every text with itself."""
        squares: Floats = (self.linear**2).sum(axis=1) + self.spread * (self.z**2).sum(axis=1) ** 2
        return squares


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sum of the features of ``size`` texts that were chosen before.

    ``linear``, of shape (p,), is the sum of the features that are used as they are; ``products``, of shape
    (d, d), is the sum of the products of pairs of coordinates.
    """

    size: int
    linear: Floats
    products: Floats

    @classmethod
    def none(cls, objective: Objective) -> Chosen:
        """No text yet."""
        axes = objective.z.shape[1]
        return cls(0, np.zeros(objective.linear.shape[1]), np.zeros((axes, axes)))

    def with_these(self, objective: Objective, which: Numbers) -> Chosen:
        """The sum with the texts of another part."""
        z = objective.z[which]
        linear = self.linear + objective.linear[which].sum(axis=0)
        return Chosen(self.size + len(which), linear, self.products + z.T @ z)

    def towards(self, objective: Objective) -> Floats:
        """The inner product of every text with this sum."""
        quadratic = np.einsum("ij,ij->i", objective.z @ self.products, objective.z)
        found: Floats = objective.linear @ self.linear + objective.spread * quadratic
        return found


def parts_of(texts: int, size: int) -> list[tuple[slice, int]]:
    """The parts into which the texts are divided, and how many of ``size`` are chosen from each."""
    count = 1 if texts <= MOST_TOGETHER else math.ceil(texts / PART)
    ends = [texts * i // count for i in range(count + 1)]
    wanted = [size * end // max(texts, 1) for end in ends]
    return [(slice(a, b), n - m) for (a, b), (m, n) in zip(pairwise(ends), pairwise(wanted), strict=True)]


def choose_in_parts(
    texts: int, size: int, objective_of: Callable[[slice], Objective]
) -> tuple[Numbers, Floats]:
    """Choose ``size`` texts of a pool, in parts if it is large.

    ``objective_of`` gives the objective of a part. Returns the indices of the chosen texts in rising order,
    and the inner product of every text with the target, which is its score.
    """
    parts, before = parts_of(texts, size), None
    chosen, scores = [], []
    for part, wanted in parts:
        objective = objective_of(part)
        if len(parts) > 1 and before is None:
            before = Chosen.none(objective)
        some = choose(objective, wanted, before)
        before = before and before.with_these(objective, some)
        chosen.append(some + part.start)
        scores.append(objective.towards)
    return np.concatenate(chosen), np.concatenate(scores)


def choose(objective: Objective, size: int, before: Chosen | None = None) -> Numbers:
    """The indices, in rising order, of ``size`` texts whose mean is close to the target; all if there are
    fewer.

    With ``before`` the mean is that of those texts and the chosen ones together. Ties go to the first text,
    so the choice is deterministic.
    """
    texts = len(objective.towards)
    if size >= texts:
        return np.arange(texts)
    squares, towards = objective.squares(), objective.towards
    chosen = np.zeros(texts, np.bool_)
    # Inner products with the sum of all chosen texts.
    summed = np.zeros(texts) if before is None else before.towards(objective)
    already = 0 if before is None else before.size
    columns = objective.columns if before is None else objective.all_columns()
    for number in range(already + 1, already + size + 1):
        cost = squares + 2 * (summed - number * towards)
        cost[chosen] = np.inf
        best = int(cost.argmin())
        chosen[best] = True
        summed += columns(np.array([best]))[:, 0]
    for _ in range(PASSES):
        if not _exchange(columns, chosen, summed, squares, already + size, towards):
            break
    return np.flatnonzero(chosen)


def _exchange(
    columns_of: Columns,
    chosen: npt.NDArray[np.bool_],
    summed: Floats,
    squares: Floats,
    size: int,
    towards: Floats,
) -> int:
    """Exchange, in place, each chosen text for the best other one if that helps; returns the number of
    exchanges.
    """
    exchanged = 0
    tolerance = 1e-9 * size
    held = np.flatnonzero(chosen)
    for start in range(0, len(held), BLOCK):
        block = held[start : start + BLOCK]
        columns = columns_of(block)
        for index, old in enumerate(block):
            column = columns[:, index]
            off = summed - size * towards
            change = squares + squares[old] - 2 * column + 2 * (off - off[old])
            change[chosen] = np.inf
            new = int(change.argmin())
            if change[new] < -tolerance:
                chosen[old], chosen[new] = False, True
                summed += columns_of(np.array([new]))[:, 0] - column
                exchanged += 1
    return exchanged


def distance(objective: Objective, chosen: Numbers) -> float:
    """The objective of the chosen texts, without the part that is the same for every choice."""
    columns = objective.columns(chosen)
    return float(columns[chosen].mean() - 2 * objective.towards[chosen].mean())
