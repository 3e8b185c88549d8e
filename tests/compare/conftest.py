"""Comparisons of invented texts, with models that need no weights."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.compare.keys import CellKey
from rpsg.compare.matrix import Matrix, read_matrix
from rpsg.compare.outcome import CellOutcome, Comparison
from rpsg.evaluation.data import CEILING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.conftest import Lab

Make = "Callable[..., Matrix]"
METRICS = ("fid", "word_distance", "length_mean")


def toml(value: Any) -> str:
    """A value as TOML, tables inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return "inf" if isinstance(value, float) and math.isinf(value) else json.dumps(value)


def written(file: Path, settings: Mapping[str, Any]) -> Path:
    """The settings as a file of a comparison."""
    file.write_text("".join(f"{key} = {toml(value)}\n" for key, value in settings.items()), encoding="utf-8")
    return file


def small(lab: Lab, **changes: Any) -> dict[str, Any]:
    """Strict at one epsilon, one seed, 12 texts from 150 invented people, with fakes."""
    data = lab.file(lab.rows(200)) if "data" not in changes else None
    return {
        "title": "A small comparison",
        "methods": ["strict"],
        "writers": ["fake"],
        "epsilon": [4],
        "people": [150],
        "sizes": [12],
        "settings": {"corpus": {"domain": str(lab.pack)}, "models": {"embedder": "fake"}},
        "data": [
            {
                "name": "invented",
                "path": str(data),
                "public": True,
                "held_out": 40,
                "settings": {"data": {"user": "user"}},
            }
        ],
        "evaluation": {"metrics": METRICS, "embedder": "fake"},
        **changes,
    }


@pytest.fixture
def matrix_file(lab: Lab) -> Callable[..., Path]:
    """Writes the file of a small comparison, with changes."""
    return lambda **changes: written(lab.folder / "compare.toml", small(lab, **changes))


@pytest.fixture
def matrix(matrix_file: Callable[..., Path]) -> Callable[..., Matrix]:
    """A small comparison, with changes."""
    return lambda **changes: read_matrix(matrix_file(**changes))


def outcome(
    method: str,
    value: float | None = None,
    *,
    tokens: int | None = None,
    seed: int = 0,
    epsilon: float | None = 2.0,
    size: int = 100,
    texts: int | None = None,
    state: str = "done",
    reads: str = "noisy_answers",
    family: str = "",
    temperature: float | None = None,
    reason: str = "",
    reach: float | None = None,
    **metrics: float,
) -> CellOutcome:
    """An invented cell, with the metric "fid" and others by name; ``reach`` is half of their intervals."""
    values = {"fid": value, **metrics}
    bound = reads == "noisy_answers" and epsilon is not None and math.isfinite(epsilon)
    claim = {
        "type": "end_to_end_dp" if bound else "no_formal_guarantee",
        "epsilon": epsilon if bound else None,
        "delta": 1e-6 if bound else None,
    }
    figures = {
        "texts": size if texts is None else texts,
        "measured": size,
        "metrics": {
            name: {
                "value": each,
                "interval": _interval(each, reach),
                "higher_is_better": name != "fid",
                "reason": "",
            }
            for name, each in values.items()
        },
        "made": {
            "claim": claim,
            "cost": {"tokens": tokens, "requests": 1},
            "seconds": None if tokens is None else tokens / 100,
            "peak_memory": 2**30,
            "plan_digest": "0" * 64,
        },
    }
    real = method == CEILING
    nobody = real or reads == "nothing"
    key = CellKey(
        "reviews",
        "" if real else "a writer",
        method,
        None if nobody else epsilon,
        None if nobody else 300,
        size,
        None if real else temperature,
        seed,
    )
    done = state == "done"
    return CellOutcome(
        f"{method}-{epsilon}-{size}-{seed}-{temperature}",
        key,
        family or method,
        "records" if real else reads,
        real,
        state,
        reason,
        figures if done else None,
    )


def _interval(value: float | None, reach: float | None) -> list[float] | None:
    return None if value is None or reach is None else [value - reach, value + reach]


def comparison(*cells: CellOutcome, title: str = "Invented", internal: bool = False) -> Comparison:
    """A comparison of these cells."""
    machine = {"processor": "a processor", "cores": 2, "system": "Linux", "memory": 2**33}
    settings = {"evaluation": {"metrics": [], "embedder": "fake", "language_model": "ngram"}}
    return Comparison(title, internal, machine, {"rpsg": "0"}, settings, cells)
