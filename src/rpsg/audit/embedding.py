"""Distances between embeddings of private and synthetic texts, which many tools report as privacy figures,
used as attacks.

Distance to the closest record and nearest-neighbour distance ratio. Used alone they show little: even if a
fifth of a corpus was copied with changed words, both can be at chance (The DCR Delusion, arXiv 2505.01524).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.finding import Match, of_scores
from rpsg.audit.subject import NotRunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
#: The number of distances in memory at once, and of texts that are embedded at once.
AT_ONCE, BLOCK = 1 << 23, 1000
NONE_GIVEN = "This attack needs an embedder to compare texts with: --with-embedder, or `aids` in Python."
#: Squared distances below this are rounding.
NONE = 1e-5
WORST = 20


def closest(subject: Subject) -> Finding:
    """Each private text by its distance to the closest synthetic text (DCR); a closer text is more like a
    member.

    ``details`` has the median distance on each side, the figure that is usually published.
    """
    distances, index = _two_nearest(subject)
    scores = -distances[:, 0]
    inside = subject.is_in[subject.owner]
    worst = np.argsort(np.where(inside, distances[:, 0], np.inf), kind="stable")[:WORST]
    matches = tuple(Match(int(index[i]), int(i), float(1 - distances[i, 0] ** 2 / 2)) for i in worst)
    medians = {
        side: float(np.median(distances[own, 0]))
        for side, own in (("members", inside), ("held out", ~inside))
    }
    found = of_scores("closest", subject, scores, matches=matches)
    return replace(found, details={"median distance to the closest": medians})


def closest_ratio(subject: Subject) -> Finding:
    """Each private text by how much nearer the closest synthetic text is than the second (NNDR)."""
    distances, _ = _two_nearest(subject)
    ratio = np.where(distances[:, 0] > 0, distances[:, 0] / np.maximum(distances[:, 1], 1e-9), 0.0)
    return of_scores("closest-ratio", subject, -ratio)


def _two_nearest(subject: Subject) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The distances of each private text to the two nearest synthetic texts, and which is the nearest."""
    return subject.memory.once("two nearest", lambda: _search(subject))


def _search(subject: Subject) -> tuple[Floats, npt.NDArray[np.int64]]:
    if subject.aids.embedder is None:
        raise NotRunError(NONE_GIVEN)
    if len(subject.synthetic) < 2:
        raise NotRunError("There is only one synthetic text, but a ratio needs two.")
    private = subject.of_private.once("vectors", lambda: _embedded(subject, subject.texts))
    corpus = _embedded(subject, subject.synthetic)
    step = max(1, AT_ONCE // len(corpus))
    distances, indices = [], []
    for start in range(0, len(private), step):
        alike = private[start : start + step] @ corpus.T
        two = np.argpartition(-alike, 1, axis=1)[:, :2]
        values = np.take_along_axis(alike, two, axis=1).astype(np.float64)
        order = np.argsort(-values, axis=1, kind="stable")
        indices.append(np.take_along_axis(two, order, axis=1)[:, 0])
        squared = 2 - 2 * np.take_along_axis(values, order, axis=1)
        distances.append(np.sqrt(np.where(squared < NONE, 0.0, squared)))
    return np.concatenate(distances), np.concatenate(indices)


def _embedded(subject: Subject, texts: Sequence[str]) -> Vectors:
    """Unit rows, shape (texts, dim), in blocks."""
    embedder = subject.aids.embedder
    if embedder is None:
        raise NotRunError(NONE_GIVEN)
    blocks = [embedder.embed(texts[i : i + BLOCK]) for i in range(0, len(texts), BLOCK)]
    return np.concatenate(blocks).astype(np.float32)
