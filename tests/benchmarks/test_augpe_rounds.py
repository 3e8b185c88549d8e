"""The texts after each vote of AUG-PE: what the page says of them follows from the committed result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RESULT = json.loads((ROOT / "benchmarks" / "results" / "augpe-rounds.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "augpe.md").read_text(encoding="utf-8")
RUNS = {run["settings"]["iterations"]: run["rounds"] for run in RESULT["releases"]}
CLEAN = "without noise, of the same candidates"
EACH = [(votes, row) for votes, rounds in RUNS.items() for row in rounds[1:]]


def figures(values: dict[str, float]) -> str:
    shown = ("fid", "coverage", "word_distance", "sentiment_distance")
    return " | ".join(f"{values[name]:.3f}" for name in shown)


@pytest.mark.parametrize(("votes", "row"), EACH)
def test_the_page_has_the_figures_of_the_result(votes: int, row: dict[str, Any]) -> None:
    assert f"| T = {votes}, after vote {row['after']} | {figures(row['noisy'])} |" in PAGE
    assert f"| T = {votes}, vote {row['after']} without noise | {figures(row[CLEAN])} |" in PAGE


def test_it_has_those_of_random_and_real_texts() -> None:
    assert {figures(rounds[0]["noisy"]) for rounds in RUNS.values()} == {figures(RUNS[2][0]["noisy"])}
    assert f"| random texts | {figures(RUNS[2][0]['noisy'])} |" in PAGE
    assert f"| 30 real texts | {figures(RESULT['real'])} |" in PAGE


@pytest.mark.parametrize("votes", [2, 3])
def test_what_it_says_of_a_choice_without_noise_is_so(votes: int) -> None:
    first, *rest = RUNS[votes]
    distances = [row[CLEAN]["fid"] for row in rest]
    assert distances[0] < first["noisy"]["fid"]
    assert distances == sorted(distances), "less near after each vote"
    assert [row[CLEAN]["word_distance"] for row in rest] == sorted(
        row[CLEAN]["word_distance"] for row in rest
    )
    assert all(row["noisy"]["fid"] > row[CLEAN]["fid"] for row in rest)
    assert all(row["noisy"]["fid"] > first["noisy"]["fid"] for row in rest)
