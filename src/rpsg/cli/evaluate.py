"""``rpsg evaluate``: how good a synthetic corpus is, beside its floor and its ceiling."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rpsg.cli.options import AsJson  # noqa: TC001  # typer reads it at run time
from rpsg.errors import RpsgError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.cli.console import Screen
    from rpsg.results import Line, Measure, Report


def evaluate(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="A finished run folder. Its floor is written if need be."),
    ] = None,
    synthetic: Annotated[
        Path | None,
        typer.Option("--synthetic", metavar="FILE", help="Synthetic texts of any tool, instead of RUN."),
    ] = None,
    real: Annotated[
        Path | None, typer.Option("--real", metavar="FILE", help="Real texts to compare with.")
    ] = None,
    train_real: Annotated[
        Path | None,
        typer.Option(
            "--train-real",
            metavar="FILE",
            help="Other real texts for the ceiling. Default: --real is split by person.",
        ),
    ] = None,
    floor: Annotated[
        Path | None,
        typer.Option("--floor", metavar="FILE", help="Texts made without private data, to compare with."),
    ] = None,
    no_floor: Annotated[
        bool, typer.Option("--no-floor", metavar="", help="Do not write a floor for RUN.")
    ] = False,
    text: Annotated[
        str | None, typer.Option("--text", metavar="COLUMN", help="Column that holds the text.")
    ] = None,
    synthetic_text: Annotated[
        str | None,
        typer.Option(
            "--synthetic-text", metavar="COLUMN", help="The same in synthetic files, if it differs."
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="COLUMN", help="Column that holds a label, for the downstream task."),
    ] = None,
    synthetic_label: Annotated[
        str | None,
        typer.Option(
            "--synthetic-label", metavar="COLUMN", help="The same in synthetic files, if it differs."
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="COLUMN", help="Column that says whose real text it is."),
    ] = None,
    metrics: Annotated[
        str, typer.Option("--metrics", metavar="A,B,C", help="Only these. See: rpsg list metrics.")
    ] = "",
    embedder: Annotated[
        str | None,
        typer.Option("--embedder", metavar="NAME", help="The embedder. Default: the run's, or minilm."),
    ] = None,
    language_model: Annotated[
        str,
        typer.Option(
            "--language-model",
            metavar="NAME",
            help="ngram, or weights to fine-tune: a folder or OWNER/REPO of a hub. Default: ngram.",
        ),
    ] = "ngram",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Decides splits, draws and resamples. Default: 0.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write everything as JSON, for the owner only."),
    ] = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="No progress.")] = False,
) -> None:
    """Measure a synthetic corpus against real texts: utility, fidelity, diversity, coverage.

    Every number has its floor (no private data) and its ceiling (real against real) beside it. What reads
    real texts is internal: keep it, do not publish it. For a run it goes to RUN/private/evaluation.json.
    """
    from rpsg import api  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli.console import Screen, print_json  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli.errors import describe  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli.progress import teller  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.evaluation import output  # noqa: PLC0415  # only when it is needed: the help must be quick

    corpus = _corpus(run, synthetic)
    target = output.output_path(corpus, out, real=real is not None, reads=(real, train_real, floor))
    with teller(quiet=quiet, as_json=as_json) as progress:
        report = api.evaluate(
            corpus,
            real,
            train_real=train_real,
            floor=floor,
            text=text,
            label=label,
            user=user,
            metrics=tuple(name.strip() for name in metrics.split(",") if name.strip()),
            seed=seed,
            progress=progress,
            write_floor=not no_floor,
            synthetic_text=synthetic_text,
            synthetic_label=synthetic_label,
            embedder=embedder,
            language_model=language_model,
        )
    failed = _keep(report, target)
    kept = target if failed is None else None
    if as_json:
        error = {} if failed is None else {"error": asdict(describe(failed))}
        facts = report.to_dict()
        if report.internal:
            del facts["seconds"]  # of reading private texts: in the private file alone
        print_json({"evaluation": facts, "file": kept, **error})
        if failed is not None:
            raise typer.Exit(failed.exit_code)
    else:
        show(Screen.stdout(), report, kept)
        if failed is not None:
            raise failed


def _keep(report: Report, target: Path | None) -> RpsgError | None:
    """Write the outcome; what failed is given back, for what was computed is shown all the same."""
    from rpsg.evaluation import output  # noqa: PLC0415  # only when it is needed: the help must be quick

    try:
        if target is not None:
            output.write_report(report, target)
    except RpsgError as error:
        return error
    return None


def _corpus(run: Path | None, synthetic: Path | None) -> Path:
    if (run is None) == (synthetic is None):
        raise UsageError(
            "Name one corpus: a run folder, or a file with --synthetic.",
            hint="Try: rpsg evaluate RUN --real FILE",
        )
    return run or synthetic or Path()


def show(screen: Screen, report: Report, target: Path | None) -> None:
    """The table, what to read with it, and where everything was written."""
    from rpsg.results import INTERNAL  # noqa: PLC0415  # only when it is needed: the help must be quick

    against = f", against {report.n_real} real ones, split {report.split}" if report.n_real else ""
    screen.heading(f"{report.n} texts{against} (seed {report.seed}, embedder {report.embedder or 'none'})")
    rows = [_row(line) for line in report.lines if line.corpus.value is not None]
    columns = ("metric", "value", "floor", "ceiling", "score")
    screen.table(columns, rows, numbers=columns[1:])
    others = _models(report)
    if others:
        screen.heading("What measured what")
        screen.items(others)
    missing = [f"{line.name}: {line.corpus.reason}" for line in report.lines if line.corpus.value is None]
    if missing:
        screen.heading("Not measured")
        screen.items(missing)
    _notes(screen, report.notes)
    if report.internal:
        screen.line(INTERNAL.capitalize() + ".", "yellow")
    if target is not None:
        screen.line("Everything, with details:")
        screen.command(str(target))


def _notes(screen: Screen, notes: Sequence[str]) -> None:
    screen.heading("How to read it")
    score = (
        "score: 0 is the floor, 1 the ceiling; (=) floor and ceiling cannot be told apart, so it tells "
        "nothing; (?) without their intervals nobody knows. ±: the longer side of the 95 % interval. Compare "
        "figures only at the same n, embedder and split."
    )
    screen.items([score, *notes])


def _models(report: Report) -> list[str]:
    """Each model or rule that measured something, and is more than the embedder, with its metrics."""
    by_model: dict[str, list[str]] = {}
    for line in report.lines:
        if line.corpus.value is not None and line.corpus.model not in ("", report.embedder):
            by_model.setdefault(line.corpus.model, []).append(line.name)
    return [f"{model}: {', '.join(names)}" for model, names in by_model.items()]


def _row(line: Line) -> tuple[str, ...]:
    score = "" if line.score is None else f"{round(line.score, 2) + 0.0:.2f}"
    if line.score is not None and not line.informative:
        score = "(=)" if line.informative is False else "(?)"
    arrow = {True: " ↑", False: " ↓", None: ""}[line.corpus.higher_is_better]
    measures = (line.corpus, line.floor, line.ceiling)
    return (line.name + arrow, *(_value(measure) for measure in measures), score)


def _value(measure: Measure | None) -> str:
    """The value and how far chance may have moved it."""
    from rpsg.results import reach  # noqa: PLC0415  # only when it is needed: the help must be quick

    if measure is None:
        return ""
    chance = reach(measure)
    told = "" if chance is None else f" ± {chance:,.0f}" if chance >= 100 else f" ± {chance:.2g}"
    return _number(measure.value) + told


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
