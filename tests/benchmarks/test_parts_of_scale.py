"""The benchmarks beside ``scale.py`` run, on sizes that take little time, and say what they promise."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="scale.py writes Parquet: it needs the extra parquet")
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def told(name: str, *words: str) -> str:
    command = [sys.executable, "-W", "error", str(BENCHMARKS / f"{name}.py"), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_exponents_are_of_the_least_of_the_repetitions() -> None:
    said = told("exponents", "bound", "--sizes", "2000", "8000", "--repeats", "2")
    for each in (1, 10):
        (line,) = [
            line for line in said.splitlines() if line.startswith(f"bound rows, {each} for each person:")
        ]
        assert re.search(r"[\d.]+, [\d.]+ s, exponent -?[\d.]+", line)


def test_metrics_of_other_names_can_be_measured_too() -> None:
    words = ("evaluate", "--sizes", "40", "80", "--repeats", "1", "--metrics", "length_mean")
    assert "length_mean: " in told("exponents", *words)


@pytest.mark.slow
def test_an_answer_is_as_large_for_few_rows_as_for_many() -> None:
    rows = [
        line.split("|") for line in told("merge", "--shards", "2", "--rows", "80", "160").splitlines()[2:]
    ]
    assert [row[1].strip() for row in rows] == ["1", "2"]
    assert all(row[2] == row[3] for row in rows)


@pytest.mark.slow
def test_publishing_is_measured_step_by_step() -> None:
    said = told("publishing", "--texts", "600", "--oversample", "1.5")
    for step in ("write rows", "write evidence", "write words", "write release report"):
        assert f"| {step} |" in said
