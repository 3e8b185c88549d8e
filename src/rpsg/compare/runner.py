"""Runs a comparison, cell after cell, and keeps the results; the same call resumes one that stopped.

Each cell runs in a separate process, so that its memory and time can be measured and a crash ends only this
cell.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.compare.cell_run import CellRecord, measuring_digest, read_record, record_death, run_cell
from rpsg.compare.cells import cells_of, find_cell, to_run
from rpsg.compare.forecasting import cell_forecast, require_consent
from rpsg.compare.matrix import Matrix
from rpsg.compare.outcome import outcome_of
from rpsg.compare.splits import prepare
from rpsg.disk.files import hold_lock, private_dir, write_atomic
from rpsg.errors import DataError, LimitError, RunError
from rpsg.evaluation.models import check_names
from rpsg.evaluation.runner import find_metrics
from rpsg.protocols import Silent
from rpsg.storage.layout import COMPARISON, MATRIX
from rpsg.storage.run_folder import LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rpsg.compare.cells import Cell
    from rpsg.compare.keys import CellKey
    from rpsg.compare.outcome import Comparison
    from rpsg.protocols import Progress

    #: Runs one cell of the comparison in a folder; the result is in the cell's file.
    Launch = Callable[[Path, str], int]

STOPPED, LIMIT = 130, LimitError.exit_code
#: Seconds that a cell gets to store its results when the comparison is stopped.
PATIENCE = 30.0


def compare(
    matrix: Matrix,
    out: str | Path,
    *,
    spend: bool = False,
    apart: bool = True,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda _: None,
    launch: Launch | None = None,
) -> Comparison:
    """Run every unfinished cell in the folder ``out``, and return all cells.

    Finished cells are kept, failed ones are run again. If a cell fails, the reason is recorded and the others
    run. ``comparison.json`` is written after each cell.

    Args:
        matrix: what is compared; see ``read_matrix``.
        out: a new folder, or the folder of the same comparison.
        spend: confirms that all cells may be charged to the account of private data; without it these are
            refused.
        apart: whether each cell runs in a separate process; if not, its memory includes that of earlier
            cells.
        progress: receives the progress of cells, if they run in this process.
        tell: receives a line when a cell begins and ends.
        launch: starts a cell in a separate process; by default ``rpsg compare OUT --cell ID``.

    Raises:
        PrivacyError: a data set is private and ``spend`` was not given.
        LimitError: the call budget is used up; the same call with a larger one resumes. UsageError,
        DataError, RunError: nothing can be run; says why.
    """
    out = Path(out)
    find_metrics(matrix.evaluation.metrics)
    check_names(matrix.evaluation.embedder, matrix.evaluation.language_model)
    cells = cells_of(matrix)
    require_consent(matrix, cells, spend=spend)
    require_data(matrix)
    lock = _begin(matrix, out)
    try:
        for data in matrix.data:
            if any(cell.key.data == data.name for cell in to_run(cells)):
                tell(f"Reading {data.name}, to hold {data.held_out:,} people out.")
                prepare(matrix, data, out)
        start = (launch or partial(in_a_process, spend=spend)) if apart else None
        with _stopped_by_sigterm():
            _run_all(matrix, cells, out, start, progress or Silent(), tell)
        return keep(matrix, cells, out)
    finally:
        os.close(lock)


def run_one(matrix: Matrix, out: Path, name: str, progress: Progress, *, spend: bool = False) -> CellRecord:
    """Run the cell called ``name`` of a comparison that was begun in ``out``.

    Raises:
        UsageError: there is no such cell.
        RunError: the comparison was not begun there.
        PrivacyError, LimitError: as ``compare``.
    """
    read_begun(out)
    cells = cells_of(matrix)
    require_consent(matrix, cells, spend=spend)
    return run_cell(matrix, cells, find_cell(cells, name), out, progress)


def require_data(matrix: Matrix) -> None:
    """DataError if no data set names a file."""
    if not any(data.paths or data.asset for data in matrix.data):
        names = ", ".join(data.name for data in matrix.data)
        raise DataError(
            f"No data set has a file: {names}.", hint=f"Give one with: --data {matrix.data[0].name}=FILE"
        )


def read_begun(out: Path) -> Matrix:
    """The comparison that was begun in a folder; RunError if there is none."""
    file = out / MATRIX
    try:
        return Matrix.model_validate_json(file.read_bytes())
    except (OSError, ValueError):
        raise RunError(
            f"There is no comparison in {out}, or its file is damaged.",
            hint="Begin one with: rpsg compare FILE.toml -o FOLDER",
        ) from None


def _begin(matrix: Matrix, out: Path) -> int:
    """Lock the folder and keep the comparison in it; returns the lock."""
    strangers = out.is_dir() and any(out.iterdir()) and not (out / MATRIX).is_file()
    if strangers and {entry.name for entry in out.iterdir()} - {LOCK}:
        raise RunError(
            f"{out} holds other files and is not the folder of a comparison.",
            hint="Choose a new or empty folder with -o.",
        )
    lock = hold_lock(private_dir(out) / LOCK)
    write_atomic(out / MATRIX, matrix.model_dump_json().encode())
    return lock


def begun_so_far(matrix: Matrix, out: Path) -> Comparison:
    """What is known of a comparison by now; nothing is run. RunError if it was not begun in ``out``."""
    read_begun(out)
    return keep(matrix, cells_of(matrix), out)


def keep(matrix: Matrix, cells: Sequence[Cell], out: Path) -> Comparison:
    """Write all that is known of the comparison by now into its folder, for its owner only, and return it."""
    found = outcome_of(
        matrix, [(cell, CellRecord() if cell.not_run else read_record(out, cell)) for cell in cells]
    )
    write_atomic(out / COMPARISON, found.to_json().encode())
    return found


def _run_all(
    matrix: Matrix,
    cells: Sequence[Cell],
    out: Path,
    launch: Launch | None,
    progress: Progress,
    tell: Callable[[str], None],
) -> None:
    wanted, digest = list(to_run(cells)), measuring_digest(matrix)
    kept = [read_record(out, cell) for cell in wanted]
    waiting = [
        cell
        for cell, record in zip(wanted, kept, strict=True)
        if not (record.is_done and record.measured_with == digest)
    ]
    if len(waiting) < len(wanted):
        tell(f"{len(wanted) - len(waiting)} of {len(wanted)} cells are finished already and are kept.")
    eta = Eta(waiting, shown=not matrix.is_internal)
    for number, cell in enumerate(waiting, start=1):
        tell(f"{number} of {len(waiting)}: {cell.key.in_words()}")
        since = time.monotonic()
        if launch is None:
            record = run_cell(matrix, cells, cell, out, progress)
        else:
            record = _launched(launch, out, cell)
        eta.done(cell, time.monotonic() - since)
        keep(matrix, cells, out)
        ended = "done" if record.is_done else f"{record.state}: {record.reason} {record.hint}".strip()
        tell(f"{number} of {len(waiting)}: {ended}{eta.left()}")


def in_a_process(out: Path, name: str, *, spend: bool = False, quiet: bool = False) -> int:
    """Run a cell as ``rpsg compare OUT --cell ID`` would; its progress goes to stderr."""
    command = [sys.executable, "-m", "rpsg", "compare", str(out), "--cell", name]
    command += [option for option, is_on in (("--spend", spend), ("--quiet", quiet)) if is_on]
    process = subprocess.Popen(  # noqa: S603  # this program itself
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        return process.wait()
    except BaseException as stopped:
        if isinstance(stopped, Terminated):
            process.terminate()
        # Ctrl-C reached the cell too; it gets some time to keep what it has.
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=PATIENCE)
        process.kill()
        process.wait()
        raise


class Terminated(KeyboardInterrupt):  # like Ctrl-C, this is not an error
    """The signal to end (SIGTERM) came to this process only, so the cell's process must be stopped too."""


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Within this block SIGTERM has the effect of Ctrl-C, so that no cell continues on its own."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread receives signals
        return

    def stop(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _launched(launch: Launch, out: Path, cell: Cell) -> CellRecord:
    """What a cell's own process left behind; a failed record if that process died."""
    code = launch(out, cell.id)
    record = read_record(out, cell)
    if code == STOPPED:
        raise KeyboardInterrupt
    if code == LIMIT and record.state == "stopped":
        raise LimitError(record.reason, hint=record.hint)
    if record.state in {"done", "failed"}:
        return record
    why = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    hint = "If the machine ran out of memory, use fewer [models] slots or a smaller writer."
    return record_death(out, cell, f"Its process ended {why} and left no result.", hint)


@dataclass
class Eta:
    """About how long the remaining cells will take: their forecasts, scaled by how well the forecasts have
    fitted so far.

    Nothing is shown if texts are private, because the time of a cell depends on them.
    """

    waiting: Sequence[Cell]
    shown: bool
    _took: list[tuple[float, float]] = field(default_factory=list)
    _known: dict[CellKey, float] = field(default_factory=dict)

    def done(self, cell: Cell, seconds: float) -> None:
        self._took.append((self._expected(cell), seconds))

    def left(self) -> str:
        """For example "; about 40 min left"; empty after the last cell."""
        rest = self.waiting[len(self._took) :]
        if not (self.shown and rest and self._took):
            return ""
        expected, took = (sum(column) for column in zip(*self._took, strict=True))
        seconds = sum(map(self._expected, rest)) * took / expected
        minutes = seconds / 60
        words = f"{seconds:.0f} s" if seconds < 90 else f"{minutes:.0f} min" if minutes < 90 else ""
        return f"; about {words or f'{minutes / 60:.1f} h'} left"

    def _expected(self, cell: Cell) -> float:
        """A forecast of at least one second, since measuring takes time too; the same for all seeds."""
        alike = replace(cell.key, seed=0)
        if alike not in self._known:
            self._known[alike] = 1.0 + (cell_forecast(cell).seconds or 0.0)
        return self._known[alike]
