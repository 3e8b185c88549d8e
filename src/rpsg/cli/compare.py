"""``rpsg compare``: methods side by side, on the same texts, at the same epsilon, with what each costs."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.options import AsJson, Quiet  # noqa: TC001  # typer reads them at run time
from rpsg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.compare.matrix import Matrix
    from rpsg.compare.outcome import Comparison

#: The exit code of a comparison in which some cells failed.
CELLS_FAILED = 13
_PANEL = "Limits of all cells together (the comparison stops cleanly at one; raise it to resume)"


def compare(
    matrix: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="The TOML file of a comparison, or the folder of a comparison that was started.",
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
            help="Only list all cells and how many tokens and how much time each needs; nothing is sent.",
        ),
    ] = False,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="NAME=FILE",
            help="The file of one data set of the comparison. May be repeated.",
        ),
    ] = None,
    spend: Annotated[
        bool,
        typer.Option(
            "--spend",
            metavar="",
            help="Charge every cell to the account of private texts. --dry-run shows the sum.",
        ),
    ] = False,
    audit_holdout: Annotated[
        float | None,
        typer.Option(
            "--audit-holdout",
            metavar="SHARE",
            help="Hold this share of the people out of each run, and audit its corpus.",
        ),
    ] = None,
    only_show: Annotated[
        bool,
        typer.Option("--show", metavar="", help="Run nothing; show the results that are in FOLDER so far."),
    ] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a CSV file with one row per cell.")
    ] = None,
    latex: Annotated[
        Path | None, typer.Option("--latex", metavar="FILE", help="Write the tables as LaTeX.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="Write the page into this file too, not only into FOLDER."
        ),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(
            "--cell", metavar="ID", help="Run only this cell of a comparison that was started in FOLDER."
        ),
    ] = None,
    max_requests: Annotated[
        int | None,
        typer.Option(
            "--max-requests", metavar="N", help="Maximum number of requests.", rich_help_panel=_PANEL
        ),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", metavar="N", help="Maximum number of tokens.", rich_help_panel=_PANEL),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option("--max-cost", metavar="M", help="Maximum cost.", rich_help_panel=_PANEL),
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option(
            "--max-seconds",
            metavar="S",
            help="Maximum number of seconds spent writing.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare methods, with a separate run for each method, epsilon, seed, data set, writer and size.

    FILE names them (docs/comparison-files.md). With the same seed all methods get the same people, and every
    corpus is compared with texts of people whom no run has used, with a floor and a ceiling. Start with
    --dry-run.

    The same command resumes: finished cells are kept, failed ones are tried again, and the limits apply to
    all of them together. In the end FOLDER has comparison.json, comparison.html and a run folder per cell.

    A comparison reads data of the same people many times, and what it reveals adds up. So use it for texts
    that anybody may see (public = true). Private texts need --spend, and their figures must not be published.
    The exit code is 13 if a cell failed.
    """
    from rpsg.cli.compare_pages import show

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
    """The comparison; what was typed overrides what its file says."""
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
                "A comparison that has been started keeps its data files.",
                hint="Leave --data out, or give the comparison's TOML file instead of its folder.",
            )
        found = read_begun(path)
    else:
        found = read_matrix(path, files)
    return changed(found, holdout, {name: cap for name, cap in limits.items() if cap is not None})


def _refuse_places(matrix: Matrix, folder: Path, targets: Sequence[Path]) -> None:
    """Refuse, before anything runs, to write figures of private texts into a release or over an input."""
    from rpsg.evaluation.output import check_output_path

    reads = [Path(path) for data in matrix.data for path in data.paths]
    for target in targets:
        check_output_path(target, [*reads, folder / "cells", folder / "data"], "comparison")


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
    # Without a terminal, a line when a cell begins and one when it ends are enough.
    launch = partial(in_a_process, spend=spend, quiet=quiet or not screen.is_terminal)
    return compare(matrix, folder, spend=spend, tell=tell, launch=launch)


def _write(result: Comparison, folder: Path, exports: Mapping[str, Path | None]) -> Path:
    """Write the page into the folder, and whatever else was asked for; only the owner may read them."""
    from rpsg.compare.export import EXPORTS
    from rpsg.compare.page import comparison_page
    from rpsg.disk.files import write_atomic
    from rpsg.storage.layout import COMPARISON_PAGE

    page = comparison_page(result).encode()
    target = folder / COMPARISON_PAGE
    write_atomic(target, page)
    for name, path in exports.items():
        if path is not None:
            write_atomic(path, page if name == "html" else EXPORTS[name](result).encode())
    return target


def _dry_run(matrix: Matrix, *, as_json: bool) -> None:
    from rpsg.cli.compare_pages import show_forecast
    from rpsg.cli.console import Screen, print_json
    from rpsg.compare.forecasting import forecast
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


def _print(result: Comparison, page: Path) -> None:
    import json

    from rpsg.cli.console import print_json
    from rpsg.compare.winners import standings

    found: dict[str, Any] = json.loads(result.to_json())
    wins = [words for standing in standings(result) if (words := standing.in_words())]
    print_json({"comparison": found, "wins": wins, "page": page})
