"""Loads the corpora of an evaluation: reads and splits them, and notes what readers must know about them."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.errors import DataError, UsageError
from rpsg.evaluation.corpora import (
    Rows,
    halves,
    is_copied,
    read_rows,
    without_people,
    without_texts,
)
from rpsg.evaluation.floor import FLOOR, has_floor_labels, is_own_data, is_run, read_finished, write_floor
from rpsg.storage.readers import header_of
from rpsg.storage.readers.columns import Columns
from rpsg.textstats.echoes import form_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.evaluation.config import EvaluationConfig
    from rpsg.evaluation.corpora import Source
    from rpsg.evaluation.floor import FinishedRun
    from rpsg.plan import DataSection
    from rpsg.protocols import Progress
    from rpsg.release.coverage import NoisyCounts
    from rpsg.textstats.echoes import Form

CORPUS, CEILING, REAL = "corpus", "ceiling", "real"
_OPTIONS = re.compile(r"(?<= )--(text|label)\b")
_ENCODING = re.compile(r"add: --encoding .*")
OWN_DATA = (
    "The corpus was made from these texts, so the figures also reflect how much it copies. Hold "
    "some texts back before a run, and name those with --real."
)


@dataclass
class Corpora:
    """The loaded rows of an evaluation, with notes on them for the reader of its report."""

    rows: dict[str, Rows]
    real: Rows | None = None
    counts: NoisyCounts | None = None
    form: Form | None = None
    split: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def sizes(self) -> dict[str, int]:
        sizes = {name: len(rows) for name, rows in self.rows.items()}
        return sizes if self.real is None else {**sizes, REAL: len(self.real)}


def find_run(corpus: Source) -> FinishedRun | None:
    """The run that is evaluated; None for a file or rows."""
    return read_finished(corpus) if isinstance(corpus, Path) and is_run(corpus) else None


def load_corpora(config: EvaluationConfig, run: FinishedRun | None, progress: Progress | None) -> Corpora:
    """Read all corpora, split the real texts, and have the floor written."""
    _check(config)
    columns = _columns(config, run)
    theirs = Columns(config.synthetic_text or columns.text, config.synthetic_label or columns.label)
    corpora = Corpora({})
    if run:
        corpora.counts, corpora.form = run.release.noisy_counts, form_of(run.release.pack)
    named = config.synthetic_label is not None
    corpora.rows[CORPUS] = (
        _written(run, config.corpus) if run else _synthetic(config.corpus, CORPUS, theirs, corpora, named)
    )
    if config.real is not None:
        if run and isinstance(config.real, Path) and is_own_data(run, config.real):
            corpora.notes.append(OWN_DATA)
        _read_real(config.real, config, columns, corpora, run.plan.data if run else None)
    floor = _floor(config, run, theirs, corpora, progress)
    if floor:
        corpora.rows[FLOOR] = floor
    elif floor is not None:
        corpora.notes.append("None of the floor's texts can be used, so there is no floor and no score.")
    return corpora


def _check(config: EvaluationConfig) -> None:
    """UsageError for arguments that do not go together, before anything is read."""
    if config.real is None and config.train_real is not None:
        raise UsageError("--train-real needs --real.", hint="Name the held-out texts with --real FILE.")
    in_memory = isinstance(config.real, Rows) or isinstance(config.train_real, Rows)
    if in_memory and (config.label is not None or config.user is not None):
        raise UsageError(
            "Real texts in memory have no columns for labels or users.",
            hint="Leave label and user out, or give the path of a file with these columns.",
        )


def _synthetic(source: Source, row: str, columns: Columns, corpora: Corpora, named: bool) -> Rows:
    """Synthetic texts; if their label column is missing, without labels and with a note.

    ``named``: the column was named for these texts, so DataError if it is missing.
    """
    found = _labelled(source, columns, named) if isinstance(source, Path) else read_rows(source, columns)
    if columns.label is not None and found.labels is None:
        corpora.notes.append(
            f"The {row} was read without labels: it has no column {columns.label!r}. Metrics that need "
            "labels have no value for this row. If the labels are in another column, name it with "
            "--synthetic-label."
        )
    return found


def _labelled(path: Path, columns: Columns, named: bool) -> Rows:
    """The rows of a file, without labels if it does not have their column."""
    bare = replace(columns, label=None)
    with synthetic_options():
        if columns.label is None or (path.is_dir() and not named):
            return read_rows(path, bare)
        try:
            return read_rows(path, columns)
        except DataError as error:
            if named or not error.message.endswith("for --label."):
                raise
        return read_rows(path, bare)


@contextmanager
def synthetic_options() -> Iterator[None]:
    """Errors of the readers, with the options that name columns of synthetic files.

    ``--encoding`` applies to real files only.
    """
    try:
        yield
    except (DataError, UsageError) as error:
        message, hint = (_OPTIONS.sub(r"--synthetic-\1", said) for said in (error.message, error.hint))
        raise type(error)(message, hint=_ENCODING.sub("save it as UTF-8.", hint)) from None


def _written(run: FinishedRun, source: Source) -> Rows:
    """The texts of a run; DataError when there are none."""
    if not len(run.rows):
        raise DataError(
            f"The corpus in {source} has no text: there is nothing to measure.",
            hint="See at which stage its texts were dropped: rpsg report RUN",
        )
    return run.rows


def _columns(config: EvaluationConfig, run: FinishedRun | None) -> Columns:
    data = run.plan.data if run else None
    return Columns(
        config.text or (data.text if data else "text"),
        config.label or (data.label if data else None),
        config.user or (data.user if data else None),
    )


def _with_columns(
    source: Source, columns: Columns, encoding: str, data: DataSection | None, corpora: Corpora
) -> Rows:
    """The real rows, with the run's columns beside the text if the file has all of them."""
    if data is None or not data.columns or isinstance(source, Rows):
        return read_rows(source, columns, encoding=encoding)
    names = header_of(source, encoding, columns=columns)
    if all(names.count(column.name) == 1 for column in data.declared_columns):
        return read_rows(source, columns, data, encoding=encoding)
    corpora.notes.append(f"{source} lacks a column beside the text, so column_distance has no value.")
    return read_rows(source, columns, encoding=encoding)


def _read_real(
    source: Source, config: EvaluationConfig, columns: Columns, corpora: Corpora, data: DataSection | None
) -> None:
    """Load the real texts to compare with, and those that replace the corpus in the ceiling row."""
    real = _with_columns(source, columns, config.encoding, data, corpora)
    if config.train_real is None:
        corpora.real, ceiling = halves(real, config.seed)
        corpora.split = "by person" if real.users else "by row: no --user column is named"
    else:
        more = _with_columns(config.train_real, columns, config.encoding, data, corpora)
        ceiling = without_people(more, real)
        corpora.real, corpora.split = real, "as given with --train-real"
    apart = without_texts(ceiling, corpora.real)
    if len(apart) < len(ceiling):
        corpora.notes.append(
            f"{len(ceiling) - len(apart)} of {len(ceiling)} texts were left out of the ceiling, because they "
            "are also among the texts that it is compared with."
        )
    if len(apart):
        corpora.rows[CEILING] = apart
    else:
        corpora.notes.append(
            "There is no ceiling: all people or texts that could be in it are also in --real."
        )
    if copied := sum(is_copied(corpora.rows[CORPUS], real)):
        corpora.notes.append(
            f"{copied} of the {len(corpora.rows[CORPUS])} texts of the corpus are also, word for word, among "
            "the real texts."
        )


def _floor(
    config: EvaluationConfig,
    run: FinishedRun | None,
    columns: Columns,
    corpora: Corpora,
    progress: Progress | None,
) -> Rows | None:
    """The floor: the given file, else the run's own; None, with a note, if there is neither."""
    if config.floor is not None:
        given, named = find_run(config.floor), config.synthetic_label is not None and run is not None
        if given:
            return _written(given, config.floor)
        return _synthetic(config.floor, FLOOR, columns, corpora, named)
    if run is None or not config.write_floor:
        corpora.notes.append(
            "There is no floor to compare with, so there are no scores. Give a floor with --floor FILE."
        )
        return None
    if not run.release.reads_private:
        corpora.notes.append("This corpus is itself a floor: it was written without private data.")
        return None
    if run.private is None:
        corpora.notes.append(
            "A release alone has no floor. Give the run folder, or a floor with --floor FILE."
        )
        return None
    if run.plan.data.label is not None and not has_floor_labels(run):
        corpora.notes.append(
            "The floor has no labels, because the release shows fewer than two, so downstream metrics "
            "have no score."
        )
    return write_floor(run, progress)
