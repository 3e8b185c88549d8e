"""What a run with private seeds keeps for its operator, and a writer that fails in one place."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rpsg.models.fake import FakeWriter
from rpsg.storage.run_folder import open_vault

if TYPE_CHECKING:
    from rpsg.protocols import Reply, Request
    from rpsg.release.run import Run

MARKER = "ZQXMARKER"


def stages(run: Run) -> dict[str, dict[str, Any]]:
    """What each stage left on the shelf: its counts, by name."""
    vault = open_vault(run.path)
    names = sorted(file.name.removesuffix(".sealed") for file in (run.path / "private" / "stages").iterdir())
    return {name[3:].removesuffix(".json"): json.loads(vault.read(f"stages/{name}")) for name in names}


class SaysNothing(FakeWriter):
    """Answers every prompt in which ``about`` stands with nothing."""

    def __init__(self, about: str) -> None:
        super().__init__()
        self.about = about

    def _reply(self, request: Request) -> Reply:
        reply = super()._reply(request)
        return replace(reply, text="") if self.about in request.messages[-1].content else reply
