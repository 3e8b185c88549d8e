"""``rpsg evaluate``: how good a synthetic corpus is, between its floor and its ceiling."""

from __future__ import annotations

import functools
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.options import AsJson, Quiet, Setting, takes_settings
from rpsg.errors import RpsgError, UsageError
from rpsg.evaluation.config import EvaluationConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.cli.console import Screen
    from rpsg.measures import Report


#: The fields of the configuration that have an option; the corpus and its floor have parameters below.
OPTIONS = tuple(
    Setting(
        key=field.name, default="" if field.default in (None, ()) else str(field.default), **field.metadata
    )
    for field in fields(EvaluationConfig)
    if field.metadata
)


@functools.partial(takes_settings, settings=OPTIONS)
def evaluate(
    given: dict[str, Any],
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN",
            help="The folder of a finished run. A floor is written for it if it has none yet.",
        ),
    ] = None,
    synthetic: Annotated[
        Path | None,
        typer.Option("--synthetic", metavar="FILE", help="Synthetic texts made by any tool, instead of RUN."),
    ] = None,
    no_floor: Annotated[
        bool, typer.Option("--no-floor", metavar="", help="Do not write a floor for RUN.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write all results into this file as JSON. Private."
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure a synthetic corpus against real texts: utility, fidelity, diversity, coverage.

    Every number is shown with its floor (made without private data) and its ceiling (other real texts).
    Numbers computed from real texts are internal: do not publish them. For a run they are written to
    RUN/private/evaluation.json.
    """
    from rpsg import api
    from rpsg.cli.console import Screen
    from rpsg.cli.progress import progress_for
    from rpsg.evaluation.output import output_path

    corpus = _corpus(run, synthetic)
    reads = [given.get(name) for name in ("real", "train_real", "floor")]
    target = output_path(corpus, out, real="real" in given, reads=reads)
    with progress_for(quiet=quiet, as_json=as_json) as progress:
        report = api.evaluate(corpus, write_floor=not no_floor, progress=progress, **given)
    failed = _keep(report, target)
    kept = target if failed is None else None
    if as_json:
        _print(report, kept, failed)
    else:
        show(Screen.stdout(), report, kept)
        if failed is not None:
            raise failed


def _corpus(run: Path | None, synthetic: Path | None) -> Path:
    if (run is None) == (synthetic is None):
        raise UsageError(
            "Name one corpus: a run folder, or a file with --synthetic.",
            hint="Try: rpsg evaluate RUN --real FILE",
        )
    return run or synthetic or Path()


def _keep(report: Report, target: Path | None) -> RpsgError | None:
    """Write the report. An error is returned, not raised, so that the results are shown anyway."""
    from rpsg.evaluation.output import write_report

    try:
        if target is not None:
            write_report(report, target)
    except RpsgError as error:
        return error
    return None


def _print(report: Report, kept: Path | None, failed: RpsgError | None) -> None:
    from rpsg.cli.console import print_json
    from rpsg.cli.errors import describe

    error = {} if failed is None else {"error": asdict(describe(failed))}
    facts = report.to_dict()
    if report.internal:
        del facts["seconds"]  # times depend on private texts, so only the private file has them
    print_json({"evaluation": facts, "file": kept, **error})
    if failed is not None:
        raise typer.Exit(failed.exit_code)


def show(screen: Screen, report: Report, target: Path | None) -> None:
    """The table, how to read it, and where it was written."""
    from rpsg.measures import COLUMNS, INTERNAL

    against = f", against {report.n_real} real ones, split {report.split}" if report.n_real else ""
    screen.heading(f"{report.n} texts{against} (seed {report.seed}, embedder {report.embedder or 'none'})")
    rows = [line.cells() for line in report.lines if line.corpus.value is not None]
    screen.table(COLUMNS, rows, numbers=COLUMNS[1:])
    if others := _measured_by(report):
        screen.heading("Models and rules used, with their metrics")
        screen.items(others)
    missing = [f"{line.name}: {line.corpus.reason}" for line in report.lines if line.corpus.value is None]
    if missing:
        screen.heading("Not measured")
        screen.items(missing)
    _notes(screen, report.notes)
    if report.internal:
        screen.line(INTERNAL.capitalize() + ".", "yellow")
    if target is not None:
        screen.line("All results, with details:")
        screen.command(str(target))


def _notes(screen: Screen, notes: Sequence[str]) -> None:
    screen.heading("How to read it")
    score = (
        "score: 0 is the floor, 1 the ceiling; (=): floor and ceiling cannot be distinguished, so there is "
        "no score; (?): no score, because intervals are missing. ±: the longer side of the 95 % interval. "
        "Compare "
        "figures only at the same n, embedder and split."
    )
    screen.items([score, *notes])


def _measured_by(report: Report) -> list[str]:
    """Each model or rule that measured something, other than the embedder, with its metrics."""
    by_model: dict[str, list[str]] = {}
    for line in report.lines:
        if line.corpus.value is not None and line.corpus.model not in ("", report.embedder):
            by_model.setdefault(line.corpus.model, []).append(line.name)
    return [f"{model}: {', '.join(names)}" for model, names in by_model.items()]
