"""Precision, recall, density and coverage in embedding space, by nearest neighbours.

The ball of a row has the radius of its k-th nearest other row in the same corpus. Precision and recall:
Kynkaanniemi et al. 2019; density and coverage: Naeem et al. 2020. Distances are computed in blocks of rows to
save memory, and larger corpora are sampled (``some_rows``). Intervals come from a jackknife over ten groups
of each corpus, with all balls recomputed. The jackknife doubles the variance of anything that depends on
pairs of texts, as balls do (Efron & Stein 1981). So the variance is halved, but never to less than that of a
mean over the texts that are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.metrics.intervals import (
    STUDENT,
    around_share,
    from_jackknife,
    groups,
    jackknife_error,
    some_rows,
    told_of_rows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rpsg.evaluation.inputs import Inputs, Texts
    from rpsg.measures import Measure

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.floating]
Sides = tuple[str, ...]
K = 3
#: Neighbours kept for each row. When a group is left out, fewer than K neighbours remain for one row in
#: 10^11; the radius of this row is then the distance to the last neighbour kept.
MAX_NEIGHBOURS = 16
BLOCK = 1024
NO_BALL = -1.0


@dataclass(frozen=True, slots=True)
class Balls:
    """``crowd``: the number of real balls that each corpus text is in, over k; shape (ways, corpus).

    ``reached``: whether each real text is in a ball of a corpus text. ``covered``: whether its own ball
    contains a corpus text. Both of shape (ways, real). Each *way* leaves out a different group of texts.
    """

    crowd: Floats
    reached: Flags
    covered: Flags

    @property
    def inside(self) -> Flags:
        """Whether each corpus text is in a real ball; shape (ways, corpus)."""
        return self.crowd > 0


@dataclass(frozen=True, slots=True)
class Found:
    """The balls computed with all texts, without each group of the corpus, and without each real text.

    Each way is a row of ``corpus`` and of ``real``, which marks the texts that are included.
    """

    balls: Balls
    corpus: Flags
    real: Flags
    sides: tuple[int, int]

    def error(self, figures: Floats, least: float = 0.0) -> float:
        """The standard error of a figure from its value in each way, at least ``least``."""
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

    The first way includes all rows; every other one leaves out a group, whose rows get the radius -1.
    """
    near, group_of = nearest_others(rows, group)
    ways = [near[:, k - 1]]
    for g in range(0 if group is None else int(group.max()) + 1):
        there = group_of != g
        index = np.where(there.sum(axis=1) >= k, (there.cumsum(axis=1) >= k).argmax(axis=1), -1)
        ways.append(np.where(group == g, NO_BALL, near[np.arange(len(near)), index]))
    return np.stack(ways)


def nearest_others(rows: Rows, group: Ints | None = None, count: int = MAX_NEIGHBOURS) -> tuple[Floats, Ints]:
    """The squared distances to the nearest other rows, ascending, and the groups of those; (rows, count)."""
    count = min(count, len(rows) - 1)
    near, who = np.empty((len(rows), count)), np.empty((len(rows), count), np.int64)
    for block, far in squared_distances(rows, rows):
        far[np.arange(len(far)), np.arange(len(rows))[block]] = np.inf  # a row is not its own neighbour
        nearest = np.argpartition(far, count - 1, axis=1)[:, :count]
        found = np.take_along_axis(far, nearest, axis=1)
        order = np.argsort(found, axis=1, kind="stable")
        near[block] = np.take_along_axis(found, order, axis=1)
        who[block] = np.take_along_axis(nearest, order, axis=1)
    return near, who if group is None else group[who]


def balls(corpus: Rows, real: Rows, of_corpus: Floats, of_real: Floats, k: int = K) -> Balls:
    """Balls from rows and their squared radii, shapes (ways, corpus) and (ways, real).

    A row with a negative radius is left out: it has no ball and is in none.
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
    """For one way, count the pairs of an included corpus text and an included real text in which one is in
    the other's ball.
    """
    within = (far <= of_real) & (of_corpus > NO_BALL)
    found.crowd[way] += np.bincount(row[within], minlength=found.crowd.shape[1])
    found.covered[way, column[within]] = True
    found.reached[way, column[(far <= of_corpus) & (of_real > NO_BALL)]] = True


def _found(inputs: Inputs) -> Found:
    inputs.need(K + 2)
    return inputs.once("balls", lambda: _in_all_ways(inputs))


def _in_all_ways(inputs: Inputs) -> Found:
    rows_of = {
        "corpus": some_rows(inputs.corpus.vectors, inputs.seed, "balls of the corpus"),
        "real": some_rows(inputs.real.vectors, inputs.seed, "balls of real texts"),
    }

    def of(texts: Texts, side: str) -> Floats:
        rows = rows_of[side]
        group = groups(len(rows), inputs.seed, f"balls {side}")
        return texts.once("radii", lambda: radii(rows, group))

    first, second = of(inputs.corpus, "corpus"), of(inputs.real, "real")
    sides = len(first) - 1, len(second) - 1
    of_corpus = np.concatenate([first, np.repeat(first[:1], sides[1], axis=0)])
    of_real = np.concatenate([second[:1], np.repeat(second[:1], sides[0], axis=0), second[1:]])
    found = balls(rows_of["corpus"], rows_of["real"], of_corpus, of_real)
    return Found(found, of_corpus > NO_BALL, of_real > NO_BALL, sides)


def _means(values: Floats | Flags, there: Flags) -> Floats:
    """The mean over the texts that each way includes."""
    return np.asarray((values * there).sum(axis=1) / there.sum(axis=1))


def _precision(found: Found) -> Floats:
    return _means(found.balls.inside, found.corpus)


def _recall(found: Found) -> Floats:
    return _means(found.balls.reached, found.real)


def _share(inputs: Inputs, name: str, figure: Callable[[Found], Floats], *, of: Sides) -> Measure:
    """A share of the texts of these sides, with the interval of the share."""
    found = _found(inputs)
    sizes = {"corpus": found.corpus.shape[1], "real": found.real.shape[1]}
    texts = sum(sizes[side] for side in of)
    figures = figure(found)
    value = float(figures[0])
    interval = around_share(value, found.error(figures), texts, STUDENT)
    return inputs.measured(name, value, interval=interval, model=_model(inputs))


def _model(inputs: Inputs) -> str:
    return f"{inputs.models.embedder.name}, k = {K}{told_of_rows(len(inputs.corpus), len(inputs.real))}"


def knn_precision(inputs: Inputs) -> Measure:
    """Share of texts that lie in the ball of a real one."""
    return _share(inputs, "knn_precision", _precision, of=("corpus",))


def knn_recall(inputs: Inputs) -> Measure:
    """Share of real texts that lie in the ball of a corpus text."""
    return _share(inputs, "knn_recall", _recall, of=("real",))


def density(inputs: Inputs) -> Measure:
    """Mean number of real balls that a text lies in, over k; can exceed 1."""
    found = _found(inputs)
    figures = _means(found.balls.crowd, found.corpus)
    value = float(figures[0])
    least = float(found.balls.crowd[0].std()) / np.sqrt(found.corpus.shape[1])
    interval = from_jackknife(value, found.error(figures, least), low=0.0)
    return inputs.measured("density", value, interval=interval, model=_model(inputs))


def coverage(inputs: Inputs) -> Measure:
    """Share of real texts with a corpus text in their ball."""
    return _share(inputs, "coverage", lambda found: _means(found.balls.covered, found.real), of=("real",))


def knn_f1(inputs: Inputs) -> Measure:
    """Harmonic mean of precision and recall."""
    both = ("corpus", "real")
    return _share(inputs, "knn_f1", lambda found: _harmonic(_precision(found), _recall(found)), of=both)


def _harmonic(first: Floats, second: Floats) -> Floats:
    total = np.asarray(first + second, np.float64)
    return np.asarray(2 * first * second / np.where(total > 0, total, 1.0))
