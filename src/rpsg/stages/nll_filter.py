"""Step 9, NLL filter: drop what a public language model finds far too likely or far too unlikely.

Boilerplate and memorised text are too likely, gibberish is too unlikely. The band is the median of the pool's
scores plus and minus a multiple of their median absolute deviation, so it depends only on DP outputs and a
public model. A text's NLL is the mean over its tokens, each given those before it.

The paper's NLL filter compares with 250 representative scores of private texts, so it is only for methods
without a claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from rpsg.protocols import Scorer
    from rpsg.records import Pool

WIDTH = 3.5
TO_SIGMA = 1.4826  # median absolute deviation to standard deviation, for a normal law
TOLERANCE = 1e-9  # distances that differ by less are equal and are kept or dropped together
BINS = 250


def nll_filter(pool: Pool, scorer: Scorer | None, width: float = WIDTH) -> Pool:
    """The pool with a score ``nll`` (nats per token), without the texts outside the band.

    Without a scorer the pool is unchanged.
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


def drop_near_private(
    pool: Pool,
    nll: npt.NDArray[np.float64],
    private: npt.NDArray[np.float64],
    percentile: float,
    distance: Literal["max", "min"],
    *,
    edge_stays: bool,
) -> Pool:
    """The paper's NLL filter: drops the ``percentile`` per cent of texts scored most like private ones.

    A text's gap is its distance to the farthest (``max``, as published) or the nearest (``min``) of the
    ``private`` representatives. Texts with gaps above the given percentile of all gaps are kept. A gap equal
    to it is kept if ``edge_stays``, as in the authors' last version, and dropped otherwise, as in the version
    before. Percentile 0 keeps all. ``nll`` has the scores of ``pool.alive()``, in that order. With ``max``
    only the two extreme representatives matter.
    """
    alive = pool.alive()
    pool = _with_scores(pool, nll)
    sound = [i for i in range(len(alive)) if np.isfinite(nll[i])]
    reasons = {c.id: "could not be scored" for i, c in enumerate(alive) if i not in set(sound)}
    if sound and len(private):
        farthest = np.abs(nll[sound][:, None] - private[None, :])
        gaps = farthest.max(axis=1) if distance == "max" else farthest.min(axis=1)
        limit = float(np.percentile(gaps, percentile)) + (-TOLERANCE if edge_stays else TOLERANCE)
        near = [i for i, gap in zip(sound, gaps, strict=True) if percentile > 0 and gap <= limit]
        reasons |= {alive[i].id: "scored like a private text" for i in near}
    return pool.drop("nll filter", reasons)


def drop_likeliest(pool: Pool, nll: npt.NDArray[np.float64], keep: float) -> Pool:
    """The paper's first version: keeps the share ``keep`` with the highest NLL; ties go to the first."""
    alive = pool.alive()
    order = sorted(range(len(alive)), key=lambda i: (-np.nan_to_num(nll[i], nan=-np.inf), alive[i].id))
    gone = {alive[i].id: "among the likeliest" for i in order[round(keep * len(alive)) :]}
    return _with_scores(pool, nll).drop("nll filter", gone)


def _with_scores(pool: Pool, nll: npt.NDArray[np.float64]) -> Pool:
    return pool.score(
        "nll", {c.id: float(v) for c, v in zip(pool.alive(), nll, strict=True) if np.isfinite(v)}
    )


def representatives(scores: npt.NDArray[np.float64], bins: int = BINS) -> npt.NDArray[np.float64]:
    """The representative scores in rising order, shape (min(bins, number of finite scores),)."""
    ordered = np.sort(scores[np.isfinite(scores)])
    parts = np.array_split(ordered, min(bins, len(ordered))) if len(ordered) else []
    return np.array([part[np.abs(part - part.mean()).argmin()] for part in parts], np.float64)
