"""Opacus configures the root logger when it is imported; the log of a run is written once all the same."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from rpsg.models.transformers.clipped_gradients import import_opacus

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_package_that_configures_the_root_logger_leaves_it_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "opacus.py").write_text("import logging\nlogging.basicConfig(level=5, force=True)\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "opacus", None)  # so that what is imported here is forgotten afterwards
    del sys.modules["opacus"]
    root = logging.getLogger()
    before = root.handlers[:], root.level
    assert import_opacus().__file__ == str(tmp_path / "opacus.py")
    assert (root.handlers, root.level) == before
