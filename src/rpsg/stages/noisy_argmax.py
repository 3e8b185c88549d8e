"""The paper's candidate selection: for each seed the best of its candidates, under Gaussian noise.

It hides, at the best, which of a record's own candidates was taken. The candidates are functions of that
record, so the noise bounds nothing that the release says about it, and no claim is built on it.

sigma = sqrt(2 ln(1.25 / delta)) * sensitivity / epsilon with delta = 1 / (N ln N) is the formula of the
paper's released code, N being the number of seeds. The scores of a seed are scaled to 0..1, and all of them
can move when the record changes: their joint sensitivity is sqrt(candidates) (``sound``), not 1 (``paper``).
"""

from __future__ import annotations

import math
import secrets
from typing import TYPE_CHECKING, Literal, NewType

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.protocols import NoiseSource

#: What the paper's formula is given, and what it gives: two things, and types tell them apart.
NominalEpsilon = NewType("NominalEpsilon", float)
Sigma = NewType("Sigma", float)

#: The noise is drawn in whole steps: so many of them make one sigma.
STEPS_A_SIGMA = 128


def choice_sigma(
    nominal: NominalEpsilon, seeds: int, candidates: int, sensitivity: Literal["paper", "sound"]
) -> Sigma:
    """The noise of the choice, in units of the range of scores; 0 when ``nominal`` is 0 or infinite."""
    if nominal <= 0 or math.isinf(nominal):
        return Sigma(0.0)
    count = max(seeds, 2)
    delta = 1.0 / (count * max(math.log(count), 1.0))
    moved = 1.0 if sensitivity == "paper" else math.sqrt(candidates)
    return Sigma(math.sqrt(2.0 * math.log(1.25 / delta)) * moved / nominal)


def scaled(scores: Sequence[float]) -> list[float]:
    """The scores moved and stretched to 0..1; all zero when they are equal."""
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    return [(score - low) / (high - low) if high > low else 0.0 for score in scores]


def noisy_argmax(all_scores: Sequence[Sequence[float]], sigma: Sigma, noise: NoiseSource | None) -> list[int]:
    """For each seed the place of its best candidate under noise; -1 for a seed without any.

    Independent rounded Gaussians of ``STEPS_A_SIGMA`` steps go on the scores in the same steps, so the
    choice is that of the continuous mechanism up to 1/256 of sigma. Ties, which rounding makes possible,
    are broken by the operating system's randomness. Without noise the first of the best is taken.
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
