"""The story of an evaluation: read, split, draw to the same size, measure every row with every metric.

Rows: the corpus; the floor (no private data: what lies above it is what the private data bought); the
ceiling (real texts in the corpus' place). All have the same number of texts and meet the same real texts,
which no row contains.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rpsg.errors import DataError, UsageError
from rpsg.evaluation.asking import ask_rows, find_metrics
from rpsg.evaluation.corpora import (
    Columns,
    Rows,
    drawn,
    halves,
    is_copied,
    read_rows,
    without_people,
    without_texts,
)
from rpsg.evaluation.measure import Inputs, Texts
from rpsg.evaluation.models import Models
from rpsg.evaluation.runs import FLOOR, has_floor_labels, is_own_data, is_run, read_finished, write_floor
from rpsg.evaluation.table import Line, Report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rpsg.evaluation.measure import Measure, NoisyCounts
    from rpsg.evaluation.runs import FinishedRun
    from rpsg.protocols import Embedder, Progress

CORPUS, CEILING, REAL = "corpus", "ceiling", "real"
CACHE = "evaluation"
OWN_DATA = (
    "These are the texts that the corpus was made from: figures on them say how much it copies, too. Hold "
    "some texts back before a run, and name those with --real."
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. ``corpus`` is a file of synthetic texts or a run folder.

    Columns that are None are those of the run's plan, or "text" and none. ``floor`` is a file, or None: then
    a run folder's floor is written, unless ``write_floor`` is false.
    """

    corpus: Path
    real: Path | None = None
    train_real: Path | None = None
    floor: Path | None = None
    write_floor: bool = True
    text: str | None = None
    label: str | None = None
    user: str | None = None
    synthetic_text: str | None = None
    metrics: tuple[str, ...] = ()
    embedder: str | Embedder | None = None
    language_model: str = "ngram"
    seed: int = 0


@dataclass
class Corpora:
    """The rows of an evaluation as they were read, with what is to be said about them."""

    rows: dict[str, Rows]
    real: Rows | None = None
    counts: NoisyCounts | None = None
    split: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def sizes(self) -> dict[str, int]:
        sizes = {name: len(rows) for name, rows in self.rows.items()}
        return sizes if self.real is None else {**sizes, REAL: len(self.real)}


def answer(question: Question, progress: Progress | None = None) -> Report:
    """Answer the question. Raises DataError, UsageError or RunError for what cannot be read.

    A metric that fails is a Measure without a value: nothing that was computed is lost for it.
    """
    metrics = find_metrics(question.metrics)
    run = read_finished(question.corpus) if is_run(question.corpus) else None
    corpora = gather(question, run, progress)
    embedder = question.embedder or (run.plan.models.embedder if run else "minilm")
    models = Models(
        embedder,
        plan=run.plan if run else None,
        language_model=question.language_model,
        progress=progress,
        cache=run.private / CACHE if run and run.private else None,
    )
    n = min(len(rows) for rows in corpora.rows.values())
    if n < len(corpora.rows[CORPUS]):
        corpora.notes.append(_drawn_note(corpora, n))
    inputs = _inputs(corpora, n, models, question.seed)
    if progress:
        progress.start("measuring")
    seconds: dict[str, float] = {}
    lines = tuple(_line(name, ask_rows(name, metric, inputs, seconds)) for name, metric in metrics.items())
    if progress:
        progress.done()
    return Report(
        lines=lines,
        n=n,
        n_real=len(corpora.real) if corpora.real else None,
        sizes=corpora.sizes,
        split=corpora.split,
        embedder=models.used,
        seed=question.seed,
        notes=(*corpora.notes, *_uninformative(lines)),
        seconds=seconds,
    )


def gather(question: Question, run: FinishedRun | None, progress: Progress | None) -> Corpora:
    """Read all corpora, split the real texts, have the floor written."""
    columns = _columns(question, run)
    theirs = Columns(question.synthetic_text or columns.text, columns.label)
    corpora = Corpora({CORPUS: _written(run, question.corpus) if run else read_rows(question.corpus, theirs)})
    corpora.counts = run.counts if run else None
    if question.real is not None:
        if run and is_own_data(run, question.real):
            corpora.notes.append(OWN_DATA)
        _read_real(question, columns, corpora)
    elif question.train_real is not None:
        raise UsageError("--train-real goes with --real.", hint="Name the held-out texts with --real FILE.")
    floor = _floor(question, run, theirs, corpora, progress)
    if floor:
        corpora.rows[FLOOR] = floor
    elif floor is not None:
        corpora.notes.append("There is no floor, so no score: none of its texts was left.")
    return corpora


def _written(run: FinishedRun, path: Path) -> Rows:
    """The texts of a run; DataError when none was left."""
    if not len(run.rows):
        raise DataError(
            f"The corpus in {path} has no text: there is nothing to measure.",
            hint="See at which stage its texts were dropped: rpsg report RUN",
        )
    return run.rows


def _columns(question: Question, run: FinishedRun | None) -> Columns:
    data = run.plan.data if run else None
    return Columns(
        question.text or (data.text if data else "text"),
        question.label or (data.label if data else None),
        question.user or (data.user if data else None),
    )


def _read_real(question: Question, columns: Columns, corpora: Corpora) -> None:
    """The real texts to compare with, and those that stand for the corpus in the ceiling row."""
    real = read_rows(_given(question.real), columns)
    if question.train_real is None:
        corpora.real, ceiling = halves(real, question.seed)
        corpora.split = "by person" if real.users else "by row: no --user column is named"
    else:
        ceiling = without_people(read_rows(question.train_real, columns), real)
        corpora.real, corpora.split = real, "as given with --train-real"
    apart = without_texts(ceiling, corpora.real)
    if len(apart) < len(ceiling):
        corpora.notes.append(
            f"{len(ceiling) - len(apart)} of {len(ceiling)} texts were left out of the ceiling: they stand "
            "word for word among those it is compared with."
        )
    if len(apart):
        corpora.rows[CEILING] = apart
    else:
        corpora.notes.append("There is no ceiling: all its people or texts are among those of --real too.")
    if copied := sum(is_copied(corpora.rows[CORPUS], real)):
        corpora.notes.append(
            f"{copied} of the corpus' {len(corpora.rows[CORPUS])} texts stand word for word among the real "
            "ones."
        )


def _given(path: Path | None) -> Path:
    if path is None:
        raise UsageError("No real texts are named.", hint="Name them with --real FILE.")
    return path


def _floor(
    question: Question,
    run: FinishedRun | None,
    columns: Columns,
    corpora: Corpora,
    progress: Progress | None,
) -> Rows | None:
    """The floor: the file that was given, else the run's own; None, with a note, where there is none."""
    if question.floor is not None:
        return (
            _written(read_finished(question.floor), question.floor)
            if is_run(question.floor)
            else read_rows(question.floor, columns)
        )
    if run is None or not question.write_floor:
        corpora.notes.append("There is no floor to compare with, so no score: give one with --floor FILE.")
        return None
    if run.plan.method.name == FLOOR:
        corpora.notes.append("This corpus is itself a floor: it was written without private data.")
        return None
    if run.private is None:
        corpora.notes.append("A release alone has no floor: give the run folder, or --floor FILE.")
        return None
    if run.plan.data.label is not None and not has_floor_labels(run):
        corpora.notes.append(
            "The floor has no labels, so downstream metrics have no score: the release shows fewer than two."
        )
    return write_floor(run, progress)


def _drawn_note(corpora: Corpora, n: int) -> str:
    scarce = min(corpora.rows, key=lambda name: len(corpora.rows[name]))
    return (
        f"All rows have {n} texts, as many as the {scarce} row has: {n} of the corpus' "
        f"{len(corpora.rows[CORPUS])} were drawn by chance."
    )


def _inputs(corpora: Corpora, n: int, models: Models, seed: int) -> dict[str, Inputs]:
    real = _texts(corpora.real, models) if corpora.real else None
    return {
        name: Inputs(
            _texts(drawn(rows, n, seed, name), models, public=name != CEILING),
            real,
            models,
            seed=seed,
            counts=corpora.counts,
        )
        for name, rows in corpora.rows.items()
    }


def _texts(rows: Rows, models: Models, *, public: bool = False) -> Texts:
    return Texts(rows.texts, models, labels=rows.labels, cards=rows.cards, public=public)


def _line(name: str, found: Mapping[str, Measure]) -> Line:
    return Line(name, found[CORPUS], found.get(FLOOR), found.get(CEILING))


def _uninformative(lines: Sequence[Line]) -> tuple[str, ...]:
    names = [line.name for line in lines if line.informative is False]
    if not names:
        return ()
    return (f"Real texts do no better than the floor here, so these tell nothing: {', '.join(names)}.",)
