from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest
from tests.docs.ways import INSTALL
from tests.environments import new_environment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own, where the embedder needs no weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RPSG_MODELS__EMBEDDER", "fake")
    return tmp_path


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment in which the first line of the pages was typed.

    It is made once, by the worker that needs it first: it takes a quarter of a minute.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    environment, done = shared / "installed", shared / "installed.done"
    with (shared / "installed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            new_environment(environment, *INSTALL[2:])
            done.touch()
    return environment / "bin"
