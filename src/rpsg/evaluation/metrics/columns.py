"""Columns beside the text: their joint shares in the corpus against those of real texts.

Even if each value of a column has the right frequency, it may be combined with the wrong values of another
column. So pairs of columns are compared, and a single column only if a run has no other.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from rpsg.evaluation.inputs import UnavailableError
from rpsg.evaluation.metrics.attributes import total_variation, variation_error
from rpsg.evaluation.metrics.intervals import NORMAL, around

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from rpsg.evaluation.inputs import Inputs
    from rpsg.measures import Measure

    Values = Sequence[Mapping[str, str]]


def column_distance(inputs: Inputs) -> Measure:
    """Total variation between the joint shares of two columns, in [0, 1]; mean over all pairs of columns.

    The details have the distance of each pair. Real texts with an undeclared value are left out if the run
    left such rows out.
    """
    ours, theirs = ([row for row in side.beside or () if row] for side in (inputs.corpus, inputs.real))
    if not ours or not theirs:
        raise UnavailableError("There is nothing to compare: both corpora need columns beside the text.")
    names = list(ours[0])
    groups = list(combinations(names, 2)) if len(names) > 1 else [(names[0],)]
    found, spread = {}, 0.0
    for group in groups:
        known = sorted({_key(row, group) for row in (*ours, *theirs)})
        first, second = (_one_hot(side, group, known) for side in (ours, theirs))
        purpose = f"columns {' '.join(group)}"
        found[" x ".join(group)] = total_variation(first.mean(axis=0), second.mean(axis=0))
        spread += variation_error(first, second, inputs.seed, purpose) / len(groups)
    value = float(np.mean(list(found.values())))
    interval = around(value, NORMAL * spread, 0.0, 1.0)
    return inputs.measured(
        "column_distance", value, better=False, interval=interval, details={"total variation": found}
    )


def _key(row: Mapping[str, str], group: Sequence[str]) -> tuple[str, ...]:
    return tuple(row[name] for name in group)


def _one_hot(rows: Values, group: Sequence[str], known: Sequence[tuple[str, ...]]) -> npt.NDArray[np.float64]:
    """The combination of each row, one-hot; shape (rows, combinations)."""
    index = {key: i for i, key in enumerate(known)}
    return np.eye(len(known))[[index[_key(row, group)] for row in rows]]
