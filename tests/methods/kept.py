"""What a run with private seeds keeps for its operator, and a writer that fails in one place."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rpsg.models.fake import FakeWriter

if TYPE_CHECKING:
    from rpsg.protocols import Reply, Request
    from rpsg.results import Run

MARKER = "ZQXMARKER"


def stages(run: Run) -> dict[str, dict[str, Any]]:
    """What each stage left on the shelf: its counts, by name."""
    files = sorted((run.path / "private" / "stages").iterdir())
    return {file.stem[3:]: json.loads(file.read_bytes()) for file in files}


class SaysNothing(FakeWriter):
    """Answers every prompt in which ``about`` stands with nothing."""

    def __init__(self, about: str) -> None:
        super().__init__()
        self.about = about

    def _reply(self, request: Request) -> Reply:
        reply = super()._reply(request)
        return replace(reply, text="") if self.about in request.messages[-1].content else reply
