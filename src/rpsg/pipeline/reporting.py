"""The progress of a run as lines: stages, their counts, and their times if these may be shown.

A stage that may read private text shows no time and nothing that reveals it: no rate, no time left, and no
line that depends on elapsed time (see ``rpsg.pipeline.progress``).

Methods call ``start`` when a stage begins and may omit ``done``: the next ``start`` ends the stage too. Facts
with a known name (``written``, ``alive``, ``dropped``, ``epsilon_left``) are put into words; others are shown
as name and value.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.pipeline.progress import may_show_time
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

EVERY = 5.0  # seconds between plain lines of a stage whose time is public
QUARTERS = 4  # plain lines of any other stage, however long it takes
_WORDS = {
    "written": "{} written",
    "alive": "{} usable",
    "dropped": "{} dropped",
    "epsilon_left": "epsilon left {}",
    "epsilon_spent": "epsilon spent {}",
}
LASTING = {"alive", "dropped", "epsilon_left", "epsilon_spent"}


@dataclass(slots=True)
class Stage:
    """The state of a stage."""

    name: str
    total: int | None
    started: float
    count: int = 0
    tokens: int = 0
    quarters: int = 0

    def state(self, now: float) -> str:
        """For example "120 of 600, 85 tokens/s, about 4 min left"; only "20 %" if the time is private."""
        if not may_show_time(self.name):
            return f"{100 * self.count // self.total} %" if self.total and self.count else ""
        parts = [f"{self.count} of {self.total}" if self.total else f"{self.count}"] if self.count else []
        spent = now - self.started
        if self.tokens and spent > 0:
            parts.append(f"{self.tokens / spent:.0f} tokens/s")
        if self.total and 0 < self.count < self.total:
            parts.append(f"about {_roughly(spent / self.count * (self.total - self.count))} left")
        return ", ".join(parts)

    def new_quarters(self, upto: int) -> list[int]:
        """The percentages up to the current quarter that were not shown yet."""
        new = list(range(self.quarters + 1, min(upto, QUARTERS - 1) + 1))
        self.quarters = max(self.quarters, upto)
        return [100 * quarter // QUARTERS for quarter in new]

    def end(self, now: float, facts: dict[str, object]) -> str:
        """For example "writing: done in 41 s, 598 written"; "voting: done" if the time is private."""
        took = f" in {seconds_in_words(now - self.started)}" if may_show_time(self.name) else ""
        parts = [f"done{took}", *in_words(facts)]
        return f"{self.name}: {', '.join(parts)}"


def _roughly(seconds: float) -> str:
    """An estimated duration: no tenths, and no seconds once there are minutes."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def in_words(facts: dict[str, object]) -> list[str]:
    """Each fact as a phrase."""
    said = []
    for name, value in facts.items():
        number = f"{value:.3g}" if isinstance(value, float) else str(value)
        said.append(_WORDS.get(name, name.replace("_", " ") + " {}").format(number))
    return said


def seconds_in_words(seconds: float) -> str:
    """A duration such as "0.4 s", "42 s", "3 min 10 s", "2 h 5 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Reporting(Silent):
    """The current stage, for all kinds of output; locked, because replies arrive on any thread."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._lock = threading.RLock()
        self._stage: Stage | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._stage:
            self.done()

    def start(self, stage: str, total: int | None = None) -> None:
        with self._lock:
            if self._stage:
                self.done()
            self._stage = Stage(stage, total, self._clock())
            self._began(self._stage)

    def advance(self, n: int = 1, *, tokens: int = 0) -> None:
        with self._lock:
            if self._stage:
                self._stage.count += n
                self._stage.tokens += tokens
                self._moved(self._stage)

    def note(self, message: str) -> None:
        with self._lock:
            self._say(message)

    def done(self, **facts: object) -> None:
        with self._lock:
            stage, self._stage = self._stage, None
            if stage:
                self._ended(stage)
                self._say(stage.end(self._clock(), facts))
            elif facts:
                self._say(", ".join(in_words(facts)))

    def _began(self, stage: Stage) -> None: ...

    def _moved(self, stage: Stage) -> None: ...

    def _ended(self, stage: Stage) -> None: ...


class Lines(Reporting):
    """One line when a stage starts and ends, and at most one every five seconds in between.

    A stage whose time is private always has the same lines: its start, each quarter, its end.
    """

    _last = 0.0

    def _began(self, stage: Stage) -> None:
        self._last = stage.started
        counted = stage.total and may_show_time(stage.name)
        self._say(f"{stage.name}: {stage.total} to do" if counted else f"{stage.name} ...")

    def _moved(self, stage: Stage) -> None:
        if not may_show_time(stage.name):
            self._say_quarters(stage, QUARTERS * stage.count // stage.total if stage.total else 0)
            return
        now = self._clock()
        if now - self._last >= EVERY:
            self._last = now
            self._say(f"{stage.name}: {stage.state(now)}")

    def _ended(self, stage: Stage) -> None:
        if stage.total and not may_show_time(stage.name):
            self._say_quarters(stage, QUARTERS)

    def _say_quarters(self, stage: Stage, upto: int) -> None:
        for hundredths in stage.new_quarters(upto):
            self._say(f"{stage.name}: {hundredths} %")
