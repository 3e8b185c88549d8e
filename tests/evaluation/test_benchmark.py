"""The benchmark of the metrics still runs, on sizes that take no time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.weights  # its words are those of public reviews

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "evaluation.py"
SMALL = ["--texts=40", "--real-texts=60", "--words=12", "--nltk-texts=3", "--repeats=1", "--embedder=fake"]


def run(*more: str) -> str:
    command = [sys.executable, "-W", "error", str(BENCHMARK), *SMALL, *more]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_self_bleu_is_timed_beside_nltk_and_equal_to_it() -> None:
    found = json.loads(run("--floor", "--json"))["figures"]
    assert found["self_bleu"]["largest_difference"] < 1e-9
    assert found["self_bleu"]["nltk_to_ours"] > 0
    assert sorted(found["evaluation"]["rows"]) == ["ceiling", "corpus", "floor", "real"]


def test_without_json_it_prints_lines_and_its_aims() -> None:
    assert run().count("aim: ") == 2
