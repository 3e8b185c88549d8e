"""Step 9, NLL filter: drop what a public language model finds far too likely or far too unlikely.

Boilerplate and memorised text are too likely, gibberish is too unlikely. The band is the median of the
pool's own scores plus and minus a multiple of their median absolute deviation: DP outputs and a public
model, nothing else. A text's NLL is the mean over its tokens, each given those before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rpsg.protocols import Scorer
    from rpsg.records import Pool

WIDTH = 3.5
TO_SIGMA = 1.4826  # median absolute deviation to standard deviation, for a normal law


def nll_filter(pool: Pool, scorer: Scorer | None, width: float = WIDTH) -> Pool:
    """The pool with a score ``nll`` (nats per token), without the texts outside the band.

    Without a scorer the pool stays as it is.
    """
    alive = pool.alive()
    if scorer is None or not alive:
        return pool
    scores = [
        float(-np.mean(tokens)) if tokens else float("nan")
        for tokens in scorer.score([c.text for c in alive])
    ]
    values = np.array(scores)
    middle = float(np.nanmedian(values))
    spread = TO_SIGMA * float(np.nanmedian(np.abs(values - middle))) + 1e-9
    pool = pool.score("nll", {c.id: v for c, v in zip(alive, scores, strict=True) if np.isfinite(v)})
    reasons: dict[int, str] = {}
    for candidate, value in zip(alive, scores, strict=True):
        if not np.isfinite(value):
            reasons[candidate.id] = "could not be scored"
        elif abs(value - middle) > width * spread:
            reasons[candidate.id] = "too likely" if value < middle else "too unlikely"
    return pool.drop("nll filter", reasons)
