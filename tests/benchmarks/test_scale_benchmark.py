"""The benchmark of seconds and memory by size: its exponents, and the tables in the document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import scale

    return scale


def test_exponents_are_slopes_of_stages_that_take_a_second(scale: ModuleType) -> None:
    sizes = {
        n: {
            "linear": {"cpu_seconds": n / 100},
            "quadratic": {"cpu_seconds": n**2 / 1000},
            "short": {"cpu_seconds": n / 10**6},
        }
        for n in (100, 400, 1600)
    }
    assert scale.exponents(sizes) == {"linear": 1.0, "quadratic": 2.0}


def test_the_tables_of_the_document_are_those_of_the_measurement(scale: ModuleType) -> None:
    kept = json.loads((ROOT / "benchmarks/results/scale.json").read_text("utf-8"))
    document = (ROOT / "docs/scale.md").read_text("utf-8")
    assert set(kept) == {"release", "evaluate", "private", "shard"}
    for found in kept.values():
        sizes = {int(size): row for size, row in found["sizes"].items()}
        assert scale.table(sizes) in document
        assert found["exponents"] == scale.exponents(sizes)
