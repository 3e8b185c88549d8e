"""Shares of texts that no reader would keep: with words of their prompt, or the same words again."""

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
    from rpsg.results import Measure

MARKS = "marks of forms, instructions and chats"


def echo_rate(inputs: Inputs) -> Measure:
    """Share of texts that hold words of their prompt, card or form. Which kinds, the details say.

    Of a file nothing but marks of forms, instructions and chats is known; of a run also the pack's own
    headers, sentences and examples, and the card of each text. Placeholders such as [LINK] are counted in
    the details, and in the rate they are not: they come from habit and from no prompt.
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
        better=False,
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

    It rises with the number of texts: compare only as many.
    """
    if not len(inputs.corpus):
        raise UnavailableError("There is no text.")
    itself, another = repeats(inputs.corpus.texts)
    value, interval = of_share((itself | another).astype(np.float64))
    return inputs.measured(
        "repetition_rate",
        value,
        better=False,
        interval=interval,
        real=False,
        model=f"{OWN}-grams within a text, runs of {SHARED} words between texts",
        details={"repeat themselves": int(itself.sum()), "repeat another": int(another.sum())},
    )
