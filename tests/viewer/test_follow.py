"""A run and a comparison that are followed while they work."""

from __future__ import annotations

import json
import os
import re
import threading
from typing import TYPE_CHECKING

from tests.storage.stepped import SteppedWriter
from tests.viewer.conftest import Visitor, make_comparison, viewing

from rpsg.disk.files import hold_lock
from rpsg.storage.layout import CALLS, COMPARISON
from rpsg.storage.run_folder import LOCK

if TYPE_CHECKING:
    from tests.conftest import Lab


def test_a_run_is_followed_until_its_report_is_there(lab: Lab) -> None:
    writer = SteppedWriter(free=8 + 5)
    plan = lab.plan(lab.file(lab.rows(400)))
    with viewing(lab.folder) as viewer:
        visitor = Visitor(viewer).let_in()
        assert "There is no run" in visitor.page()
        thread = threading.Thread(target=lab.run, args=(plan,), kwargs={"writer": writer})
        thread.start()
        try:
            assert writer.reached.wait(60)
            assert ">running<" in visitor.page()
            place = visitor.place("run")
            page = visitor.page(place)
            assert "Running. This page updates itself." in page
            assert f"{visitor.home}{place}/progress" in page
            assert "follow.js" in page
            assert "Nothing has been released yet." in page
            told = json.loads(visitor.page(f"{place}/progress"))
            assert told["ended"] is False
            assert "writing candidates: 5 of 60 replies from this machine." in told["lines"]
            assert "Noisy answers so far: size, cards." in told["lines"]
        finally:
            writer.open.set()
            thread.join()
        assert json.loads(visitor.page(f"{place}/progress"))["ended"] is True
        page = visitor.page(place)
        assert "20 synthetic texts" in page
        assert "follow.js" not in page


def test_a_run_that_stopped_says_how_it_goes_on(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(60)), method={"name": "floor"}))
    (run.path / "release").rename(lab.folder / "moved")
    with viewing(lab.folder) as viewer:
        visitor = Visitor(viewer).let_in()
        assert "Stopped. Repeat the command to resume." in visitor.page(visitor.place("run"))


def test_a_run_whose_public_replies_cannot_be_read_says_so(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(60)), method={"name": "floor"}))
    (run.path / "release").rename(lab.folder / "moved")
    (run.path / "evidence" / CALLS).write_bytes(b"no database")
    with viewing(lab.folder) as viewer:
        visitor = Visitor(viewer).let_in()
        lines = json.loads(visitor.page(f"{visitor.place('run')}/progress"))["lines"]
    said = r"writing candidates: \d+ prompts to this machine; the store of replies cannot be read\."
    assert any(re.fullmatch(said, line) for line in lines), lines


def test_progress_has_no_time_in_it(lab: Lab) -> None:
    """How long private stages took depends on private texts."""
    run = lab.run(lab.plan(lab.file(lab.rows(60))))
    (run.path / "release").rename(lab.folder / "moved")
    with viewing(lab.folder) as viewer:
        visitor = Visitor(viewer).let_in()
        told = json.loads(visitor.page(f"{visitor.place('run')}/progress"))
    assert told.keys() == {"state", "lines", "ended"}
    assert told["lines"]
    assert not any(word in " ".join(told["lines"]) for word in ("second", " s,", "min", "left", "/s"))


def test_a_comparison_is_followed_cell_by_cell(lab: Lab) -> None:
    folder = make_comparison(lab, lab.folder / "half", "Half of it", done=False)
    lock = hold_lock(folder / LOCK)
    with viewing(lab.folder) as viewer:
        visitor = Visitor(viewer).let_in()
        place = visitor.place("half")
        page = visitor.page(place)
        assert "Running. This page updates itself." in page
        assert "Who wins where" in page
        told = json.loads(visitor.page(f"{place}/progress"))
        assert told["lines"] == ["done: 2 cells.", "not begun: 1 cell."]
        os.close(lock)
        assert "Stopped." in visitor.page(place)
        (folder / COMPARISON).unlink()
        assert "No cell of this comparison is done yet." in visitor.page(place)
        assert "Half of it: no cell is done yet." in visitor.page()
