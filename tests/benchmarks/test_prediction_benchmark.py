"""The small whole run of private prediction: what the page says of it follows from the committed result."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULT = json.loads(
    (ROOT / "benchmarks" / "results" / "prediction-food-reviews.json").read_text(encoding="utf-8")
)
PAGE = (ROOT / "docs" / "private-prediction.md").read_text(encoding="utf-8")
SHOWN = ("fid", "word_distance", "next_word_accuracy", "length_distance")


def test_the_page_shows_every_text_and_no_other() -> None:
    whole = PAGE[PAGE.index("**A whole run**") : PAGE.index("| 5 texts")]
    shown = [line.removeprefix("> ") for line in whole.splitlines() if line.startswith("> ")]
    assert shown == RESULT["texts"]
    assert f"C = {RESULT['clip']:.2f}, {RESULT['settings']['precision']}" in PAGE
    assert RESULT["verifies"]


def test_the_page_has_the_figures_of_the_result() -> None:
    ours, *others = (RESULT["quality"][side] for side in ("ours", "floor", "real"))
    assert "| private prediction | " + " | ".join(f"{ours[name]:.3f}" for name in SHOWN) + " |" in PAGE
    for side in others:
        row = " | ".join("{:.3f} ({:.3f} to {:.3f})".format(*side[name]) for name in SHOWN)
        assert f"mean of five draws, and range | {row} |" in PAGE


def test_it_loses_in_every_column_and_beyond_the_range_of_the_floor() -> None:
    ours, floor = RESULT["quality"]["ours"], RESULT["quality"]["floor"]
    for name in SHOWN:
        _, least, most = floor[name]
        assert ours[name] < least if name == "next_word_accuracy" else ours[name] > most, name


def test_what_the_page_says_of_the_audit_is_so() -> None:
    audit = RESULT["audit"]
    assert audit["verdict"] == "not run"
    values = [attack["auc"] for attack in audit["attacks"].values() if attack["auc"] is not None]
    assert f"between {min(values):.2f} and {max(values):.2f}" in " ".join(PAGE.split())
    assert {attack["verdict"] for attack in audit["attacks"].values()} == {"no violation seen", "not run"}
