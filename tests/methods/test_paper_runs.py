"""The paper's method and split mode from the outside: what comes out, what it says, and that it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg import api

if TYPE_CHECKING:
    from tests.conftest import Lab


def test_a_paper_run_is_whole_and_verifies(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(60)), method={"name": "paper"}))
    assert len(run.texts) == 18
    assert run.epsilon is None
    assert api.verify(run.path).ok


def test_a_split_run_is_whole_and_verifies(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(400)), method={"name": "split"}))
    assert len(run.texts) == 20
    assert api.verify(run.path).ok
