"""Step 5, sketch: one noisy sum of feature vectors describes the private texts.

The features of a text are the coordinates of its embedding along the principal axes of the drafts (the texts
written so far) and the products of every two of these coordinates. So their mean over many texts gives the
mean and the covariance. Further features are the shares of common words (``word_roots.py``), because an
embedding says little about wording. Every person adds one such vector of length at most 1, and the sum is
released once, with noise (a private mean embedding, as in Harder, Adamczewski and Park, 2021). Everything
later is post-processing: a pool of any size, any number of rounds.

Axes, centre and scale are fitted to the drafts alone, before the query. They are quantized to whole numbers,
and so is every private embedding: the coordinates of a row are then exact and independent of the other rows
(``exact_similarity``), and everything after them is computed entry by entry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.privacy.vector_sum import MOST_ENTRIES, BoundedVectors, at_most, quantise
from rpsg.stages.exact_similarity import SQUARE, STEPS, quantized
from rpsg.stages.word_roots import WORDS, common_words, word_roots
from rpsg.textstats.languages import is_in_another

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.privacy.private import Private
    from rpsg.records import Document
    from rpsg.storage.vectors import Held, Stored

    _Rows = tuple[Stored, tuple[Document, ...], npt.NDArray[np.int64], npt.NDArray[np.float32]]

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

#: The maximum length of a person's vector, in steps: w in the rule of the query.
LENGTH = 128
#: The number of principal axes; and their number if each of several labels has a separate sum.
AXES, AXES_BY_LABEL = 128, 64
FEW_LABELS = 4
#: The weight of the products of two coordinates, relative to the coordinates themselves.
PRODUCTS = 2.0
#: The share of drafts whose vector is not longer than 1; longer vectors are clipped.
WHOLE = 0.95
#: An axis is a rounding error if its variance is less than this fraction of the variance of the first axis.
FLAT = 1e-9
#: Means and scale are rounded to these steps, which are far larger than differences between libraries in
#: floating-point sums.
FINE_STEPS = 1 << 20
#: The last entry of the vector of a text that fits no topic, as a fraction of the maximum length. A text in
#: another language has this number in the entry before, and 0 here, so the two entries together are no longer
#: than one.
POOR_FIT = 0.25
#: The fraction of the squared length that words get; the rest is for the embedding.
OF_WORDS = 0.3
OF_EMBEDDING = 1 - OF_WORDS - POOR_FIT**2
#: The maximum length of all other entries together, for a text that is marked in this way.
BESIDE_POOR_FIT = math.sqrt(1 - POOR_FIT**2)


def axes_wanted(labels: int) -> int:
    """The number of axes when texts have one of ``labels`` labels (0: no labels)."""
    if labels <= FEW_LABELS:
        return AXES
    room = MOST_ENTRIES // labels - words_wanted(labels)
    return max(1, min(AXES_BY_LABEL, math.isqrt(2 * max(room, 1)) - 2))


def words_wanted(labels: int) -> int:
    """The number of words: fewer with thousands of labels, because each label has a separate sum."""
    return min(WORDS, MOST_ENTRIES // (4 * max(labels, 1)))


@dataclass(frozen=True, slots=True)
class Features:
    """The feature map: public, and the same on neighbouring data sets.

    ``centre`` (dim,) and ``axes`` (dim, d) are whole numbers, quantized. ``base`` is the mean of the
    drafts' coordinates and products and ``word_base`` that of their word roots; both are subtracted.
    ``scale`` and ``word_scale`` then bring most vectors close to the maximum length. ``language`` is empty if
    texts in other languages are not counted.
    """

    centre: Floats
    axes: Floats
    base: Floats
    scale: float
    words: tuple[str, ...]
    word_base: Floats
    word_scale: float
    language: str = ""

    @classmethod
    def fit(
        cls,
        drafts: Vectors,
        texts: Sequence[str],
        most_axes: int = AXES,
        most_words: int = WORDS,
        language: str = "",
    ) -> Features:
        """The features fitted to the drafts: to their embeddings ``drafts``, unit rows (m, dim), and to the
        words of ``texts``.
        """
        exact = quantized(drafts).astype(np.float64)
        centre = np.rint(exact.mean(axis=0))
        off = exact - centre
        # Sums of whole numbers are exact, so the axes do not depend on the order of summation.
        values, vectors = np.linalg.eigh(off.T @ off)
        count = max(1, min(most_axes, len(drafts) - 1, int((values > FLAT * values[-1]).sum())))
        main = vectors[:, ::-1][:, :count]
        largest = np.abs(main).argmax(axis=0)
        main = main * np.sign(main[largest, np.arange(count)])

        words = common_words(texts, most_words)
        roots = word_roots(texts, words)
        word_base = _rounded(roots.mean(axis=0))
        word_scale = _scale(((roots - word_base) ** 2).sum(axis=1), OF_WORDS)
        axes = np.rint(main * STEPS)
        plain = cls(centre, axes, np.zeros(0), 1.0, words, word_base, word_scale, language)

        z = plain.coordinates(drafts)
        mean, products = z.mean(axis=0), z.T @ z / len(z)
        # The distance of a draft's features from their mean, without computing its products.
        squares = (z**2).sum(axis=1)
        square = squares + (PRODUCTS * squares) ** 2 + mean @ mean + PRODUCTS**2 * (products**2).sum()
        square -= 2 * (z @ mean + PRODUCTS**2 * np.einsum("ij,ij->i", z @ products, z))
        base = _rounded(np.concatenate([mean, plain.packed(products)]))
        return replace(plain, base=base, scale=_scale(square, OF_EMBEDDING))

    @property
    def count(self) -> int:
        """The number of axes."""
        return int(self.axes.shape[1])

    @property
    def dim(self) -> int:
        """The number of entries of a vector: coordinates, products of two, words, one for another language if
        these are counted, and one for a poor fit.
        """
        return len(self.base) + len(self.words) + bool(self.language) + 1

    def coordinates(self, vectors: Held) -> Floats:
        """The coordinates of ``vectors`` along the axes, shape (rows, axes); exact but for one division."""
        z: Floats = (quantized(vectors).astype(np.float64) - self.centre) @ self.axes / SQUARE
        return z

    @property
    def _pairs(self) -> tuple[Numbers, Numbers, Floats]:
        """The two axes of each product, and its weight: products of two different axes count twice."""
        one, two = np.triu_indices(self.count)
        return one, two, np.where(one == two, PRODUCTS, PRODUCTS * math.sqrt(2))

    def packed(self, products: Floats) -> Floats:
        """A symmetric matrix of products (axes, axes) as the entries of ``raw``."""
        one, two, weight = self._pairs
        told: Floats = products[one, two] * weight
        return told

    def unpacked(self, entries: Floats) -> Floats:
        """The symmetric matrix of these entries; the inverse of ``packed``."""
        one, two, weight = self._pairs
        products = np.zeros((self.count, self.count))
        products[one, two] = products[two, one] = entries / weight
        return products

    def raw(self, z: Floats) -> Floats:
        """Coordinates and their products, shape (rows, d + d * (d + 1) / 2), before centring and scaling."""
        one, two, weight = self._pairs
        return np.concatenate([z, z[:, one] * z[:, two] * weight], axis=1)

    def of(self, vectors: Held, texts: Sequence[str], poor: Vectors) -> Floats:
        """Feature vectors, shape (rows, dim). ``poor`` (rows,) is 1 for a text that fits no topic, else 0.

        A text that could not be embedded has a zero vector. For a text that fits no topic, or is in another
        language, the other entries are shortened, so that it counts fully in its own entry.
        """
        placed = (self.raw(self.coordinates(vectors)) - self.base) * self.scale
        worded = (word_roots(texts, self.words) - self.word_base) * self.word_scale
        last = poor[:, None].astype(np.float64)
        if self.language:
            other = np.array([[is_in_another(self.language, text)] for text in texts], np.float64)
            last = np.concatenate([other, last * (1 - other)], axis=1)
        whole = np.concatenate([placed, worded, POOR_FIT * last], axis=1)
        marked, end = np.flatnonzero(last.any(axis=1)), -last.shape[1]
        whole[marked, :end] = at_most(whole[marked, :end], BESIDE_POOR_FIT)
        whole[~np.any(quantized(vectors), axis=1)] = 0.0
        return whole


def _scale(squares: Floats, part: float) -> float:
    """The factor after which the share ``WHOLE`` of these squared lengths is at most ``part``."""
    longest = float(np.quantile(np.sqrt(np.maximum(squares, 0.0)), WHOLE, method="higher"))
    return round(math.sqrt(part) / longest * FINE_STEPS) / FINE_STEPS if longest > 0 else 1.0


def _rounded(numbers: Floats) -> Floats:
    whole: Floats = np.rint(numbers * FINE_STEPS) / FINE_STEPS
    return whole


def sketch_vectors(
    embeddings: Private[Stored],
    texts: Private[tuple[Document, ...]],
    units: Private[Numbers],
    features: Features,
    poor: Private[Vectors],
    labels: Private[Numbers] | None = None,
    label_count: int = 0,
) -> Private[BoundedVectors]:
    """Each row's vector in steps, for a query under the rule ``S6_bounded_vector`` with w = ``LENGTH``.

    Each row is divided by the number of its person's rows. With labels a row fills the entries of its label;
    a row without a label (-1) is zero.
    """

    def vectors(of_rows: _Rows, label: Numbers | None) -> BoundedVectors:
        rows, documents, unit, fit = of_rows
        _, own, counts = np.unique(unit, return_inverse=True, return_counts=True)
        part = 1 / counts[own].astype(np.float64)

        def of(which: Numbers) -> Numbers:
            told = features.of(rows[which], [documents[i].text for i in which], fit[which])
            steps = quantise(told * part[which, None], LENGTH)
            return steps if label is None else _in_blocks(steps, label[which], label_count)

        return BoundedVectors(unit, of)

    held = embeddings.zip(texts, lambda rows, documents: (rows, documents))
    held_by = held.zip(units, lambda two, unit: (*two, unit))
    whole = held_by.zip(poor, lambda three, fit: (*three, fit))
    if labels is None:
        return whole.map(lambda four: vectors(four, None))
    return whole.zip(labels, vectors)


def _in_blocks(steps: Numbers, label: Numbers, count: int) -> Numbers:
    wide = np.zeros((len(steps), count, steps.shape[1]), np.int64)
    known = np.flatnonzero(label >= 0)
    wide[known, label[known]] = steps[known]
    return wide.reshape(len(steps), -1)
