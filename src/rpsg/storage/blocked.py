"""A run with a canary in its corpus is blocked for good: nothing that it made may be published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.disk.files import write_atomic
from rpsg.errors import PrivacyError
from rpsg.storage.layout import BLOCKED, PRIVATE

if TYPE_CHECKING:
    from pathlib import Path


def block(run: Path) -> None:
    """Block the run in this folder for good."""
    write_atomic(run / PRIVATE / BLOCKED, b"a canary was in the corpus\n")


def refuse_blocked(run: Path) -> None:
    """PrivacyError if the folder holds a run that a canary has blocked."""
    if (run / PRIVATE / BLOCKED).exists():
        raise PrivacyError(
            "A canary is in the corpus, so the run has copied a text of one person. The run is blocked: "
            "nothing that it made may be published.",
            hint="Delete its folder, and every copy of what it made. Find out how the method could copy a "
            "text before you run it again, which spends budget again.",
        )
