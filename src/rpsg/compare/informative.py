"""Which metrics can tell a good corpus from a bad one: those in which real texts are better than the floor.

It is the rule of ``rpsg evaluate`` (``Line.informative``), with means over seeds.
"""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING

from rpsg.compare.tables import rows_of, settings_of
from rpsg.measures import Line, Measure, reach

if TYPE_CHECKING:
    from rpsg.compare.outcome import CellOutcome, Comparison
    from rpsg.compare.tables import CompareRow, CompareSetting

#: The mark after the name of an uninformative metric, and what it means.
MARK = "(=)"
LEGEND = (
    f"{MARK}: in this metric real texts are not better than the floor by more than chance, so it cannot "
    "tell a good corpus from a bad one, and it is not counted in who wins."
)


def uninformative(comparison: Comparison, setting: CompareSetting) -> frozenset[str]:
    """The metrics in which the ceiling of a setting is not better than its floor.

    Better means by more than chance, if the cells have intervals; if not, the means decide. Empty if there is
    no floor or no ceiling.
    """
    rows = rows_of(comparison, setting)
    floor = next((row for row in rows if row.reads == "nothing" and row.cells), None)
    ceiling = next((row for row in rows if row.is_ceiling and row.cells), None)
    if floor is None or ceiling is None:
        return frozenset()
    return frozenset(
        name
        for name in comparison.metrics
        if not _may_tell(_over_cells(comparison, floor, name), _over_cells(comparison, ceiling, name))
    )


def has_uninformative(comparison: Comparison) -> bool:
    """Whether a metric that is shown has the mark in any setting."""
    shown = set(comparison.headline)
    return any(uninformative(comparison, setting) & shown for setting in settings_of(comparison))


def _may_tell(floor: Measure, ceiling: Measure) -> bool:
    line = Line(floor.name, floor, floor, ceiling)
    if line.informative is not None:
        return line.informative
    if floor.value is None or ceiling.value is None:
        return True
    better = floor.higher_is_better
    gap = ceiling.value - floor.value
    return gap != 0 if better is None else gap > 0 if better else gap < 0


def _over_cells(comparison: Comparison, row: CompareRow, name: str) -> Measure:
    """The mean of a metric over the cells of a row, with the interval of this mean if all cells have one."""
    known = [measure for cell in row.cells if (measure := _measure(cell, name)).value is not None]
    better = comparison.better(name)
    if not known:
        return Measure(name, None, higher_is_better=better)
    mean = fmean(measure.value or 0.0 for measure in known)
    chances = [chance for measure in known if (chance := reach(measure)) is not None]
    half = math.hypot(*chances) / len(known)
    interval = (mean - half, mean + half) if len(chances) == len(known) else None
    return Measure(name, mean, interval, higher_is_better=better)


def _measure(cell: CellOutcome, name: str) -> Measure:
    interval = (cell.figures or {}).get("metrics", {}).get(name, {}).get("interval")
    return Measure(name, cell.value(name), None if interval is None else (interval[0], interval[1]))
