"""The progress of a run on stderr: a live line on a terminal, plain lines elsewhere, or nothing.

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
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bars

from rpsg.cli.console import Screen, seconds_in_words, shown
from rpsg.pipeline.progress import is_told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from rich.console import Console, RenderableType

EVERY = 5.0  # seconds between plain lines of a stage whose time is public
QUARTERS = 4  # plain lines of any other stage, however long it takes
_WORDS = {
    "written": "{} written",
    "alive": "{} alive",
    "dropped": "{} dropped",
    "epsilon_left": "epsilon left {}",
    "epsilon_spent": "epsilon spent {}",
}
_LASTING = {"alive", "dropped", "epsilon_left", "epsilon_spent"}


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
        if not is_told(self.name):
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
        took = f" in {seconds_in_words(now - self.started)}" if is_told(self.name) else ""
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


class Quiet:
    """Says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def start(self, stage: str, total: int | None = None) -> None: ...

    def advance(self, n: int = 1, *, tokens: int = 0) -> None: ...

    def note(self, message: str) -> None: ...

    def done(self, **facts: object) -> None: ...


class Reporting(Quiet):
    """The current stage, for both kinds of output; locked, because replies arrive on any thread."""

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        self.screen = screen
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

    def _say(self, message: str) -> None:
        self.screen.line(message)


class Plain(Reporting):
    """One line when a stage starts and ends, and at most one every five seconds in between.

    A stage whose time is private always has the same lines: its start, each quarter, its end.
    """

    _last = 0.0

    def _began(self, stage: Stage) -> None:
        self._last = stage.started
        counted = stage.total and is_told(stage.name)
        self._say(f"{stage.name}: {stage.total} to do" if counted else f"{stage.name} ...")

    def _moved(self, stage: Stage) -> None:
        if not is_told(stage.name):
            self._say_quarters(stage, QUARTERS * stage.count // stage.total if stage.total else 0)
            return
        now = self._clock()
        if now - self._last >= EVERY:
            self._last = now
            self._say(f"{stage.name}: {stage.state(now)}")

    def _ended(self, stage: Stage) -> None:
        if stage.total and not is_told(stage.name):
            self._say_quarters(stage, QUARTERS)

    def _say_quarters(self, stage: Stage, upto: int) -> None:
        for hundredths in stage.new_quarters(upto):
            self._say(f"{stage.name}: {hundredths} %")


class Live(Reporting):
    """A moving line for the current stage, the latest facts below it, finished stages above it."""

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(screen, clock)
        self._bars = _Bars(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=10),
            TextColumn("{task.fields[state]}", style="dim", markup=False),
            console=screen.console,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._bars.stop()

    def done(self, **facts: object) -> None:
        with self._lock:
            lasting = {name: value for name, value in facts.items() if name in _LASTING}
            self._bars.facts = self._bars.facts | lasting  # a new one: another thread may be drawing
            for task in self._bars.task_ids:
                self._bars.remove_task(task)
            super().done(**facts)

    def _began(self, stage: Stage) -> None:
        self._bars.add_task(shown(stage.name).plain, total=stage.total, state="")

    def _moved(self, stage: Stage) -> None:
        state = stage.state(self._clock())
        for task in self._bars.task_ids:
            self._bars.update(task, completed=stage.count, state=state)


class _Bars(Bars):
    """Progress bars with the latest facts below them."""

    facts: dict[str, object]

    def __init__(self, *columns: ProgressColumn, console: Console, transient: bool) -> None:
        self.facts = {}
        super().__init__(*columns, console=console, transient=transient)

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.facts:
            yield shown("  " + ", ".join(in_words(self.facts)), "dim")


def progress_for(*, quiet: bool, as_json: bool) -> Quiet:
    """No progress if quiet, a live line on a terminal, plain lines otherwise."""
    if quiet:
        return Quiet()
    screen = Screen.stderr()
    return Live(screen) if screen.is_terminal and not as_json else Plain(screen)
