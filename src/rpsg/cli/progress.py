"""The progress of a command on stderr: a live line on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bars

from rpsg.cli import logs
from rpsg.cli.console import Screen, shown
from rpsg.pipeline.reporting import LASTING, Lines, Reporting, Stage, in_words
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from rich.console import Console, RenderableType


class Plain(Lines):
    """Progress as plain lines, for an output that is not a terminal."""

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(screen.line, clock)


class Live(Reporting):
    """A moving line for the current stage, the latest facts below it, finished stages above it."""

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(screen.line, clock)
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
            lasting = {name: value for name, value in facts.items() if name in LASTING}
            self._bars.facts = self._bars.facts | lasting  # a new dict: another thread may be drawing
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


def progress_for(*, quiet: bool, as_json: bool) -> Silent:
    """No progress if quiet or if there is a log, a live line on a terminal, plain lines otherwise."""
    if quiet or logs.is_on():
        return Silent()
    screen = Screen.stderr()
    return Live(screen) if screen.is_terminal and not as_json else Plain(screen)
