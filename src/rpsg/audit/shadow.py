"""Membership by shadow corpora: the pipeline is run again on halves of the people (Carlini et al. 2022).

For each text, the corpora made from halves with its author show how likely the text is if its author was in
the data, and the others how likely it is if not. The audited corpus is compared with both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.finding import of_scores
from rpsg.audit.subject import NotRunError
from rpsg.audit.surrogate import Surrogate, Words
from rpsg.stages.rng import stream
from rpsg.textstats.words import word_marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
#: Shadow corpora: pairs of halves, so that everybody is in half of them.
SHADOWS = 16


def lira_shadow(subject: Subject) -> Finding:
    """The log-ratio of two normal densities of phi(x): with x among the data, and without.

    phi is the total log-likelihood of a text under a trigram model of a corpus, divided by the root of its
    length. The means are those over the 8 shadow corpora whose half has the author, and over the 8 others.
    One variance is used for all texts (as in the paper for few shadows) and for both densities. So the
    score rises with phi, and no text is too likely to be a member's. The two means are assumed to be at least
    one standard deviation apart. For a pipeline that keeps nothing of its texts the two means are equal.
    Without this assumption no text could then have a higher score than another, even if the audited corpus
    leaks.
    """
    with_own, without, spread = subject.of_private.once("shadows", lambda: _shadows(subject))
    found = likelihoods(subject, subject.synthetic)
    apart = np.maximum(with_own - without, spread)
    return of_scores("lira-shadow", subject, (found - without - apart / 2) * apart / spread**2)


def likelihoods(subject: Subject, corpus: Sequence[str]) -> Floats:
    """Phi of each private text under a model of ``corpus``; shape (texts,)."""
    model, found = Surrogate.of(corpus), []
    for _, (tokens,) in Words.of(subject, word_marks).tokens(model.numbers):
        sums = np.bincount(tokens.owner, weights=model.log_chances(tokens), minlength=len(tokens.lengths))
        found.append(sums / np.sqrt(np.maximum(tokens.lengths, 1)))
    return np.concatenate(found)


def halves(people: int, seed: int) -> list[Flags]:
    """Who is in each shadow's half: random halves, each followed by its complement."""
    chosen = []
    for pair in range(SHADOWS // 2):
        half = stream(seed, "audit shadows", pair).permutation(np.arange(people) % 2 == 0)
        chosen += [half, ~half]
    return chosen


def _shadows(subject: Subject) -> tuple[Floats, Floats, float]:
    """The mean of phi with and without the author, and the standard deviation around these means."""
    if subject.aids.pipeline is None:
        raise NotRunError(
            "This attack needs a pipeline that it can run again on halves of the people: --with-shadows, or "
            "`aids` in Python."
        )
    scores, inside = [], []
    subject.progress.start("lira-shadow: run the plan again", SHADOWS)
    for number, half in enumerate(halves(subject.people, subject.seed)):
        own = np.flatnonzero(half[subject.owner])
        corpus = subject.aids.pipeline([subject.texts[i] for i in own], subject.owner[own], number)
        if not any(text.strip() for text in corpus):
            raise NotRunError("The pipeline made no texts from one half of the people.")
        scores.append(likelihoods(subject, corpus))
        inside.append(half[subject.owner])
        subject.progress.advance()
    subject.progress.done()
    phi, held = np.stack(scores), np.stack(inside)
    with_own, without = ((phi * side).sum(axis=0) / (SHADOWS // 2) for side in (held, ~held))
    around = phi - np.where(held, with_own, without)
    # Two means were estimated for each text.
    spread = float(np.sqrt((around**2).sum() / (around.size * (1 - 2 / SHADOWS))))
    return with_own, without, max(spread, 1e-9)
