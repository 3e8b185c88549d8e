"""Libraries of model hubs look nothing up, until somebody asks for a download."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rpsg import hardening as silence

if TYPE_CHECKING:
    import pytest


def test_a_download_takes_back_what_was_set_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "set_by_us", set())
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # so that it is put back afterwards
    monkeypatch.delenv("HF_HUB_OFFLINE")
    silence.stay_offline()
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    silence.go_online()
    assert "HF_HUB_OFFLINE" not in os.environ


def test_what_a_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "set_by_us", set())
    for value in ("0", "1"):
        monkeypatch.setenv("HF_HUB_OFFLINE", value)
        silence.stay_offline()
        silence.go_online()
        assert os.environ["HF_HUB_OFFLINE"] == value
