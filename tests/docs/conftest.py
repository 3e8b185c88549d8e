from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own, where the embedder needs no weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RPSG_MODELS__EMBEDDER", "fake")
    return tmp_path
