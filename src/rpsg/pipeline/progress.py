"""Who watches a run, how long its stages took, and which of these times may be shown.

A time may be shown where it follows from public settings and noisy answers. Every other stage may read
private text, so how long it takes grows with the number and the length of private records: one long text
more is seconds more. What is not named here counts as private. Its time is kept in the private folder of a
run and shown nowhere: not on the screen, not in a log, not in JSON, not as a rate, and not as what is left to
wait. So there is no total of a run either.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rpsg.files import write_atomic
from rpsg.json_text import canonical_json
from rpsg.storage.layout import TIMINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.protocols import Progress
    from rpsg.storage.run_folder import RunFolder

#: Stages that ask a writer for what public prompts say, and those that read no private data at all.
PUBLIC_STAGES = frozenset({"writing candidates", "writing variants", "make the table of word vectors"})
#: Beginnings of the names of such stages, which go on with the name of a model.
_PUBLIC_BEGINNINGS = ("pull ",)


def is_told(stage: str) -> bool:
    """Whether the time of the stage may be told."""
    return stage in PUBLIC_STAGES or stage.startswith(_PUBLIC_BEGINNINGS)


def told(seconds: Mapping[str, float]) -> dict[str, float]:
    """The seconds by stage that may be told."""
    return {stage: value for stage, value in seconds.items() if is_told(stage)}


class Silent:
    """Progress that nobody watches."""

    def start(self, stage: str, total: int | None = None) -> None: ...

    def advance(self, n: int = 1, *, tokens: int = 0) -> None: ...

    def note(self, message: str) -> None: ...

    def done(self, **facts: object) -> None: ...


@dataclass
class Stopwatch:
    """Progress that passes everything on and keeps the seconds of each stage."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    _stage: str = ""
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

    @property
    def stage(self) -> str:
        """The stage at work."""
        return self._stage

    def _lap(self, stage: str) -> None:
        now = time.monotonic()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = stage, now


def keep_timings(folder: RunFolder, seconds: Mapping[str, float]) -> None:
    """Keep where the time went in the private folder: reading takes as long as there are people."""
    rounded = {stage: round(value, 2) for stage, value in seconds.items()}
    write_atomic(folder.private_path(TIMINGS), canonical_json(rounded))


def timings(folder: RunFolder) -> Mapping[str, float]:
    """Where the time of a finished run went, private stages too."""
    path = folder.private_path(TIMINGS)
    return dict(json.loads(path.read_bytes())) if path.exists() else {}
