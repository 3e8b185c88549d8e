"""Step 3, annotate: each private text gets its attribute values from local, public models.

Each record is annotated alone, so removing one person changes only that person's values (1-stable), and
nothing leaves the machine. A record whose text could not be embedded has no value (-1) and is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rpsg.stages.contributions import each_or_none
from rpsg.stages.exact_similarity import SQUARE, quantized
from rpsg.storage.vectors import drop_pages
from rpsg.textstats.words import word_count

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rpsg.domains import Attribute, Pack
    from rpsg.privacy.private import Private
    from rpsg.protocols import Classifier, Embedder
    from rpsg.records import Document
    from rpsg.stages.contributions import People
    from rpsg.storage.vectors import Stored

Codes = npt.NDArray[np.int64]
Traits = Mapping[str, Codes]
CHUNK = 16_384


@dataclass(frozen=True, slots=True)
class Landmarks:
    """One unit row for each value, and its inner product with the mean of all descriptions."""

    rows: npt.NDArray[np.float32]
    common: npt.NDArray[np.float32]


def annotate(
    people: People,
    pack: Pack,
    landmarks: Mapping[str, Landmarks],
    sentiment: Classifier,
    only: Collection[str] | None = None,
) -> Private[Traits]:
    """For each counted attribute the index of every row's value, shape (rows,), -1 for none.

    ``landmarks`` are those of ``describe``. ``only``: the names of the attributes that are wanted.
    """
    counted = [a for a in pack.attributes if a.counted and (only is None or a.name in only)]

    def codes(rows: tuple[Document, ...], vectors: Stored) -> Traits:
        empty = empty_rows(vectors)
        traits = {a.name: codes_of(a, rows, vectors, landmarks, sentiment) for a in counted}
        return {name: np.where(empty, -1, values) for name, values in traits.items()}

    return people.rows.zip(people.embeddings, codes)


def codes_of(
    attribute: Attribute,
    rows: Sequence[Document],
    vectors: Stored,
    landmarks: Mapping[str, Landmarks],
    sentiment: Classifier,
) -> Codes:
    """The index of each row's value of a counted attribute, shape (rows,), -1 for none."""
    if attribute.kind == "nearest":
        return nearest(vectors, landmarks[attribute.name])
    if attribute.kind == "words":
        lengths = np.array([word_count(row.text) for row in rows], np.int64)
        return np.searchsorted(np.array(attribute.edges), lengths, side="right").astype(np.int64)
    index = {value: i for i, value in enumerate(attribute.values)}
    if attribute.kind == "label":
        return np.array([index.get(row.label or "", -1) for row in rows], np.int64)
    if attribute.kind == "column":
        held = (dict(row.columns).get(attribute.column, "") for row in rows)
        return np.array([index.get(value, -1) for value in held], np.int64)
    out = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), CHUNK):  # a classifier may need several times the memory of its rows
        block = slice(start, start + CHUNK)
        texts, own = [row.text for row in rows[block]], np.asarray(vectors[block], np.float32)
        said = each_or_none(len(texts), partial(_classified, sentiment, texts, own))
        out[block] = [index.get(value or "", -1) for value in said]
        drop_pages(vectors)
    return out


def _classified(
    sentiment: Classifier, texts: Sequence[str], rows: npt.NDArray[np.float32], part: slice
) -> list[str]:
    return sentiment.classify(texts[part], rows[part])


def describe(pack: Pack, embedder: Embedder) -> dict[str, Landmarks]:
    """The embedded values of each attribute of the kind "nearest", by the attribute's name.

    The mean of all descriptions only says what kind of text it is. A value whose description says little more
    than the mean would be close to every text, so each value's similarity to that mean is subtracted from its
    score.
    """
    rows = {
        a.name: embedder.embed(a.descriptions or tuple(a.describe.format(value=v) for v in a.values))
        for a in pack.attributes
        if a.kind == "nearest"
    }
    if not rows:
        return {}
    common = np.concatenate(list(rows.values())).mean(axis=0)
    return {name: Landmarks(values, values @ common) for name, values in rows.items()}


def fits_none(vectors: Stored, landmarks: Landmarks, threshold: float) -> npt.NDArray[np.float32]:
    """1.0 for each row that is close to no value, 0.0 for every other; shape (rows,).

    A row is close to none if its cosine with every description is below ``threshold``, a public number
    (``Pack.poor_fit``). Computed in whole numbers, for each row alone. A zero row gives 0.0.
    """
    exact, border = quantized(landmarks.rows).T, np.float32(np.rint(threshold * SQUARE))
    far = _by_blocks(vectors, lambda block: ((block @ exact).max(axis=1) < border) & block.any(axis=1))
    return far.astype(np.float32)


def empty_rows(vectors: Stored) -> npt.NDArray[np.bool_]:
    """Which rows are zero when quantized, shape (rows,)."""
    return _by_blocks(vectors, lambda block: ~np.any(block, axis=1)).astype(np.bool_)


def nearest(vectors: Stored, landmarks: Landmarks) -> Codes:
    """For each row the index of the value with the highest score; ties go to the first."""
    exact = quantized(landmarks.rows).T
    off = np.rint(landmarks.common * np.float32(SQUARE))
    return _by_blocks(vectors, lambda block: (block @ exact - off).argmax(axis=1))


def _by_blocks(vectors: Stored, of: Callable[[npt.NDArray[np.float32]], npt.NDArray[Any]]) -> Codes:
    """One number for each row from its quantized block; a memory-mapped file is read in blocks."""
    out = np.empty(len(vectors), np.int64)
    for start in range(0, len(vectors), CHUNK):
        out[start : start + CHUNK] = of(quantized(vectors[start : start + CHUNK]))
        drop_pages(vectors)
    return out
