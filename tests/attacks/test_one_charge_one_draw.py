"""Whatever is done to a run folder, every independent noisy answer that comes out of it has its own charge.

The hole: a charge was keyed by what the folder said of itself (run, place, attempt), so a folder that was
copied before the draw, or set back to an earlier state, gave fresh noise for a charge already made. Ten
noisy counts for one charge average to the clean count.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rpsg.errors import BudgetError, RunError
from rpsg.privacy.account import Account, LifetimeCap
from rpsg.privacy.accounting import StagePlan, calibrate
from rpsg.privacy.histogram import Query, RowCells
from rpsg.privacy.kernel import Kernel
from rpsg.privacy.noise import RoundedGaussian
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.private import Private
from rpsg.privacy.units import Unit

if TYPE_CHECKING:
    from pathlib import Path

BUDGET = calibrate(1.0, 1e-6, [StagePlan(name, 0.5, "S1_unit_count", dim=1) for name in ("first", "second")])
EACH = BUDGET.mu2 / 2


@dataclass
class Clinic:
    """A run on 300 people, and its account."""

    folder: Path
    lifetime: float = 30.0
    said: list[str] = field(default_factory=list)

    def account(self, book: str = "book", name: str = "clinic") -> Account:
        unit = Unit("user", "user", "add_remove")
        return Odometer(self.folder / book).account(name, unit, LifetimeCap(self.lifetime, 1e-6))

    def kernel(self, run: str, book: str = "book", name: str = "clinic") -> Kernel:
        return Kernel(
            journal=self.folder / run / "private" / "releases.jsonl",
            evidence=self.folder / run / "evidence",
            budget=BUDGET,
            noise=RoundedGaussian(),
            run_id="the same for all copies",
            account=self.account(book, name),
            tell=self.said.append,
        )

    def count(self, run: str, stages: int = 1, book: str = "book", name: str = "clinic") -> list[int]:
        kernel = self.kernel(run, book, name)
        try:
            return [self.answer(kernel, stage) for stage in ("first", "second")[:stages]]
        finally:
            kernel.close()

    def answer(self, kernel: Kernel, stage: str) -> int:
        people = Private(RowCells(np.arange(300), np.zeros((300, 1), np.int64)))
        return int(kernel.release(Query.of(BUDGET.release(stage), stage, 1), lambda: people)[0])

    def copy(self, run: str, to: str) -> None:
        shutil.copytree(self.folder / run, self.folder / to)

    def charges(self, book: str = "book", name: str = "clinic") -> float:
        return self.account(book, name).total().mu2 / EACH


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def test_ten_copies_made_before_the_draw_are_ten_charges(clinic: Clinic) -> None:
    clinic.kernel("run").close()
    for number in range(10):
        clinic.copy("run", f"copy-{number}")
    counts = [clinic.count(f"copy-{number}") for number in range(10)]
    assert len({tuple(count) for count in counts}) > 1
    assert clinic.charges() == pytest.approx(10)
    assert sum("drawn before" in line for line in clinic.said) == 9


def test_a_folder_that_is_set_back_again_and_again_pays_for_every_draw(clinic: Clinic) -> None:
    clinic.kernel("run").close()
    clinic.copy("run", "backup")
    for _ in range(10):
        clinic.count("run")
        shutil.rmtree(clinic.folder / "run")
        clinic.copy("backup", "run")
    assert clinic.charges() == pytest.approx(10)


def test_copies_made_after_the_draw_have_the_same_answer_and_pay_for_it_once(clinic: Clinic) -> None:
    first = clinic.count("run")
    for number in range(3):
        clinic.copy("run", f"copy-{number}")
        assert clinic.count(f"copy-{number}") == first
    assert clinic.charges() == pytest.approx(1)
    seconds = [clinic.count(f"copy-{number}", stages=2)[1] for number in range(3)]
    assert len(seconds) == 3
    assert clinic.charges() == pytest.approx(4)


def test_without_its_journal_a_folder_with_answers_is_refused_and_draws_nothing(clinic: Clinic) -> None:
    clinic.count("run")
    for content in (None, b"", b'{"event":"beg'):
        journal = clinic.folder / "run" / "private" / "releases.jsonl"
        journal.unlink(missing_ok=True)
        if content is not None:
            journal.write_bytes(content)
            journal.chmod(0o600)
        for _ in range(2):
            with pytest.raises(RunError, match="journal of this run is missing") as caught:
                clinic.count("run", stages=2)
            assert "-o" in caught.value.hint
    assert clinic.charges() == pytest.approx(1)


def test_without_journal_and_answers_a_folder_draws_anew_and_pays_each_time(clinic: Clinic) -> None:
    for _ in range(10):
        clinic.count("run")
        (clinic.folder / "run" / "private" / "releases.jsonl").unlink()
        (clinic.folder / "run" / "evidence" / "release-000.json").unlink()
    assert clinic.charges() == pytest.approx(10)


def test_a_lost_answer_is_not_drawn_again(clinic: Clinic) -> None:
    clinic.count("run")
    (clinic.folder / "run" / "evidence" / "release-000.json").unlink()
    with pytest.raises(RunError, match="a second release"):
        clinic.count("run")
    assert clinic.charges() == pytest.approx(1)


def test_a_fresh_book_learns_of_the_answers_that_lie_in_the_folder(clinic: Clinic) -> None:
    first = clinic.count("run")
    assert clinic.count("run", book="fresh") == first
    assert clinic.charges("fresh") == pytest.approx(1)
    assert any("had no charge" in line and "first" in line for line in clinic.said)
    clinic.said.clear()
    assert clinic.count("run", book="fresh") == first
    assert clinic.charges("fresh") == pytest.approx(1)
    assert clinic.said == []


def test_a_fresh_book_learns_of_them_even_where_the_run_is_then_refused(clinic: Clinic) -> None:
    clinic.count("run")
    (clinic.folder / "run" / "private" / "releases.jsonl").unlink()
    with pytest.raises(RunError):
        clinic.count("run", book="fresh")
    assert clinic.charges("fresh") == pytest.approx(1)
    clinic.count("other run")
    clinic.lifetime = 0.5
    with pytest.raises(BudgetError):
        clinic.count("other run", book="another")
    assert clinic.charges("another") == pytest.approx(1)


def test_under_another_account_the_answers_are_charged_there_too(clinic: Clinic) -> None:
    clinic.count("run")
    clinic.count("run", stages=2, name="ward")
    assert clinic.charges(name="clinic") == pytest.approx(1)
    assert clinic.charges(name="ward") == pytest.approx(2)


def test_ten_copies_on_ten_fresh_books_are_found_out_when_they_meet_one_book(clinic: Clinic) -> None:
    clinic.kernel("run").close()
    for number in range(10):
        clinic.copy("run", f"copy-{number}")
        clinic.count(f"copy-{number}", book=f"book-{number}")
    for number in range(10):
        clinic.count(f"copy-{number}", book="one")
    assert clinic.charges("one") == pytest.approx(10)


def test_an_answer_of_another_run_does_not_pass_for_one_that_was_drawn_here(clinic: Clinic) -> None:
    clinic.count("run")
    clinic.count("other run")
    for side in ("run", "other run"):
        assert (clinic.folder / side / "evidence" / "release-000.json").exists()
    shutil.copy(
        clinic.folder / "other run" / "evidence" / "release-000.json",
        clinic.folder / "run" / "evidence" / "release-000.json",
    )
    with pytest.raises(RunError, match="was changed"):
        clinic.count("run")
