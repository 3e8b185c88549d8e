"""The exact histogram of bounded rows, and the check that they satisfy the contribution rule. The exact
histogram exists only between ``clean_histogram`` and the noise in ``mechanisms``. The check guards against
bugs: a row that breaks the rule stops the run, and the error names the rule, never the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.errors import PrivacyError
from rpsg.privacy.sensitivity import SIGNED, Adjacency, Rule, sensitivity2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rpsg.privacy.accounting import PlannedRelease

IntArray = npt.NDArray[np.int64]

NO_ENTRY = -1


@dataclass(frozen=True, slots=True)
class Query:
    """One query of the private data. Everything in it is public.

    ``what`` says in words what is counted. ``dim`` is the number of cells or of vector entries, 0 for an open
    set of strings (``select``). ``rule``, ``k``, ``w`` and ``c`` are explained in ``sensitivity``.
    """

    stage: str
    what: str
    dim: int
    rule: Rule
    sigma: float
    k: int = 1
    c: int = 1
    w: int = 1

    @classmethod
    def of(cls, planned: PlannedRelease, what: str, dim: int) -> Query:
        """The query for a planned release: rule, bounds and noise are the plan's."""
        return cls(
            planned.stage, what, dim, planned.rule, planned.sigma, k=planned.k, c=planned.c, w=planned.w
        )

    def sensitivity2(self, adjacency: Adjacency) -> int:
        return sensitivity2(self.rule, self.k, self.w, self.c, adjacency)

    def mu2(self, adjacency: Adjacency) -> float:
        return self.sensitivity2(adjacency) / (self.sigma * self.sigma)


@dataclass(frozen=True, slots=True)
class RowCells:
    """``units`` (rows,): the unit of each row. ``cells`` (rows, k): the cells it adds to, -1 for no entry."""

    units: IntArray
    cells: IntArray

    @classmethod
    def join(cls, parts: Iterable[RowCells]) -> RowCells:
        """All parts as one, for inputs read in pieces."""
        held = list(parts)
        return cls(np.concatenate([p.units for p in held]), np.concatenate([p.cells for p in held]))


def clean_histogram(query: Query, rows: RowCells) -> IntArray:
    """The exact counts, shape (dim,), before any noise. Private: for ``mechanisms`` only.

    Raises:
        PrivacyError: the rows break the query's contribution rule.
    """
    require_kept(query.rule not in SIGNED, query)
    units, cells = _shaped(query, rows)
    if query.rule == "S5_l2_normalised":
        return _normalised(query, units, cells)
    if query.rule == "S1_unit_count":
        require_kept(largest_group(units) <= 1, query)
        require_kept(not np.any(cells == NO_ENTRY), query)
    elif query.rule == "S3_k_items_per_unit":
        _check_items(query, units, cells)
    else:
        require_kept(largest_group(units) <= query.c, query)
        require_kept(not _repeats_in_row(cells), query)
    # An extra first cell takes the missing entries, so that the rows need not be copied.
    counts = np.bincount(cells.ravel() + 1, minlength=query.dim + 1)[1:]
    return query.w * counts.astype(np.int64)


def _shaped(query: Query, rows: RowCells) -> tuple[IntArray, IntArray]:
    units, cells = rows.units, rows.cells
    whole = units.dtype == np.int64 and cells.dtype == np.int64
    require_kept(whole and units.ndim == 1 and cells.ndim == 2 and len(units) == len(cells), query)
    require_kept(query.dim >= 1 and (query.rule == "S5_l2_normalised" or cells.shape[1] <= query.k), query)
    if cells.size:
        require_kept(int(cells.min()) >= NO_ENTRY and int(cells.max()) < query.dim, query)
    return units, cells


def require_kept(kept: bool, query: Query) -> None:
    """PrivacyError if rows break the contribution rule; it names the rule, never the row."""
    if not kept:
        raise PrivacyError(
            f"Stage {query.stage} broke its contribution rule {query.rule}; nothing was released.",
            hint="This is a bug in the stage: its rows must be bounded before they are counted.",
        )


def largest_group(units: IntArray) -> int:
    """The largest number of rows of one unit."""
    if not len(units):
        return 0
    if int(units.min()) >= 0 and int(units.max()) < 8 * len(units) + 1024:
        return int(np.bincount(units).max())
    ordered = np.sort(units)
    edges = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1, append=ordered[-1] + 1))
    return int(np.diff(edges).max())


def _repeats_in_row(cells: IntArray) -> bool:
    if cells.shape[1] < 2:
        return False
    ordered = np.sort(cells, axis=1)
    return bool(np.any((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NO_ENTRY)))


def _pairs(query: Query, units: IntArray, cells: IntArray) -> tuple[IntArray, IntArray]:
    """The sorted keys unit * dim + cell of all entries, and how often each occurs."""
    _, dense = np.unique(units, return_inverse=True)
    keys = dense.astype(np.int64)[:, None] * query.dim + cells
    distinct, counts = np.unique(keys[cells != NO_ENTRY], return_counts=True)
    return distinct, counts.astype(np.int64)


def _check_items(query: Query, units: IntArray, cells: IntArray) -> None:
    if largest_group(units) <= 1:  # one row per unit: checking rows checks units
        require_kept(not _repeats_in_row(cells), query)
        return
    distinct, counts = _pairs(query, units, cells)
    require_kept(not np.any(counts > 1), query)
    require_kept(largest_group(distinct // query.dim) <= query.k, query)


def _normalised(query: Query, units: IntArray, cells: IntArray) -> IntArray:
    """Each unit's votes, scaled to length w and rounded down to whole steps."""
    distinct, counts = _pairs(query, units, cells)
    owners, cell = distinct // query.dim, distinct % query.dim
    squares = np.zeros(int(owners.max()) + 1 if len(owners) else 0, dtype=np.int64)
    np.add.at(squares, owners, counts * counts)
    steps = _floor_root(query.w * counts, squares[owners])
    histogram = np.zeros(query.dim, dtype=np.int64)
    np.add.at(histogram, cell, steps)
    return histogram


def _floor_root(numerator: IntArray, square: IntArray) -> IntArray:
    """floor(numerator / sqrt(square)), exact: a float estimate is corrected in integers."""
    guess = np.floor(numerator / np.sqrt(square)).astype(np.int64) + 1
    for _ in range(2):
        guess -= guess * guess * square > numerator * numerator
    return guess
