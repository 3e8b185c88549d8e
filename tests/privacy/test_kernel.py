"""One door, planned questions, each answered once, and everything charged before it is answered."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg.errors import BudgetError, PrivacyError, RunError, VerificationError
from rpsg.privacy.accounting import StagePlan, calibrate
from rpsg.privacy.evidence import Evidence, parse_evidence
from rpsg.privacy.histogram import Query, RowCells
from rpsg.privacy.kernel import Kernel
from rpsg.privacy.noise import RoundedGaussian
from rpsg.privacy.private import Private
from rpsg.privacy.replay import ReplayKernel
from rpsg.testing.noise import FixedNoise

if TYPE_CHECKING:
    from pathlib import Path

    from tests.privacy.conftest import Release, Run

    from rpsg.privacy.histogram import IntArray
    from rpsg.privacy.odometer import Odometer


def test_a_release_is_the_counts_plus_the_noise(run: Run) -> None:
    run.noise = FixedNoise([0, 1])
    kernel = run.kernel()
    assert run.count(kernel) == [300]
    assert run.phrases(kernel) == [("good price", 301), ("late delivery", 300)]
    assert run.votes(kernel, 0) == [0, 1, 0, 301, 0]


def test_a_run_that_goes_on_gives_the_same_vectors_and_asks_nothing(run: Run) -> None:
    kernel = run.kernel()
    first = run.all(kernel)
    kernel.close()
    assert run.asked == 4
    spent = run.account.total()
    again = run.kernel()
    assert run.all(again) == first
    assert run.asked == 4
    assert run.account.total() == spent
    again.close()


def test_another_run_on_the_same_data_draws_anew_and_is_charged_again(run: Run, tmp_path: Path) -> None:
    first = run.kernel()
    answers = run.all(first)
    run.folder, run.run_id = tmp_path / "second", "run-2"
    assert run.all(run.kernel()) != answers
    assert run.account.total().mu2 == pytest.approx(2 * run.budget.mu2)


def test_the_whole_plan_is_reserved_before_the_private_data_are_asked(run: Run) -> None:
    kernel = run.kernel()
    seen = []

    def ballots() -> Private[RowCells]:
        seen.append(run.account.total().reserved_mu2)
        return Private(RowCells(np.arange(3), np.zeros((3, 1), dtype=np.int64)))

    kernel.release(run.query("n_estimate", 1), ballots)
    assert seen == [pytest.approx(run.budget.mu2)]


def test_a_draw_is_charged_before_its_noise_exists(run: Run) -> None:
    seen = []

    class Watched(RoundedGaussian):
        def draw(self, sigma: float, size: int) -> IntArray:
            seen.append(run.account.total().mu2)
            return super().draw(sigma, size)

    run.noise = Watched()
    run.count(run.kernel())
    assert seen == [pytest.approx(run.budget.releases[0].mu2("add_remove"))]


def test_the_whole_plan_must_fit_the_lifetime_budget_before_anything_is_asked(run: Run) -> None:
    run.account.charge("d" * 32, "an earlier run", "votes", 0.55, 0.0)
    with pytest.raises(BudgetError, match="`lifetime_epsilon`"):
        run.kernel()
    assert run.asked == 0


@pytest.mark.parametrize(
    "change",
    [{"stage": "votes[0]"}, {"sigma": 0.5}, {"k": 2}, {"c": 2}, {"w": 3}, {"rule": "S4_k_votes"}, {"dim": 0}],
)
def test_a_question_that_is_not_the_next_of_the_plan_is_refused(run: Run, change: dict[str, Any]) -> None:
    kernel = run.kernel()
    with pytest.raises(RunError, match="not the one that comes next in the plan"):
        kernel.release(replace(run.query("n_estimate", 1), **change), pytest.fail)
    assert run.account.total().mu2 == 0.0


def test_a_question_beyond_the_plan_is_refused(run: Run) -> None:
    kernel = run.kernel()
    run.all(kernel)
    with pytest.raises(PrivacyError, match="budget is already spent"):
        run.votes(kernel, 1)


def test_a_selection_keeps_the_threshold_of_the_plan(run: Run) -> None:
    kernel = run.kernel()
    run.count(kernel)
    with pytest.raises(RunError):
        kernel.select(run.query("phrases", 0), 1e-5, pytest.fail)
    with pytest.raises(RunError):
        kernel.release(run.query("phrases", 7), pytest.fail)


def test_a_question_reserved_before_cannot_be_changed(run: Run) -> None:
    kernel = run.kernel()
    run.count(kernel)
    kernel.close()
    again = run.kernel()
    with pytest.raises(RunError, match="asks a different question"):
        again.release(replace(run.query("n_estimate", 1), what="something else"), pytest.fail)


def test_a_run_folder_serves_one_plan_one_run_and_one_noise_source(run: Run) -> None:
    run.kernel().close()
    other = calibrate(1.0, 1e-6, [StagePlan("n_estimate", 1.0, "S1_unit_count", dim=1)])
    for changed in (
        replace(run, budget=other),
        replace(run, run_id="run-2"),
        replace(run, noise=FixedNoise()),
    ):
        with pytest.raises(RunError, match="belongs to another run"):
            changed.kernel()


def test_two_processes_cannot_work_in_one_run_folder(run: Run) -> None:
    held = run.kernel()
    with pytest.raises(RunError, match="Another process"):
        run.kernel()
    held.close()
    run.kernel()


def test_rows_that_break_the_rule_release_nothing_and_draw_nothing(run: Run) -> None:
    kernel = run.kernel()
    double = Private(RowCells(np.zeros(2, dtype=np.int64), np.zeros((2, 1), dtype=np.int64)))
    with pytest.raises(PrivacyError, match="broke its contribution rule"):
        kernel.release(run.query("n_estimate", 1), lambda: double)
    assert list(run.evidence.iterdir()) == []
    assert run.account.total().mu2 == 0.0
    assert run.account.total().reserved_mu2 == pytest.approx(run.budget.mu2)
    assert run.count(kernel)


def test_the_private_folder_is_closed_and_the_evidence_is_open(run: Run) -> None:
    run.all(run.kernel())
    assert stat.S_IMODE((run.folder / "private").stat().st_mode) == 0o700
    for file in (run.folder / "private").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for file in run.evidence.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_neither_journal_nor_evidence_holds_a_string_of_one_unit_or_a_clean_count(run: Run) -> None:
    kernel = run.kernel()
    run.all(kernel)
    written = b"".join(p.read_bytes() for p in run.folder.rglob("*") if p.is_file())
    assert b"a secret of one" not in written
    journal = (run.folder / "private" / "journal.jsonl").read_text(encoding="utf-8")
    hashes_out = re.sub(r"[0-9a-f]{32,}", "", journal)  # a hash may hold any three digits by chance
    assert "300" not in hashes_out


REST = b'"schema":"rpsg-evidence/2","seq":0,"stage":"s"'
DRAW = b'"draw":"dddddddddddddddddddddddddddddddd",'


def evidence_of(run: Run, seq: int) -> Path:
    return run.evidence / f"release-{seq:03d}.json"


def finished(run: Run) -> None:
    kernel = run.kernel()
    run.all(kernel)
    kernel.close()


def test_lost_evidence_is_not_drawn_again(run: Run) -> None:
    finished(run)
    evidence_of(run, 0).unlink()
    with pytest.raises(RunError, match="a second release"):
        run.count(run.kernel())


def test_changed_evidence_is_refused(run: Run) -> None:
    finished(run)
    body = json.loads(evidence_of(run, 0).read_text())
    body["values"][0] += 1
    evidence_of(run, 0).write_text(json.dumps(body, sort_keys=True, separators=(",", ":")) + "\n")
    with pytest.raises(RunError, match="was changed"):
        run.count(run.kernel())


def test_evidence_planted_before_the_draw_is_refused(run: Run) -> None:
    kernel = run.kernel()
    planted = Evidence(run.budget.sha256(), 0, "n_estimate", "d" * 32, values=(1,))
    evidence_of(run, 0).write_bytes(planted.to_bytes())
    with pytest.raises(RunError, match="before it was drawn"):
        run.count(kernel)


def test_a_damaged_journal_is_refused_but_a_torn_last_line_is_not(run: Run) -> None:
    finished(run)
    journal = run.folder / "private" / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"event":"reser')
    run.kernel().close()
    assert journal.read_bytes() == whole
    journal.write_bytes(whole + b'{"event":"commit","seq":99,"sha256":"x"}\n')
    with pytest.raises(RunError, match="damaged"):
        run.kernel()
    journal.write_bytes(whole + b'{"event":"draw","seq":NaN}\n')
    with pytest.raises(RunError, match="damaged"):
        run.kernel()


def test_a_kernel_without_an_odometer_still_keeps_the_plan(run: Run) -> None:
    run.charged = False
    run.all(run.kernel())
    assert run.asked == 4


def test_a_kernel_that_is_closed_gives_back_what_it_has_not_drawn(run: Run, odometer: Odometer) -> None:
    kernel = run.kernel()
    run.count(kernel)
    drawn = run.budget.releases[0].mu2("add_remove")
    assert run.account.total().reserved_mu2 == pytest.approx(run.budget.mu2 - drawn)
    kernel.close()
    kernel.close()
    assert run.account.total().reserved_mu2 == 0.0
    assert odometer.statement("reviews").totals[0].mu2 == pytest.approx(drawn)


def test_an_answer_that_took_no_noise_is_not_released(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rpsg.privacy.kernel.noisy_histogram", lambda *_: np.zeros(1, np.int64))
    with pytest.raises(PrivacyError, match="without noise"):
        run.count(run.kernel())
    assert list(run.evidence.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"schema":"rpsg-evidence/2"}',
        b'{"plan_sha256":"x",' + REST + b',"values":[1]}\n',
        b'{"draw":"x","plan_sha256":"x",' + REST + b',"values":[1]}\n',
        b"{" + DRAW + b'"plan_sha256":"x",' + REST + b',"values":[1.5]}\n',
        b"{" + DRAW + b'"plan_sha256":"x",' + REST + b',"values":[true]}\n',
        b"{" + DRAW + b'"plan_sha256":"x",' + REST + b',"values":[NaN]}\n',
        b"{" + DRAW + b'"plan_sha256":"x",' + REST + b',"values":[99999999999999999999]}\n',
        b"{" + DRAW + b'"items":[["a"]],"plan_sha256":"x",' + REST + b"}\n",
        b"{" + DRAW + b'"plan_sha256":"x",' + REST + b',"values":[1],"values":[2]}\n',
        b"{" + DRAW + b'"note":1,"plan_sha256":"x",' + REST + b',"values":[1]}\n',
    ],
)
def test_evidence_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        parse_evidence(content)


def test_a_replay_gives_the_same_vectors_without_private_data(run: Run, release: Release) -> None:
    replay = ReplayKernel(release.evidence, release.ledger)
    kernel = run.kernel()
    assert run.all(replay) == run.all(kernel)
    assert run.asked == 4


def test_a_replay_refuses_other_questions_and_changed_evidence(run: Run, release: Release) -> None:
    with pytest.raises(RunError, match="did not release"):
        ReplayKernel(release.evidence, release.ledger).release(
            Query("other", "x", 1, "S1_unit_count", 1.0), pytest.fail
        )
    evidence_of(run, 0).write_bytes(evidence_of(run, 2).read_bytes())
    with pytest.raises(VerificationError):
        run.count(ReplayKernel(release.evidence, release.ledger))
    evidence_of(run, 0).unlink()
    with pytest.raises(VerificationError):
        run.count(ReplayKernel(release.evidence, release.ledger))


def test_kernel_and_replay_have_the_same_face() -> None:
    for name in ("release", "select"):
        assert callable(getattr(Kernel, name))
        assert callable(getattr(ReplayKernel, name))
