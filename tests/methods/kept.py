"""What a run with private seeds keeps for its operator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rpsg.results import Run

MARKER = "ZQXMARKER"


def stages(run: Run) -> dict[str, dict[str, Any]]:
    """What each stage left on the shelf: its counts, by name."""
    files = sorted((run.path / "private" / "stages").iterdir())
    return {file.stem[3:]: json.loads(file.read_bytes()) for file in files}
