"""What a line says of its corpus, between its floor and its ceiling."""

from __future__ import annotations

import pytest

from rpsg.measures import Line, Measure, reach


def measure(
    value: float | None, interval: tuple[float, float] | None = None, better: bool | None = True
) -> Measure:
    return Measure("m", value, interval, 40, higher_is_better=better)


def test_a_row_tells_the_intervals_of_floor_and_ceiling() -> None:
    row = Line("m", measure(0.5, (0.4, 0.6)), measure(0.2, (0.1, 0.3)), measure(0.9)).row()
    assert (row["low"], row["high"]) == (0.4, 0.6)
    assert (row["floor_low"], row["floor_high"]) == (0.1, 0.3)
    assert (row["ceiling_low"], row["ceiling_high"]) == (None, None)


def test_the_reach_of_an_interval_that_ends_at_the_end_of_a_range_is_its_longer_side() -> None:
    assert reach(measure(0.02, (0.0, 0.06))) == pytest.approx(0.04)
    assert reach(measure(0.98, (0.9, 1.0))) == pytest.approx(0.08)
    assert reach(measure(0.5)) is None
    assert reach(measure(None)) is None
    assert reach(None) is None


def test_a_gap_that_only_cut_off_intervals_would_show_is_none() -> None:
    """With half the width of the cut ceiling the gap would be more than chance."""
    floor, ceiling = measure(0.08, (0.04, 0.12), better=False), measure(0.02, (0.0, 0.07), better=False)
    assert Line("m", measure(0.05, better=False), floor, ceiling).informative is False


@pytest.mark.parametrize("bare", ["floor", "ceiling"])
def test_without_an_interval_nobody_knows_whether_a_metric_tells_anything(bare: str) -> None:
    rows = {"floor": measure(0.2, (0.1, 0.3)), "ceiling": measure(0.9, (0.8, 1.0))}
    assert Line("m", measure(0.5), **rows).informative is True
    rows[bare] = measure(rows[bare].value)
    line = Line("m", measure(0.5), **rows)
    assert line.informative is None
    assert line.score is not None
