"""Who disappears: the noisy counts a run paid for beside what its corpus holds, value by value.

Everything here is public: the counts are outputs of mechanisms that the ledger names. A value whose count
is lost in the noise cannot be reproduced by anything that keeps the claim; this says which ones those are.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.evaluation.intervals import NORMAL, RESAMPLES, around
from rpsg.evaluation.measure import UnavailableError
from rpsg.stages.streams import stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.evaluation.measure import Inputs, Measure

SEEN = 2.0  # noisy counts above so many standard deviations are more than noise


def attribute_coverage(inputs: Inputs) -> Measure:
    """Share of the counted people whose attribute value occurs in the corpus, mean over attributes.

    The details hold, for each value of each attribute: the noisy share, its signal-to-noise ratio, the share
    of the corpus, and how many texts there are.
    """
    tables = _tables(inputs)
    held = [
        sum(row["noisy share"] for row in rows if row["texts"])
        / max(sum(r["noisy share"] for r in rows), 1e-12)
        for rows in tables.values()
    ]
    return inputs.measured(
        "attribute_coverage", float(np.mean(held)), better=True, real=False, details={"attributes": tables}
    )


def attribute_distance(inputs: Inputs) -> Measure:
    """Total variation between noisy shares and the corpus' shares of values, mean over attributes."""
    tables = _tables(inputs)
    value = float(np.mean([_distance(rows) for rows in tables.values()]))
    draw, texts = stream(inputs.seed, "bootstrap", "attributes"), len(inputs.corpus)
    drawn = [_redrawn(rows, texts, draw) for rows in tables.values()]
    spread = NORMAL * float(np.mean(drawn, axis=0).std())
    return inputs.measured(
        "attribute_distance", value, better=False, real=False, interval=around(value, spread, 0.0, 1.0)
    )


def _redrawn(rows: Sequence[Mapping[str, Any]], texts: int, draw: np.random.Generator) -> Any:
    """The distance of an attribute in each resample of the texts, shape (resamples,)."""
    share = np.array([row["share"] for row in rows])
    noisy = np.array([row["noisy share"] for row in rows])
    again = draw.multinomial(texts, share / max(share.sum(), 1e-12), size=RESAMPLES) / max(texts, 1)
    return 0.5 * np.abs(again - noisy).sum(axis=1)


def _distance(rows: Sequence[Mapping[str, Any]]) -> float:
    return 0.5 * sum(abs(float(row["share"]) - float(row["noisy share"])) for row in rows)


def _tables(inputs: Inputs) -> dict[str, list[dict[str, Any]]]:
    """For each counted attribute that the cards name, a row for each of its values."""
    if inputs.counts is None:
        raise UnavailableError("Only a run of a method with noisy counts has them: rpsg evaluate RUN.")
    cards = inputs.corpus.cards or ()
    held = {name: Counter(card[name] for card in cards if name in card) for name in inputs.counts.counts}
    tables = {
        name: _rows(counts, held[name], inputs.counts.sigma[name])
        for name, counts in inputs.counts.counts.items()
        if held[name]
    }
    if not tables:
        raise UnavailableError("The texts do not say which attribute values they were written for.")
    return tables


def _rows(counts: Mapping[str, float], held: Counter[str], sigma: float) -> list[dict[str, Any]]:
    total = max(sum(max(count, 0.0) for count in counts.values()), 1e-12)
    return [
        {
            "value": value,
            "noisy share": max(count, 0.0) / total,
            "signal to noise": count / sigma,
            "lost in noise": count < SEEN * sigma,
            "share": held[value] / held.total(),
            "texts": held[value],
        }
        for value, count in sorted(counts.items(), key=lambda item: -item[1])
    ]
