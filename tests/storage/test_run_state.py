"""How far a run is, read from its public files while it works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.storage.stepped import SteppedWriter

from rpsg.disk.files import hold_lock
from rpsg.disk.system import is_locked
from rpsg.storage import layout
from rpsg.storage.run_folder import LOCK
from rpsg.storage.run_state import method_of_run, progress_of, state_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab


def test_a_run_is_followed_from_its_first_reply_to_its_release(lab: Lab) -> None:
    writer = SteppedWriter(free=8 + 5)
    plan, folder = lab.plan(lab.file(lab.rows(400))), lab.folder / "run"
    thread = threading.Thread(target=lab.run, args=(plan,), kwargs={"writer": writer})
    thread.start()
    try:
        assert writer.reached.wait(60)
        seen = progress_of(folder)
        assert seen.state == "running"
        assert [(s.stage, s.host) for s in seen.sent] == [
            ("testing the writer", "this machine"),
            ("writing candidates", "this machine"),
        ]
        assert seen.sent[0].replies == seen.sent[0].requests == 8
        assert seen.sent[1].replies == 5
        assert seen.sent[1].requests == 60
        assert seen.answers == ("size", "cards")
    finally:
        writer.open.set()
        thread.join()
    after = progress_of(folder)
    assert (after.state, after.sent[1].replies) == ("finished", 60)
    assert after.answers == ("size", "cards", "sketch")


def test_of_private_prompts_there_is_no_number(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(60)), method={"name": "paper"}))
    sent = progress_of(run.path).sent
    assert sent
    assert {(s.requests, s.replies) for s in sent} == {(None, None)}


def test_a_damaged_store_of_public_replies_does_not_look_like_private_prompts(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(60)), method={"name": "floor"}))
    before = progress_of(run.path).sent
    (run.path / layout.EVIDENCE / layout.CALLS).write_bytes(b"no database")
    after = progress_of(run.path).sent
    assert [sending.requests for sending in after] == [sending.requests for sending in before]
    assert {sending.replies for sending in after} == {None}
    (run.path / layout.EVIDENCE / layout.CALLS).unlink()
    assert {sending.replies for sending in progress_of(run.path).sent} == {0}, "none came back yet"


def test_evidence_that_is_a_link_into_a_private_folder_is_not_read(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(300))))
    assert progress_of(run.path).answers
    assert any(sending.replies for sending in progress_of(run.path).sent)
    elsewhere = lab.folder / "elsewhere"
    (run.path / layout.EVIDENCE).rename(elsewhere)
    (run.path / layout.EVIDENCE).symlink_to(elsewhere, target_is_directory=True)
    progress = progress_of(run.path)
    assert not progress.answers
    assert not any(sending.replies for sending in progress.sent)


def test_looking_changes_nothing(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(60)), method={"name": "floor"}))
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    progress_of(run.path)
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before


def test_a_run_without_release_is_stopped_unless_somebody_works_in_it(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(60)), method={"name": "floor"}))
    (run.path / layout.RELEASE).rename(lab.folder / "elsewhere")
    assert state_of(run.path) == "stopped"
    lock = hold_lock(run.path / LOCK)
    assert state_of(run.path) == "running"
    os.close(lock)
    assert state_of(run.path) == "stopped"


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"event": "sending"', b'[1]\n"x"\n', b"\xff\n", b'{"event": 5}\n']
)
@pytest.mark.parametrize(
    "name", [layout.JOURNAL, "evidence/release-000.json", "evidence/calls.sqlite", layout.PLAN]
)
def test_damaged_files_count_as_empty(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / name).write_bytes(content)
    seen = progress_of(tmp_path)
    assert (seen.state, seen.sent, seen.answers) == ("stopped", (), ())
    assert method_of_run(tmp_path) == ""


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('[method]\nname = "strict"\n', "strict"),
        ('method = "x"\n', ""),
        ("[method]\n", ""),
        ("a" + ".a" * 20_000 + " = 1\n", ""),
        (f"{'[' * 30_000}\n", ""),
        ('[method]\nname = "strict"\n' + "# long\n" * 10_000, ""),
    ],
    ids=["plain", "no section", "no name", "deep", "nested", "large"],
)
def test_the_method_is_read_from_a_plan_of_the_usual_size(tmp_path: Path, content: str, name: str) -> None:
    """Memory of a TOML reader is quadratic in the dots of a key."""
    (tmp_path / layout.PLAN).write_text(content)
    assert method_of_run(tmp_path) == name


def test_links_and_pipes_are_not_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(json.dumps({"event": "sending", "stage": "x", "host": "y"}) + "\n")
    run = tmp_path / "run"
    run.mkdir()
    (run / layout.JOURNAL).symlink_to(outside)
    os.mkfifo(run / layout.PLAN)
    assert progress_of(run).sent == ()
    assert method_of_run(run) == ""


LOCKING = """
import sys, time
from pathlib import Path
from rpsg.disk.files import hold_lock
hold_lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_the_lock_of_another_process_is_seen_and_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    assert not is_locked(file)
    assert not file.exists()
    with subprocess.Popen(
        [sys.executable, "-c", LOCKING, str(file)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert is_locked(file)
        other.kill()
    assert not is_locked(file)


def test_a_lock_can_be_taken_while_somebody_keeps_looking(tmp_path: Path) -> None:
    """Who looks holds the file for an instant; a run that starts just then must not fail."""
    file = tmp_path / "lock"
    os.close(hold_lock(file))
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.0005):
            is_locked(file)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(200):
            os.close(hold_lock(file))
    finally:
        over.set()
        for looker in lookers:
            looker.join()
