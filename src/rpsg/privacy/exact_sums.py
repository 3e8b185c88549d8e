"""Exact sums over parts of the people, which add up to the exact sum over everybody.

The contribution rule bounds what one person, with all rows, adds. Each part is checked against this rule by
itself. The whole keeps the rule only if nobody is in two parts, so rows must be divided by person. All sums
are of whole numbers, so how people are divided does not change the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from rpsg.privacy.histogram import Query, RowCells, clean_histogram, require_kept
from rpsg.privacy.private import Private
from rpsg.privacy.vector_sum import BoundedVectors, clean_sum

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rpsg.privacy.histogram import IntArray

#: The largest entry of an exact sum, so that two sums can be added without overflow.
LARGEST_SUM = (1 << 62) - 1


@dataclass(frozen=True, slots=True)
class ExactSum:
    """``values`` (dim,) is the exact answer to ``query`` over some people, before any noise. Private.

    The contribution rule of the query was checked for each of these people.
    """

    query: Query
    values: IntArray


#: Rows, or what an engine has made of them.
Contributions = RowCells | BoundedVectors | ExactSum


def exact_sum(query: Query, contributions: Private[Contributions]) -> Private[ExactSum]:
    """The exact answer over the people of these rows.

    Raises:
        PrivacyError: the rows break the query's contribution rule, they could not be computed, or an exact
            sum answers another query.
    """

    def added_up(rows: Contributions) -> ExactSum:
        if isinstance(rows, ExactSum):
            return ExactSum(query, values_of(query, rows))
        if isinstance(rows, RowCells):
            return ExactSum(query, clean_histogram(query, rows))
        return ExactSum(query, clean_sum(query, rows))

    # Inside ``Private``, because vectors are computed only now, and an error there could quote a text.
    return contributions.map(added_up)


def together(query: Query, parts: Iterable[Private[ExactSum]]) -> Private[ExactSum]:
    """The exact answer over the people of all parts; zero without a part.

    Raises:
        PrivacyError: a part answers another query, or is too large to be added.
    """
    nothing = Private(ExactSum(query, np.zeros(query.dim, np.int64)))
    return reduce(lambda one, other: one.zip(other, _added), parts, nothing)


def values_of(query: Query, held: ExactSum) -> IntArray:
    """The numbers of an exact sum; PrivacyError if it does not answer exactly this query. Private."""
    values = held.values
    require_kept(held.query == query, query)
    require_kept(values.dtype == np.int64 and values.shape == (query.dim,), query)
    require_kept(bool(np.all((values >= -LARGEST_SUM) & (values <= LARGEST_SUM))), query)
    return values


def _added(one: ExactSum, other: ExactSum) -> ExactSum:
    query = one.query
    return ExactSum(query, values_of(query, one) + values_of(query, other))
