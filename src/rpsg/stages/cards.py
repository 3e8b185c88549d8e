"""Step 4, seed cards: noisy counts of the public schema, and cards drawn from them.

The counts are a few marginals that form a tree over the attributes (topic x sentiment, sentiment x
length, ...), not one big joint: a thousand cells would be noise at small n. One mechanism releases all
of them at once: a row adds one to one cell of each marginal. What is drawn from the fitted tree is
post-processing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, prod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.privacy.ballots import Ballots
from rpsg.records import Card

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.domains import Attribute, Pack
    from rpsg.privacy.private import Private
    from rpsg.stages.annotate import Traits

Floats = npt.NDArray[np.float64]


def shapes(pack: Pack) -> list[tuple[int, ...]]:
    """The shape of each marginal, in the pack's order."""
    size = {a.name: len(a.values) for a in pack.attributes}
    return [tuple(size[name] for name in group) for group in pack.marginals]


def cells(pack: Pack) -> int:
    """How many cells are counted in all."""
    return sum(prod(shape) for shape in shapes(pack))


def card_ballots(
    traits: Private[Traits], units: Private[npt.NDArray[np.int64]], pack: Pack
) -> Private[Ballots]:
    """Each row's cell in each marginal (marginals laid end to end); a row without a value adds to none."""

    def ballots(values: Traits, unit: npt.NDArray[np.int64]) -> Ballots:
        columns, offset = [], 0
        for group, shape in zip(pack.marginals, shapes(pack), strict=True):
            parts = [values[name] for name in group]
            missing = np.any([part < 0 for part in parts], axis=0)
            flat = np.ravel_multi_index([np.maximum(part, 0) for part in parts], shape)
            columns.append(np.where(missing, -1, flat + offset))
            offset += prod(shape)
        return Ballots(units=unit, cells=np.stack(columns, axis=1).astype(np.int64))

    return traits.zip(units, ballots)


def rows_counted(pack: Pack, noisy: npt.NDArray[np.int64], people: int, most: int) -> int:
    """How many rows ``people`` people with one to ``most`` rows each brought, from the noisy counts.

    Every marginal counts every row, so each has the number as its sum; the one with the fewest cells has it
    with the least noise. Taking ``most`` for everybody instead would fill the tables with rows nobody has.
    """
    sizes = [prod(shape) for shape in shapes(pack)]
    least = sizes.index(min(sizes))
    start = sum(sizes[:least])
    return int(np.clip(noisy[start : start + sizes[least]].sum(), people, people * most))


def project(noisy: npt.NDArray[np.int64], total: float) -> Floats:
    """The closest non-negative table with the given sum (Euclidean projection onto the simplex).

    Noise that was added to empty cells is taken out again evenly, instead of being clipped at zero, which
    would leave its positive half behind.
    """
    flat = noisy.astype(np.float64).ravel()
    falling = np.sort(flat)[::-1]
    excess = (np.cumsum(falling) - max(total, 1.0)) / np.arange(1, len(flat) + 1)
    last = np.nonzero(falling > excess)[0][-1]
    table: Floats = np.maximum(flat - excess[last], 0.0).reshape(noisy.shape)
    return table


@dataclass(frozen=True, slots=True)
class CardModel:
    """Marginals fitted to noisy counts; ``draw`` gives cards. A uniform model is the floor's."""

    pack: Pack
    marginals: tuple[Floats, ...]

    @classmethod
    def uniform(cls, pack: Pack) -> CardModel:
        return cls(pack, tuple(np.full(shape, 1 / prod(shape)) for shape in shapes(pack)))

    @classmethod
    def fit(
        cls,
        pack: Pack,
        noisy: npt.NDArray[np.int64],
        n: float,
        uniform_mix: float,
        most_cells: float = inf,
    ) -> CardModel:
        """The marginals of the noisy counts, each a distribution, mixed with a share of the uniform one.

        One with more than ``most_cells`` cells holds more noise than people, and is uniform.

        The mixture keeps rare values alive that the noise has taken to zero; the votes decide about them.
        """
        tables, offset = [], 0
        for shape in shapes(pack):
            size = prod(shape)
            counts = project(noisy[offset : offset + size].reshape(shape), n)
            mix = uniform_mix if size <= most_cells else 1.0
            tables.append((1 - mix) * counts / counts.sum() + mix / size)
            offset += size
        return cls(pack, tuple(tables))

    def shares(self, name: str) -> Floats:
        """The share of each value of a counted attribute, from the first marginal that holds it."""
        for group, table in zip(self.pack.marginals, self.marginals, strict=True):
            if name in group:
                others = tuple(i for i, other in enumerate(group) if other != name)
                told: Floats = table.sum(axis=others) if others else table
                return told / told.sum()
        raise KeyError(name)

    def draw(self, count: int, rng: np.random.Generator) -> list[Card]:
        """``count`` cards: the first attribute evenly by its distribution, the others given what is known."""
        known: dict[str, npt.NDArray[np.int64]] = {}
        for group, table in zip(self.pack.marginals, self.marginals, strict=True):
            for position, name in enumerate(group):
                if name not in known:
                    known[name] = self._draw_one(group, position, table, known, count, rng)
        for attribute in self.pack.attributes:
            if not attribute.counted:
                known[attribute.name] = self._draw_free(attribute, known, count, rng)
        values = {a.name: a.values for a in self.pack.attributes}
        return [Card({name: values[name][codes[i]] for name, codes in known.items()}) for i in range(count)]

    def _draw_free(
        self,
        attribute: Attribute,
        known: Mapping[str, npt.NDArray[np.int64]],
        count: int,
        rng: np.random.Generator,
    ) -> npt.NDArray[np.int64]:
        """Values of an attribute that is never counted, each as often as the others of its group."""
        if not attribute.by:
            return _shuffled_evenly(len(attribute.values), count, rng)
        drawn = np.zeros(count, np.int64)
        for code, value in enumerate(self.pack.attribute(attribute.by).values):
            places = np.flatnonzero(known[attribute.by] == code)
            group = np.array([attribute.values.index(v) for v in attribute.groups[value]], np.int64)
            drawn[places] = group[_shuffled_evenly(len(group), len(places), rng)]
        return drawn

    def _draw_one(
        self,
        group: Sequence[str],
        position: int,
        table: Floats,
        known: Mapping[str, npt.NDArray[np.int64]],
        count: int,
        rng: np.random.Generator,
    ) -> npt.NDArray[np.int64]:
        """Values of one attribute given those of its group that are known already."""
        given = [i for i, name in enumerate(group) if name in known]
        others = tuple(i for i in range(len(group)) if i not in given and i != position)
        joint = table.sum(axis=others) if others else table
        axes = sorted([*given, position])
        joint = np.moveaxis(joint, axes.index(position), -1)
        if not given:
            return systematic(joint, count, rng)
        rows = np.stack([joint[tuple(known[group[i]][c] for i in given)] for c in range(count)])
        edges = np.cumsum(rows, axis=1)
        points = rng.random((count, 1)) * edges[:, -1:]
        return np.asarray((points > edges).sum(axis=1), np.int64)


def systematic(weights: Floats, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """``count`` draws that follow the weights as evenly as whole numbers can, in random order."""
    edges = np.cumsum(weights) / weights.sum()
    points = (np.arange(count) + rng.random()) / count
    return rng.permutation(np.minimum(np.searchsorted(edges, points, side="right"), len(weights) - 1))


def _shuffled_evenly(size: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return systematic(np.ones(size), count, rng)
