"""Step 3, annotate: each private record gets its attribute values from local, public models.

Per record, so removing one person changes only that person's values (1-stable), and nothing leaves the
machine. A record whose text could not be embedded has no value (-1) and adds to no cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.stages.lattice import on_lattice
from rpsg.stages.seeds import drop_pages

if TYPE_CHECKING:
    from rpsg.domains import Attribute, Pack
    from rpsg.privacy.private import Private
    from rpsg.protocols import Classifier, Embedder
    from rpsg.records import Document
    from rpsg.stages.seeds import People

Codes = npt.NDArray[np.int64]
Traits = Mapping[str, Codes]
CHUNK = 16_384


def annotate(people: People, pack: Pack, embedder: Embedder, sentiment: Classifier) -> Private[Traits]:
    """For each counted attribute the index of every row's value, shape (rows,), -1 for none."""
    counted = [a for a in pack.attributes if a.counted]
    landmarks = {a.name: describe(a, embedder) for a in counted if a.kind == "nearest"}

    def codes(rows: tuple[Document, ...], vectors: npt.NDArray[np.float32]) -> Traits:
        empty = empty_rows(vectors)
        traits = {a.name: _codes(a, rows, vectors, landmarks, sentiment) for a in counted}
        return {name: np.where(empty, -1, values) for name, values in traits.items()}

    return people.rows.zip(people.embeddings, codes)


def _codes(
    attribute: Attribute,
    rows: Sequence[Document],
    vectors: npt.NDArray[np.float32],
    landmarks: Mapping[str, npt.NDArray[np.float32]],
    sentiment: Classifier,
) -> Codes:
    if attribute.kind == "nearest":
        return nearest(vectors, landmarks[attribute.name])
    if attribute.kind == "words":
        lengths = np.array([len(row.text.split()) for row in rows], np.int64)
        return np.searchsorted(np.array(attribute.edges), lengths, side="right").astype(np.int64)
    index = {value: i for i, value in enumerate(attribute.values)}
    if attribute.kind == "label":
        return np.array([index.get(row.label or "", -1) for row in rows], np.int64)
    said = sentiment.classify([row.text for row in rows], vectors)
    return np.array([index.get(value, -1) for value in said], np.int64)


def describe(attribute: Attribute, embedder: Embedder) -> npt.NDArray[np.float32]:
    """A direction for each value: its description's embedding, less what all descriptions share.

    Without the centring a description that says little beyond the common words is near to everything.
    """
    texts = attribute.descriptions or tuple(attribute.describe.format(value=v) for v in attribute.values)
    vectors = embedder.embed(texts)
    centred = vectors - vectors.mean(axis=0)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(norms, 1e-9), np.float32)


def empty_rows(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which rows have no direction, shape (rows,); a mapped file is read in blocks and let go of."""
    out = np.empty(len(vectors), np.bool_)
    for start in range(0, len(vectors), CHUNK):
        out[start : start + CHUNK] = ~np.any(vectors[start : start + CHUNK], axis=1)
        drop_pages(vectors)
    return out


def nearest(vectors: npt.NDArray[np.float32], landmarks: npt.NDArray[np.float32]) -> Codes:
    """The index of the closest landmark for each row (of equals the first), in blocks."""
    exact = on_lattice(landmarks).T
    out = np.empty(len(vectors), np.int64)
    for start in range(0, len(vectors), CHUNK):
        block = vectors[start : start + CHUNK]
        out[start : start + len(block)] = (on_lattice(block) @ exact).argmax(axis=1)
        drop_pages(vectors)
    return out
