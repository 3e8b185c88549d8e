"""Finished runs of every method for those who attack their releases; each test changes a copy of its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from rpsg import api

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.release.run import Run

METHODS: dict[str, dict[str, str]] = {
    **{name: {"name": name} for name in ("strict", "split", "paper", "floor", "augpe", "rupta")},
    "votes": {"name": "strict", "select": "votes"},
}


@pytest.fixture(scope="session")
def finished(lab_of: Callable[[Path], Lab], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """One run of each method, and of strict with votes, by built-in models without weights."""
    lab = lab_of(tmp_path_factory.mktemp("finished"))
    file = lab.file(lab.rows(400))
    data = {"label": "label", "labels": ["food", "drink"]}
    plans = {name: lab.plan(file, method=method, data=data) for name, method in METHODS.items()}
    return {name: api.run(plan, lab.folder / name) for name, plan in plans.items()}


@pytest.fixture
def release_of(finished: dict[str, Run], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of the release of a method, to be changed."""
    return lambda method: shutil.copytree(finished[method].release, tmp_path / "received")
