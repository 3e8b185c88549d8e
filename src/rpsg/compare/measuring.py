"""The figures of one cell: how good its corpus is, what attacks found in it, and what it cost."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.audit.of_run import audit_run
from rpsg.compare.matrix import epsilon_in_words
from rpsg.compare.splits import columns_of, split_files
from rpsg.errors import RpsgError, RunError
from rpsg.evaluation.corpora import drawn, read_rows
from rpsg.evaluation.data import CORPUS
from rpsg.evaluation.floor import read_finished
from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.models import EvaluationModels
from rpsg.evaluation.runner import find_metrics, measure
from rpsg.storage.call_report import read_private_calls, used_in
from rpsg.storage.layout import CALLS, EVIDENCE, PRIVATE, TRAINING
from rpsg.textstats.echoes import form_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.audit.report import AuditReport
    from rpsg.compare.cells import Cell
    from rpsg.compare.keys import CellKey
    from rpsg.compare.matrix import ComparedData, Matrix
    from rpsg.compare.splits import SplitFiles
    from rpsg.evaluation.corpora import Rows
    from rpsg.measures import Measure
    from rpsg.protocols import Progress
    from rpsg.storage.readers.columns import Columns

STATUS = Path("/proc/self/status")
#: A claim may be larger than the cell's epsilon by this share: rounding.
_ROUNDING = 1e-6


def measured(
    matrix: Matrix, cell: Cell, data: ComparedData, out: Path, run: Path, progress: Progress | None
) -> dict[str, Any]:
    """Every chosen metric of the corpus of a cell, as plain values; one without a value has a reason.

    A corpus with more texts than the cell's size is drawn from, so that all have the same number.
    """
    files = split_files(out, data, cell.key.seed)
    columns = columns_of(matrix, data)
    models = EvaluationModels(
        matrix.evaluation.embedder,
        plan=cell.plan,
        language_model=matrix.evaluation.language_model,
        progress=progress,
        # Embeddings of texts that anybody may see are kept for the next cell; embeddings of other texts are
        # never kept.
        cache=out / "vectors" if data.public else None,
    )
    held = read_rows(files.held_out, columns)
    real = Texts(held.texts, models, labels=held.labels, public=data.public)
    rows, more = _corpus(cell, files, columns, run)
    some = drawn(rows, cell.key.size, cell.key.seed, CORPUS)
    texts = Texts(
        some.texts,
        models,
        labels=some.labels,
        cards=some.cards,
        public=data.public or not cell.is_ceiling,
    )
    inputs = Inputs(texts, real, models, seed=cell.key.seed, **more)
    if progress is not None:
        progress.start("measuring")
    found = {
        name: _plain(measure(name, metric, inputs))
        for name, metric in find_metrics(matrix.evaluation.metrics).items()
    }
    return {"texts": len(rows), "measured": len(some), "held_out": len(held), "metrics": found}


def _corpus(cell: Cell, files: SplitFiles, columns: Columns, run: Path) -> tuple[Rows, Mapping[str, Any]]:
    """The texts of a cell and what a run says about them."""
    if cell.is_ceiling:
        return read_rows(files.ceiling, columns), {}
    finished = read_finished(run)
    release = finished.release
    return finished.rows, {"counts": release.noisy_counts, "form": form_of(release.pack)}


def _plain(found: Measure) -> dict[str, Any]:
    return {
        "value": found.value,
        "interval": None if found.interval is None else list(found.interval),
        "higher_is_better": found.higher_is_better,
        "n": found.n_synthetic,
        "reason": found.reason,
        "model": found.model,
    }


def audited(
    matrix: Matrix, cell: Cell, data_file: Path, run: Path, progress: Progress | None
) -> dict[str, Any]:
    """What attacks on the people of a run found; the reason if there was no audit."""
    if not matrix.audit.holdout:
        return {"reason": "Nobody was held out for an audit."}
    if cell.reads == "nothing":
        return {"reason": "No private text was read, so none can have leaked."}
    try:
        report = audit_run(
            run,
            data=data_file,
            attacks=matrix.audit.attacks,
            seed=cell.key.seed,
            progress=progress,
        )
    except RpsgError as error:
        return {"reason": error.message}
    return _of_report(report)


def _of_report(report: AuditReport) -> dict[str, Any]:
    ran = [found for found in report.findings if found.verdict != "not run"]
    return {
        "verdict": report.verdict,
        "reason": report.reason,
        "epsilon_lower": max((found.epsilon_lower or 0.0 for found in ran), default=None),
        "attacks": {
            found.name: {
                "verdict": found.verdict,
                "auc": found.auc,
                "auc_interval": None if found.auc_interval is None else list(found.auc_interval),
                "epsilon_lower": found.epsilon_lower,
                "limit": found.limit,
                "reason": found.reason,
            }
            for found in report.findings
        },
    }


def cost_of(run: Path) -> dict[str, Any]:
    """Requests and tokens of a finished run. Replies shared with other runs count as if it had run alone.

    Both are None for a method whose model gets no requests through the store of calls, such as a model that
    is trained.
    """
    file, private = run / EVIDENCE / CALLS, read_private_calls(run)
    parts = [*([used_in(file)] if file.is_file() else []), *([private.used] if private else [])]
    requests = sum(used.requests for used in parts)
    prompt = sum(used.prompt_tokens for used in parts)
    completion = sum(used.completion_tokens for used in parts)
    if not requests:
        return {"requests": None, "prompt_tokens": None, "completion_tokens": None, "tokens": None}
    return {
        "requests": requests,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "tokens": prompt + completion,
    }


def claim_of(ledger: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """What the release claims and, for a trained model, the epsilon and delta that an accountant computed for
    the training.
    """
    claim = ledger["claim"]
    said = {name: claim.get(name) for name in ("type", "epsilon", "delta", "status")}
    training = run / PRIVATE / TRAINING
    if training.is_file():
        figures = json.loads(training.read_bytes())
        said["for_research"] = {"epsilon": figures["epsilon"], "delta": figures["delta"]}
    return said


def refuse_claim(key: CellKey, claim: Mapping[str, Any]) -> None:
    """RunError if a release was not made at the cell's epsilon: with a bound where the cell has none, or with
    a larger one.
    """
    known = (claim.get("epsilon"), claim.get("for_research", {}).get("epsilon"))
    bound = max((float(each) for each in known if each is not None), default=None)
    unbounded = "for_research" in claim and bound is None
    if key.epsilon is None or (bound is None and not unbounded):
        return
    made = math.inf if bound is None else bound
    if math.isinf(key.epsilon) != unbounded or made > key.epsilon * (1 + _ROUNDING):
        raise RunError(
            f"Not supported: this is the cell of epsilon {epsilon_in_words(key.epsilon)}, but its release "
            f"was made at {epsilon_in_words(made)}.",
            hint="Change the settings of the method (settings, infinite), or leave the cell out.",
        )


def forget_peak() -> None:
    """Have the system measure the peak of this process's memory from here on, if it can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_memory() -> int | None:
    """The most bytes of memory that this process has held since ``forget_peak``; None if nobody knows."""
    try:
        lines = STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    sizes = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return sizes[0] if sizes else None
