"""Nearest neighbours in embedding space: is each text among real ones, and is each real one reached?

A ball reaches from a row to its k-th nearest other row of the same corpus. Precision and recall:
Kynkaanniemi et al. 2019; density and coverage: Naeem et al. 2020. Distances are computed in blocks of rows,
so memory stays small. Intervals are jackknives over ten groups of texts on each side: without a group the
balls of the others are larger, and what lay in a ball of the group may lie in none. Whether one text lies in
another's ball is up to both, and a jackknife counts what is up to two texts twice (Efron & Stein 1981): so
half of its variance is taken, but no less than that of the mean over the texts that are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.metrics.intervals import STUDENT, around_share, from_jackknife, groups, jackknife_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rpsg.evaluation.inputs import Inputs, Texts
    from rpsg.results import Measure

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.floating]
K = 3
#: So many neighbours of a row are known. With a group of a tenth gone, all but K - 1 of these are gone for
#: one row of 10^11; such a row's ball then reaches to the last that is known.
NEAR = 16
BLOCK = 1024
OUT = -1.0


@dataclass(frozen=True, slots=True)
class Balls:
    """For each measured text: in how many real balls, over k. For each real text: is it in a ball of the
    measured texts, and is a measured text in its own ball. Shapes (ways, corpus), (ways, real), (ways, real):
    each way leaves other texts out.
    """

    crowd: Floats
    reached: Flags
    covered: Flags

    @property
    def inside(self) -> Flags:
        """For each measured text: is it in a real ball; shape (ways, corpus)."""
        return self.crowd > 0


@dataclass(frozen=True, slots=True)
class Found:
    """Balls in all ways: with all texts, without each group of the corpus, without each of the real ones.

    ``corpus`` and ``real`` tell who is there in each way.
    """

    balls: Balls
    corpus: Flags
    real: Flags
    sides: tuple[int, int]

    def error(self, figures: Floats, least: float = 0.0) -> float:
        """The standard error from a figure in each way; ``least`` is that of a mean over texts."""
        of_corpus, of_real = figures[1 : self.sides[0] + 1], figures[self.sides[0] + 1 :]
        both = np.hypot(jackknife_error(of_corpus), jackknife_error(of_real))
        return max(float(both / np.sqrt(2)), least)


def squared_distances(first: Rows, second: Rows) -> Iterator[tuple[slice, Floats]]:
    """Squared distances of all pairs, a block of rows of ``first`` at a time: (rows, second)."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    squares = np.square(b).sum(axis=1)
    for start in range(0, len(a), BLOCK):
        rows = slice(start, start + BLOCK)
        far = np.square(a[rows]).sum(axis=1)[:, None] + squares - 2 * a[rows] @ b.T
        yield rows, np.maximum(far, 0.0)


def radii(rows: Rows, group: Ints | None = None, k: int = K) -> Floats:
    """The squared distance of each row to its k-th nearest other row, shape (ways, rows).

    The first way has all rows; each other leaves one group out, whose own rows then have the radius -1.
    """
    near, group_of = nearest_others(rows, group)
    ways = [near[:, k - 1]]
    for g in range(0 if group is None else int(group.max()) + 1):
        there = group_of != g
        place = np.where(there.sum(axis=1) >= k, (there.cumsum(axis=1) >= k).argmax(axis=1), -1)
        ways.append(np.where(group == g, OUT, near[np.arange(len(near)), place]))
    return np.stack(ways)


def nearest_others(rows: Rows, group: Ints | None = None, count: int = NEAR) -> tuple[Floats, Ints]:
    """The squared distances to the nearest other rows, rising, and the groups of these; (rows, count)."""
    count = min(count, len(rows) - 1)
    near, who = np.empty((len(rows), count)), np.empty((len(rows), count), np.int64)
    for block, far in squared_distances(rows, rows):
        far[np.arange(len(far)), np.arange(len(rows))[block]] = np.inf  # itself is no other
        nearest = np.argpartition(far, count - 1, axis=1)[:, :count]
        found = np.take_along_axis(far, nearest, axis=1)
        order = np.argsort(found, axis=1, kind="stable")
        near[block] = np.take_along_axis(found, order, axis=1)
        who[block] = np.take_along_axis(nearest, order, axis=1)
    return near, who if group is None else group[who]


def balls(corpus: Rows, real: Rows, of_corpus: Floats, of_real: Floats, k: int = K) -> Balls:
    """Who lies in whose ball, from the rows and their squared radii, shapes (ways, corpus) and (ways, real).

    A row with a negative radius is not there: it has no ball, and no ball is the fuller for it.
    """
    ways = len(of_corpus)
    found = Balls(
        np.zeros((ways, len(corpus))),
        np.zeros((ways, len(real)), np.bool_),
        np.zeros((ways, len(real)), np.bool_),
    )
    widest, of_any = of_corpus.max(axis=0), of_real.max(axis=0)
    for block, far in squared_distances(corpus, real):
        row, column = np.nonzero(far <= np.maximum(widest[block, None], of_any))
        far_away = far[row, column]
        row += block.start
        for way in range(ways):
            _add(found, way, row, column, far_away, of_corpus[way][row], of_real[way][column])
    found.crowd[:] /= k
    return found


def _add(
    found: Balls, way: int, row: Ints, column: Ints, far: Floats, of_corpus: Floats, of_real: Floats
) -> None:
    """Count the pairs of a measured and a real text that are there, one in the other's ball."""
    within = (far <= of_real) & (of_corpus > OUT)
    found.crowd[way] += np.bincount(row[within], minlength=found.crowd.shape[1])
    found.covered[way, column[within]] = True
    found.reached[way, column[(far <= of_corpus) & (of_real > OUT)]] = True


def _found(inputs: Inputs) -> Found:
    inputs.need(K + 2)
    return inputs.once("balls", lambda: _in_all_ways(inputs))


def _in_all_ways(inputs: Inputs) -> Found:
    def of(texts: Texts, side: str) -> Floats:
        group = groups(len(texts), inputs.seed, f"balls {side}")
        return texts.once("radii", lambda: radii(texts.vectors, group))

    first, second = of(inputs.corpus, "corpus"), of(inputs.real, "real")
    sides = len(first) - 1, len(second) - 1
    of_corpus = np.concatenate([first, np.repeat(first[:1], sides[1], axis=0)])
    of_real = np.concatenate([second[:1], np.repeat(second[:1], sides[0], axis=0), second[1:]])
    found = balls(inputs.corpus.vectors, inputs.real.vectors, of_corpus, of_real)
    return Found(found, of_corpus > OUT, of_real > OUT, sides)


def _means(values: Floats | Flags, there: Flags) -> Floats:
    """The mean over those who are there, in each way."""
    return np.asarray((values * there).sum(axis=1) / there.sum(axis=1))


def _precision(found: Found) -> Floats:
    return _means(found.balls.inside, found.corpus)


def _recall(found: Found) -> Floats:
    return _means(found.balls.reached, found.real)


def _share(inputs: Inputs, name: str, figure: Callable[[Found], Floats], texts: int) -> Measure:
    """A share of ``texts`` texts, and its interval; Wilson's counts no more than so many of them."""
    found = _found(inputs)
    figures = figure(found)
    value = float(figures[0])
    interval = around_share(value, found.error(figures), texts, STUDENT)
    return inputs.measured(name, value, better=True, interval=interval, model=_model(inputs))


def _model(inputs: Inputs) -> str:
    return f"{inputs.models.embedder.name}, k = {K}"


def knn_precision(inputs: Inputs) -> Measure:
    """Share of texts that lie in the ball of a real one."""
    return _share(inputs, "knn_precision", _precision, len(inputs.corpus))


def knn_recall(inputs: Inputs) -> Measure:
    """Share of real texts that lie in the ball of a measured one."""
    return _share(inputs, "knn_recall", _recall, len(inputs.real))


def density(inputs: Inputs) -> Measure:
    """In how many real balls a text lies, over k, mean; can be above 1."""
    found = _found(inputs)
    figures = _means(found.balls.crowd, found.corpus)
    value = float(figures[0])
    least = float(found.balls.crowd[0].std()) / np.sqrt(len(inputs.corpus))
    interval = from_jackknife(value, found.error(figures, least), low=0.0)
    return inputs.measured("density", value, better=True, interval=interval, model=_model(inputs))


def coverage(inputs: Inputs) -> Measure:
    """Share of real texts with a measured one in their ball."""
    return _share(inputs, "coverage", lambda found: _means(found.balls.covered, found.real), len(inputs.real))


def knn_f1(inputs: Inputs) -> Measure:
    """Harmonic mean of precision and recall."""
    texts = len(inputs.corpus) + len(inputs.real)
    return _share(inputs, "knn_f1", lambda found: _harmonic(_precision(found), _recall(found)), texts)


def _harmonic(first: Floats, second: Floats) -> Floats:
    total = np.asarray(first + second, np.float64)
    return np.asarray(2 * first * second / np.where(total > 0, total, 1.0))
