"""One cell: its run, its figures, and the file that keeps them. A cell that was stopped resumes."""

from __future__ import annotations

import os
import time
import traceback
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.compare.calls import SharedCalls, run_folder, seconds_of_shared
from rpsg.compare.measuring import (
    audited,
    claim_of,
    cost_of,
    forget_peak,
    measured,
    peak_memory,
    refuse_claim,
)
from rpsg.compare.splits import split_files
from rpsg.disk.files import hold_lock, private_dir, write_atomic
from rpsg.disk.json_text import canonical_json, strict_json, tagged_sha256
from rpsg.errors import InfeasibleError, LimitError, ModelError, RpsgError, RunError
from rpsg.methods.named import method_of
from rpsg.pipeline.execute import execute
from rpsg.pipeline.models_of_run import load_tools
from rpsg.storage.layout import CELL
from rpsg.storage.run_folder import LOCK
from rpsg.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rpsg.compare.cells import Cell
    from rpsg.compare.matrix import ComparedData, Matrix
    from rpsg.methods.base import Tools
    from rpsg.plan import Plan
    from rpsg.protocols import Progress
    from rpsg.release.run import Run

FORMAT = "rpsg-cell/1"
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class CellRecord:
    """What is known of a cell so far.

    ``state`` is "new", "running" (or a process that was killed), "stopped", "failed" or "done". ``seconds``
    are those of the run, over all attempts; ``timed`` is False if a process was killed, since nobody knows
    how long it had worked. ``figures`` hold the outcome.
    """

    state: str = "new"
    reason: str = ""
    hint: str = ""
    seconds: float = 0.0
    timed: bool = True
    measured_with: str = ""
    figures: Mapping[str, Any] | None = None

    @property
    def is_done(self) -> bool:
        return self.state == "done"


def cell_folder(out: Path, cell: Cell) -> Path:
    return out / "cells" / cell.id


def read_record(out: Path, cell: Cell) -> CellRecord:
    """What is known of a cell; RunError if its file is damaged."""
    file = cell_folder(out, cell) / CELL
    if not file.is_file():
        return CellRecord()
    try:
        return _record(strict_json(file.read_bytes()))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise RunError(
            f"The file of a cell is damaged or of another version: {file}",
            hint="Remove it, and the same command makes it again from the cell's run.",
        ) from None


def _record(found: dict[str, Any]) -> CellRecord:
    if found.pop("format") != FORMAT:
        raise ValueError("another version")
    return CellRecord(**found)


def measuring_digest(matrix: Matrix) -> str:
    """Identifies how cells are measured: a cell that was measured in another way is measured again."""
    parts = [matrix.evaluation.model_dump(mode="json"), matrix.audit.model_dump(mode="json"), VERSION]
    return tagged_sha256("measuring", parts)


def run_cell(matrix: Matrix, cells: Sequence[Cell], cell: Cell, out: Path, progress: Progress) -> CellRecord:
    """Run a cell, resume it or measure it again, and keep the results. A finished cell is returned unchanged.

    A cell that fails gets a record with the reason. For an error that is not one of RPSG's own, only the type
    is kept, because its message may quote a private text.

    Raises:
        LimitError: the call budget of the comparison is used up; the cell resumes with a larger one.
        KeyboardInterrupt: the cell was stopped; it can be resumed.
    """
    folder = private_dir(private_dir(out / "cells") / cell.id)
    lock = hold_lock(folder / LOCK)
    try:
        record = read_record(out, cell)
        if record.is_done and record.measured_with == measuring_digest(matrix):
            return record
        timed = record.timed and record.state != "running"
        record = replace(record, state="running", reason="", hint="", timed=timed)
        return _attempt(matrix, cells, cell, out, record, progress)
    finally:
        os.close(lock)


def _attempt(
    matrix: Matrix, cells: Sequence[Cell], cell: Cell, out: Path, record: CellRecord, progress: Progress
) -> CellRecord:
    watch = _Watch(out, cell, record)
    watch.keep()
    try:
        figures = _figures(matrix, cells, cell, out, watch, progress)
    except (KeyboardInterrupt, SystemExit):
        watch.end("stopped", "It was stopped.")
        raise
    except LimitError as error:
        watch.end("stopped", error.message, error.hint)
        raise
    except RpsgError as error:
        return watch.end("failed", error.message, error.hint)
    except Exception as error:  # noqa: BLE001  # one cell that fails must not end the others
        return watch.end("failed", f"It failed: {type(error).__name__} at {_location(error)}.")
    digest = measuring_digest(matrix)
    watch.record = replace(watch.record, measured_with=digest, figures=figures)
    return watch.end("done")


def record_death(out: Path, cell: Cell, reason: str, hint: str) -> CellRecord:
    """The record of a cell whose process died before it could say why."""
    watch = _Watch(out, cell, replace(read_record(out, cell), timed=False))
    return watch.end("failed", reason, hint)


class _Watch:
    """The record of a cell that is running, stored after each step."""

    def __init__(self, out: Path, cell: Cell, record: CellRecord) -> None:
        self._file = cell_folder(out, cell) / CELL
        self.record = record

    def keep(self) -> None:
        write_atomic(self._file, canonical_json({"format": FORMAT, **asdict(self.record)}))

    def end(self, state: str, reason: str = "", hint: str = "") -> CellRecord:
        self.record = replace(self.record, state=state, reason=reason, hint=hint)
        self.keep()
        return self.record

    @contextmanager
    def timing(self) -> Iterator[None]:
        since = time.monotonic()
        try:
            yield
        finally:
            seconds = self.record.seconds + time.monotonic() - since
            self.record = replace(self.record, seconds=seconds)


def _figures(
    matrix: Matrix, cells: Sequence[Cell], cell: Cell, out: Path, watch: _Watch, progress: Progress
) -> dict[str, Any]:
    data = next(data for data in matrix.data if data.name == cell.key.data)
    if cell.plan is None:
        return measured(matrix, cell, data, out, out, progress)
    plan = _plan_of(cell, cell.plan, data, out)
    before = dict((watch.record.figures or {}).get("made", {}))
    made = before or _made(matrix, cells, cell, plan, out, watch, progress)
    watch.record = replace(watch.record, figures={"made": made})
    watch.keep()
    run = run_folder(out, cell)
    return {
        "made": made,
        **measured(matrix, cell, data, out, run, progress),
        "audit": audited(matrix, cell, Path(plan.data.path), run, progress),
    }


def _plan_of(cell: Cell, plan: Plan, data: ComparedData, out: Path) -> Plan:
    """The plan with the file of this cell's people, or without a file for a method that reads no private
    text.
    """
    key = cell.key
    if key.people is None:
        new = plan.data.model_copy(update={"path": "", "account": ""})
        return plan.model_copy(update={"data": new})
    file = split_files(out, data, key.seed).private(key.people)
    if not file.is_file():
        raise InfeasibleError(
            f"{data.name} has fewer than {key.people:,} people besides the {data.held_out:,} held out.",
            hint="Give it a smaller held_out or more texts, or leave these cells out with a reason.",
        )
    new = plan.data.model_copy(update={"path": str(file), "format": "jsonl"})
    return plan.model_copy(update={"data": new})


def _made(
    matrix: Matrix,
    cells: Sequence[Cell],
    cell: Cell,
    plan: Plan,
    out: Path,
    watch: _Watch,
    progress: Progress,
) -> dict[str, Any]:
    """The run of a cell: what it claims, and what it took."""
    shared, run = SharedCalls(out, matrix.limits, cells), run_folder(out, cell)
    forget_peak()
    with watch.timing():
        tools = load_tools(plan)
        asked, done = _executed(shared, cell, plan, tools, run, progress)
    saved = seconds_of_shared(shared.file(plan), asked, cell.id) if asked else 0.0
    claim = claim_of(done.ledger, run)
    refuse_claim(cell.key, claim)
    return {
        "claim": claim,
        "cost": cost_of(run),
        "seconds": watch.record.seconds + saved if watch.record.timed else None,
        "seconds_of_shared_replies": saved,
        "peak_memory": peak_memory(),
        "models": {"writer": tools.writer.name, "embedder": tools.embedder.name},
        "plan_digest": cell.plan.fingerprint() if cell.plan else "",
    }


def _executed(
    shared: SharedCalls, cell: Cell, plan: Plan, tools: Tools, run: Path, progress: Progress
) -> tuple[set[str], Run]:
    """The finished run, and the keys of the shared replies that it used."""
    if method_of(plan).has_seeds:  # prompts hold private text: nothing is shared
        own = plan.model_copy(update={"limits": shared.left(shared.spent(but_of=cell.id))})
        return set(), execute(own, run, progress=progress, tools=tools)
    with shared.open(plan) as store:
        writer = shared.over(tools.writer, plan, store, cell)
        try:
            done = execute(plan, run, progress=progress, tools=replace(tools, writer=writer))
        except ModelError:
            store.forget(writer.asked)  # so that the requests are sent again to a repaired writer
            raise
        return writer.asked, done


def _location(error: BaseException) -> str:
    """File and line of the innermost frame inside RPSG."""
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(_PACKAGE)
    ]
    if not frames:
        return "an unknown place"
    file = Path(frames[-1].filename).relative_to(_PACKAGE.parent).as_posix()
    return f"{file}:{frames[-1].lineno}"
