"""Tickets with three columns beside the text, and a run of them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from rpsg import api

if TYPE_CHECKING:
    from tests.conftest import Lab

    from rpsg.release.run import Run

COLUMNS = {"priority": ["low", "normal", "high"], "product": ["router", "app"], "opened": "2025-Q1..2025-Q4"}
VALUES = {
    "priority": ("low", "normal", "high"),
    "product": ("router", "app"),
    "opened": ("2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4"),
}


def tickets(lab: Lab, count: int = 400) -> list[dict[str, Any]]:
    """A router is urgent and an app is not; most tickets are of the first quarter."""
    rng, rows = random.Random(7), lab.rows(count)
    for row in rows:
        row["product"] = rng.choice(["router", "app"])
        row["priority"] = rng.choice(
            ["high", "high", "normal"] if row["product"] == "router" else ["low", "normal"]
        )
        month = rng.choice([1, 2, 3, 1, 2, 3, 5, 8])
        row["opened"] = f"2025-{month:02}-{rng.randint(1, 28):02}T09:30:00"
    return rows


@pytest.fixture
def run(lab: Lab) -> Run:
    plan = lab.plan(lab.file(tickets(lab)), data={"columns": COLUMNS}, corpus={"size": 40})
    return api.run(plan, lab.folder / "run")
