from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.shards.work import Shards

from rpsg import registry
from rpsg.models.fake import FakeClassifier

if TYPE_CHECKING:
    from tests.conftest import Lab


@pytest.fixture
def shards(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Shards:
    """Runs that are counted in shards; the commands and ``rpsg verify`` use the same fake classifier."""
    monkeypatch.setattr(registry, "sentiment", lambda *_, **__: FakeClassifier())
    return Shards(lab)
