"""The plans of our comparisons hold together, and their page is written from committed results."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.compare.conftest import comparison, outcome

from rpsg.compare import forecast, read_matrix
from rpsg.compare.cells import cells_of, problem_of
from rpsg.compare.outcome import read_comparison
from rpsg.domains import find_pack
from rpsg.methods.named import budget_of

if TYPE_CHECKING:
    from rpsg.compare.cells import Cell

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = BENCHMARKS / "comparison.py"
FILES = {
    "compare_quick": {},
    "compare_published": {},
    "compare_audit": {},
    "compare_full": {"abstracts": "abstracts.csv", "posts": "posts.jsonl"},
    "compare_sweep": {"posts": "posts.jsonl"},
    "compare_people": {},
    "compare_dpsgd": {},
    "compare_sets": {"abstracts": "abstracts.csv", "posts": "posts.jsonl"},
}


@cache
def all_cells(name: str) -> list[Cell]:
    return cells_of(read_matrix(BENCHMARKS / f"{name}.toml", FILES[name]))


def asked(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *words], check=False, capture_output=True, text=True)


@pytest.mark.parametrize("name", FILES)
def test_each_plan_holds_together_and_all_its_texts_are_public(name: str) -> None:
    matrix = read_matrix(BENCHMARKS / f"{name}.toml", FILES[name])
    assert not matrix.is_internal
    cells = all_cells(name)
    assert sum(not cell.not_run for cell in cells) >= 8
    assert all(cell.reason for cell in cells if cell.not_run)


def test_the_full_plan_has_what_it_promises() -> None:
    matrix = read_matrix(BENCHMARKS / "compare_full.toml", FILES["compare_full"])
    assert len(matrix.data) == 3
    assert matrix.epsilon == (1.0, 2.0, 4.0, float("inf"))
    assert matrix.people == (300, 4000)
    assert len(matrix.writers) == 2
    assert len(matrix.seeds) >= 3


def test_the_full_plan_has_all_baselines_and_none_of_its_cells_is_refused_by_its_method() -> None:
    cells = all_cells("compare_full")
    runs = [cell for cell in cells if cell.plan is not None and not cell.not_run and cell.key.seed == 0]
    assert {cell.key.method for cell in runs} >= {
        *("floor", "strict", "strict by votes", "augpe", "dpsgd", "split", "paper"),
        *("rupta", "private-prediction"),
    }
    baselines = [cell for cell in runs if cell.key.method in {"rupta", "private-prediction"}]
    assert [problem for cell in baselines if (problem := problem_of(cell))] == []


def test_the_audits_are_a_plan_of_their_own_since_they_hold_half_of_the_people_out() -> None:
    audits = read_matrix(BENCHMARKS / "compare_audit.toml")
    assert audits.audit.holdout == 0.5
    assert audits.people == (600,)
    assert read_matrix(BENCHMARKS / "compare_full.toml").audit.holdout == 0


def test_the_efficiency_figure_has_augpe_at_the_epsilon_that_it_is_shown_with() -> None:
    cells = all_cells("compare_sweep")
    runs = [cell for cell in cells if not cell.not_run]
    augpe = [cell for cell in runs if cell.key.method == "augpe"]
    assert [(cell.key.epsilon, cell.key.size) for cell in augpe] == [(29.0, 50)]
    (plan,) = [cell.plan for cell in augpe]
    assert plan is not None
    budget = budget_of(plan, find_pack(plan.corpus.domain))
    assert budget is not None
    assert {round(release.sigma, 2) for release in budget.releases} == {0.74}
    alike = [cell.key for cell in runs if (cell.key.size, cell.key.temperature) == (50, 0.8)]
    assert {key.method for key in alike if key.epsilon in {None, 29.0}} == {
        *("floor", "paper", "strict", "augpe")
    }
    assert not [cell for cell in cells if cell.not_run == "not supported"]


def test_the_quick_plan_ends_within_half_an_hour_at_the_rate_that_was_measured() -> None:
    """The committed run, with one more method, took 1,833 seconds; its forecast had been 873,713 tokens."""
    said = " ".join((BENCHMARKS / "compare_quick.toml").read_text(encoding="utf-8").replace("#", " ").split())
    assert "30 minutes and 33 seconds" in said
    assert "forecast of 873,713 tokens" in said
    found = forecast(read_matrix(BENCHMARKS / "compare_quick.toml"))
    assert found.tokens * 1833 / 873_713 < 27 * 60  # a margin of a tenth
    assert len({cell.key.seed for cell in found.cells}) == 3


@pytest.mark.parametrize("name", ["quick", "published", "speed", "writers"])
def test_what_a_plan_shows_was_measured_in_its_result(name: str) -> None:
    shown = read_matrix(BENCHMARKS / f"compare_{name}.toml").headline
    assert set(shown) <= set(read_comparison(BENCHMARKS / "results" / f"compare-{name}.json").metrics)


def test_the_page_is_that_of_the_committed_results() -> None:
    assert asked("--check").returncode == 0, "run: python benchmarks/comparison.py"


def test_a_page_says_in_its_first_lines_who_wins_where(tmp_path: Path) -> None:
    kept = tmp_path / "benchmarks" / "results"
    kept.mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (kept.parent / "comparison.py").write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    found = comparison(
        outcome("floor", 0.5, reads="nothing"),
        outcome("strict", 1.0),
        outcome("theirs", 2.0),
        outcome("third", state="failed", reason="It failed."),
    )
    result = tmp_path / "comparison.json"
    result.write_text(found.to_json(), encoding="utf-8")
    command = [sys.executable, str(kept.parent / "comparison.py")]
    (kept / "compare-mine.md").write_text("It is only luck.\n", encoding="utf-8")
    subprocess.run([*command, "--add", str(result), "--name", "mine"], check=True)
    page = (tmp_path / "docs" / "comparison.md").read_text(encoding="utf-8")
    first = page.splitlines()[5:30]
    assert first[0].startswith("**Who wins where.**")
    setting = "| reviews, a writer, 300 people, 100 texts, ε = 2"
    assert f"{setting} | theirs | 1 | 0 | not counted |" in first
    assert f"{setting} | floor | 0 | 1 | not counted |" in first
    assert f"**{found.title}:**" in first
    assert "- reviews, a writer, 300 people, 100 texts, ε = 2:" in first
    assert any("strict is better than theirs in FID; theirs is better in none." in line for line in first)
    assert any("better than floor (no private data) in no metric; floor is better" in line for line in first)
    assert "  - Not compared: third: failed (It failed.)" in first
    assert "| strict |" in page
    assert "It is only luck." in page
    assert "It failed." in page


def test_the_committed_page_says_who_wins_before_anything_else() -> None:
    page = (BENCHMARKS.parent / "docs" / "comparison.md").read_text(encoding="utf-8")
    first = page.partition("\n## ")[0]
    assert "strict is better than augpe in self BLEU and two sample AUC by more than chance" in first
    assert "augpe takes 8.0 times as many tokens as strict." in first
    assert "With one seed nobody can tell how much of this is chance." in first
    assert "Not counted: FID, MAUVE, coverage" in first
    assert "nothing to compare" not in page


def test_the_page_shows_the_metrics_that_the_plan_names_now(tmp_path: Path) -> None:
    kept = tmp_path / "benchmarks" / "results"
    kept.mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (kept.parent / "comparison.py").write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    result, plan = tmp_path / "comparison.json", kept.parent / "compare_mine.toml"
    found = comparison(outcome("ours", 1.0, mauve=0.5), outcome("theirs", 2.0, mauve=0.6))
    result.write_text(found.to_json(), encoding="utf-8")
    plan.write_text(
        'title = "Mine"\nmethods = ["strict"]\nheadline = ["mauve"]\n[[data]]\nname = "reviews"\n',
        encoding="utf-8",
    )
    command = [sys.executable, str(kept.parent / "comparison.py"), "--add", str(result), "--name", "mine"]
    subprocess.run(command, check=True)
    page = (tmp_path / "docs" / "comparison.md").read_text(encoding="utf-8")
    assert "MAUVE" in page
    assert "FID" not in page


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
