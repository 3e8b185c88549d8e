"""With its vault and its data a run is held against its ledger: the rows, the draws, and the noise itself."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg import api
from rpsg.errors import RunError, UsageError
from rpsg.pipeline import execute as running
from rpsg.pipeline.verification.opening import COMMITMENT, DRAWS, REPEATED, open_run
from rpsg.privacy.noise import RoundedGaussian

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.privacy.verify import Check

STRICT = {
    "privacy": {"epsilon": 8.0, "shares": {"keyphrases": 0.2, "cards": 0.2}},
    "data": {"label": "label"},
}
VOTES = {"method": {"select": "votes", "rounds": 2}, "privacy": {"epsilon": 8.0}}
PASSAGES = {
    "data": {"label": "label", "labels": ["food", "drink"], "passage_words": 4},
    "privacy": {"epsilon": 8.0, "max_records_per_user": 3},
}
SPLIT = {"method": {"name": "split", "rounds": 2}, "privacy": {"epsilon": 8.0}}


def finished(lab: Lab, **sections: Any) -> Path:
    return api.run(lab.plan(lab.file(lab.rows(500)), **sections), lab.folder / "run").path


def failed(checks: list[Check]) -> list[str]:
    return [check.name for check in checks if not check.ok]


@pytest.mark.parametrize(
    "sections", [STRICT, VOTES, PASSAGES, SPLIT], ids=["strict", "votes", "passages", "split"]
)
def test_an_honest_run_opens(lab: Lab, sections: dict[str, Any]) -> None:
    run = finished(lab, **sections)
    checks = open_run(run)
    assert failed(checks) == [], [check.detail for check in checks]
    noise = [check.name for check in checks if check.name.startswith("noisy minus exact")]
    stages = [
        r["stage"] for r in json.loads((run / "release/ledger.json").read_text())["stage_plan"]["releases"]
    ]
    assert [name.rpartition(": ")[2] for name in noise] == stages
    assert api.verify(run, with_vault=True).ok


def test_a_run_without_mechanisms_opens_its_commitment(lab: Lab) -> None:
    checks = open_run(finished(lab, method={"name": "paper"}, corpus={"size": 8, "domain": str(lab.pack)}))
    assert [(check.name, check.ok) for check in checks] == [(COMMITMENT, True)]


def test_data_that_moved_are_named_and_other_data_do_not_open(lab: Lab) -> None:
    run = finished(lab)
    moved = (lab.folder / "data.jsonl").rename(lab.folder / "elsewhere.jsonl")
    assert failed(open_run(run, moved)) == []
    assert failed(open_run(run, lab.file(lab.rows(499), "fewer.jsonl"))) == [COMMITMENT]


class Scaled(RoundedGaussian):
    """Noise that is not of the size that it says."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def draw(self, sigma: float, size: int) -> Any:
        if self.factor == 0.0:
            return np.zeros(size, np.int64)
        return super().draw(self.factor * sigma, size)


@pytest.mark.parametrize("factor", [0.0, 0.3, 3.0])
def test_noise_of_another_size_than_the_ledger_says_is_found(lab: Lab, factor: float) -> None:
    plan = lab.plan(lab.file(lab.rows(500)))
    run = running.execute(plan, lab.folder / "run", noise=Scaled(factor)).path
    assert any(name.startswith("noisy minus exact") for name in failed(open_run(run)))


def test_noise_with_a_drift_is_found(lab: Lab) -> None:
    class Drifting(RoundedGaussian):
        def draw(self, sigma: float, size: int) -> Any:
            return super().draw(sigma, size) + int(2 * sigma)

    run = running.execute(lab.plan(lab.file(lab.rows(500))), lab.folder / "run", noise=Drifting()).path
    assert any(name.startswith("noisy minus exact") for name in failed(open_run(run)))


def test_a_draw_that_the_folder_does_not_know_is_found_in_the_book(lab: Lab) -> None:
    """The folder was rolled back, and noise drawn again: the book remembers."""
    run = finished(lab)
    assert failed(open_run(run)) == []
    journal = run / "private" / "releases.jsonl"
    lines = journal.read_text().splitlines()
    seq = next(json.loads(line) for line in lines if '"draw"' in line and '"event":"draw"' in line)
    other = [line.replace(seq["draw"], "0" * 32) for line in lines]
    journal.write_text("\n".join(other) + "\n")
    checks = {check.name: check for check in open_run(run)}
    assert not checks[DRAWS].ok
    assert "account book" in checks[DRAWS].detail


def test_evidence_that_was_put_in_its_place_is_found(lab: Lab) -> None:
    run = finished(lab)
    file = run / "evidence" / "release-000.json"
    body = json.loads(file.read_text())
    body["values"][0] += 1
    file.write_text(json.dumps(body, sort_keys=True, separators=(",", ":")) + "\n")
    assert set(failed(open_run(run))) >= {DRAWS, REPEATED}


def test_only_a_run_folder_can_be_opened(lab: Lab) -> None:
    run = finished(lab)
    with pytest.raises(UsageError, match="not a run folder"):
        open_run(run / "release")


def test_without_its_key_nothing_is_opened(lab: Lab, tmp_path: Path) -> None:
    run = shutil.copytree(finished(lab), tmp_path / "copy")
    (run / "private" / "vault.json").unlink()
    with pytest.raises(RunError):
        open_run(run)


def test_nothing_of_it_is_written_down(lab: Lab) -> None:
    run = finished(lab)
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    open_run(run)
    assert {file: file.read_bytes() for file in run.rglob("*") if file.is_file()} == before
