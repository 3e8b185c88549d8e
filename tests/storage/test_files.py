from __future__ import annotations

import errno
import hashlib
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg import files
from rpsg.errors import RunError
from rpsg.files import (
    canonical_json,
    private_dir,
    remove_parts,
    safe_join,
    tagged_sha256,
    write_all,
    write_atomic,
    write_chunks,
)

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
    with pytest.raises(RunError, match="The disk is full: cannot write a") as caught:
        write_atomic(tmp_path / "a", b"new" * 100)
    assert "df -h" in caught.value.hint
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


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
    with pytest.raises(RunError, match="Cannot write a: No such file or directory") as caught:
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
        write_all(descriptor, b"x")
    os.close(descriptor)
    assert caught.value.errno == errno.ENOSPC


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


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(json_values)
def test_canonical_json_says_the_same_and_does_not_depend_on_the_order_of_keys(value: Any) -> None:
    import json

    spelt = canonical_json(value)
    assert json.loads(spelt) == value
    assert canonical_json(json.loads(spelt)) == spelt
    if isinstance(value, dict):
        assert canonical_json(dict(reversed(value.items()))) == spelt


def test_canonical_json_has_one_spelling() -> None:
    assert (
        canonical_json({"b": [1, 1.5, None, True], "a": "ü\n"})
        == '{"a":"ü\\n","b":[1,1.5,null,true]}'.encode()
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, [{"a": -math.inf}], "\ud800"])
def test_canonical_json_refuses_what_json_has_no_word_for(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


@pytest.mark.parametrize("value", [{1: "a"}, [{"a": {None: 1}}], object(), b"x", {"a": {1}}])
def test_canonical_json_refuses_what_has_no_one_spelling(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


def test_a_tagged_hash_is_the_one_written_down() -> None:
    assert tagged_sha256("t", {"a": 1}) == hashlib.sha256(b'rpsg:t\0{"a":1}').hexdigest()
    assert tagged_sha256("t", {"a": 1}) != tagged_sha256("u", {"a": 1})
