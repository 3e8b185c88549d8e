"""Step 4, seed cards: noisy counts of the public schema, and cards drawn from them.

The counts are a few marginals that form a tree over the attributes (topic x sentiment, sentiment x
length, ...), not one large joint table, which would be mostly noise at small n. One mechanism releases all of
them at once: a row adds one to one cell of each marginal. With few people a marginal is counted by groups of
values. Fitting the tree and drawing from it are post-processing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.privacy.histogram import RowCells
from rpsg.records import Card
from rpsg.stages.shrinking import fitted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.domains import Attribute, Pack
    from rpsg.privacy.private import Private
    from rpsg.stages.annotate import Codes, Traits

Floats = npt.NDArray[np.float64]
#: The suffix of an attribute's name if the attribute is counted by groups of its values.
_IN_GROUPS = " groups"


def shapes(pack: Pack) -> list[tuple[int, ...]]:
    """The shape of each marginal, in the pack's order."""
    return [tuple(_width(pack, index, name) for name in group) for index, group in enumerate(pack.marginals)]


def cells(pack: Pack) -> int:
    """The number of cells of all marginals."""
    return sum(prod(shape) for shape in shapes(pack))


def in_words(pack: Pack) -> str:
    """What is counted, as shown in the ledger and on the screen: "topic groups; sentiment x length"."""
    return "; ".join(
        " x ".join(f"{name}{_IN_GROUPS}" if is_coarse(pack, index, name) else name for name in group)
        for index, group in enumerate(pack.marginals)
    )


def is_coarse(pack: Pack, index: int, name: str) -> bool:
    """Whether the marginal at ``index`` counts an attribute by groups of its values."""
    return index in pack.by_group and pack.attribute(name).has_levels


def _width(pack: Pack, index: int, name: str) -> int:
    attribute = pack.attribute(name)
    return len(attribute.groups) if is_coarse(pack, index, name) else len(attribute.values)


def positions(pack: Pack, index: int, name: str) -> Codes:
    """For each value of an attribute its index along the attribute's axis of the marginal at ``index``."""
    attribute = pack.attribute(name)
    same = range(len(attribute.values))
    return np.array(attribute.group_codes if is_coarse(pack, index, name) else same, np.int64)


def card_row_cells(
    traits: Private[Traits], units: Private[npt.NDArray[np.int64]], pack: Pack
) -> Private[RowCells]:
    """Each row's cell in each marginal, numbered over all marginals; -1 if the row lacks a value."""

    def row_cells(values: Traits, unit: npt.NDArray[np.int64]) -> RowCells:
        columns, offset = [], 0
        for index, (group, shape) in enumerate(zip(pack.marginals, shapes(pack), strict=True)):
            missing = np.any([values[name] < 0 for name in group], axis=0)
            parts = [positions(pack, index, name)[np.maximum(values[name], 0)] for name in group]
            flat = np.ravel_multi_index(parts, shape)
            columns.append(np.where(missing, -1, flat + offset))
            offset += prod(shape)
        return RowCells(units=unit, cells=np.stack(columns, axis=1).astype(np.int64))

    return traits.zip(units, row_cells)


def rows_counted(pack: Pack, noisy: npt.NDArray[np.int64], people: int, most: int) -> int:
    """An estimate of the number of rows of ``people`` people with one to ``most`` rows each.

    Every marginal counts every row, so its sum estimates that number; the sum over the fewest cells has the
    least noise. Assuming ``most`` rows for each person instead would overestimate it.
    """
    sizes = [prod(shape) for shape in shapes(pack)]
    least = sizes.index(min(sizes))
    start = sum(sizes[:least])
    return int(np.clip(noisy[start : start + sizes[least]].sum(), people, people * most))


@dataclass(frozen=True, slots=True)
class CardModel:
    """Marginals fitted to noisy counts, from which ``draw`` samples cards."""

    pack: Pack
    marginals: tuple[Floats, ...]

    @classmethod
    def uniform(cls, pack: Pack) -> CardModel:
        return cls(pack, tuple(np.full(shape, 1 / prod(shape)) for shape in shapes(pack)))

    @classmethod
    def fit(
        cls, pack: Pack, noisy: npt.NDArray[np.int64], n: float, sigma: float, uniform_mix: float
    ) -> CardModel:
        """The model with one distribution for each marginal, estimated from the noisy counts.

        Args:
            pack: says what was counted.
            noisy: the counts, marginals laid end to end.
            n: the (estimated) number of rows counted.
            sigma: the standard deviation of the noise in each cell.
            uniform_mix: the share of the mass explained by noise that is spread evenly over all cells. It
                keeps values possible whose noisy count fell to zero; later selection decides about them.
        """
        tables, offset = [], 0
        for index, (group, shape) in enumerate(zip(pack.marginals, shapes(pack), strict=True)):
            counts = noisy[offset : offset + prod(shape)].reshape(shape).astype(np.float64)
            above = (
                None
                if index in pack.by_group
                else tuple(
                    np.array(a.group_codes) if a.has_levels else None for a in map(pack.attribute, group)
                )
            )
            tables.append(fitted(counts, max(n, 1.0), sigma, uniform_mix, above))
            offset += prod(shape)
        return cls(pack, tuple(tables))

    def shares(self, name: str) -> Floats:
        """The share of each value of an attribute without groups, from the smallest marginal that has it."""
        held = zip(self.pack.marginals, self.marginals, strict=True)
        group, table = min((both for both in held if name in both[0]), key=lambda both: both[1].size)
        others = tuple(axis for axis, other in enumerate(group) if other != name)
        told: Floats = table.sum(axis=others) / table.sum()
        return told

    def draw(self, count: int, rng: np.random.Generator) -> list[Card]:
        """``count`` cards. The first attribute is drawn by systematic sampling, each further one given those
        before it.
        """
        known: dict[str, Codes] = {}
        for index, (group, table) in enumerate(zip(self.pack.marginals, self.marginals, strict=True)):
            for axis, name in enumerate(group):
                if name not in known:
                    drawn = self._draw_one(index, axis, table, known, count, rng)
                    known[name] = self._values_at(index, name, drawn, rng)
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
        """Values of an attribute that is never counted, uniform within their group."""
        if not attribute.by:
            return _shuffled_evenly(len(attribute.values), count, rng)
        drawn = np.zeros(count, np.int64)
        for code, value in enumerate(self.pack.attribute(attribute.by).values):
            indices = np.flatnonzero(known[attribute.by] == code)
            group = np.array([attribute.values.index(v) for v in attribute.groups[value]], np.int64)
            drawn[indices] = group[_shuffled_evenly(len(group), len(indices), rng)]
        return drawn

    def _draw_one(
        self,
        index: int,
        axis: int,
        table: Floats,
        known: Mapping[str, Codes],
        count: int,
        rng: np.random.Generator,
    ) -> Codes:
        """Indices along one axis of a marginal, given the attributes of it that are drawn already."""
        group = self.pack.marginals[index]
        given = [i for i, name in enumerate(group) if name in known]
        others = tuple(i for i in range(len(group)) if i not in given and i != axis)
        joint = table.sum(axis=others) if others else table
        axes = sorted([*given, axis])
        joint = np.moveaxis(joint, axes.index(axis), -1)
        if not given:
            return systematic(joint, count, rng)
        at = [positions(self.pack, index, group[i])[known[group[i]]] for i in given]
        edges = np.cumsum(joint[tuple(at)], axis=1)
        points = rng.random((count, 1)) * edges[:, -1:]
        return np.asarray((points > edges).sum(axis=1), np.int64)

    def _values_at(self, index: int, name: str, drawn: Codes, rng: np.random.Generator) -> Codes:
        """The values for indices along an axis; within a group of values, uniform."""
        where = positions(self.pack, index, name)
        values = np.zeros(len(drawn), np.int64)
        for position in range(int(where.max()) + 1):
            inside, indices = np.flatnonzero(where == position), np.flatnonzero(drawn == position)
            values[indices] = (
                inside[_shuffled_evenly(len(inside), len(indices), rng)] if len(inside) > 1 else inside[0]
            )
        return values


def systematic(weights: Floats, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """``count`` draws by systematic sampling, in random order: counts are within one of the expected ones."""
    edges = np.cumsum(weights) / weights.sum()
    points = (np.arange(count) + rng.random()) / count
    return rng.permutation(np.minimum(np.searchsorted(edges, points, side="right"), len(weights) - 1))


def _shuffled_evenly(size: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return systematic(np.ones(size), count, rng)
