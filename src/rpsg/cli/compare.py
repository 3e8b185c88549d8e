"""``rpsg compare``: methods side by side, on the same texts, at the same epsilon, with what each costs."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.options import AsJson  # noqa: TC001  # typer reads it at run time
from rpsg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.cli.console import Screen
    from rpsg.compare.forecast import CellForecast, MatrixForecast
    from rpsg.compare.matrix import Matrix
    from rpsg.compare.outcome import Comparison
    from rpsg.compare.tables import CompareRow

#: As many metrics as a terminal of 80 columns has room for.
MOST_METRICS = 4
#: The exit code of a comparison some of whose cells failed.
CELLS_FAILED = 13
_PANEL = "Limits of all cells together (the comparison stops cleanly at one; raise it to resume)"


def compare(
    matrix: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The comparison, a TOML file; or the folder of one that was begun."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="Folder of the comparison and all its runs."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            "--plan",
            metavar="",
            help="Only show every cell and what it would take; nothing is sent.",
        ),
    ] = False,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="NAME=FILE", help="The file of a data set. May be repeated."),
    ] = None,
    spend: Annotated[
        bool,
        typer.Option(
            "--spend",
            metavar="",
            help="Yes: private texts may pay for every cell. See the sum with --dry-run.",
        ),
    ] = False,
    audit_holdout: Annotated[
        float | None,
        typer.Option(
            "--audit-holdout", metavar="SHARE", help="Hold so many people out of each run, and attack it."
        ),
    ] = None,
    only_show: Annotated[
        bool, typer.Option("--show", metavar="", help="Run nothing; show what FOLDER holds by now.")
    ] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write every cell as a row of CSV.")
    ] = None,
    latex: Annotated[
        Path | None, typer.Option("--latex", metavar="FILE", help="Write the tables as LaTeX.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the page there too, not only in FOLDER."),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(
            "--cell", metavar="ID", help="Run this cell alone, of a comparison that was begun in FOLDER."
        ),
    ] = None,
    max_requests: Annotated[
        int | None,
        typer.Option("--max-requests", metavar="N", help="The most requests.", rich_help_panel=_PANEL),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", metavar="N", help="The most tokens.", rich_help_panel=_PANEL),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option("--max-cost", metavar="M", help="The most money.", rich_help_panel=_PANEL),
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option(
            "--max-seconds", metavar="S", help="The most seconds of writing.", rich_help_panel=_PANEL
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Show no progress.")] = False,
) -> None:
    """Compare methods: every method, epsilon, seed, data set, writer and size is a run of its own.

    FILE names them (docs/comparison-files.md). All methods of a seed have the same people, and every corpus
    is measured against people whom no run has seen, beside a floor and a ceiling. Begin with --dry-run.

    The same command resumes: finished cells are kept, failed ones are tried again, and a call budget holds
    for all of them together. FOLDER then has comparison.json and comparison.html, and a run folder per cell.

    A comparison asks the same people again and again, and what is revealed adds up. So it is for texts that
    anybody may see (public = true); on private ones it needs --spend, and its figures are not for publication.
    The exit code is 13 if a cell failed.
    """
    limits = {"requests": max_requests, "tokens": max_tokens, "cost": max_cost, "seconds": max_seconds}
    found = _matrix(matrix, data or [], audit_holdout, limits)
    folder = out or (matrix if matrix.is_dir() else None)
    if dry_run:
        _dry_run(found, as_json=as_json)
        return
    if folder is None:
        raise UsageError(
            "A comparison needs a folder for its runs.", hint=f"Try: rpsg compare {matrix} -o comparison"
        )
    if cell is not None:
        _one_cell(found, folder, cell, spend=spend, quiet=quiet)
        return
    exports = {"csv": csv, "latex": latex, "html": html}
    _refuse_places(found, folder, [path for path in exports.values() if path is not None])
    result = _result(found, folder, spend=spend, only_show=only_show, quiet=quiet)
    page = _write(result, folder, exports)
    if as_json:
        _print(result, page)
    else:
        show(result, page)
    if any(each.state in {"failed", "stopped"} for each in result.cells) and not only_show:
        raise typer.Exit(CELLS_FAILED)


def _matrix(
    path: Path, data: Sequence[str], holdout: float | None, limits: Mapping[str, float | None]
) -> Matrix:
    """The comparison with what was typed in place of what its file says."""
    from rpsg.compare.matrix import changed, read_matrix
    from rpsg.compare.runner import read_begun

    files = {}
    for given in data:
        name, equals, file = given.partition("=")
        if not (equals and file):
            raise UsageError(f"{given!r} names no file.", hint="For instance: --data abstracts=abstracts.csv")
        files[name] = file
    if path.is_dir():
        if files:
            raise UsageError(
                "The files of a comparison that was begun are known.",
                hint="Leave --data out, or name its FILE.",
            )
        found = read_begun(path)
    else:
        found = read_matrix(path, files)
    return changed(found, holdout, {name: cap for name, cap in limits.items() if cap is not None})


def _refuse_places(matrix: Matrix, folder: Path, targets: Sequence[Path]) -> None:
    """Known before anything runs: what reads private texts is written into no release and over no input."""
    from rpsg.evaluation.output import check_place

    reads = [Path(path) for data in matrix.data for path in data.paths]
    for target in targets:
        check_place(target, [*reads, folder / "cells", folder / "data"], "comparison")


def _one_cell(matrix: Matrix, folder: Path, cell: str, *, spend: bool, quiet: bool) -> None:
    from rpsg.cli.progress import progress_for
    from rpsg.compare.runner import run_one

    with progress_for(quiet=quiet, as_json=False) as progress:
        record = run_one(matrix, folder, cell, progress, spend=spend)
    if not record.is_done:
        raise typer.Exit(CELLS_FAILED)


def _result(matrix: Matrix, folder: Path, *, spend: bool, only_show: bool, quiet: bool) -> Comparison:
    from rpsg.cli.console import Screen
    from rpsg.compare.runner import begun_so_far, compare, in_a_process

    if only_show:
        return begun_so_far(matrix, folder)
    screen = Screen.stderr()
    tell: Callable[[str], None] = (lambda _: None) if quiet else screen.line
    # Off a terminal a line when a cell begins and ends is enough.
    launch = partial(in_a_process, spend=spend, quiet=quiet or not screen.is_terminal)
    return compare(matrix, folder, spend=spend, tell=tell, launch=launch)


def _write(result: Comparison, folder: Path, exports: Mapping[str, Path | None]) -> Path:
    """The page in the folder, and whatever else was asked for; all for the owner alone."""
    from rpsg.compare.export import EXPORTS
    from rpsg.compare.page import comparison_page
    from rpsg.files import write_atomic
    from rpsg.storage.layout import COMPARISON_PAGE

    page = comparison_page(result).encode()
    target = folder / COMPARISON_PAGE
    write_atomic(target, page)
    for name, path in exports.items():
        if path is not None:
            write_atomic(path, page if name == "html" else EXPORTS[name](result).encode())
    return target


def _dry_run(matrix: Matrix, *, as_json: bool) -> None:
    from rpsg.cli.console import Screen, print_json
    from rpsg.compare.forecast import forecast
    from rpsg.evaluation.models import check_names
    from rpsg.evaluation.runner import find_metrics

    find_metrics(matrix.evaluation.metrics)
    check_names(matrix.evaluation.embedder, matrix.evaluation.language_model)
    found = forecast(matrix)
    if as_json:
        total = {name: getattr(found, name) for name in ("requests", "tokens", "seconds", "cost")}
        print_json({"forecast": {**asdict(found), "together": {"cells": len(found.runs), **total}}})
    else:
        show_forecast(Screen.stdout(), found)


def show_forecast(screen: Screen, found: MatrixForecast) -> None:
    """Every cell with what it would take, those that are not run, and what is spent."""
    from rpsg.cli.console import seconds_in_words

    screen.heading(f"{found.title}: {len(found.runs)} cells to run or measure")
    columns = ("cell", "requests", "tokens", "writing", "cost")
    rows = [
        (
            cell.place.in_words(),
            f"{cell.requests:,}",
            f"{cell.tokens:,}",
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
            "Cells share replies to public prompts, so less is sent.",
            "Training, reading and measuring take time too, which is in no forecast.",
            "One cell alone, on another machine: --cell ID, with the ids that --dry-run --json shows.",
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
            reasons.setdefault(why, []).append(cell.place.in_words())
    if reasons:
        screen.heading("Not run, and why")
        screen.items(
            f"{len(its)} cells ({its[0]}{', ...' if len(its) > 1 else ''}): {why}"
            for why, its in reasons.items()
        )


def _print(result: Comparison, page: Path) -> None:
    import json

    from rpsg.cli.console import print_json
    from rpsg.compare.winners import standings

    found: dict[str, Any] = json.loads(result.to_json())
    wins = [standing.in_words() for standing in standings(result)]
    print_json({"comparison": found, "wins": wins, "page": page})


def show(result: Comparison, page: Path) -> None:
    """Who wins where, the tables, and what failed."""
    from rpsg.cli.console import Screen
    from rpsg.compare.export import NOTE, metric_heads
    from rpsg.compare.outcome import INTERNAL
    from rpsg.compare.tables import equal_epsilon
    from rpsg.compare.winners import standings

    screen = Screen.stdout()
    screen.heading(result.title)
    screen.items(standing.in_words() for standing in standings(result))
    for table in equal_epsilon(result):
        screen.heading(table.title)
        heads = metric_heads(result)[:MOST_METRICS]
        columns = ("method", "seeds", *heads, "tokens", "seconds")
        screen.table(columns, [_row(result, row) for row in table.rows], numbers=columns[1:])
    screen.line()
    screen.line(NOTE, "dim")
    troubled = [c for c in result.cells if c.state in {"failed", "stopped"}]
    if troubled:
        screen.heading("Failed or stopped; the same command tries them again")
        screen.items(f"{cell.place.in_words()}: {cell.reason}" for cell in troubled)
    if result.internal:
        screen.line(INTERNAL, "yellow")
    screen.line("Everything, with intervals, tables at equal tokens, audits and curves:")
    screen.command(str(page))


def _row(result: Comparison, row: CompareRow) -> tuple[str, ...]:
    """Means alone: on a terminal there is no room for intervals."""
    if not row.cells:
        states = ", ".join(row.states)
        return (f"{row.method} ({states})", *[""] * (min(len(result.headline), MOST_METRICS) + 3))
    figures = [row.metric(name) for name in result.headline[:MOST_METRICS]]
    costs = [row.tokens, row.seconds]
    means = ["" if each is None else replace(each, half=None).in_words() for each in (*figures, *costs)]
    return (row.method + (" †" if row.is_short else ""), str(len(row.cells)), *means)
