"""A comparison runs cell by cell: what is finished is kept, what fails is told, what was stopped resumes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.compare.conftest import small, written

from rpsg.compare.calls import SharedCalls, run_folder
from rpsg.compare.cell_run import read_record
from rpsg.compare.cells import cells_of
from rpsg.compare.matrix import read_matrix
from rpsg.compare.outcome import read_comparison
from rpsg.compare.runner import compare, keep
from rpsg.errors import DataError, LimitError, MissingExtraError, PrivacyError, RunError
from rpsg.models.fake import FakeWriter
from rpsg.privacy.odometer import Odometer
from rpsg.storage.layout import COMPARISON, RUN
from rpsg.testing.lab import plugged
from rpsg.verification.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.compare.cells import Cell
    from rpsg.compare.matrix import Matrix
    from rpsg.compare.outcome import CellOutcome, Comparison
    from rpsg.protocols import OnReply, Reply, Request


class Counting(FakeWriter):
    """A fake that counts requests over all its copies, and stops the program at one of them."""

    def __init__(self, stop_at: int = 0) -> None:
        super().__init__(name="counting")
        self.stop_at = stop_at

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        if self.stop_at and len(self.requests) + len(requests) >= self.stop_at:
            self.stop_at = 0
            raise KeyboardInterrupt
        return super().write(requests, on_reply)


def with_writer(writer: FakeWriter) -> dict[str, Callable[..., FakeWriter]]:
    """The one writer for every cell, as a plug-in."""
    return {"counting": lambda *_args, **_more: writer}


def run(matrix: Matrix, lab: Lab, **more: Any) -> Comparison:
    return compare(matrix, lab.folder / "out", apart=False, **more)


def cell_of(found: Comparison, method: str, **place: Any) -> CellOutcome:
    return next(
        cell
        for cell in found.cells
        if cell.place.method == method and all(getattr(cell.place, k) == v for k, v in place.items())
    )


def run_id(lab: Lab, cell: Cell) -> str:
    return str(json.loads((run_folder(lab.folder / "out", cell) / RUN).read_bytes())["run_id"])


def test_every_cell_is_run_and_measured_and_its_run_can_be_verified(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    wanted = matrix(methods=["strict", "paper"], settings=paper_settings(lab))
    found = run(wanted, lab)
    assert [(c.place.method, c.state) for c in found.cells] == [
        ("floor", "done"),
        ("strict", "done"),
        ("paper", "done"),
        ("ceiling", "done"),
    ]
    strict = cell_of(found, "strict")
    assert strict.value("fid") is not None
    assert strict.tokens is not None
    assert strict.seconds is not None
    assert strict.made["claim"]["epsilon"] <= 4.0
    assert cell_of(found, "ceiling").value("fid") < strict.value("fid")  # type: ignore[operator]  # both are there
    cells = {cell.place.method: cell for cell in cells_of(wanted)}
    for method in ("floor", "strict", "paper"):
        assert verify(run_folder(lab.folder / "out", cells[method])).ok


def paper_settings(lab: Lab) -> dict[str, Any]:
    return {
        "corpus": {"domain": str(lab.pack)},
        "models": {"embedder": "fake"},
        "paper": {"abstracter": "writer", "seeds": 20},
    }


def test_what_was_written_down_reads_back_as_it_was(matrix: Callable[..., Matrix], lab: Lab) -> None:
    found = run(matrix(epsilon=[4, float("inf")]), lab)
    assert read_comparison(lab.folder / "out" / COMPARISON) == found
    assert cell_of(found, "strict", epsilon=float("inf")).state == "not supported"
    with pytest.raises(RunError, match="no comparison"):
        read_comparison(lab.file([{"a": 1}], "other.json"))


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
        states = {c.place.method: read_record(lab.folder / "out", c).state for c in cells}
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
    strict = next(cell for cell in cells if cell.place.method == "strict")

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
    states = {cell.place.method: read_record(out, cell).state for cell in cells}
    assert states["floor"] == "done"
    assert states["ceiling"] == "new"
    found = compare(read_matrix(lab.folder / "compare.toml"), out, apart=False)
    assert {cell.state for cell in found.cells} == {"done"}


class Talking(FakeWriter):
    """A fake that fails after eight requests, once, with an error that quotes a private text."""

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        if 8 <= len(self.requests) < 50:
            self.requests *= 10
            raise ValueError("Mrs. Smith of Elm Street told me")
        return super().write(requests, on_reply)


def test_a_cell_that_fails_is_told_without_the_words_of_its_error_and_the_others_run(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    with plugged("writers", with_writer(Talking(name="counting"))):
        found = run(matrix(methods=["floor", "strict"], writers=["counting"]), lab)
    failed = cell_of(found, "floor")
    assert failed.state == "failed"
    assert "failed in write (ValueError in" in failed.reason
    assert "Smith" not in (lab.folder / "out" / COMPARISON).read_text()
    assert cell_of(found, "strict").state == "done"


def test_too_few_people_for_a_cell_are_its_reason(matrix: Callable[..., Matrix], lab: Lab) -> None:
    found = run(matrix(people=[150, 9000]), lab)
    assert cell_of(found, "strict", people=150).state == "done"
    assert "fewer than 9,000 people" in cell_of(found, "strict", people=9000).reason


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


def test_replies_to_public_prompts_are_shared_and_count_in_each_cell_as_if_it_were_alone(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    writer = Counting()
    votes = {"name": "votes", "settings": {"method": {"name": "strict", "select": "votes"}}}
    with plugged("writers", with_writer(writer)):
        found = run(matrix(writers=["counting"], methods=["floor", "strict", votes]), lab)
        asked = [cell.made["cost"]["requests"] for cell in found.cells if cell.made]
        assert len(writer.requests) < sum(asked), "nothing was shared"
        alone = compare(matrix(writers=["counting"], methods=["floor"]), lab.folder / "alone", apart=False)
    assert cell_of(alone, "floor").made["cost"] == cell_of(found, "floor").made["cost"]


def test_replies_to_prompts_with_private_text_are_not_shared(matrix: Callable[..., Matrix], lab: Lab) -> None:
    writer = Counting()
    with plugged("writers", with_writer(writer)):
        wanted = matrix(writers=["counting"], methods=["paper"], settings=paper_settings(lab), seeds=[0])
        run(wanted, lab)
        private = [request for request in writer.requests if request.private]
        assert private
        cells = cells_of(wanted)
        shared = SharedCalls(lab.folder / "out", wanted.limits, cells)
        plan = next(cell.plan for cell in cells if cell.place.method == "paper")
        assert plan is not None
        with shared.open(plan) as store:
            keys = [store.key_of("counting", request) for request in private]
            assert store.get_many(keys) == {}
            public = [r for r in writer.requests if not r.private]
            assert len(store.get_many([store.key_of("counting", r) for r in public])) > 0


def test_private_texts_are_not_read_without_the_word_and_the_sum_is_told(lab: Lab) -> None:
    settings = small(lab, epsilon=[1, 2])
    settings["data"][0]["public"] = False
    wanted = read_matrix(written(lab.folder / "c.toml", settings))
    with pytest.raises(PrivacyError) as caught:
        run(wanted, lab)
    assert "2 that pay for noisy answers cost epsilon 2." in caught.value.message
    assert "--spend" in caught.value.hint
    assert not (lab.folder / "out").exists()
    assert not Odometer.is_there()


def test_with_the_word_all_cells_are_charged_to_the_one_account_of_the_people(lab: Lab) -> None:
    settings = small(lab, epsilon=[1, 2])
    settings["data"][0] |= {"public": False, "settings": {"data": {"user": "user", "account": "patients"}}}
    found = run(read_matrix(written(lab.folder / "c.toml", settings)), lab, spend=True)
    assert found.internal
    total = Odometer().statement("patients").totals
    assert len(total) == 1
    assert 2.0 < total[0].epsilon < 3.0
    assert Odometer().names() == ["patients"]


def test_public_texts_charge_no_account_of_the_user(matrix: Callable[..., Matrix], lab: Lab) -> None:
    run(matrix(epsilon=[1, 20]), lab)
    assert all(name.startswith("comparison ") and ": " in name for name in Odometer().names())


def test_all_methods_of_a_seed_have_the_same_people_and_none_of_those_held_out(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    run(matrix(people=[100, 150], seeds=[0, 1]), lab)
    parts = {}
    for file in (lab.folder / "out" / "data").rglob("*.jsonl"):
        rows = [json.loads(line)["user"] for line in file.read_text().splitlines()]
        parts[file.parent.name, file.stem] = rows
        assert file.stat().st_mode & 0o077 == 0
    for seed in ("seed-0", "seed-1"):
        few, many = parts[seed, "people-100"], parts[seed, "people-150"]
        assert few == many[:100]
        assert len(set(many)) == 150
        assert len(parts[seed, "held-out"]) == 40
        assert not set(many) & set(parts[seed, "held-out"])
    assert parts["seed-0", "held-out"] != parts["seed-1", "held-out"]


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


def test_a_comparison_without_any_file_says_how_to_give_one(lab: Lab) -> None:
    settings = small(lab)
    del settings["data"][0]["path"]
    with pytest.raises(DataError) as caught:
        run(read_matrix(written(lab.folder / "c.toml", settings)), lab)
    assert "--data invented=FILE" in caught.value.hint


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


def test_runs_that_hold_people_out_are_attacked(matrix: Callable[..., Matrix], lab: Lab) -> None:
    audit = {"holdout": 0.5, "attacks": ["near-copies", "refer"]}
    rows = lab.file(lab.rows(500), "many.jsonl")
    data = {"name": "many", "path": str(rows), "public": True, "held_out": 40}
    found = run(matrix(data=[data], people=[400], audit=audit, epsilon=[2]), lab)
    strict = cell_of(found, "strict")
    assert strict.figures is not None
    attacks = strict.figures["audit"]["attacks"]
    assert 0.3 < attacks["refer"]["auc"] < 0.7
    assert strict.figures["audit"]["epsilon_lower"] is not None
    floor = cell_of(found, "floor")
    assert floor.figures is not None
    assert "nobody's can have leaked" in floor.figures["audit"]["reason"]


def test_a_damaged_file_of_a_cell_is_told(matrix: Callable[..., Matrix], lab: Lab) -> None:
    wanted = matrix()
    run(wanted, lab)
    cells = cells_of(wanted)
    file = lab.folder / "out" / "cells" / cells[0].id / "cell.json"
    file.write_text("{}")
    with pytest.raises(RunError, match="damaged or of another version"):
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


def test_too_few_people_to_hold_out_are_told_without_their_number(lab: Lab) -> None:
    settings = small(lab)
    settings["data"][0]["held_out"] = 199
    with pytest.raises(DataError) as caught:
        run(read_matrix(written(lab.folder / "c.toml", settings)), lab)
    assert "too few people to hold 199 of them out" in caught.value.message
    assert "200" not in caught.value.message


def test_a_package_that_is_missing_is_the_reason_with_the_command_that_brings_it(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    def absent(*_args: Any, **_more: Any) -> FakeWriter:
        raise MissingExtraError("hf", "torch")

    with plugged("writers", {"absent": absent}):
        found = run(matrix(writers=["absent"]), lab)
    assert cell_of(found, "strict").state == "failed"
    assert "pip install 'rpsg[hf]'" in cell_of(found, "strict").reason
    assert cell_of(found, "ceiling").state == "done"
