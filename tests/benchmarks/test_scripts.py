"""The benchmark scripts still run, on sizes that take no time, and say what they promise."""

from __future__ import annotations

import importlib.util
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = {
    "votes": ["--rows", "300", "--candidates", "20", "--dim", "8", "--repeats", "2"],
    "noise": ["--draws", "500", "--sigmas", "1", "3.5", "--opendp-draws", "0", "--repeats", "2"],
    "memory": ["--records", "700", "--candidates", "20", "--dim", "8", "--repeats", "2"],
}


def run(name: str, *more: str) -> str:
    command = [sys.executable, "-W", "error", str(BENCHMARKS / f"{name}.py"), *SMALL[name], *more]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def figures(name: str, *more: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run(name, *more, "--json"))
    assert answer["aim"] > 0
    assert answer["settings"]["repeats"] == 2
    found: dict[str, Any] = answer["figures"]
    return found


def assert_spread(figure: dict[str, float]) -> None:
    assert 0 < figure["min"] <= figure["median"] <= figure["max"]


def test_votes_are_timed_beside_both_forms_of_the_product() -> None:
    found = figures("votes")
    for stage in ("nearest_candidates", "whole_stage"):
        for base in ("product_in_blocks", "product_in_one_go"):
            assert_spread(found[f"{stage}_to_{base}"])


def test_noise_is_timed_with_its_table_apart_and_together_for_each_sigma() -> None:
    found = figures("noise")
    assert set(found) == {"1", "3.5"}
    for its in found.values():
        assert set(its) == {"table_seconds", "draws_seconds", "together_seconds"}
        assert its["together_seconds"]["max"] >= its["draws_seconds"]["min"]


def test_opendp_is_measured_by_the_draw_where_it_is_installed() -> None:
    pytest.importorskip("opendp")
    found = figures("noise", "--opendp-draws", "50")
    assert_spread(found["1"]["opendp_to_ours_per_draw"])


@pytest.mark.parametrize("labels", ["0", "2"])
def test_memory_is_the_peak_of_a_process_that_ran_the_votes(labels: str, tmp_path: Path) -> None:
    found = figures("memory", "--labels", labels, "--folder", str(tmp_path))
    assert_spread(found["peak_gib"])
    assert found["peak_gib"]["min"] >= found["peak_gib_at_start"]["min"]
    assert not list(tmp_path.iterdir()), "the embeddings of the benchmark are still on the disk"


@pytest.mark.parametrize("name", list(SMALL))
def test_without_json_a_benchmark_prints_lines_and_its_aim(name: str) -> None:
    assert "aim: " in run(name)


def test_a_lost_vote_stops_the_memory_benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("memory_benchmark", BENCHMARKS / "memory.py")
    assert spec is not None
    assert spec.loader is not None
    memory = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(memory)
    options = memory.parsed(SMALL["memory"])
    right = memory.count_votes
    monkeypatch.setattr(memory, "count_votes", lambda people, options: right(people, options)[1:])
    with pytest.raises(SystemExit, match="missing"):
        memory.one_run(options, tmp_path)


@pytest.mark.parametrize(
    ("result", "script", "page"),
    [
        ("quality-food-reviews", "quality", "benchmarks"),
        ("quality-films", "quality", "benchmarks"),
        ("metrics-food-reviews", "metrics", "evaluation"),
        ("metrics-abstracts", "metrics", "evaluation"),
        ("coherence", "coherence", "evaluation"),
        ("coherence-dialogues", "coherence", "evaluation"),
        ("coherence-sets", "coherence", "evaluation"),
        ("rounds", "rounds", "benchmarks"),
        ("people-1000-texts", "people", "benchmarks"),
        ("people-1000-temperature-1", "people", "benchmarks"),
        ("people-1000-both", "people", "benchmarks"),
        ("people-shares", "people", "benchmarks"),
        ("server-faults", "server", "servers"),
    ],
)
def test_a_documented_table_is_the_one_of_its_result_file(
    result: str, script: str, page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, as a script: a new one would import numpy and more again for each table."""
    kept, path = BENCHMARKS / "results" / f"{result}.json", BENCHMARKS / f"{script}.py"
    monkeypatch.setattr(sys, "argv", [str(path), "--show", str(kept)])
    monkeypatch.syspath_prepend(BENCHMARKS)
    runpy.run_path(str(path), run_name="__main__")
    shown = capsys.readouterr().out.strip()
    assert shown
    assert shown in (BENCHMARKS.parent / "docs" / f"{page}.md").read_text(encoding="utf-8")


def test_ways_of_asking_are_compared_on_the_same_cards() -> None:
    command = [sys.executable, str(BENCHMARKS / "prompts.py"), "--texts", "6", "--json"]
    fakes = ["--writer", "fake", "--embedder", "fake"]
    found = json.loads(subprocess.run([*command, *fakes], check=True, capture_output=True, text=True).stdout)
    assert len(found["figures"]) == 4
    for figures in found["figures"].values():
        assert figures["texts"] <= 6
        for kept in ("topic", "sentiment"):
            share, low, high = figures[kept]
            assert low <= share <= high


def test_metrics_are_told_to_put_floor_and_ceiling_in_order_or_not(tmp_path: Path) -> None:
    """On invented rows, with models that need no weights; real texts are not like the fake's."""
    rows = [{"text": f"{'hot tea ' * (i % 7 + 1)}and number {i}", "label": "ab"[i % 2]} for i in range(2200)]
    data, result = tmp_path / "rows.jsonl", tmp_path / "result.json"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    script = str(BENCHMARKS / "metrics.py")
    small = ["--size", "20", "--epsilon", "8", "--people", "2000", "--held-out", "100"]
    fakes = ["--writer", "fake", "--embedder", "fake"]
    command = [sys.executable, script, "--data", str(data), *small, *fakes, "--out", str(result)]
    table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = {line.split("`")[1]: line for line in table.splitlines() if "`" in line}
    assert lines["word_distance"].endswith("| yes |")
    assert lines["attribute_coverage"].endswith("|  |"), "there is no ceiling for it"
    again = subprocess.run([sys.executable, script, "--show", str(result)], check=True, capture_output=True)
    assert again.stdout.decode() == table
    assert str(tmp_path) not in result.read_text()
