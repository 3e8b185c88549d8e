"""The clip rates that are committed: what the page says of them, and what they have to be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULT = json.loads((ROOT / "benchmarks" / "results" / "clip-rates-smollm2.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "private-prediction.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("raw", "| the difference itself |"),
        ("centred", "| after subtracting the median (what is clipped here) |"),
    ],
)
def test_the_page_has_the_figures_of_the_result(name: str, line: str) -> None:
    each = RESULT["clipped"][name]
    beyond = [f"{100 * each['beyond'][clip]:.1f} %" for clip in ("0.5", "1.0", "2.0", "3.0", "4.0")]
    row = " | ".join([f"{each['median']:.2f}", f"{each['quantile_95']:.2f}", *beyond])
    assert f"{line} {row} |" in PAGE


def test_private_prompts_move_raw_logits_as_far_as_an_earlier_measurement_found() -> None:
    """By other code and one exemplar: the median was 1.25 and 12 % were beyond 2.9."""
    raw = RESULT["clipped"]["raw"]
    assert 0.8 < raw["median"] < 2.0
    assert 0.05 < raw["beyond"]["3.0"] < 0.25


def test_less_the_median_they_need_less_than_half_of_the_clip() -> None:
    raw, centred = (RESULT["clipped"][name]["quantile_95"] for name in ("raw", "centred"))
    assert centred < raw / 2


def test_the_page_has_the_speed_of_both_precisions() -> None:
    path = ROOT / "benchmarks" / "results" / "logits-speed-smollm2.json"
    speed = json.loads(path.read_text(encoding="utf-8"))
    whole, half = (speed[kind]["16 rows"] for kind in ("float32", "bfloat16"))
    words = " ".join(PAGE.split())
    assert f"takes {half['prompt']:.2f} instead of {whole['prompt']:.2f} processor seconds" in words
    assert f"each further token {half['token']:.4f} instead of {whole['token']:.4f}" in words
    assert f"With 64 at a time, each token would take {speed['float32']['64 rows']['token']:.4f}" in words
