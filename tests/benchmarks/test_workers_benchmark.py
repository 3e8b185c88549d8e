"""The benchmark of Ray workers writes its results to a file, from which the table of docs/ray.md is made."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "workers.py"


@pytest.fixture
def workers() -> Any:
    spec = importlib.util.spec_from_file_location("workers_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_results_of_several_writers_are_in_one_file_and_the_share_is_that_of_the_medians(
    workers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "workers.json"
    taken = iter([8.0, 5.0, 9.0, 4.0, 70.0, 50.0, 20.0, 20.0])
    monkeypatch.setattr(workers, "measured", lambda *_: next(taken))
    monkeypatch.setattr(workers, "version", lambda _: "2.60.0")
    more: list[Any] = ["--out", str(out)]
    workers.main(["--repeats", "3", "--milliseconds", "20", *more])
    workers.main(["--repeats", "1", "--writer", "smollm2-135m", *more])
    kept = json.loads(out.read_text())
    assert kept["busy"]["seconds"] == {"1": [8.0, 9.0, 70.0], "2": [5.0, 4.0, 50.0]}
    assert kept["busy"]["versions"]["ray"] == "2.60.0"
    capsys.readouterr()
    workers.main(["--show", str(out)])
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| 20 ms of one core for each text | 1 | 9.0 | 1.00 |",
        "| 20 ms of one core for each text | 2 | 5.0 | 0.90 |",
        "| smollm2-135m | 1 | 20.0 | 1.00 |",
        "| smollm2-135m | 2 | 20.0 | 0.50 |",
    ]
