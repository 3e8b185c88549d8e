"""Shares of defective texts: with words of their prompt, or repeating themselves or another text."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from rpsg.evaluation.inputs import UnavailableError
from rpsg.evaluation.metrics.intervals import of_share
from rpsg.textstats.echoes import all_echoes, has_placeholder
from rpsg.textstats.repeats import OWN, SHARED, repeats

if TYPE_CHECKING:
    from rpsg.evaluation.inputs import Inputs
    from rpsg.measures import Measure

MARKS = "marks of forms, instructions and chats"


def echo_rate(inputs: Inputs) -> Measure:
    """Share of texts that contain words of their prompt, card or form, with details by kind.

    Texts of a file are searched for marks of forms, instructions and chats only; those of a run also for the
    pack's headers, sentences and examples, and for the card of each text. Placeholders such as [LINK] are in
    the details but not in the rate, since no prompt contains them.
    """
    corpus = inputs.corpus
    if not len(corpus):
        raise UnavailableError("There is no text.")
    found = all_echoes(corpus.texts, inputs.form, None if inputs.form is None else corpus.cards)
    value, interval = of_share(np.array([bool(kinds) for kinds in found], np.float64))
    by_kind = Counter(kind for kinds in found for kind in kinds)
    return inputs.measured(
        "echo_rate",
        value,
        interval=interval,
        real=False,
        model=MARKS if inputs.form is None else f"{MARKS}; the prompts of the pack",
        details={
            "texts by kind": dict(sorted(by_kind.items())),
            "placeholders": sum(map(has_placeholder, corpus.texts)),
        },
    )


def repetition_rate(inputs: Inputs) -> Measure:
    """Share of texts that repeat themselves or share eight words in a row with another text of the corpus.

    It rises with the number of texts: compare corpora of equal size.
    """
    if not len(inputs.corpus):
        raise UnavailableError("There is no text.")
    itself, another = repeats(inputs.corpus.texts)
    value, interval = of_share((itself | another).astype(np.float64))
    return inputs.measured(
        "repetition_rate",
        value,
        interval=interval,
        real=False,
        model=f"{OWN}-grams within a text, runs of {SHARED} words between texts",
        details={"repeat themselves": int(itself.sum()), "repeat another": int(another.sum())},
    )
