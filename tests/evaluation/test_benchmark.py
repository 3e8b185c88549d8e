"""The benchmark of the metrics still runs, on sizes that take no time."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.weights  # its words are those of public reviews

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "evaluation.py"
SMALL = ["--texts=40", "--real-texts=60", "--words=12", "--nltk-texts=3", "--repeats=1", "--embedder=fake"]


def run(*more: str) -> str:
    command = [sys.executable, "-W", "error", str(BENCHMARK), *SMALL, *more]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def script() -> Any:
    spec = spec_from_file_location("evaluation_benchmark", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_self_bleu_is_timed_beside_nltk_and_equal_to_it() -> None:
    found = json.loads(run("--floor", "--json"))
    assert found["aim"] == script().AIM_RATIO
    assert found["figures"]["self_bleu"]["texts"] == 40
    assert found["figures"]["self_bleu"]["largest_difference"] < 1e-9
    assert sorted(found["figures"]["evaluation"]["rows"]) == ["ceiling", "corpus", "floor", "real"]


def test_self_bleu_of_three_hundred_texts_is_over_fifty_times_as_fast_as_nltk() -> None:
    """Some five hundred times on a free core; NLTK's part grows with the square of the texts."""
    rng = random.Random(0)
    words = [f"w{int(rng.paretovariate(1.1))}" for _ in range(9000)]
    texts = [" ".join(rng.choices(words, k=30)) for _ in range(300)]
    found = script().self_bleu(texts, sample=10, repeats=5)
    assert found["nltk_to_ours"] > script().AIM_RATIO >= 50
    assert found["largest_difference"] < 1e-9


def test_without_json_it_prints_its_lines_and_the_aims_of_the_script() -> None:
    lines, its = run().splitlines(), script()
    aims = [
        f"aim: {its.AIM_RATIO} times, difference below 1e-9",
        f"aim: {its.AIM_SECONDS} s, {its.AIM_GIB} GiB",
    ]
    assert [line for line in lines if line.startswith("aim: ")] == aims
    assert [line.split(maxsplit=1)[0] for line in lines[::2]] == ["self-BLEU", "all", "slowest:"]
