from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rpsg.disk import files
from rpsg.disk.journals import Journal
from rpsg.errors import PrivacyError, RunError
from rpsg.privacy.private import Private
from rpsg.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAN = '[privacy]\nepsilon = 2.0\n[size]\nrows = 100\nfrom = "a"\n'


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """Everything here must hold with the most careless umask."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_run(path: Path, fingerprint: str = "f1", plan: str = PLAN) -> RunFolder:
    return RunFolder.create_or_resume(path, fingerprint, plan, ["rpsg", "run"])


def tree(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()}


def test_a_new_run_has_its_folders_and_only_its_owner_can_open_them(tmp_path: Path) -> None:
    with open_run(tmp_path / "deep" / "run") as run:
        (run.private / "x").exists()
    for entry in (run.path, *run.path.rglob("*")):
        assert entry.stat().st_mode & 0o777 == (0o700 if entry.is_dir() else 0o600), entry
    assert {e.name for e in run.path.iterdir()} == {
        *(".lock", "run.json", "plan.toml", "journal.jsonl", "private", "evidence"),
    }
    assert (run.path / "plan.toml").read_text() == PLAN
    assert len(bytes.fromhex(run.run_id)) == 16


def test_a_resumed_run_keeps_its_id_its_key_and_its_plan(tmp_path: Path) -> None:
    with open_run(tmp_path / "run") as first:
        first.journal.append("votes", round=1)
    with open_run(tmp_path / "run") as second:
        assert (second.run_id, second.key) == (first.run_id, first.key)
        assert [e["event"] for e in second.journal.events()] == ["opened", "votes", "opened"]
        assert second.journal.events("votes")[0]["round"] == 1
        assert second.journal.events()[0]["command"] == ["rpsg", "run"]


def test_two_runs_share_neither_id_nor_key(tmp_path: Path) -> None:
    with open_run(tmp_path / "a") as a, open_run(tmp_path / "b") as b:
        assert a.run_id != b.run_id
        assert a.key != b.key
        assert len(a.key) == 32


def test_the_key_is_not_shown(tmp_path: Path) -> None:
    with open_run(tmp_path / "a") as run:
        assert run.key.hex() not in repr(run)
        assert repr(run.key) not in repr(run)


def test_another_plan_is_refused_by_the_keys_that_differ_and_not_by_their_values(tmp_path: Path) -> None:
    open_run(tmp_path).close()
    before = tree(tmp_path)
    other = "[privacy]\nepsilon = 4.5\n[size]\nrows = 100\n"
    with pytest.raises(
        RunError, match=r"another plan \(they differ in privacy\.epsilon, size\.from\)\."
    ) as caught:
        open_run(tmp_path, "f2", other)
    assert "-o" in caught.value.hint
    assert "4.5" not in str(caught.value)
    assert tree(tmp_path) == before
    open_run(tmp_path).close()


def test_the_same_fields_of_the_server_written_in_another_way_are_called_the_same(tmp_path: Path) -> None:
    first, same, other = (
        f"[server]\nbody = '{body}'\n"
        for body in ('{"top_k": 20, "n": 1}', '{"n":1,"top_k":20}', '{"n":1,"top_k":21}')
    )
    open_run(tmp_path, "f1", first).close()
    with pytest.raises(RunError, match=r"server\.body has the same fields, but is not written as"):
        open_run(tmp_path, "f2", same)
    with pytest.raises(RunError, match=r"they differ in server\.body"):
        open_run(tmp_path, "f3", other)


def test_another_plan_is_refused_even_if_there_is_no_plan_to_compare(tmp_path: Path) -> None:
    open_run(tmp_path).close()
    (tmp_path / "plan.toml").unlink()
    with pytest.raises(RunError, match=r"holds a run of another plan\."):
        open_run(tmp_path, "f2")


def test_where_the_settings_are_the_same_something_they_name_has_changed(tmp_path: Path) -> None:
    open_run(tmp_path).close()
    with pytest.raises(RunError, match="the settings are the same: its domain pack, a prompt or a model"):
        open_run(tmp_path, "f2")


def test_a_folder_that_is_no_run_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    tmp_path.chmod(0o755)
    with pytest.raises(RunError, match="is not a run folder") as caught:
        open_run(tmp_path)
    assert "-o" in caught.value.hint
    assert [e.name for e in tmp_path.iterdir()] == ["thesis.txt"]
    assert tmp_path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"format": 99, "run_id": "a", "plan_fingerprint": "f1"}']
)
def test_a_damaged_run_file_is_refused(tmp_path: Path, content: str) -> None:
    open_run(tmp_path).close()
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match=r"run\.json is damaged or was written by another version"):
        open_run(tmp_path)


def test_a_lost_key_is_not_replaced_by_another(tmp_path: Path) -> None:
    open_run(tmp_path).close()
    (tmp_path / "private" / "vault.json").unlink()
    with pytest.raises(RunError, match="private is missing, or parts of it are"):
        open_run(tmp_path)


@pytest.mark.parametrize("content", ["short", "{}", '{"format":"rpsg-vault/1","key":"none","data_key":"00"}'])
def test_a_damaged_key_is_refused(tmp_path: Path, content: str) -> None:
    open_run(tmp_path).close()
    (tmp_path / "private" / "vault.json").write_text(content)
    with pytest.raises(RunError, match=r"private/vault\.json of this run is damaged"):
        open_run(tmp_path)


@pytest.mark.parametrize("link", [".lock", "journal.jsonl", "private/vault.json", "private"])
def test_a_planted_link_is_refused(tmp_path: Path, link: str) -> None:
    open_run(tmp_path / "run").close()
    real = (tmp_path / "run" / link).rename(tmp_path / "elsewhere")
    (tmp_path / "run" / link).symlink_to(real)
    with pytest.raises(RunError, match="Cannot"):
        open_run(tmp_path / "run")


def test_a_creation_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    open_run(tmp_path).close()
    whole = sorted(tree(tmp_path))
    kept = json.loads((tmp_path / "run.json").read_bytes())["run_id"]
    for left in (
        ["run.json"],
        ["run.json", "plan.toml"],
        ["run.json", "plan.toml", "private/vault.json"],
        [],
    ):
        for name in set(whole) - set(left) - {".lock"}:
            (tmp_path / name).unlink(missing_ok=True)
        if left == []:
            for folder in ("private", "evidence"):
                (tmp_path / folder).rmdir()
            (tmp_path / f"{files.PART}ab").touch()
        with open_run(tmp_path) as run:
            assert (run.run_id == kept) is bool(left)
            assert sorted(tree(tmp_path)) == whole


WORK = """
import sys
from rpsg.storage.run_folder import RunFolder
with RunFolder.create_or_resume(sys.argv[1], "f1", "") as run:
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_has_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORK, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(RunError, match="Another process is working") as caught:
            open_run(tmp_path)
        assert "Wait" in caught.value.hint
        other.kill()
    open_run(tmp_path).close()


def test_the_lock_is_given_back_after_every_failure(tmp_path: Path) -> None:
    open_run(tmp_path).close()
    for _ in range(2):
        with pytest.raises(RunError, match="another plan"):
            open_run(tmp_path, "f2")
    open_run(tmp_path).close()


def test_a_release_appears_whole_and_only_at_the_end(tmp_path: Path) -> None:
    with open_run(tmp_path) as run:
        with run.assemble_release() as folder:
            files.write_atomic(folder / "corpus.jsonl", b"{}\n")
            (folder / "report").mkdir()
            (folder / "report" / "index.html").write_text("x")
            assert not run.is_released
        assert run.is_released
        assert (run.release / "corpus.jsonl").read_bytes() == b"{}\n"
        assert not folder.exists()


def test_a_release_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with open_run(tmp_path) as run:
        with pytest.raises(ZeroDivisionError):
            fail_to_release(run)
        assert not run.is_released
        assert not (tmp_path / "release.partial").exists()


def fail_to_release(run: RunFolder) -> None:
    with run.assemble_release() as folder:
        files.write_atomic(folder / "corpus.jsonl", b"{}\n")
        raise ZeroDivisionError


def test_what_a_killed_process_left_of_a_release_does_not_get_into_the_next(tmp_path: Path) -> None:
    with open_run(tmp_path) as run:
        (tmp_path / "release.partial").mkdir()
        (tmp_path / "release.partial" / "old").touch()
        with run.assemble_release() as folder:
            assert list(folder.iterdir()) == []


def test_a_release_is_never_changed(tmp_path: Path) -> None:
    with open_run(tmp_path) as run:
        with run.assemble_release():
            pass
        with pytest.raises(RunError, match="a release is never changed"), run.assemble_release():
            pass


def test_paths_stay_inside_their_part_of_the_run(tmp_path: Path) -> None:
    with open_run(tmp_path) as run:
        assert run.private_path("a.npy") == tmp_path / "private" / "a.npy"
        assert run.evidence_path("calls.sqlite") == tmp_path / "evidence" / "calls.sqlite"
        for join in (run.private_path, run.evidence_path):
            with pytest.raises(RunError, match="is not allowed"):
                join("../release/a")


@pytest.mark.parametrize("torn", [b'{"event":"vo', b'{"event":"votes"}', b"\0" * 5000, b"\xff"])
def test_a_torn_last_line_is_taken_off_and_the_journal_goes_on(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append("one")
    with path.open("ab") as file:
        file.write(torn)
    journal = Journal(path)
    journal.append("two", n=2)
    assert [e["event"] for e in journal.events()] == ["one", "two"]


@pytest.mark.parametrize("bad", [b"garbage\n", b"[]\n", b"{}\n", b"\xff\n"])
def test_a_damaged_line_inside_the_journal_is_not_passed_over(tmp_path: Path, bad: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"event":"one"}\n' + bad + b'{"event":"two"}\n')
    journal = Journal(path)
    with pytest.raises(RunError, match="line 2: the journal is damaged"):
        journal.events()


@pytest.mark.parametrize("fact", [Private("ZQXMARKER"), {"a": [Private(1)]}, object(), float("nan"), b"ZQX"])
def test_what_is_no_plain_value_cannot_get_into_the_journal(tmp_path: Path, fact: object) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    with pytest.raises(PrivacyError, match="'votes' has a value") as caught:
        journal.append("votes", fact=fact)
    assert "ZQX" not in str(caught.value)
    assert caught.value.__context__ is None
    assert path.read_bytes() == b""


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append("one")
    before = path.read_bytes()
    whole_write = os.write
    calls: list[int] = []

    def full_after_one(descriptor: int, data: bytes) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole_write(descriptor, bytes(data)[:5])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_after_one)
        with pytest.raises(RunError, match="The disk is full"):
            journal.append("two")
    assert path.read_bytes() == before
    journal.append("three")
    assert [e["event"] for e in journal.events()] == ["one", "three"]
