"""A cell is published at the epsilon of its key, so its release must have been made at it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from tests.compare.cells import cell_of, run

from rpsg.compare.keys import CellKey
from rpsg.compare.measuring import refuse_claim
from rpsg.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Lab

    from rpsg.compare.matrix import Matrix


def refuse(epsilon: float | None, claim: dict[str, Any]) -> None:
    refuse_claim(CellKey("reviews", "a writer", "ours", epsilon, 300, 30, None, 0), claim)


@pytest.mark.parametrize(
    ("epsilon", "claim"),
    [
        (math.inf, {"epsilon": 2.0}),
        (math.inf, {"epsilon": None, "for_research": {"epsilon": 2.0}}),
        (2.0, {"epsilon": 8.0}),
        (2.0, {"epsilon": None, "for_research": {"epsilon": 2.5}}),
        (2.0, {"epsilon": None, "for_research": {"epsilon": None}}),
    ],
)
def test_a_release_made_at_another_epsilon_is_refused(epsilon: float, claim: dict[str, Any]) -> None:
    with pytest.raises(RunError, match="Not supported: this is the cell of epsilon"):
        refuse(epsilon, claim)


@pytest.mark.parametrize(
    ("epsilon", "claim"),
    [
        (2.0, {"epsilon": 2.0}),
        (2.0, {"epsilon": None, "for_research": {"epsilon": 1.999}}),
        (math.inf, {"epsilon": None, "for_research": {"epsilon": None}}),
        (None, {"epsilon": None}),
    ],
)
def test_a_release_made_at_the_epsilon_of_its_cell_is_kept(epsilon: float, claim: dict[str, Any]) -> None:
    refuse(epsilon, claim)


def test_a_cell_whose_release_claims_something_else_fails_and_is_not_published(
    matrix: Callable[..., Matrix], lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = {"type": "end_to_end_dp", "epsilon": 8.0, "delta": 1e-6, "status": "valid"}
    monkeypatch.setattr("rpsg.compare.cell_run.claim_of", lambda *_: claim)
    cell = cell_of(run(matrix(), lab), "strict")
    assert cell.state == "failed"
    assert "Not supported: this is the cell of epsilon 4, but its release was made at 8." in cell.reason
    assert cell.figures is None
