"""Attribute values, lengths and sentiments of the corpus, against noisy counts or against real texts.

The attribute metrics show which groups of people the corpus lacks. They are public, because they compare the
corpus with noisy counts from the ledger. They mark values whose count is lost in the noise, which no private
method can reproduce. Lengths are measured on the texts; other values are those that the cards asked for.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.evaluation.inputs import UnavailableError
from rpsg.evaluation.metrics.intervals import NORMAL, RESAMPLES, around, of_mean, of_share, resampled_means
from rpsg.stages.resolution import counted, is_seen
from rpsg.stages.rng import stream
from rpsg.textstats.words import word_count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from rpsg.evaluation.inputs import Inputs
    from rpsg.measures import Measure

    Floats = npt.NDArray[np.float64]
    from rpsg.evaluation.inputs import Texts


def attribute_coverage(inputs: Inputs) -> Measure:
    """Share of the counted people whose attribute value occurs in the corpus, mean over attributes.

    The details hold for each value its noisy share and signal-to-noise ratio, and its share and number of
    texts in the corpus.
    """
    tables = _tables(inputs)
    value = float(np.mean([_held(*_shares(rows)) for rows in tables.values()]))
    interval = around(value, _spread(inputs, tables, _held), 0.0, 1.0)
    return inputs.measured(
        "attribute_coverage",
        value,
        interval=interval,
        real=False,
        details={"attributes": tables},
    )


def attribute_distance(inputs: Inputs) -> Measure:
    """Total variation between noisy counts and corpus, as shares of values; mean over attributes."""
    tables = _tables(inputs)
    value = float(np.mean([_distance(*_shares(rows)) for rows in tables.values()]))
    interval = around(value, _spread(inputs, tables, _distance), 0.0, 1.0)
    return inputs.measured("attribute_distance", value, interval=interval, real=False)


def _held(share: Floats, noisy: Floats) -> Any:
    """The noisy share of all values that occur in the corpus; ``share`` has shape (..., values)."""
    return (share > 0) @ noisy / max(float(noisy.sum()), 1e-12)


def _distance(share: Floats, noisy: Floats) -> Any:
    """Total variation, for each row of ``share``."""
    return 0.5 * np.abs(share - noisy).sum(axis=-1)


def _shares(rows: Sequence[Mapping[str, Any]]) -> tuple[Floats, Floats]:
    """The corpus' shares of an attribute's values, and the noisy ones."""
    return np.array([row["share"] for row in rows]), np.array([row["noisy share"] for row in rows])


def _spread(
    inputs: Inputs,
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    figure: Callable[[Floats, Floats], Any],
) -> float:
    """Half the width of the interval, by a bootstrap over texts with fixed noisy counts.

    A resample can lose values but never gain any. In simulations with 5 to 200 Zipf-distributed values and 1
    to 10 texts per value, the intervals of ``_held`` nevertheless covered the truth in 93 to 98 % of cases.
    """
    draw, texts = stream(inputs.seed, "bootstrap", "attributes"), len(inputs.corpus)
    drawn = []
    for rows in tables.values():
        share, noisy = _shares(rows)
        again = draw.multinomial(texts, share / max(share.sum(), 1e-12), size=RESAMPLES) / max(texts, 1)
        drawn.append(figure(again, noisy))
    return NORMAL * float(np.mean(drawn, axis=0).std())


def _tables(inputs: Inputs) -> dict[str, list[dict[str, Any]]]:
    """For each counted attribute that occurs on cards, a row for each of its values."""
    if inputs.counts is None:
        raise UnavailableError(
            "This metric needs noisy counts, which only a run of a method that makes them has: rpsg evaluate "
            "RUN."
        )
    cards = inputs.corpus.cards or ()
    held: dict[str, Counter[str]] = {}
    for name in inputs.counts.counts:
        groups = inputs.counts.headings.get(name, {})  # if groups of values were counted
        held[name] = Counter(groups.get(card[name], card[name]) for card in cards if name in card)
    tables = {
        name: _rows(counts, held[name], inputs.counts.sigma[name])
        for name, counts in inputs.counts.counts.items()
        if held[name]
    }
    if not tables:
        raise UnavailableError("The texts do not say which attribute values they were written for.")
    return tables


def _rows(counts: Mapping[str, float], held: Counter[str], sigma: float) -> list[dict[str, Any]]:
    total = counted(counts.values())
    return [
        {
            "value": value,
            "noisy share": max(count, 0.0) / total,
            "signal to noise": count / sigma,
            "lost in noise": not is_seen(count, sigma),
            "share": held[value] / held.total(),
            "texts": held[value],
        }
        for value, count in sorted(counts.items(), key=lambda item: -item[1])
    ]


#: Upper ends of the length buckets, in words; fixed, so that corpora can be compared.
EDGES = (5, 10, 15, 20, 30, 40, 55, 75, 100, 135, 180, 240, 320, 430, 580, 780, 1050)


def word_counts(corpus: Texts) -> Floats:
    """Words of each text, shape (texts,)."""
    return corpus.once("lengths", lambda: np.array([word_count(t) for t in corpus.texts], np.float64))


def length_mean(inputs: Inputs) -> Measure:
    """Mean number of words."""
    value, interval = of_mean(word_counts(inputs.corpus), inputs.seed, "length", 0.0)
    return inputs.measured("length_mean", value, interval=interval, real=False)


def length_distance(inputs: Inputs) -> Measure:
    """Total variation between the two histograms of lengths, in [0, 1]."""
    first, second = _buckets(inputs.corpus), _buckets(inputs.real)
    value = total_variation(first.mean(axis=0), second.mean(axis=0))
    spread = variation_error(first, second, inputs.seed, "length")
    details = {
        "up to words": list(EDGES),
        "corpus": first.mean(axis=0).tolist(),
        "real": second.mean(axis=0).tolist(),
    }
    interval = around(value, NORMAL * spread, 0.0, 1.0)
    return inputs.measured("length_distance", value, interval=interval, details=details)


def _buckets(corpus: Texts) -> Floats:
    """The length bucket of each text, one-hot; shape (texts, buckets)."""
    bins = np.searchsorted(np.array(EDGES), word_counts(corpus), side="left")
    return np.eye(len(EDGES) + 1)[bins]


def total_variation(first: Floats, second: Floats) -> float:
    """Half the sum of absolute differences of two distributions; in [0, 1]."""
    return float(0.5 * np.abs(first - second).sum())


def variation_error(first: Floats, second: Floats, seed: int, purpose: str) -> float:
    """The bootstrap's standard error of the total variation between the column means of one-hot rows."""
    a = resampled_means(first, seed, f"{purpose} corpus")
    b = resampled_means(second, seed, f"{purpose} real")
    return float((0.5 * np.abs(a - b).sum(axis=1)).std())


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
        interval=around(value, NORMAL * spread, 0.0, 1.0),
        model=inputs.models.sentiment.name,
        details={"corpus, real": shares},
    )


def _one_hot(said: Sequence[str], values: Sequence[str]) -> npt.NDArray[np.float64]:
    index = {value: i for i, value in enumerate(values)}
    return np.eye(len(values))[[index[value] for value in said]]


def sentiment_agreement(inputs: Inputs) -> Measure:
    """Share of texts to which the classifier gives the sentiment on their card."""
    asked = [card.get(ATTRIBUTE) for card in inputs.corpus.cards or ()]
    if not any(asked):
        raise UnavailableError("No text states the sentiment that it was written for.")
    known = set(inputs.models.sentiment.values)
    pairs = zip(asked, inputs.corpus.sentiments, strict=True)
    agrees = np.array([wanted == found for wanted, found in pairs if wanted in known], np.float64)
    if not len(agrees):
        raise UnavailableError("The classifier knows none of the sentiments that the texts were written for.")
    value, interval = of_share(agrees)
    return inputs.measured(
        "sentiment_agreement",
        value,
        interval=interval,
        real=False,
        model=inputs.models.sentiment.name,
    )
