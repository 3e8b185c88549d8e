from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import CONNECT

from rpsg.disk import files
from rpsg.disk.files import (
    create_private,
    ensure_private,
    hold_lock,
    private_dir,
    read_private,
    remove_parts,
    safe_join,
    write_atomic,
    write_chunks,
)
from rpsg.disk.journals import append_line, drop_torn_line, read_journal
from rpsg.errors import PrivacyError, RunError
from rpsg.privacy.odometer import Odometer
from rpsg.storage.call_store import CallStore

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=[0o000, 0o022, 0o277])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    folder = private_dir(tmp_path / "run")
    write_atomic(folder / "a", b"x")
    assert mode(folder) == 0o700
    assert mode(folder / "a") == 0o600
    write_atomic(folder / "b", b"x", mode=0o644)
    assert mode(folder / "b") == 0o644


def test_an_open_folder_is_tightened(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert mode(private_dir(tmp_path)) == 0o700


def test_a_planted_link_is_refused_and_its_target_untouched(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(RunError, match="is a link"):
        write_atomic(tmp_path / "link", b"theirs")
    assert target.read_text() == "mine"
    (tmp_path / "folder").symlink_to(tmp_path)
    with pytest.raises(RunError, match="Cannot open the folder"):
        private_dir(tmp_path / "folder")


def test_no_file_takes_the_place_of_a_pipe_or_a_device(tmp_path: Path) -> None:
    """As root, a rename would: ``-o /dev/null`` in a container must leave the device alone."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(RunError, match="is a device or a pipe"):
        write_atomic(pipe, b"a report")
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(RunError, match="Cannot open the folder"):
        private_dir(tmp_path / "run")


def test_the_hash_is_that_of_what_is_on_the_disk(tmp_path: Path) -> None:
    chunks = [bytes([n % 256]) * 1000 for n in range(3000)]
    digest = write_chunks(tmp_path / "a", iter(chunks))
    assert digest == hashlib.sha256((tmp_path / "a").read_bytes()).hexdigest()
    assert (tmp_path / "a").read_bytes() == b"".join(chunks)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    write_atomic(tmp_path / "a", b"old")
    whole_write = os.write
    calls: list[int] = []

    def full_after_one(descriptor: int, data: bytes) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(code, os.strerror(code))
        return whole_write(descriptor, bytes(data)[:10])

    monkeypatch.setattr(os, "write", full_after_one)
    with pytest.raises(RunError, match=f"The disk is full: cannot write a in {tmp_path}") as caught:
        write_atomic(tmp_path / "a", b"new" * 100)
    assert "df -h" in caught.value.hint
    assert "RPSG_HOME" in caught.value.hint
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_full_disk_leaves_no_empty_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_private(tmp_path / "there", b"before")

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        create_private(tmp_path / "key", b"secret")
    with pytest.raises(FileExistsError):
        create_private(tmp_path / "there", b"secret")
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("there", b"before")]


def test_a_short_write_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: whole_write(descriptor, bytes(data)[:7]))
    write_atomic(tmp_path / "a", b"0123456789" * 10)
    assert (tmp_path / "a").read_bytes() == b"0123456789" * 10


def test_an_error_while_the_content_is_made_leaves_nothing(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x" * (2 << 20)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_chunks(tmp_path / "a", chunks())
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        RunError, match=f"Cannot write a in {tmp_path}.*: No such file or directory"
    ) as caught:
        write_atomic(tmp_path / "none" / "a", b"x")
    assert "-o" in caught.value.hint


def test_parts_left_by_a_killed_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / f"{files.PART}0123").touch()
    (tmp_path / "a").touch()
    remove_parts(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_nothing_is_written_to_a_full_device() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space left") as caught:
        files.write_all(descriptor, b"x")
    os.close(descriptor)
    assert caught.value.errno == errno.ENOSPC


def test_a_file_lies_in_the_scratch_folder_until_it_is_whole(tmp_path: Path) -> None:
    shown, scratch = tmp_path / "shown", private_dir(tmp_path / "private")
    shown.mkdir()

    def chunks() -> Iterator[bytes]:
        yield b"x" * (2 << 20)
        assert list(shown.iterdir()) == []
        assert len(list(scratch.glob(f"{files.PART}*"))) == 1
        yield b"y"

    write_chunks(shown / "a", chunks(), 0o644, scratch=scratch)
    assert list(scratch.iterdir()) == []
    assert (shown / "a").read_bytes() == b"x" * (2 << 20) + b"y"
    assert mode(shown / "a") == 0o644


def test_a_line_is_added_at_the_end_of_a_file_for_its_owner_only(tmp_path: Path) -> None:
    append_line(tmp_path / "journal", b'{"n":1}')
    append_line(tmp_path / "journal", b'{"n":2}')
    assert (tmp_path / "journal").read_bytes() == b'{"n":1}\n{"n":2}\n'
    assert mode(tmp_path / "journal") == 0o600


def test_a_full_disk_leaves_a_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_line(tmp_path / "journal", b"{}")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match="The disk is full: cannot write journal"):
            append_line(tmp_path / "journal", b'{"n":1}')
    assert (tmp_path / "journal").read_bytes() == b"{}\n"


def test_a_line_that_a_crash_cut_short_counts_as_not_written(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    assert read_journal(journal) == []
    drop_torn_line(journal)
    assert not journal.exists()
    append_line(journal, b'{"n":1}')
    with journal.open("ab") as file:
        file.write(b'{"n":')
    assert read_journal(journal) == [{"n": 1}]
    drop_torn_line(journal)
    append_line(journal, b'{"n":2}')
    assert read_journal(journal) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("line", [b"", b"garbage", b"[]", b'{"n":1,"n":1}', b'{"n":NaN}', b"\xff"])
def test_a_damaged_line_is_named_by_its_number(tmp_path: Path, line: bytes) -> None:
    for written in (b"{}", line, b"{}"):
        append_line(tmp_path / "journal", written)
    with pytest.raises(RunError, match="line 2: the journal is damaged"):
        read_journal(tmp_path / "journal")


def test_a_private_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"{}\n")
    (tmp_path / "real").chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    for look in (read_private, read_journal, drop_torn_line, lambda path: append_line(path, b"{}")):
        with pytest.raises(PrivacyError, match="is a link"):
            look(link)
    with pytest.raises(RunError, match="Cannot open link"):
        ensure_private(link)
    with pytest.raises(FileExistsError):
        create_private(link, b"")
    assert (tmp_path / "real").read_bytes() == b"{}\n"


def test_a_private_file_that_others_may_read_is_refused_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "open"
    path.write_bytes(b"{}\n")
    path.chmod(0o640)
    for look in (read_private, lambda path: append_line(path, b"{}")):
        with pytest.raises(PrivacyError, match="Other users may read") as caught:
            look(path)
        assert f"chmod 600 {path}" in caught.value.hint
    ensure_private(path)
    assert read_private(path) == b"{}\n"


@pytest.mark.usefixtures("umask")
def test_a_new_private_file_never_replaces_another(tmp_path: Path) -> None:
    create_private(tmp_path / "key", b"one")
    with pytest.raises(FileExistsError):
        create_private(tmp_path / "key", b"two")
    assert mode(tmp_path / "key") == 0o600
    assert read_private(tmp_path / "key") == b"one"


def test_a_lock_is_held_once_until_it_is_let_go(tmp_path: Path) -> None:
    held = hold_lock(tmp_path / ".lock")
    with pytest.raises(RunError, match="Another process is working in"):
        hold_lock(tmp_path / ".lock")
    os.close(held)
    os.close(hold_lock(tmp_path / ".lock", wait=True))


REFUSED_NAMES = [
    *("", ".", "..", "/", "/etc/passwd", "../x", "a/../x", "a/../../x", "a/..", "./a", "a//b", "a/", "a/./b"),
    *("a\0b", "a\nb", "a\x1bb", "a\u202eb", "a\\b", "C:x", "C:/x", "//host/share/x"),
    *("CON", "nul", "com1", "LPT9.txt", "aux.json", "a/prn", "a.", "a ", "a./b"),
]


@pytest.mark.parametrize("name", REFUSED_NAMES, ids=ascii)
def test_a_name_that_leaves_the_folder_or_is_not_portable_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="is not allowed"):
        safe_join(tmp_path, name)


@pytest.mark.parametrize("name", ["a", "a.json", "a/b.json", "console", "com10", "ä", "..a", ".a"])
def test_a_plain_name_stays_inside(tmp_path: Path, name: str) -> None:
    assert safe_join(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize("name", ["link", "link/x", "inside", "inside/x", "a/link"])
def test_a_name_through_a_link_is_refused(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "link").symlink_to(tmp_path)
    (root / "a" / "link").symlink_to(tmp_path)
    (root / "inside").symlink_to(root / "a")
    with pytest.raises(RunError, match="is not allowed"):
        safe_join(root, name)


@given(st.text(max_size=12))
def test_no_name_at_all_leads_out(name: str) -> None:
    root = Path("/nowhere/root")
    try:
        joined = safe_join(root, name)
    except RunError:
        return
    assert root in joined.parents


def test_databases_and_journals_wait_for_the_disk_as_their_comments_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked for here, no other test waits for: see ``no_waiting_for_the_disk``."""
    asked: list[str] = []
    synced: list[int] = []

    class Listening(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            asked.append(sql)
            return super().execute(sql, *parameters)

    monkeypatch.setattr("sqlite3.connect", partial(CONNECT, factory=Listening))
    monkeypatch.setattr("os.fsync", synced.append)
    with CallStore(tmp_path / "calls.sqlite"):
        assert {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL"} <= set(asked)
    asked.clear()
    Odometer(tmp_path / "book")
    assert "PRAGMA synchronous = EXTRA" in asked
    assert not [sql for sql in asked if "journal_mode" in sql], "the default, which EXTRA is about"
    synced.clear()
    write_atomic(tmp_path / "a.json", b"{}")
    assert len(synced) == 2, "the file and its folder"
