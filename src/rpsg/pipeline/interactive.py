"""Progress for a user of Python: an updated block in a notebook, lines at a prompt, nothing in a script."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rpsg.display import tag, visible
from rpsg.errors import in_python
from rpsg.pipeline.progress import may_show_time
from rpsg.pipeline.reporting import QUARTERS, Lines, Reporting, Stage
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

#: How many finished stages and notes a notebook shows, and the seconds between updates of a public stage.
MOST_LINES = 16
EVERY = 0.5
STOPPED = "Stopped. The same call resumes: nothing is charged or written twice."


def default_progress(*, quiet: bool = False) -> Silent:
    """The progress that a function shows by default: none in a script, or if ``quiet``."""
    ipython = sys.modules.get("IPython")  # not imported here: within IPython it is loaded already
    shell = None if ipython is None else ipython.get_ipython()
    if quiet or (shell is None and not hasattr(sys, "ps1")):
        return Silent()
    if getattr(shell, "kernel", None) is None:
        return Lines(lambda line: print(visible(in_python(line)), file=sys.stderr, flush=True))  # noqa: T201  # at a Python prompt there is no ``Screen``
    display = import_module("IPython.display").display
    return InNotebook(lambda block: display(block, display_id=True))


@dataclass(frozen=True, slots=True, repr=False)
class NotebookView:
    """What a notebook shows of a run: lines, and how far the current stage is."""

    lines: tuple[str, ...]
    current: str
    percent: int | None

    def _repr_html_(self) -> str:
        bar = None if self.percent is None else tag("progress", value=self.percent, max=100)
        now = tag("div", tag("strong", self.current), " ", bar) if self.current else None
        return tag("div", *(tag("div", line) for line in self.lines), now)

    def __repr__(self) -> str:
        return visible("\n".join(filter(None, (*self.lines, self.current))))


class InNotebook(Reporting):
    """One block of a notebook, which is updated whenever something happens.

    A private stage has the same updates however long it takes, like the lines of ``Lines``: the last update
    is saved with the notebook, and must not reveal the time.
    """

    def __init__(
        self, show: Callable[[NotebookView], Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(self._keep, clock)
        self._show, self._handle = show, None
        self._lines: list[str] = []
        self._current = ""
        self._percent: int | None = None
        self._last = 0.0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if kind is not None:
            self._current, self._percent = "", None
            self._keep(STOPPED if issubclass(kind, KeyboardInterrupt) else "Stopped by an error.")

    def _began(self, stage: Stage) -> None:
        counted = stage.total and may_show_time(stage.name)
        self._draw(f"{stage.name} ...", 0 if counted else None)

    def _moved(self, stage: Stage) -> None:
        if not may_show_time(stage.name):
            for percent in stage.new_quarters(QUARTERS * stage.count // stage.total if stage.total else 0):
                self._draw(f"{stage.name} ...", percent)
            return
        now = self._clock()
        if now - self._last >= EVERY:
            self._last = now
            share = 100 * stage.count // stage.total if stage.total else None
            self._draw(f"{stage.name}: {stage.state(now)}", share)

    def _ended(self, stage: Stage) -> None:  # noqa: ARG002  # lines of text need it
        self._current, self._percent = "", None

    def _keep(self, line: str) -> None:
        self._lines = [*self._lines, in_python(line)][-MOST_LINES:]
        self._draw(self._current, self._percent)

    def _draw(self, current: str, percent: int | None) -> None:
        self._current, self._percent = current, percent
        block = NotebookView(tuple(self._lines), current, percent)
        if self._handle is None:
            self._handle = self._show(block)
        else:
            self._handle.update(block)
