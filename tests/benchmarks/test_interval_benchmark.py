"""The benchmark of intervals draws what it says, and prints a width for each metric that has one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("other", [False, True])
def test_corpus_and_real_texts_share_none(monkeypatch: pytest.MonkeyPatch, *, other: bool) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from intervals import CORPUS, REAL, draws

    texts = ["word " * (1 + i % 50) for i in range(600)]
    short = 0
    for corpus, real in draws(texts, 3, other=other):
        assert (len(corpus), len(real)) == (CORPUS, REAL)
        assert not np.intersect1d(corpus, real).size
        short += sum(len(texts[i].split()) <= 25 for i in corpus)
    assert (short / (3 * CORPUS) > 0.8) == other


@pytest.mark.weights
def test_it_prints_a_width_and_a_share() -> None:
    command = [sys.executable, "-W", "error", str(BENCHMARKS / "intervals.py"), "--draws=4"]
    shown = subprocess.run(
        [*command, "--metrics=length_mean,self_bleu", "--embedder=fake"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "| `length_mean` | " in shown
    assert "| `self_bleu` | " in shown


@pytest.mark.weights
def test_false_copies_of_whole_reviews_are_rare() -> None:
    command = [sys.executable, "-W", "error", str(BENCHMARKS / "false_copies.py")]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found, _, of = shown.splitlines()[0].removeprefix("whole reviews: ").split()
    assert int(found) <= int(of) / 1000
