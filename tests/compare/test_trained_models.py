"""A model that is trained with noise has its rows too: with an epsilon, without one, and without a claim."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from tests.methods.trained import Trained

from rpsg.compare.runner import compare
from rpsg.compare.tables import equal_epsilon
from rpsg.compare.token_tables import equal_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Lab

    from rpsg.compare.matrix import Matrix

pytest.importorskip("dp_accounting", reason="needs the extra dpsgd")


def test_a_trained_model_is_compared_at_its_epsilon_and_without_noise(
    matrix: Callable[..., Matrix], lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: Any = Trained()
    monkeypatch.setattr("rpsg.methods.dpsgd.make_trainer", lambda _: trained)
    entry = {
        "name": "dpsgd",
        "settings": {"dpsgd": {"steps": 2, "batch": 10}, "models": {"writer": "smollm2-135m"}},
        "infinite": {"dpsgd": {"noise_multiplier": 0.0}},
    }
    found = compare(matrix(methods=[entry, "strict"], epsilon=[2, math.inf]), lab.folder / "out", apart=False)
    at_two, without = equal_epsilon(found)
    row = next(row for row in at_two.rows if row.method == "dpsgd")
    assert row.claim == "none (for research: ε 2)"
    assert row.tokens is None, "its model is not asked through the store of calls"
    assert row.metric("fid") is not None
    free = next(row for row in without.rows if row.method == "dpsgd")
    assert free.claim == "none (for research: ε ∞)"
    assert [noise for _, noise in trained.trainings][1] == 0.0
    assert next(row for row in without.rows if row.method == "strict").states.keys() == {"not supported"}
    assert equal_tokens(found) == []
