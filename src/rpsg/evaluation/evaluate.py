"""An evaluation, step by step: load, split, draw to the same size, measure every row with every metric.

Rows: the corpus; the floor (texts made without private data, so that the difference shows what the private
data contributed); the ceiling (real texts in place of the corpus). All have the same number of texts and are
compared with the same real texts, which are in none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.evaluation.corpora import drawn
from rpsg.evaluation.data import CEILING, CORPUS, find_run, load_corpora
from rpsg.evaluation.floor import FLOOR, embedder_of
from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.models import EvaluationModels, check_names
from rpsg.evaluation.runner import find_metrics, run_metric
from rpsg.hardening import forbid_core_dumps
from rpsg.measures import Line, Report
from rpsg.pipeline.logs import logged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.evaluation.config import EvaluationConfig
    from rpsg.evaluation.corpora import Rows
    from rpsg.evaluation.data import Corpora
    from rpsg.protocols import Progress

CACHE = "evaluation"


def evaluate(config: EvaluationConfig, progress: Progress | None = None) -> Report:
    """Evaluate a corpus. Raises DataError, UsageError or RunError for something that cannot be read.

    A metric that fails becomes a Measure without a value; the other metrics are not affected.
    """
    forbid_core_dumps()
    metrics = find_metrics(config.metrics)
    check_names(config.embedder, config.language_model)
    run = find_run(config.corpus)
    progress = logged(progress, "evaluate")
    corpora = load_corpora(config, run, progress)
    embedder = config.embedder or (embedder_of(run) if run else "minilm")
    models = EvaluationModels(
        embedder,
        plan=run.plan if run else None,
        language_model=config.language_model,
        progress=progress,
        cache=run.private / CACHE if run and run.private else None,
    )
    n = min(len(rows) for rows in corpora.rows.values())
    if n < len(corpora.rows[CORPUS]):
        scarce = min(corpora.rows, key=lambda name: len(corpora.rows[name]))
        corpora.notes.append(
            f"All rows have {n} texts, because the {scarce} row has no more: {n} of the corpus' "
            f"{len(corpora.rows[CORPUS])} were drawn at random."
        )
    inputs = _inputs(corpora, n, models, config.seed)
    progress.start("measuring")
    seconds: dict[str, float] = {}
    found = {name: run_metric(name, metric, inputs, seconds) for name, metric in metrics.items()}
    lines = tuple(Line(name, row[CORPUS], row.get(FLOOR), row.get(CEILING)) for name, row in found.items())
    progress.done()
    return Report(
        lines=lines,
        n=n,
        n_real=len(corpora.real) if corpora.real else None,
        sizes=corpora.sizes,
        split=corpora.split,
        embedder=models.used,
        seed=config.seed,
        notes=(*corpora.notes, *_uninformative(lines)),
        seconds=seconds,
    )


def _inputs(corpora: Corpora, n: int, models: EvaluationModels, seed: int) -> dict[str, Inputs]:
    real = _texts(corpora.real, models) if corpora.real else None
    return {
        name: Inputs(
            _texts(drawn(rows, n, seed, name), models, public=name != CEILING),
            real,
            models,
            seed=seed,
            counts=corpora.counts,
            form=corpora.form,
        )
        for name, rows in corpora.rows.items()
    }


def _texts(rows: Rows, models: EvaluationModels, *, public: bool = False) -> Texts:
    return Texts(rows.texts, models, labels=rows.labels, cards=rows.cards, beside=rows.beside, public=public)


def _uninformative(lines: Sequence[Line]) -> tuple[str, ...]:
    names = [line.name for line in lines if line.informative is False]
    if not names:
        return ()
    return (
        (
            "In these metrics real texts do no better than the floor, so the metrics are uninformative: "
            f"{', '.join(names)}."
        ),
    )
