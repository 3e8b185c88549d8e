"""Only the laws need pytest; without it they say what to type."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest


def test_without_pytest_the_laws_say_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("rpsg.testing.laws")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(ImportError, match="pip install pytest"):
        import_module("rpsg.testing.laws")
    assert import_module("rpsg.testing").FakeWriter
    assert import_module("rpsg.testing.lab").Lab
