"""What ``rpsg compare`` shows: the forecast of every cell, and who wins where."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rpsg.cli.console import Screen
from rpsg.compare.export import SHORT, has_short, metric_heads
from rpsg.compare.informative import LEGEND, has_uninformative
from rpsg.compare.outcome import INTERNAL
from rpsg.compare.tables import equal_epsilon
from rpsg.compare.winners import NOTHING, all_together, standings
from rpsg.pipeline.reporting import seconds_in_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rpsg.compare.forecasting import CellForecast, MatrixForecast
    from rpsg.compare.outcome import Comparison
    from rpsg.compare.tables import CompareRow

#: The number of metrics that fit into a terminal of 80 columns.
MOST_METRICS = 4


def show_forecast(screen: Screen, found: MatrixForecast) -> None:
    """Every cell with its forecast, the cells that are not run, and the budget that is spent."""
    screen.heading(f"{found.title}: {len(found.runs)} cells to run or measure")
    columns = ("cell", "requests", "tokens", "writing", "cost")
    rows = [
        (
            cell.key.in_words(),
            "not declared" if cell.requests is None else f"{cell.requests:,}",
            "not declared" if cell.tokens is None else f"{cell.tokens:,}",
            "" if cell.seconds is None else seconds_in_words(cell.seconds),
            "" if cell.cost is None else f"{cell.cost:,.2f}",
        )
        for cell in found.runs
    ]
    screen.table(columns, rows, numbers=columns[1:5])
    _not_run(screen, found.cells)
    seconds = found.seconds
    screen.heading("Together, at most")
    screen.facts(
        [
            ("requests", f"{found.requests:,}"),
            ("tokens", f"{found.tokens:,}"),
            ("writing", "not known" if seconds is None else seconds_in_words(seconds)),
            ("cost", "not known" if found.cost is None else f"{found.cost:,.2f}"),
        ]
    )
    screen.items(
        [
            "Cells share replies to public prompts, so less than this is sent.",
            "Training, reading and measuring take additional time, which this forecast does not include.",
            (
                "To run a single cell, for example on another machine, use --cell ID. --dry-run --json shows "
                "the ids."
            ),
        ]
    )
    screen.heading("What it costs in privacy")
    screen.items(found.spending or ["Nothing: no cell reads a private text."])


def _not_run(screen: Screen, cells: Sequence[CellForecast]) -> None:
    """Cells that are left out, not supported or refused, each reason once with the number of its cells."""
    reasons: dict[str, list[str]] = {}
    for cell in cells:
        if cell.not_run or cell.refused:
            why = cell.not_run or f"would fail: {cell.refused}"
            reasons.setdefault(why, []).append(cell.key.in_words())
    if reasons:
        screen.heading("Not run, and why")
        screen.items(
            f"{len(its)} cells ({its[0]}, ...): {why}" if len(its) > 1 else f"{its[0]}: {why}"
            for why, its in reasons.items()
        )


def show(result: Comparison, page: Path) -> None:
    """Who wins where, the tables, and what failed."""
    screen = Screen.stdout()
    screen.heading(result.title)
    found = standings(result)
    said = [all_together(found), *(standing.in_words() for standing in found)]
    screen.items([line for line in said if line] or [NOTHING])
    for table in equal_epsilon(result):
        screen.heading(table.title)
        heads = metric_heads(result, table.setting)[:MOST_METRICS]
        columns = ("method", "seeds", *heads, "tokens", "seconds")
        screen.table(columns, [_row(result, row) for row in table.rows], numbers=columns[1:])
    screen.line()
    if has_short(result):
        screen.line(SHORT, "dim")
    if has_uninformative(result):
        screen.line(LEGEND, "dim")
    troubled = [c for c in result.cells if c.state in {"failed", "stopped"}]
    if troubled:
        screen.heading("Failed or stopped; the same command tries them again")
        screen.items(f"{cell.key.in_words()}: {cell.reason}" for cell in troubled)
    if result.internal:
        screen.line(INTERNAL, "yellow")
    screen.line("All results, with intervals, tables at equal tokens, audits and curves:")
    screen.command(str(page))


def _row(result: Comparison, row: CompareRow) -> tuple[str, ...]:
    """Only means are shown, because intervals do not fit on a terminal."""
    if not row.cells:
        states = ", ".join(row.states)
        return (f"{row.method} ({states})", *[""] * (min(len(result.headline), MOST_METRICS) + 3))
    figures = [row.metric(name) for name in result.headline[:MOST_METRICS]]
    costs = [row.tokens, row.seconds]
    means = ["" if each is None else replace(each, half=None).in_words() for each in (*figures, *costs)]
    return (row.method + (" †" if row.is_short else ""), str(len(row.cells)), *means)
