"""A run that begins has room for all of its draws; one that has not is refused before anything is spent.

The hole: the budget was checked at the start and spent later, so of three runs at once all began, all failed
half-way, and most of the lifetime budget was gone without a single corpus.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from rpsg import api
from rpsg.errors import BudgetError, DataError
from rpsg.models.fake import FakeWriter
from rpsg.privacy.account import Account
from rpsg.privacy.odometer import Odometer
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.plan import Plan
    from rpsg.privacy.units import Statement, Total

#: Three at once: each opens its kernel, waits for the word, draws all that it planned, and ends.
RUN = r"""
import json, sys
from pathlib import Path
import numpy as np
from rpsg.errors import BudgetError
from rpsg.privacy.account import LifetimeCap
from rpsg.privacy.accounting import StagePlan, calibrate
from rpsg.privacy.histogram import RowCells, Query
from rpsg.privacy.kernel import Kernel
from rpsg.privacy.noise import RoundedGaussian
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.private import Private
from rpsg.privacy.units import Unit

folder, name, run_id = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
budget = calibrate(2.0, 1e-6, [StagePlan(s, 1 / 3, "S1_unit_count", dim=1) for s in ("a", "b", "c")])
unit = Unit("user", "user", "add_remove")
account = Odometer(folder / "state").account("reviews", unit, LifetimeCap(3.2, 1e-6))
people = Private(RowCells(np.arange(30), np.zeros((30, 1), np.int64)))
drawn, begun = 0, False
print("ready", flush=True)
sys.stdin.readline()
try:
    kernel = Kernel(journal=folder / name / "private" / "releases.jsonl", evidence=folder / name / "evidence",
                    budget=budget, noise=RoundedGaussian(), run_id=run_id, account=account)
    begun = True
    print("reserved", flush=True)
    sys.stdin.readline()
    for stage in ("a", "b", "c"):
        kernel.release(Query.of(budget.release(stage), stage, 1), lambda: people)
        drawn += 1
    kernel.close()
except BudgetError:
    if not begun:
        print("refused", flush=True)
        sys.stdin.readline()
print(json.dumps({"drawn": drawn, "mu2": budget.mu2, "cap": account.cap.mu2}), flush=True)
"""


class Process:
    """One of several runs at once, in a process of its own."""

    def __init__(self, folder: Path, name: str, run_id: str) -> None:
        command = [sys.executable, "-c", RUN, str(folder), name, run_id]
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.line() == "ready"

    def line(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def go(self) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()

    def end(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.line())
        assert self.popen.wait() == 0
        return told


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts processes, and ends them with the test."""
    started: list[Process] = []

    def begin(name: str, run_id: str = "") -> Process:
        started.append(Process(tmp_path, name, run_id or name))
        return started[-1]

    yield begin
    for process in started:
        with process.popen:  # closes its pipes and waits for it
            process.popen.kill()


def all_at_once(processes: list[Process]) -> tuple[list[str], list[dict[str, Any]]]:
    for process in processes:
        process.go()
    said = [process.line() for process in processes]
    for process in processes:
        process.go()
    return said, [process.end() for process in processes]


def paid(folder: Path) -> Total:
    (total,) = Odometer(folder / "state").statement("reviews").totals
    return total


def test_of_three_runs_at_once_two_are_done_and_one_is_refused_before_it_spends_anything(
    tmp_path: Path, start: Callable[..., Process]
) -> None:
    said, told = all_at_once([start(f"run-{i}") for i in range(3)])
    assert sorted(said) == ["refused", "reserved", "reserved"]
    assert sorted(t["drawn"] for t in told) == [0, 3, 3]
    total = paid(tmp_path)
    assert total.mu2 == pytest.approx(2 * told[0]["mu2"])
    assert total.reserved_mu2 == 0.0


def test_copies_of_one_folder_have_one_reservation_and_no_more_than_the_room_there_is(
    tmp_path: Path, start: Callable[..., Process]
) -> None:
    said, told = all_at_once([start(f"copy-{i}", "one run") for i in range(3)])
    assert "reserved" in said
    drawn = sum(t["drawn"] for t in told)
    assert drawn < 9
    assert paid(tmp_path).mu2 <= told[0]["cap"]
    assert paid(tmp_path).mu2 == pytest.approx(drawn * told[0]["mu2"] / 3)


def test_a_killed_run_keeps_its_room_and_takes_it_over_when_it_goes_on(
    tmp_path: Path, start: Callable[..., Process]
) -> None:
    first, second = (start(f"run-{i}") for i in range(2))
    for process in (first, second):
        process.go()
        assert process.line() == "reserved"
    first.popen.kill()
    first.popen.wait()
    second.go()
    assert second.end()["drawn"] == 3
    third = start("run-2")
    third.go()
    assert third.line() == "refused"
    third.go()
    third.end()
    assert Odometer(tmp_path / "state").statement("reviews").waiting == ("run-0",)
    assert all_at_once([start("run-0")])[1][0]["drawn"] == 3
    assert paid(tmp_path).reserved_mu2 == 0.0


def test_what_a_killed_run_has_reserved_can_be_given_back_by_name(
    tmp_path: Path, start: Callable[..., Process]
) -> None:
    process = start("run")
    process.go()
    assert process.line() == "reserved"
    process.popen.kill()
    process.popen.wait()
    book = Odometer(tmp_path / "state")
    assert book.give_back("run")
    assert not book.give_back("run")
    assert book.statement("reviews").totals == ()


class Watching(Silent):
    """Looks at the account when the private file is about to be read; may stop the run there or later."""

    def __init__(self, plan: Plan, stop_at: str = "", error: BaseException | None = None) -> None:
        self.plan, self.stop_at, self.error = plan, stop_at, error
        self.seen: list[Total] = []

    def start(self, stage: str, total: int | None = None) -> None:
        if stage == "reading the file":
            self.seen += statement(self.plan).totals
        if stage == self.stop_at and self.error is not None:
            raise self.error


def statement(plan: Plan) -> Statement:
    return Odometer().statement(plan.data.account)


def test_the_whole_plan_is_reserved_before_the_file_is_opened(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)), data={"account": "reviews"})
    watching = Watching(plan)
    run = lab.run(plan, progress=watching)
    (before,) = watching.seen
    assert before.mu2 == 0.0
    assert before.reserved_mu2 == pytest.approx(run.ledger["cost"]["mu2"])
    (after,) = statement(plan).totals
    assert after.mu2 == pytest.approx(run.ledger["cost"]["mu2"])
    assert after.reserved_mu2 == 0.0


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("gone")], ids=["Ctrl-C", "an error"])
def test_a_run_that_ends_badly_gives_back_what_it_has_not_drawn(lab: Lab, error: BaseException) -> None:
    plan = lab.plan(lab.file(lab.rows(300)), data={"account": "reviews"})
    with pytest.raises(type(error)):
        lab.run(plan, progress=Watching(plan, "measuring the private texts", error))
    (total,) = statement(plan).totals
    assert total.mu2 > 0.0
    assert total.reserved_mu2 == 0.0
    run = lab.run(plan)
    (total,) = statement(plan).totals
    assert total.mu2 == pytest.approx(run.ledger["cost"]["mu2"])


def test_a_file_that_cannot_be_read_costs_nothing_and_holds_nothing(lab: Lab) -> None:
    plan = lab.plan(lab.file([{"words": "no text"}] * 300), data={"account": "reviews"})
    with pytest.raises(DataError):
        lab.run(plan)
    assert statement(plan).totals == ()


def test_a_run_for_which_there_is_no_room_reads_nothing_and_asks_no_writer(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)), data={"account": "reviews"}, privacy={"lifetime_epsilon": 5.0})
    lab.run(plan, "one")
    watching, writer = Watching(plan), FakeWriter()
    with pytest.raises(BudgetError, match="lifetime"):
        lab.run(plan, "two", progress=watching, writer=writer)
    assert (watching.seen, writer.requests) == ([], [])


def test_the_plan_tells_how_many_runs_with_labels_to_be_found_still_fit(lab: Lab) -> None:
    sections: dict[str, Any] = {
        "data": {"account": "reviews", "label": "label"},
        "privacy": {"epsilon": 0.5, "lifetime_epsilon": 500.0},
    }
    plan = lab.plan(lab.file(lab.rows(20)), **sections)
    told = api.preview(plan)
    assert told.odometer["runs like this one that still fit"] == 9
    assert any("9 more runs like this one are possible" in line for line in told.warnings)
    declared = lab.plan(lab.folder / "data.jsonl", data={"account": "reviews"}, privacy=sections["privacy"])
    assert not any("like this one are possible" in line for line in api.preview(declared).warnings)


def test_a_book_that_cannot_take_the_charge_stops_the_draw(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> bool:
        raise BudgetError("The book is busy.")

    monkeypatch.setattr(Account, "charge", refuses)
    with pytest.raises(BudgetError, match="busy"):
        lab.run(lab.plan(lab.file(lab.rows(300))))
    assert list((lab.folder / "run" / "evidence").glob("release-*.json")) == []
