"""Sentiment: how it is distributed, and whether a text has the one it was written for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rpsg.evaluation.inputs import UnavailableError
from rpsg.evaluation.metrics.intervals import NORMAL, around, of_share
from rpsg.evaluation.metrics.lengths import total_variation, variation_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rpsg.evaluation.inputs import Inputs
    from rpsg.results import Measure

ATTRIBUTE = "sentiment"


def sentiment_distance(inputs: Inputs) -> Measure:
    """Total variation between the two distributions of the classifier's answers, in [0, 1]."""
    values = inputs.models.sentiment.values
    first, second = (_one_hot(side.sentiments, values) for side in (inputs.corpus, inputs.real))
    value = total_variation(first.mean(axis=0), second.mean(axis=0))
    spread = variation_error(first, second, inputs.seed, "sentiment")
    shares = {
        name: [float(side.mean(axis=0)[i]) for side in (first, second)] for i, name in enumerate(values)
    }
    return inputs.measured(
        "sentiment_distance",
        value,
        better=False,
        interval=around(value, NORMAL * spread, 0.0, 1.0),
        model=inputs.models.sentiment.name,
        details={"corpus, real": shares},
    )


def _one_hot(said: Sequence[str], values: Sequence[str]) -> npt.NDArray[np.float64]:
    index = {value: i for i, value in enumerate(values)}
    return np.eye(len(values))[[index[value] for value in said]]


def sentiment_agreement(inputs: Inputs) -> Measure:
    """Share of texts with the sentiment that their card asked for, as the classifier sees it."""
    asked = [card.get(ATTRIBUTE) for card in inputs.corpus.cards or ()]
    if not any(asked):
        raise UnavailableError("No text says which sentiment it was written for.")
    known = set(inputs.models.sentiment.values)
    pairs = zip(asked, inputs.corpus.sentiments, strict=True)
    agrees = np.array([wanted == found for wanted, found in pairs if wanted in known], np.float64)
    if not len(agrees):
        raise UnavailableError("The classifier knows none of the sentiments that the texts were written for.")
    value, interval = of_share(agrees)
    return inputs.measured(
        "sentiment_agreement",
        value,
        better=True,
        interval=interval,
        real=False,
        model=inputs.models.sentiment.name,
    )
