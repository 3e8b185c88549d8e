"""The plans of our comparisons hold together, and their page is written from committed results."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.compare.conftest import comparison, outcome

from rpsg.compare import forecast, read_matrix
from rpsg.compare.cells import cells_of

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = BENCHMARKS / "comparison.py"
FILES = {
    "compare_quick": {},
    "compare_full": {"abstracts": "abstracts.csv", "posts": "posts.jsonl"},
    "compare_sweep": {"posts": "posts.jsonl"},
    "compare_people": {},
    "compare_sets": {"abstracts": "abstracts.csv", "posts": "posts.jsonl"},
}


def asked(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *words], check=False, capture_output=True, text=True)


@pytest.mark.parametrize("name", FILES)
def test_each_plan_holds_together_and_all_its_texts_are_public(name: str) -> None:
    matrix = read_matrix(BENCHMARKS / f"{name}.toml", FILES[name])
    assert not matrix.is_internal
    cells = cells_of(matrix)
    assert sum(not cell.not_run for cell in cells) >= 8
    assert all(cell.reason for cell in cells if cell.not_run)


def test_the_full_plan_has_what_it_promises() -> None:
    matrix = read_matrix(BENCHMARKS / "compare_full.toml", FILES["compare_full"])
    assert len(matrix.data) == 3
    assert matrix.epsilon == (1.0, 2.0, 4.0, float("inf"))
    assert matrix.people == (300, 4000)
    assert len(matrix.writers) == 2
    assert len(matrix.seeds) >= 3


def test_the_quick_plan_is_small_enough_for_half_an_hour() -> None:
    found = forecast(read_matrix(BENCHMARKS / "compare_quick.toml"))
    assert found.requests < 1800
    assert len({cell.key.seed for cell in found.cells}) == 3


def test_the_page_is_that_of_the_committed_results() -> None:
    assert asked("--check").returncode == 0, "run: python benchmarks/comparison.py"


def test_a_page_says_in_its_first_lines_who_wins_where(tmp_path: Path) -> None:
    kept = tmp_path / "benchmarks" / "results"
    kept.mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (kept.parent / "comparison.py").write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    found = comparison(
        outcome("floor", 0.5, reads="nothing"),
        outcome("ours", 1.0),
        outcome("theirs", 2.0),
        outcome("third", state="failed", reason="It failed."),
    )
    result = tmp_path / "comparison.json"
    result.write_text(found.to_json(), encoding="utf-8")
    command = [sys.executable, str(kept.parent / "comparison.py")]
    (kept / "compare-mine.md").write_text("Ours is only luck.\n", encoding="utf-8")
    subprocess.run([*command, "--add", str(result), "--name", "mine"], check=True)
    page = (tmp_path / "docs" / "comparison.md").read_text(encoding="utf-8")
    first = page.splitlines()[5:12]
    assert f"**Who wins where** ({found.title}):" in first
    assert any("The best is ours on 1" in line for line in first)
    assert any("no better than the floor in: fid" in line for line in first)
    assert "| ours |" in page
    assert "Ours is only luck." in page
    assert "It failed." in page


def test_seconds_of_a_busy_machine_are_left_out(tmp_path: Path) -> None:
    kept = tmp_path / "benchmarks" / "results"
    kept.mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (kept.parent / "comparison.py").write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    body = json.loads(comparison(outcome("ours", 1.0), outcome("theirs", 2.0)).to_json())
    for cell in body["cells"]:
        cell["figures"].setdefault("made", {})["seconds"] = 60.0
    result, page = tmp_path / "comparison.json", tmp_path / "docs" / "comparison.md"
    result.write_text(json.dumps(body), encoding="utf-8")
    command = [sys.executable, str(kept.parent / "comparison.py"), "--add", str(result), "--name", "mine"]
    subprocess.run(command, check=True)
    assert "| seconds" in page.read_text(encoding="utf-8")
    subprocess.run([*command, "--busy"], check=True)
    assert "| seconds" not in page.read_text(encoding="utf-8")


def test_figures_of_private_texts_are_not_taken_in(tmp_path: Path) -> None:
    result = tmp_path / "comparison.json"
    result.write_text(comparison(outcome("ours", 1.0), internal=True).to_json(), encoding="utf-8")
    done = asked("--add", str(result), "--name", "secret")
    assert done.returncode == 1
    assert "may not be published" in done.stderr
    assert not (BENCHMARKS / "results" / "compare-secret.json").exists()
