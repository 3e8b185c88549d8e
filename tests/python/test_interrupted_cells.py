"""Progress in a notebook, and Ctrl-C in a cell, which leaves the kernel alive."""

from __future__ import annotations

import os
import signal
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import rpsg
from rpsg.models.fake import FakeWriter
from rpsg.pipeline.interactive import STOPPED, InNotebook, NotebookView, default_progress
from rpsg.pipeline.reporting import Lines
from rpsg.protocols import Silent
from rpsg.testing.lab import plugged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rpsg.protocols import OnReply, Reply, Request


class Handle:
    """What IPython gives for a block that may be shown again."""

    def __init__(self) -> None:
        self.pictures: list[NotebookView] = []

    def show(self, block: NotebookView) -> Handle:
        self.pictures.append(block)
        return self

    def update(self, block: NotebookView) -> None:
        self.pictures.append(block)

    @property
    def last(self) -> NotebookView:
        return self.pictures[-1]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_public_stage_shows_how_far_it_is() -> None:
    handle, clock = Handle(), Clock()
    progress = InNotebook(handle.show, clock)
    progress.start("writing candidates", 100)
    clock.now += 2
    progress.advance(25, tokens=100)
    assert handle.last.current == "writing candidates: 25 of 100, 50 tokens/s, about 6 s left"
    assert '<progress value="25" max="100">' in handle.last._repr_html_()
    progress.done(written=25)
    assert handle.last.lines == ("writing candidates: done in 2.0 s, 25 written",)
    assert "progress" not in handle.last._repr_html_()


def test_a_public_stage_is_not_drawn_for_each_reply() -> None:
    handle, clock = Handle(), Clock()
    progress = InNotebook(handle.show, clock)
    progress.start("writing candidates", 1000)
    for _ in range(1000):
        clock.now += 0.01
        progress.advance()
    assert 10 <= len(handle.pictures) <= 25


def test_a_private_stage_has_the_same_pictures_whatever_it_reads() -> None:
    told = []
    for steps in ([100], [1] * 100, [60, 40], [26, 0, 74]):
        handle, clock = Handle(), Clock()
        with InNotebook(handle.show, clock) as progress:
            progress.start("reading the private texts", 100)
            for step in steps:
                clock.now += 977
                progress.advance(step, tokens=5)
            progress.done()
        told.append([(block.lines, block.current, block.percent) for block in handle.pictures])
    assert all(pictures == told[0] for pictures in told)
    assert [percent for _, _, percent in told[0][:4]] == [None, 25, 50, 75]


def test_what_a_server_says_is_text_in_a_notebook() -> None:
    handle = Handle()
    InNotebook(handle.show).note("<script>alert(1)</script>\x1b[31m")
    assert "<script>" not in handle.last._repr_html_()
    assert "\x1b" not in handle.last._repr_html_() + repr(handle.last)


def test_only_the_latest_lines_are_kept() -> None:
    handle = Handle()
    progress = InNotebook(handle.show)
    for number in range(100):
        progress.note(f"note {number}")
    assert len(handle.last.lines) == 16
    assert handle.last.lines[-1] == "note 99"


def test_ctrl_c_in_a_cell_says_that_the_same_call_resumes() -> None:
    handle = Handle()
    progress = InNotebook(handle.show)
    progress.start("voting", 10)
    progress.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert handle.last.lines[-1] == STOPPED
    assert handle.last.current == ""


def test_a_script_shows_nothing_and_a_prompt_and_a_notebook_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(sys, "ps1", raising=False)
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert type(default_progress()) is Silent
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    prompt = default_progress()
    assert isinstance(prompt, Lines)
    prompt.note("hello\x1b[31m")
    assert capsys.readouterr().err == "hello\u27e8U+001B\u27e9[31m\n"
    assert type(default_progress(quiet=True)) is Silent
    handle = Handle()
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(
        sys.modules,
        "IPython.display",
        SimpleNamespace(display=lambda block, display_id: handle.show(block)),
    )
    with default_progress() as progress:
        progress.note("hello")
    assert handle.last.lines == ("hello",)
    assert type(default_progress(quiet=True)) is Silent


class Interrupted(FakeWriter):
    """A writer during whose work somebody presses Ctrl-C, after so many replies."""

    def __init__(self, replies: int) -> None:
        super().__init__(name="interrupted")
        self.left = replies
        self.answered: list[str] = []

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        given = []
        for index, request in enumerate(requests):
            if self.left == 0:
                self.left = -1
                signal.raise_signal(signal.SIGINT)
            self.left -= 1
            given.append(self._reply(request))
            self.answered.append(repr(request))
            if on_reply is not None:
                on_reply(index, given[-1])
        return given


@pytest.mark.usefixtures("listens_to_ctrl_c")
@pytest.mark.parametrize("replies", [3, 11, 20])
def test_ctrl_c_in_a_cell_loses_nothing(tmp_path: Path, replies: int) -> None:
    """The same call, in the same process, pays nothing and writes nothing twice."""
    rows = [{"text": f"the tea of person {n} was cold", "user": n} for n in range(400)]
    writer = Interrupted(replies)
    given: dict[str, Any] = {
        "account": "ward 7",
        "user": "user",
        "writer": "interrupted",
        "embedder": "fake",
        "epsilon": 4.0,
        "size": 8,
        "out": tmp_path / "run",
        "quiet": True,
    }
    with plugged("writers", {"interrupted": lambda *_, **__: writer}):
        with pytest.raises(KeyboardInterrupt):
            rpsg.synthesize(rows, **given)
        before = len(writer.answered)
        run = rpsg.synthesize(rows, **given)
        again = rpsg.synthesize(rows, **given)
    assert before == replies
    assert len(run.texts) == 8
    assert again.texts == run.texts
    assert len(writer.answered) == len(set(writer.answered))
    seen = rpsg.preview(
        rows, **{name: v for name, v in given.items() if name not in {"out", "quiet", "writer"}}
    )
    assert seen.odometer["epsilon spent so far"] == pytest.approx(4.0, abs=0.01)


class PressesCtrlC(Silent):
    """Somebody presses Ctrl-C when the second candidate is there."""

    def __init__(self) -> None:
        self.stage, self.candidates = "", 0

    def start(self, stage: str, total: int | None = None) -> None:
        self.stage = stage

    def advance(self, n: int = 1, *, tokens: int = 0) -> None:
        self.candidates += n * (self.stage == "writing candidates")
        if self.candidates == 2:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.weights
@pytest.mark.usefixtures("listens_to_ctrl_c")
def test_a_real_writer_is_interrupted_and_goes_on_in_the_same_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rpsg.methods.trial.TEXTS", 3)
    rows = [{"text": f"My parcel number {n} is late, please help.", "user": n} for n in range(400)]
    given: dict[str, Any] = {
        "account": "ward 7",
        "user": "user",
        "domain": "support",
        "quiet": True,
        "epsilon": 4.0,
        "size": 2,
        "oversample": 2.0,
        "writer": "smollm2-135m",
        "seed": 28,  # with it the writer is tested on three short texts
        "out": tmp_path / "run",
    }
    with pytest.raises(KeyboardInterrupt):
        rpsg.synthesize(rows, progress=PressesCtrlC(), **given)
    run = rpsg.synthesize(rows, **given)
    assert 1 <= len(run.texts) <= 4
    assert run.texts[0][:30] in str(run)
    assert rpsg.verify(run).ok
