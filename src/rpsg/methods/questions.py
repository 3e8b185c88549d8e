"""The questions of strict mode: what a person contributes to each sum, from public parameters alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rpsg.privacy.histogram import RowCells
from rpsg.stages.annotate import annotate, fits_none
from rpsg.stages.cards import card_row_cells
from rpsg.stages.sketch import sketch_vectors

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from rpsg.domains import Pack
    from rpsg.privacy.private import Private
    from rpsg.privacy.vector_sum import BoundedVectors
    from rpsg.protocols import Classifier
    from rpsg.stages.annotate import Landmarks
    from rpsg.stages.contributions import People
    from rpsg.stages.sketch import Features
    from rpsg.storage.vectors import Stored


@dataclass(frozen=True, slots=True)
class Headcount:
    """The number of people: each person adds one."""

    def contributions(self, people: People, sentiment: Classifier) -> Private[RowCells]:
        del sentiment
        return people.units.map(_one_each)


def _one_each(units: npt.NDArray[np.int64]) -> RowCells:
    people = np.unique(units)
    return RowCells(units=people, cells=np.zeros((len(people), 1), np.int64))


@dataclass(frozen=True, slots=True)
class CardCounts:
    """Which values of the public schema a row has; ``landmarks`` are those of ``annotate.describe``."""

    pack: Pack
    landmarks: Mapping[str, Landmarks]

    def contributions(self, people: People, sentiment: Classifier) -> Private[RowCells]:
        traits = annotate(people, self.pack, self.landmarks, sentiment)
        return card_row_cells(traits, people.units, self.pack)


@dataclass(frozen=True, slots=True)
class SketchSum:
    """What a person's texts are like, in features of the drafts.

    ``label`` names the attribute whose values have separate sums, ``topics`` are the landmarks of the first
    attribute of the schema; None if there is none.
    """

    pack: Pack
    features: Features
    topics: Landmarks | None
    label: str | None

    @property
    def blocks(self) -> int:
        """The number of separate sums."""
        return len(self.pack.attribute(self.label).values) if self.label else 1

    def contributions(self, people: People, sentiment: Classifier) -> Private[BoundedVectors]:
        own = None
        if (label := self.label) is not None:
            traits = annotate(people, self.pack, {}, sentiment, only={label})
            own = traits.map(lambda values: values[label])
        rows = people.embeddings, people.rows, people.units
        return sketch_vectors(*rows, self.features, people.embeddings.map(self._poor), own, self.blocks)

    def _poor(self, rows: Stored) -> npt.NDArray[np.float32]:
        if self.topics is None:
            return np.zeros(len(rows), np.float32)
        return fits_none(rows, self.topics, self.pack.poor_fit)
