"""The script that compares a release's columns with those of its tickets counts what it says."""

from __future__ import annotations

import runpy
from pathlib import Path

from rpsg.release.coverage import Noisy, Together

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "tickets.py"))


def test_counts_shares_and_distances_are_those_of_the_rows() -> None:
    tickets = [{"product": "app", "priority": "low"}] * 30 + [{"product": "router", "priority": "high"}] * 10
    rows = (
        ("low", "app", Noisy(25, 2.0), 3),
        ("high", "router", Noisy(11, 2.0), 1),
        ("high", "app", Noisy(-4, 2.0), 1),
    )
    found = SCRIPT["measured"](Together(("priority", "product"), rows), tickets)
    assert [row["private"] for row in found["rows"]] == [30, 10, 0]
    assert found["within_noise"] == 1
    assert found["noise_of_a_share"] == 0.05
    assert found["largest_difference"] == 4.0  # 0.2 of the texts, and no ticket, have the last pair
    assert found["distance_of_texts"] == 0.2
    assert found["distance_of_noisy_counts"] == 0.06  # a count below 0 is taken as 0
    assert "| high, router | 10 (25 %) | 11 | 1 (20 %) |" in SCRIPT["table"](found)
