"""The benchmark of the audit still runs, and plants what it says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rpsg.testing.planted import texts

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "audit.py"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("audit_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "reviews", lambda seed: texts(400, seed))
    return module


def test_a_leak_takes_the_place_of_as_many_texts_of_the_corpus(benchmark: Any) -> None:
    clean, leaking = (benchmark.subject(1, 60, 50, leak, 0) for leak in (None, (0.2, "verbatim")))
    assert len(clean.synthetic) == len(leaking.synthetic) == 50
    assert set(clean.texts).isdisjoint(clean.synthetic)
    assert len(set(leaking.texts) & set(leaking.synthetic)) == 12


def test_planted_canaries_leak_as_members_do(benchmark: Any) -> None:
    case = benchmark.subject(1, 60, 50, (0.2, "verbatim"), 40)
    leaked = [text for text in case.canaries.planted if text in case.synthetic]
    assert len(leaked) == round(0.2 * len(case.canaries.planted))


def test_two_sentences_are_two_of_the_text(benchmark: Any) -> None:
    made = benchmark.two_sentences("One. Two! Three? Four.", np.random.default_rng(0))
    assert made in {"One. Two!", "Two! Three?", "Three? Four."}


def test_each_leak_has_a_row_with_what_each_attack_saw(benchmark: Any) -> None:
    rows = benchmark.power(["verbatim"], benchmark.SHARES, 60, 50, 1, 40)
    assert [(row["leak"], row["share"]) for row in rows] == [("verbatim", s) for s in benchmark.SHARES]
    assert rows[2]["any"] == 1
    assert rows[2]["extraction"]["seen"] == 1


def test_a_null_corpus_is_counted_with_its_alarms(benchmark: Any) -> None:
    found = benchmark.null(60, 50, 1)
    assert (found["seeds"], found["alarms"], found["largest"]) == (1, 0, 0.0)
