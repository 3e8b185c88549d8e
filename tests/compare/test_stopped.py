"""A comparison that was stopped or is begun again: what is finished is kept, and what was stopped resumes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.compare.cells import Counting, cell_of, paper_settings, run, run_id, with_writer

from rpsg.compare.cell_run import read_record
from rpsg.compare.cells import cells_of
from rpsg.compare.matrix import read_matrix
from rpsg.compare.runner import compare, keep
from rpsg.errors import LimitError, RunError
from rpsg.testing.lab import plugged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.compare.matrix import Matrix


def test_a_second_call_runs_nothing_again(matrix: Callable[..., Matrix], lab: Lab) -> None:
    writer = Counting()
    with plugged("writers", with_writer(writer)):
        wanted = matrix(writers=["counting"])
        first = run(wanted, lab)
        asked = len(writer.requests)
        lines: list[str] = []
        assert run(wanted, lab, tell=lines.append) == first
    assert len(writer.requests) == asked
    assert lines[-1] == "3 of 3 cells are finished already and are kept."


def test_ctrl_c_loses_nothing(matrix: Callable[..., Matrix], lab: Lab) -> None:
    writer = Counting(stop_at=60)
    with plugged("writers", with_writer(writer)):
        wanted = matrix(writers=["counting"], methods=["floor", "strict", "augpe"])
        with pytest.raises(KeyboardInterrupt):
            run(wanted, lab)
        cells = cells_of(wanted)
        states = {c.key.method: read_record(lab.folder / "out", c).state for c in cells}
        assert states == {"floor": "done", "strict": "stopped", "augpe": "new", "ceiling": "new"}
        before, kept = run_id(lab, cells[1]), read_record(lab.folder / "out", cells[0])
        found = run(wanted, lab)
    assert {cell.state for cell in found.cells} == {"done"}
    assert run_id(lab, cells[1]) == before, "the run was begun anew, and paid twice"
    assert read_record(lab.folder / "out", cells[0]) == kept


KILLED = """
import os, signal, sys
from rpsg.models import fake
asked = []
def write(self, requests, on_reply=None, whole=fake.FakeWriter.write):
    asked.extend(requests)
    if len(asked) > 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(self, requests, on_reply)
fake.FakeWriter.write = write
from rpsg.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_cell_whose_process_is_killed_is_told_and_resumes_and_the_others_run(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    """In processes of their own, as the command runs them."""
    wanted, out = matrix(), lab.folder / "out"
    cells = cells_of(wanted)
    strict = next(cell for cell in cells if cell.key.method == "strict")

    def launch(folder: Path, name: str) -> int:
        way = ["-c", KILLED] if name == strict.id else ["-m", "rpsg"]
        command = [sys.executable, *way, "compare", str(folder), "--cell", name, "--quiet"]
        return subprocess.run(command, check=False).returncode

    found = compare(wanted, out, launch=launch)
    assert cell_of(found, "floor").state == cell_of(found, "ceiling").state == "done"
    assert cell_of(found, "strict").state == "failed"
    assert "by signal 9" in cell_of(found, "strict").reason
    before = run_id(lab, strict)
    again = compare(wanted, out)
    assert cell_of(again, "strict").state == "done"
    assert run_id(lab, strict) == before
    assert cell_of(again, "strict").seconds is None, "nobody knows how long the killed process had worked"
    assert cell_of(again, "floor").made["peak_memory"] > 10 * 2**20


def ctrl_c(process: subprocess.Popen[str]) -> None:
    """A terminal tells every process of the command."""
    os.killpg(process.pid, signal.SIGINT)


def end(process: subprocess.Popen[str]) -> None:
    """A scheduler tells only the first one."""
    process.terminate()


@pytest.mark.parametrize("stop", [ctrl_c, end])
@pytest.mark.usefixtures("listens_to_ctrl_c")
def test_who_stops_the_command_stops_the_cell_too_and_the_same_command_resumes(
    matrix_file: Callable[..., Path], lab: Lab, stop: Callable[[subprocess.Popen[str]], None]
) -> None:
    """The cell writes to the same pipe: that the pipe ends shows that the cell has ended."""
    out = lab.folder / "out"
    command = [sys.executable, "-m", "rpsg", "compare", str(matrix_file()), "-o", str(out)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("2 of 3: invented, strict"):
                stop(process)
                break
        rest = process.stderr.read()
        assert process.wait() == 130, rest
    assert "Traceback" not in rest
    cells = cells_of(read_matrix(lab.folder / "compare.toml"))
    states = {cell.key.method: read_record(out, cell).state for cell in cells}
    assert states["floor"] == "done"
    assert states["ceiling"] == "new"
    found = compare(read_matrix(lab.folder / "compare.toml"), out, apart=False)
    assert {cell.state for cell in found.cells} == {"done"}


def test_one_call_budget_holds_for_all_cells_and_a_larger_one_resumes(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    writer = Counting()
    with plugged("writers", with_writer(writer)):
        settings = paper_settings(lab)
        how: dict[str, Any] = {
            "writers": ["counting"],
            "methods": ["floor", "paper", "strict"],
            "settings": settings,
        }
        with pytest.raises(LimitError) as caught:
            run(matrix(**how, limits={"requests": 120}), lab)
        assert "--max-requests" in caught.value.hint
        assert len(writer.requests) <= 120
        found = run(matrix(**how, limits={"requests": 2000}), lab)
    assert {cell.state for cell in found.cells} == {"done"}
    assert len(writer.requests) < 2000


def test_other_texts_are_refused_in_the_same_folder(matrix: Callable[..., Matrix], lab: Lab) -> None:
    wanted = matrix()
    run(wanted, lab)
    lab.file(lab.rows(201))
    with pytest.raises(RunError, match="changed since this comparison began"):
        run(wanted, lab)


def test_a_folder_with_other_files_is_left_alone(matrix: Callable[..., Matrix], lab: Lab) -> None:
    (lab.folder / "out").mkdir()
    (lab.folder / "out" / "thesis.txt").write_text("x")
    with pytest.raises(RunError, match="holds other files"):
        run(matrix(), lab)
    assert [file.name for file in (lab.folder / "out").iterdir()] == ["thesis.txt"]


def test_another_way_of_measuring_measures_again_and_runs_nothing_again(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    writer = Counting()
    with plugged("writers", with_writer(writer)):
        run(matrix(writers=["counting"]), lab)
        asked = len(writer.requests)
        other = {"metrics": ["distinct_1"], "embedder": "fake"}
        found = run(matrix(writers=["counting"], evaluation=other), lab)
    assert len(writer.requests) == asked
    assert found.metrics == ("distinct_1",)
    assert cell_of(found, "strict").value("distinct_1") is not None
    assert cell_of(found, "strict").tokens is not None


def test_a_damaged_file_of_a_cell_is_told(matrix: Callable[..., Matrix], lab: Lab) -> None:
    wanted = matrix()
    run(wanted, lab)
    cells = cells_of(wanted)
    file = lab.folder / "out" / "cells" / cells[0].id / "cell.json"
    file.write_text("{}")
    with pytest.raises(RunError, match="damaged or was written by another version"):
        keep(wanted, cells, lab.folder / "out")


def test_a_cell_that_is_still_running_is_shown_with_that_as_its_reason(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    wanted = matrix()
    run(wanted, lab)
    cells = cells_of(wanted)
    file = lab.folder / "out" / "cells" / cells[0].id / "cell.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"state": "running", "reason": ""}))
    shown = keep(wanted, cells, lab.folder / "out").cells[0]
    assert shown.state == "stopped"
    assert shown.reason == "It is running elsewhere, or its process was killed."
