"""What a run tells while it works."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from rpsg.cli.console import Screen
from rpsg.cli.progress import Live, Plain, progress_for
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from rpsg.protocols import Progress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def plain() -> tuple[Plain, io.StringIO, Clock]:
    stream, clock = io.StringIO(), Clock()
    return Plain(Screen(stream), clock), stream, clock


def test_a_stage_has_a_line_at_its_start_and_at_its_end() -> None:
    progress, stream, clock = plain()
    progress.start("writing variants")
    clock.now += 3
    progress.done(alive=40, dropped=2, epsilon_left=1.23456, pool=7)
    assert stream.getvalue().splitlines() == [
        "writing variants ...",
        "writing variants: done in 3.0 s, 40 usable, 2 dropped, epsilon left 1.23, pool 7",
    ]


def test_in_between_there_is_one_line_in_five_seconds() -> None:
    progress, stream, clock = plain()
    progress.start("writing candidates", 100)
    for _ in range(11):
        clock.now += 1
        progress.advance(1, tokens=50)
    assert stream.getvalue().splitlines() == [
        "writing candidates: 100 to do",
        "writing candidates: 5 of 100, 50 tokens/s, about 2 min left",
        "writing candidates: 10 of 100, 50 tokens/s, about 2 min left",
    ]


def test_the_next_stage_ends_one_that_said_nothing() -> None:
    progress, stream, _ = plain()
    with progress:
        progress.start("reading")
        progress.start("voting")
    assert [line.partition(":")[0] for line in stream.getvalue().splitlines()] == [
        "reading ...",
        "reading",
        "voting ...",
        "voting",
    ]


def test_a_stage_that_failed_is_not_called_done() -> None:
    progress, stream, _ = plain()

    def fail() -> None:
        with progress:
            progress.start("reading")
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert "done" not in stream.getvalue()


def test_a_note_cannot_steer_the_terminal() -> None:
    progress, stream, _ = plain()
    progress.note("[red]\x1b[31mlook[/red]")
    assert stream.getvalue() == "[red][31mlook[/red]\n"


def test_nothing_is_said_before_a_stage_begins() -> None:
    progress, stream, _ = plain()
    progress.advance(3)
    progress.done()
    assert stream.getvalue() == ""


def live() -> tuple[Live, io.StringIO, Clock]:
    stream, clock = io.StringIO(), Clock()
    screen = Screen(stream)
    screen.console = Console(
        file=stream, force_terminal=True, width=80, markup=False, highlight=False, color_system=None
    )
    return Live(screen, clock), stream, clock


def test_on_a_terminal_finished_stages_stay_and_the_budget_stands_beside_the_next() -> None:
    progress, stream, clock = live()
    with progress:
        progress.start("voting")
        clock.now += 2
        progress.done(epsilon_left=1.5, alive=40)
        progress.start("pull [b]minilm[/b]", 4)
        clock.now += 1
        progress.advance(2, tokens=90)
        progress._bars.refresh()
        progress.note("half way")
    shown = stream.getvalue()
    assert "voting: done, epsilon left 1.5, 40 usable" in shown
    assert "pull [b]minilm[/b]" in shown
    assert "2 of 4, 90 tokens/s" in shown
    assert "epsilon left 1.5" in shown.split("2 of 4")[1]
    assert "half way" in shown


def test_who_tells_depends_on_who_listens() -> None:
    assert type(progress_for(quiet=True, as_json=False)) is Silent
    assert type(progress_for(quiet=False, as_json=False)) is Plain
    assert type(progress_for(quiet=False, as_json=True)) is Plain


def test_all_of_them_fit_the_protocol() -> None:
    fits: list[Progress] = [Silent(), plain()[0], live()[0]]
    assert len(fits) == 3
