"""Progress of a run, the time of its stages, and which of these times may be shown.

A time may be shown if it follows from public settings and noisy answers. The time of any other stage depends
on the number and length of private texts. Stages that are not named here count as private: their times are
kept in the private folder of a run and shown nowhere, neither on the screen, in a log or in JSON, nor as a
rate or a remaining time. For the same reason no total time is shown.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rpsg.disk.files import write_atomic
from rpsg.disk.json_text import canonical_json
from rpsg.storage.layout import TIMINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.protocols import Progress
    from rpsg.storage.run_folder import RunFolder

#: Stages that send a writer public prompts, and those that read no private data.
PUBLIC_STAGES = frozenset({"writing candidates", "writing variants", "make the table of word vectors"})
#: Stages of an audit that read a corpus that is to be published, and public texts.
TUNING = ("tuned: tune a model on the corpus", "tuned: tune a model on the reference")
#: Prefixes of such stages; the name of a model follows.
_PUBLIC_BEGINNINGS = ("pull ",)


def may_show_time(stage: str) -> bool:
    """Whether the time of the stage may be shown."""
    return stage in PUBLIC_STAGES or stage in TUNING or stage.startswith(_PUBLIC_BEGINNINGS)


def public_seconds(seconds: Mapping[str, float]) -> dict[str, float]:
    """The seconds of those stages whose time may be shown."""
    return {stage: value for stage, value in seconds.items() if may_show_time(stage)}


@dataclass
class Stopwatch:
    """Progress that forwards everything and records the seconds of each stage."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    stage: str = ""
    _since: float = field(default_factory=time.monotonic)

    def start(self, stage: str, total: int | None = None) -> None:
        self._lap(stage)
        self.progress.start(stage, total)

    def advance(self, n: int = 1, *, tokens: int = 0) -> None:
        self.progress.advance(n, tokens=tokens)

    def note(self, message: str) -> None:
        self.progress.note(message)

    def done(self, **facts: object) -> None:
        self.progress.done(**facts)

    def stop(self) -> None:
        self._lap("")

    def _lap(self, stage: str) -> None:
        now = time.monotonic()
        if self.stage:
            self.seconds[self.stage] = self.seconds.get(self.stage, 0.0) + now - self._since
        self.stage, self._since = stage, now


def keep_timings(folder: RunFolder, seconds: Mapping[str, float]) -> None:
    """Keep the seconds of all stages in the private folder: they depend on the number of people."""
    rounded = {stage: round(value, 2) for stage, value in seconds.items()}
    write_atomic(folder.private_path(TIMINGS), canonical_json(rounded))


def timings(folder: RunFolder) -> Mapping[str, float]:
    """The seconds by stage of a finished run, private stages too; none if their file is damaged or gone."""
    try:
        kept = json.loads(folder.private_path(TIMINGS).read_bytes())
        return {str(stage): float(seconds) for stage, seconds in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}  # they are only for information
