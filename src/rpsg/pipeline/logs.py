"""The log of a run, an evaluation or a check: the standard library's logger ``rpsg``, silent unless asked.

The log contains what the progress shows, and nothing more: stages, notes, and public facts. It contains the
time of a stage only if that may be shown (see ``rpsg.pipeline.progress``). Records are written when something
happens, so a handler that adds the time of day to them reveals how long private stages took.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from rpsg.display import FIELDS, LOGGER
from rpsg.pipeline.progress import Stopwatch, may_show_time
from rpsg.pipeline.reporting import QUARTERS, Stage, in_words
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from rpsg.protocols import Progress


def tell(what: str, level: int, event: str, message: str, **fields: object) -> None:
    """One record of the logger ``rpsg.<what>``, for people and, as ``fields``, for machines."""
    logging.getLogger(f"{LOGGER}.{what}").log(level, message, extra={FIELDS: {"event": event, **fields}})


class Logged:
    """Progress that forwards everything and logs it under ``rpsg.<what>``.

    A stage is logged at its start, at each quarter if its length is known, and at its end. So a private stage
    has the same records whatever it reads.
    """

    def __init__(self, progress: Progress, what: str) -> None:
        self._progress = progress
        self._what = what
        self._stage: Stage | None = None

    def start(self, stage: str, total: int | None = None) -> None:
        self._end({})
        self._stage = Stage(stage, total, time.monotonic())
        size = {"total": total} if total is not None and may_show_time(stage) else {}
        self._tell("stage started", f"{stage} ...", stage=stage, **size)
        self._progress.start(stage, total)

    def advance(self, n: int = 1, *, tokens: int = 0) -> None:
        self._progress.advance(n, tokens=tokens)
        if (stage := self._stage) is not None:
            stage.count += n
            if stage.total:
                self._quarters(stage, QUARTERS * stage.count // stage.total)

    def note(self, message: str) -> None:
        tell(self._what, logging.WARNING, "note", message)
        self._progress.note(message)

    def done(self, **facts: object) -> None:
        self._end(facts)
        self._progress.done(**facts)

    def end(self) -> None:
        """The last stage ends."""
        self._end({})

    def _end(self, facts: dict[str, object]) -> None:
        stage, self._stage = self._stage, None
        if stage is None:
            if facts:
                self._tell("facts", ", ".join(in_words(facts)), facts=facts)
            return
        if stage.total:
            self._quarters(stage, QUARTERS)
        now = time.monotonic()
        took = {"seconds": round(now - stage.started, 1)} if may_show_time(stage.name) else {}
        known = {"facts": facts} if facts else {}
        self._tell("stage done", stage.end(now, facts), stage=stage.name, **took, **known)

    def _quarters(self, stage: Stage, upto: int) -> None:
        for percent in stage.new_quarters(upto):
            self._tell("stage", f"{stage.name}: {percent} %", stage=stage.name, percent=percent)

    def _tell(self, event: str, message: str, **fields: object) -> None:
        tell(self._what, logging.INFO, event, message, **fields)


def logged(progress: Progress | None, what: str) -> Progress:
    """``progress`` (or none) with a log under ``rpsg.<what>``; unchanged if it is logged already."""
    inner = progress.progress if isinstance(progress, Stopwatch) else progress
    if progress is not None and isinstance(inner, Logged):
        return progress
    return Logged(progress or Silent(), what)
