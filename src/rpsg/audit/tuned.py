"""Membership by a small transformer that was fine-tuned on the corpus, in place of the trigram model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.finding import of_scores
from rpsg.audit.subject import NotRunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject

Floats = npt.NDArray[np.float64]


def tuned(subject: Subject) -> Finding:
    """s(x) = l_ref(x) - l(x), as ``refer``: mean surprise of the tokens of x, under two models of one kind.

    The one was fine-tuned on the synthetic texts, the other on the public reference, or on nothing where
    there is none: it must not have seen a private text. A text of less than two tokens has the score 0.
    """
    before = subject.of_private.once("tuned", lambda: _mean_scores(subject, subject.reference))
    return of_scores("tuned", subject, _mean_scores(subject, subject.synthetic) - before)


def _mean_scores(subject: Subject, on: Sequence[str]) -> Floats:
    """The mean log-probability of the tokens of each private text; the text itself is not trained on."""
    trainer = subject.aids.surrogate
    if trainer is None:
        raise NotRunError(
            "It needs a small model to fine-tune on the corpus: --with-surrogate, or `aids` in Python."
        )
    scorer = trainer.train(on, subject.seed)
    return np.array([float(np.mean(row)) if row else 0.0 for row in scorer.score(subject.texts)])
