"""Membership by a small transformer that was fine-tuned on the corpus, in place of the trigram model."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.finding import of_scores
from rpsg.audit.subject import NotRunError
from rpsg.pipeline.progress import TUNING
from rpsg.protocols import Tenths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject

Floats = npt.NDArray[np.float64]
#: The number of texts that are scored at once.
BLOCK = 20


def tuned(subject: Subject) -> Finding:
    """s(x) = l_ref(x) - l(x), as ``refer``: mean surprise of the tokens of x, under two models of one kind.

    One model was fine-tuned on the synthetic texts, and the other on the same number of texts of the public
    reference. Without a reference, the other is not fine-tuned, because it must not see a private text. A
    text of less than two tokens has the score 0.
    """
    public = chain.from_iterable(subject.references) if subject.reference else ()
    reference = tuple(islice(public, len(subject.synthetic)))
    first = TUNING[1] if reference else "tuned: load the small model"
    before = subject.of_private.once("tuned", lambda: _mean_scores(subject, reference, first))
    # The stage has another name for a control, or for a corpus that may be destroyed: its time is then not
    # shown.
    stage = TUNING[0]
    if subject.is_control:
        stage = "tuned: tune a model on the test corpus"
    elif subject.canaries is not None:
        stage = "tuned: tune a model on the corpus with canaries"
    return of_scores("tuned", subject, _mean_scores(subject, subject.synthetic, stage) - before)


def _mean_scores(subject: Subject, on: Sequence[str], stage: str) -> Floats:
    """The mean log-probability of the tokens of each private text; the text itself is not trained on."""
    trainer = subject.aids.surrogate
    if trainer is None:
        raise NotRunError(
            "This attack needs a small model to fine-tune on the corpus: --with-surrogate, or `aids` in "
            "Python."
        )
    scorer = trainer.train(on, subject.seed, Tenths(subject.progress, stage).reached)
    subject.progress.done()
    tenths = Tenths(subject.progress, "tuned: ask the small model about the texts")
    found: list[float] = []
    for start in range(0, len(subject.texts), BLOCK):
        rows = scorer.score(subject.texts[start : start + BLOCK])
        found += [float(np.mean(row)) if row else 0.0 for row in rows]
        tenths.reached(len(found) / len(subject.texts))
    subject.progress.done()
    return np.array(found)
