"""Step 5, sketch: one noisy sum of feature vectors says what the private texts are like.

Each text is a point in embedding space. Its features are its coordinates along the main axes of the drafts
(the texts written so far) and the products of every two of them, so their mean over many texts holds where
those texts lie and how they spread: the mean and the covariance. Every person adds one such vector of length
at most 1, and the sum is released once, with noise (a private mean embedding, as in Harder, Adamczewski and
Park, 2021). Whatever is done with it afterwards reads no private data: a pool of any size, any number of
rounds.

Axes, centre and scale are fitted to the drafts alone, before the question is asked. They are whole numbers on
a lattice, and so is every private embedding: the coordinates of a row are then exact, whichever rows lie
beside it (``lattice.py``), and everything after them is done entry by entry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.privacy.bounded_vectors import BoundedVectors
from rpsg.privacy.whole_vectors import MOST_ENTRIES, quantise
from rpsg.stages.lattice import SQUARE, STEPS, on_lattice

if TYPE_CHECKING:
    from rpsg.privacy.private import Private

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

#: The length of a person's vector, in steps: what the rule of the question calls w.
LENGTH = 128
#: Main axes of the drafts that are looked at, and how many where each of several labels has a sum of its own.
AXES, AXES_BY_LABEL = 128, 64
FEW_LABELS = 4
#: How much the products weigh beside the coordinates.
PRODUCTS = 2.0
#: The share of drafts that are not longer than 1; what is longer is shortened.
WHOLE = 0.95
#: An axis along which the drafts spread less than this, in parts of the main one, is an error of rounding.
FLAT = 1e-9
#: Steps of the means and of the scale. How a library adds up floats decides only what is finer than these.
FINE_STEPS = 1 << 20
#: What a text that fits no topic adds in the last entry, in parts of the length.
POOR_FIT = 0.25


def axes_wanted(labels: int) -> int:
    """How many axes are used when texts carry one of ``labels`` labels (0: none).

    With hundreds of labels there are fewer, so that the vector has no more entries than a sum may have.
    """
    if labels <= FEW_LABELS:
        return AXES
    return max(1, min(AXES_BY_LABEL, math.isqrt(2 * MOST_ENTRIES // labels) - 2))


@dataclass(frozen=True, slots=True)
class Features:
    """What a vector holds: public, and the same on neighbouring data.

    ``centre`` (dim,) and ``axes`` (dim, d) are whole numbers on the lattice; ``base`` is the mean of the
    drafts' own features, which is taken off, because what all share says nothing; ``scale`` makes most of
    them shorter than 1.
    """

    centre: Floats
    axes: Floats
    base: Floats
    scale: float

    @classmethod
    def fit(cls, drafts: Vectors, most_axes: int = AXES) -> Features:
        """The features whose axes are the main ones of ``drafts``, unit rows of shape (m, dim)."""
        exact = on_lattice(drafts).astype(np.float64)
        centre = np.rint(exact.mean(axis=0))
        off = exact - centre
        # A sum of whole numbers is exact, so the axes do not depend on the order in which a library adds.
        values, vectors = np.linalg.eigh(off.T @ off)
        count = max(1, min(most_axes, len(drafts) - 1, int((values > FLAT * values[-1]).sum())))
        main = vectors[:, ::-1][:, :count]
        largest = np.abs(main).argmax(axis=0)
        main = main * np.sign(main[largest, np.arange(count)])
        plain = cls(centre, np.rint(main * STEPS), np.zeros(0), 1.0)
        z = plain.coordinates(drafts)
        mean, products = z.mean(axis=0), z.T @ z / len(z)
        # The distance of a draft's features from their mean, without writing its products down.
        squares = (z**2).sum(axis=1)
        square = squares + (PRODUCTS * squares) ** 2 + mean @ mean + PRODUCTS**2 * (products**2).sum()
        square -= 2 * (z @ mean + PRODUCTS**2 * np.einsum("ij,ij->i", z @ products, z))
        longest = float(np.quantile(np.sqrt(np.maximum(square, 0.0)), WHOLE, method="higher"))
        scale = math.sqrt(1 - POOR_FIT**2) / longest if longest > 0 else 1.0
        base = np.concatenate([mean, plain.packed(products)])
        return cls(centre, plain.axes, _rounded(base), round(scale * FINE_STEPS) / FINE_STEPS)

    @property
    def count(self) -> int:
        """How many axes there are."""
        return int(self.axes.shape[1])

    @property
    def dim(self) -> int:
        """How many entries a vector has: coordinates, products of two, and one for a poor fit."""
        return self.count + self.count * (self.count + 1) // 2 + 1

    def coordinates(self, vectors: Vectors) -> Floats:
        """Where each of ``vectors`` lies along the axes, shape (rows, axes); exact but for one division."""
        z: Floats = (on_lattice(vectors).astype(np.float64) - self.centre) @ self.axes / SQUARE
        return z

    @property
    def _pairs(self) -> tuple[Numbers, Numbers, Floats]:
        """The two axes of each product, and its weight: one of two different axes counts twice."""
        one, two = np.triu_indices(self.count)
        return one, two, np.where(one == two, PRODUCTS, PRODUCTS * math.sqrt(2))

    def packed(self, products: Floats) -> Floats:
        """A symmetric matrix of products (axes, axes) as the entries that ``raw`` has for it."""
        one, two, weight = self._pairs
        told: Floats = products[one, two] * weight
        return told

    def unpacked(self, entries: Floats) -> Floats:
        """The symmetric matrix that ``packed`` made these entries of."""
        one, two, weight = self._pairs
        products = np.zeros((self.count, self.count))
        products[one, two] = products[two, one] = entries / weight
        return products

    def raw(self, z: Floats) -> Floats:
        """Coordinates and their products, shape (rows, dim - 1), before centring and scaling."""
        one, two, weight = self._pairs
        return np.concatenate([z, z[:, one] * z[:, two] * weight], axis=1)

    def of(self, vectors: Vectors, poor: Vectors) -> Floats:
        """Feature vectors, shape (rows, dim). ``poor`` (rows,) is 1 for a text that fits no topic, else 0.

        A row without a direction, a text that could not be embedded, is zero.
        """
        told = (self.raw(self.coordinates(vectors)) - self.base) * self.scale
        whole = np.concatenate([told, POOR_FIT * poor[:, None].astype(np.float64)], axis=1)
        whole[~np.any(on_lattice(vectors), axis=1)] = 0.0
        return whole


def _rounded(numbers: Floats) -> Floats:
    whole: Floats = np.rint(numbers * FINE_STEPS) / FINE_STEPS
    return whole


def sketch_vectors(
    embeddings: Private[Vectors],
    units: Private[Numbers],
    features: Features,
    poor: Private[Vectors],
    labels: Private[Numbers] | None = None,
    label_count: int = 0,
) -> Private[BoundedVectors]:
    """Each row's vector in steps, for a question under the rule ``S6_bounded_vector`` with w = ``LENGTH``.

    The rows of a person share one length: each is divided by their number. With labels a row writes into the
    entries of its own label, and one without a label (-1) into none.
    """

    def vectors(rows: Vectors, unit: Numbers, fit: Vectors, label: Numbers | None) -> BoundedVectors:
        _, own, counts = np.unique(unit, return_inverse=True, return_counts=True)
        part = 1 / counts[own].astype(np.float64)

        def of(which: Numbers) -> Numbers:
            told = features.of(rows[which], fit[which]) * part[which, None]
            steps = quantise(told, LENGTH)
            return steps if label is None else _in_blocks(steps, label[which], label_count)

        return BoundedVectors(unit, of)

    told = embeddings.zip(units, lambda rows, unit: (rows, unit)).zip(poor, lambda two, fit: (*two, fit))
    if labels is None:
        return told.map(lambda three: vectors(*three, None))
    return told.zip(labels, lambda three, label: vectors(*three, label))


def _in_blocks(steps: Numbers, label: Numbers, count: int) -> Numbers:
    wide = np.zeros((len(steps), count, steps.shape[1]), np.int64)
    known = np.flatnonzero(label >= 0)
    wide[known, label[known]] = steps[known]
    return wide.reshape(len(steps), -1)


@dataclass(frozen=True, slots=True)
class Target:
    """What the mean of chosen texts should be: from a noisy sum, with the noise shrunk away.

    ``mean`` (d,) and ``products`` (d, d) are means of coordinates and of their products, in the units of
    ``Features.raw`` (unweighted products). ``trust`` holds how much of coordinates and of products was kept,
    0 (noise alone) to 1.
    """

    mean: Floats
    products: Floats
    trust: tuple[float, float]


def target_of(noisy: Numbers, features: Features, people: float, sigma: float) -> Target:
    """The target that a noisy sum of ``people`` vectors says; ``sigma`` is the noise of an entry, in steps.

    The noisy mean is drawn toward the drafts' own mean by as much as noise explains of its distance from it
    (James and Stein's positive-part estimator), coordinates and products apart: there are far more products,
    so noise takes more of them.
    """
    d = features.count
    told = noisy.astype(np.float64) / (LENGTH * max(people, 1.0))
    error = sigma / (LENGTH * max(people, 1.0))
    kept = [_shrunk(part, error) for part in (told[:d], told[d:-1])]
    raw = np.concatenate([part for part, _ in kept]) / features.scale + features.base
    return Target(raw[:d], features.unpacked(raw[d:]), (kept[0][1], kept[1][1]))


def poor_share(noisy: Numbers, people: float, sigma: float) -> tuple[float, float]:
    """The noisy share of texts that fit no topic, and the standard deviation of its noise.

    ``noisy`` has a row for each label, shape (labels, dim), or one row.
    """
    whole = POOR_FIT * LENGTH * max(people, 1.0)
    return float(noisy[:, -1].sum()) / whole, sigma * math.sqrt(len(noisy)) / whole


def _shrunk(part: Floats, error: float) -> tuple[Floats, float]:
    square = float(part @ part)
    trust = max(0.0, 1 - len(part) * error**2 / square) if square > 0 else 0.0
    return part * trust, trust
