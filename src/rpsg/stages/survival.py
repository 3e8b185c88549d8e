"""How AUG-PE decides from noisy votes which texts of a generation are kept: post-processing throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from rpsg.stages.votes import shares

if TYPE_CHECKING:
    Codes = npt.NDArray[np.int64]

Selection = Literal["rank", "sample"]


def survivors(
    votes: Codes,
    count: int,
    selection: Selection,
    threshold: float,
    draw: np.random.Generator,
    *,
    last: bool,
) -> list[int]:
    """The positions of the texts that are kept.

    With "rank" they are the ``count`` with most votes; ties go to the first. With "sample" each is drawn with
    probability max(votes, threshold) - threshold, divided by the sum of these. A text may be drawn several
    times, and then gets that number of variations. The ``last`` draw is the release, so each text is drawn at
    most once; if too few texts have votes above the threshold, those with the most votes are added.
    """
    best = np.argsort(-votes, kind="stable")
    weights = np.maximum(votes - threshold, 0.0)
    if selection == "rank" or not weights.any():
        return [int(i) for i in best[:count]]
    edges = np.cumsum(weights)
    if not last:
        points = draw.random(count) * edges[-1]
        return [int(i) for i in np.minimum(np.searchsorted(edges, points, side="right"), len(votes) - 1)]
    # The first of exponential clocks with these rates: successive draws without replacement.
    lots = -np.log1p(-draw.random(len(votes)))
    clocks = np.where(weights > 0, lots / np.where(weights > 0, weights, 1.0), np.inf)
    drawn = [int(i) for i in np.argsort(clocks, kind="stable") if weights[i] > 0][:count]
    rest = [int(i) for i in best if weights[i] == 0]
    return drawn + rest[: count - len(drawn)]


def quotas_of_labels(heard: npt.NDArray[np.float64], size: int) -> Codes:
    """``size`` texts shared out by the noisy votes of each label, at least one for each if there are enough.

    ``heard`` has the sum of all votes of each label so far; a negative sum counts as zero. A label that lost
    all its texts would never get votes again, so each keeps one if possible.
    """
    found = shares(np.maximum(heard, 0.0), size)
    if size >= len(found):
        while (found == 0).any():
            found[int(found.argmax())] -= 1
            found[int(found.argmin())] += 1
    return found
