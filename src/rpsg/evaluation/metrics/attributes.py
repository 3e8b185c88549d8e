"""Who disappears: the noisy counts a run paid for beside what its corpus holds, value by value.

Everything here is public: the counts are outputs of mechanisms that the ledger names. A value whose count
is lost in the noise cannot be reproduced by anything that keeps the claim; this says which ones those are.
Lengths are those of the texts, all other values those that the cards asked for (``stages.resolution``).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.evaluation.inputs import UnavailableError
from rpsg.evaluation.metrics.intervals import NORMAL, RESAMPLES, around
from rpsg.stages.resolution import counted, is_seen
from rpsg.stages.rng import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from rpsg.evaluation.inputs import Inputs, Measure, NoisyCounts

    Floats = npt.NDArray[np.float64]


def attribute_coverage(inputs: Inputs) -> Measure:
    """Share of the counted people whose attribute value occurs in the corpus, mean over attributes.

    The details hold, for each value of each attribute: the noisy share, its signal-to-noise ratio, the share
    of the corpus, and how many texts there are.
    """
    tables = _tables(inputs)
    value = float(np.mean([_held(*_shares(rows)) for rows in tables.values()]))
    interval = around(value, _spread(inputs, tables, _held), 0.0, 1.0)
    return inputs.measured(
        "attribute_coverage",
        value,
        better=True,
        interval=interval,
        real=False,
        details={"attributes": tables},
    )


def attribute_distance(inputs: Inputs) -> Measure:
    """Total variation between noisy shares and the corpus' shares of values, mean over attributes."""
    tables = _tables(inputs)
    value = float(np.mean([_distance(*_shares(rows)) for rows in tables.values()]))
    interval = around(value, _spread(inputs, tables, _distance), 0.0, 1.0)
    return inputs.measured("attribute_distance", value, better=False, interval=interval, real=False)


def _held(share: Floats, noisy: Floats) -> Any:
    """The noisy share of the values that occur, of all that is counted; ``share`` of shape (..., values)."""
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
    """Half the width of the interval: the bootstrap over texts. The noisy counts stay as they are.

    A resample can only lack values, as a corpus of as many other texts lacks those that were rare in it. For
    ``_held`` that gave the right width and held the truth 93 to 98 times of 100, in a simulation of 5 to 200
    values with Zipf's shares and as many texts or up to ten times more.
    """
    draw, texts = stream(inputs.seed, "bootstrap", "attributes"), len(inputs.corpus)
    drawn = []
    for rows in tables.values():
        share, noisy = _shares(rows)
        again = draw.multinomial(texts, share / max(share.sum(), 1e-12), size=RESAMPLES) / max(texts, 1)
        drawn.append(figure(again, noisy))
    return NORMAL * float(np.mean(drawn, axis=0).std())


def _tables(inputs: Inputs) -> dict[str, list[dict[str, Any]]]:
    """For each counted attribute that the cards name, a row for each of its values."""
    if inputs.counts is None:
        raise UnavailableError("Only a run of a method with noisy counts has them: rpsg evaluate RUN.")
    cards = inputs.corpus.cards or ()
    held = {name: _held_values(inputs.counts, cards, name) for name in inputs.counts.counts}
    tables = {
        name: _rows(counts, held[name], inputs.counts.sigma[name])
        for name, counts in inputs.counts.counts.items()
        if held[name]
    }
    if not tables:
        raise UnavailableError("The texts do not say which attribute values they were written for.")
    return tables


def _held_values(counts: NoisyCounts, cards: Sequence[Mapping[str, str]], name: str) -> Counter[str]:
    """How many texts have which value of an attribute, or which group of values where groups were counted."""
    headings = counts.headings.get(name, {})
    return Counter(headings.get(card[name], card[name]) for card in cards if name in card)


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
