"""Later drafts in the words of the private texts: a bias of the writer's logits, from the noisy sketch.

The sketch holds the mean square root of each common word's share of a text, in the private texts; the drafts
written so far have means of their own. A word's bias is proportional to the log of the ratio of the two
shares. The noisy answer is paid for already, so this is post-processing, and so is every prompt that follows
from it. Writers without such a setting ignore the bias. It is off unless a plan or a pack asks for it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rpsg.methods.dp_steps import public_filters
from rpsg.stages.candidates import write_candidates
from rpsg.stages.sketch import AXES
from rpsg.stages.word_roots import word_roots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack
    from rpsg.methods.base import Job
    from rpsg.methods.sketching import Sketch
    from rpsg.plan import Plan
    from rpsg.records import Card, Pool
    from rpsg.stages.prompts import Bias
    from rpsg.stages.sketch import Floats

#: The share of drafts that are written before the sketch, and at least how many. The sketch is fitted to
#: them, and needs more drafts than it has axes.
BEFORE, LEAST_BEFORE = 0.5, AXES + 32
#: The number of waves in which the others are written; the second corrects what the first left.
WAVES = 2
#: Added to both means of a word, so that a word seen by chance in few drafts gets a small bias.
SMOOTHING = 0.005
#: A small model loses its thread if a word is pushed further than this.
LOWEST, HIGHEST = -3.0, 2.0
#: Biases are multiples of this, so that another processor's logarithm gives the same request.
STEP = 1 / 8


def strength_of(plan: Plan, pack: Pack) -> float:
    """How strongly later drafts prefer the words of the private texts; 0: not at all."""
    chosen = plan.method.logit_bias
    if plan.method.select == "votes":
        return 0.0
    return pack.logit_bias if chosen is None else chosen


def drafts_before(plan: Plan, pack: Pack, cards: Sequence[Card]) -> int:
    """How many of the cards get their draft before the sketch: all, if none is written with a bias."""
    least = min(LEAST_BEFORE, len(cards))
    return max(least, math.ceil(len(cards) * BEFORE)) if strength_of(plan, pack) else len(cards)


def write_later_drafts(job: Job, pack: Pack, sketch: Sketch, cards: Sequence[Card], pool: Pool) -> Pool:
    """The pool with drafts from the ``cards`` added, in the words that the sketch found."""
    strength, words = strength_of(job.plan, pack), sketch.features.words
    target, bias = sketch.words(), np.zeros(len(words))
    newest = pool
    for wave in range(WAVES):
        these = cards[wave * len(cards) // WAVES : (wave + 1) * len(cards) // WAVES]
        if not these:
            continue
        texts = [candidate.text for candidate in newest.alive()]
        if texts:
            bias = _corrected(bias, target, word_roots(texts, words).mean(axis=0), strength)
        newest = write_candidates(
            these, pack, job.plan, job.tools.writer, job.progress, first=len(pool), bias=_told(words, bias)
        )
        pool = pool.extend(newest.candidates)
    return public_filters(job, pack, pool) if cards else pool


def _corrected(bias: Floats, target: Floats, drafts: Floats, strength: float) -> Floats:
    """The bias after these drafts; ``target`` and ``drafts`` are mean roots of the words' shares."""
    ratio = (np.maximum(target, 0.0) + SMOOTHING) / (drafts + SMOOTHING)
    # Shares are squares of roots, hence the 2.
    corrected: Floats = np.clip(bias + strength * 2 * np.log(ratio), LOWEST, HIGHEST)
    return corrected


def _told(words: Sequence[str], bias: Floats) -> Bias:
    steps = np.rint(bias / STEP).astype(np.int64)
    return tuple((word, int(step) * STEP) for word, step in zip(words, steps, strict=True) if step)
