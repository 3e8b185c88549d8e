"""The paper's choices: the best summary of each seed, under Gaussian noise, and the texts with most votes.

The candidates are themselves functions of the private texts. So the noise does not bound what the release
reveals about a record, it uses no budget, and no claim is based on it; at best it hides which of a record's
candidates was chosen.

A summary's score says how like its source it is, in content and sentiment:

    s = a * similarity + (1 - a) * agreement - penalty * (1 - agreement)       a = 0.75, penalty = 0.15

Agreement is 1 when the classifier gives the summary the sentiment of its source, 0 when it gives another, 0.5
when the source has none; the penalty applies only when the source has one.

sigma = sqrt(2 ln(1.25 / delta)) * sensitivity / epsilon with delta = 1 / (N ln N) is the formula of the
paper's released code, where N is the number of seeds. The scores of a seed are scaled to 0..1, and all of
them can change with the record: their joint sensitivity is sqrt(candidates) (``sound``), not 1 (``paper``).

In the AUG-PE step each record votes for its nearest text. With noise sigma > 0 the threshold 0.5 sigma^1.5 is
subtracted from the counts, negative ones become 0, and the texts with the highest counts are kept. Without
noise every text is kept. In the released code one number served as epsilon and as sigma, so that a larger
"epsilon" made more noise; here they are two settings.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NewType

import numpy as np

from rpsg.stages.votes import nearest_candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rpsg.protocols import NoiseSource
    from rpsg.storage.vectors import Stored

    Floats = npt.NDArray[np.float32]

#: The input and the output of the paper's formula, as separate types so that they cannot be confused.
NominalEpsilon = NewType("NominalEpsilon", float)
Sigma = NewType("Sigma", float)

#: The number of steps in one sigma; the noise is drawn in whole steps.
STEPS_A_SIGMA = 128
NO_TARGET = 0.5


def choice_sigma(
    nominal: NominalEpsilon, seeds: int, candidates: int, sensitivity: Literal["paper", "sound"]
) -> Sigma:
    """The noise of the choice, relative to the range of scores; 0 when ``nominal`` is 0 or infinite."""
    if nominal <= 0 or math.isinf(nominal):
        return Sigma(0.0)
    count = max(seeds, 2)
    delta = 1.0 / (count * max(math.log(count), 1.0))
    moved = 1.0 if sensitivity == "paper" else math.sqrt(candidates)
    return Sigma(math.sqrt(2.0 * math.log(1.25 / delta)) * moved / nominal)


def scaled(scores: Sequence[float]) -> list[float]:
    """The scores scaled to 0..1; all zero when they are equal."""
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    return [(score - low) / (high - low) if high > low else 0.0 for score in scores]


def noisy_argmax(all_scores: Sequence[Sequence[float]], sigma: Sigma, noise: NoiseSource | None) -> list[int]:
    """For each seed the index of its best candidate under noise; -1 for a seed without any.

    Scores are rounded to steps of sigma / ``STEPS_A_SIGMA`` and get independent rounded Gaussian noise in the
    same steps, so the choice is that of the continuous mechanism up to 1/256 of sigma. Ties, which rounding
    makes possible, are broken by the operating system's randomness. Without noise they go to the first.
    """
    if sigma <= 0.0 or noise is None:
        return [int(np.argmax(scores)) if scores else -1 for scores in all_scores]
    flat = [score for scores in all_scores for score in scaled(scores)] if any(all_scores) else []
    steps = np.rint(np.array(flat, np.float64) * (STEPS_A_SIGMA / sigma)).astype(np.int64)
    noisy = steps + noise.draw(float(STEPS_A_SIGMA), len(steps))
    chosen, start = [], 0
    for scores in all_scores:
        part = noisy[start : start + len(scores)]
        start += len(scores)
        best = np.flatnonzero(part == part.max()) if len(part) else part
        chosen.append(int(best[secrets.randbelow(len(best))]) if len(best) else -1)
    return chosen


@dataclass(frozen=True, slots=True)
class Judged:
    """What the choice knows about a candidate."""

    similarity: float
    agreement: float
    confidence: float

    def fits(self, least: float) -> bool:
        """Whether it surely has the sentiment of its source."""
        return self.agreement == 1.0 and self.confidence >= least


def agreement(found: str, target: str) -> float:
    """1 if the sentiment is the target, else 0; 0.5 if there is no target."""
    if not target:
        return NO_TARGET
    return 1.0 if found == target else 0.0


def score(judged: Judged, *, has_target: bool, weight: float, penalty: float) -> float:
    """The score of one candidate."""
    flipped = penalty * (1.0 - judged.agreement) if has_target else 0.0
    return weight * judged.similarity + (1.0 - weight) * judged.agreement - flipped


def considered(candidates: Sequence[Judged], least: float) -> list[int]:
    """The indices to choose from: candidates that surely fit, or all when none does."""
    fitting = [i for i, judged in enumerate(candidates) if judged.fits(least)]
    return fitting or list(range(len(candidates)))


def second_is_better(first: Judged, second: Judged) -> bool:
    """Whether the choice of the second pass replaces that of the first."""
    surer = second.agreement == 1.0 and second.confidence >= first.confidence
    return surer or second.similarity > first.similarity


def vote_counts(private: Stored, candidates: Floats) -> npt.NDArray[np.int64]:
    """How many private rows are nearest to each candidate, shape (candidates,)."""
    handicap = np.zeros(len(candidates), np.float32)
    cells = nearest_candidates(private, candidates, handicap, 1)[:, 0]
    return np.bincount(cells[cells >= 0], minlength=len(candidates)).astype(np.int64)


def clipped(counts: npt.NDArray[np.int64], sigma: float, noise: NoiseSource) -> npt.NDArray[np.float64]:
    """The noisy counts less the threshold 0.5 sigma^1.5, at least 0."""
    noisy = counts + noise.draw(sigma, len(counts))
    left: npt.NDArray[np.float64] = np.maximum(noisy - 0.5 * sigma**1.5, 0.0)
    return left


def ranked(counts: npt.NDArray[np.float64], keep: int) -> list[int]:
    """The indices of the ``keep`` highest counts; ties go to the first."""
    order = np.argsort(-counts, kind="stable")
    return sorted(int(i) for i in order[:keep])
