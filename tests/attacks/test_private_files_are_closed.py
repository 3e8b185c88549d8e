"""Whoever has a run folder, and not its key, reads nothing private in it and changes nothing unnoticed.

Embeddings, seeds, replies to private prompts and the secret key lay in the clear in every run folder, and
embeddings of zeros, put there by hand, were taken for the run's own.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg.errors import RpsgError, RunError
from rpsg.models.fake import FakeEmbedder
from rpsg.pipeline import execute as running
from rpsg.privacy.odometer import state_folder
from rpsg.storage.run_folder import open_vault
from rpsg.storage.sealing import CHUNK
from rpsg.storage.vault import Vault
from rpsg.storage.vectors import Vectors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.plan import Plan

MARKER = "zqxmarker"
METHODS: Mapping[str, Mapping[str, Any]] = {
    "strict": {},
    "paper": {"method": {"name": "paper"}},
    "split": {"method": {"name": "split"}, "data": {"label": "label", "labels": ("food", "drink")}},
}


def plan_of(lab: Lab, method: str, **more: Any) -> Plan:
    rows = [{**row, "text": f"{row['text']} {MARKER}"} for row in lab.rows(400)]
    sections = {**METHODS[method], **more}
    return lab.plan(lab.file(rows), **{"corpus": {"size": 8, "domain": str(lab.pack)}, **sections})


def files(*folders: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for folder in folders for file in folder.rglob("*") if file.is_file()}


def unfinished(lab: Lab, plan: Plan) -> Path:
    """A run that died in the moment before its release: all that it keeps is there."""
    out = lab.folder / "run"
    with pytest.MonkeyPatch.context() as patch:

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(running, "RELEASED", replace(running.RELEASED, end=die))
        with pytest.raises(KeyboardInterrupt):
            running.execute(plan, out, tools=lab.tools())
    return out


@pytest.mark.parametrize("method", METHODS)
def test_no_private_text_no_embedding_and_no_key_lies_in_run_or_state_folder(lab: Lab, method: str) -> None:
    run = unfinished(lab, plan_of(lab, method))
    vault = open_vault(run)
    secrets = {"the run's key": vault.run_key, "the same in letters": vault.run_key.hex().encode()}
    secrets |= {"the data key": vault._data_key, "and in letters": vault._data_key.hex().encode()}
    secrets["a private word"] = MARKER.encode()
    for name in ("embeddings", "donors"):
        if vault.exists(f"{name}.f16"):
            rows = Vectors(vault, name, 32).load()
            assert rows is not None
            secrets[f"a row of {name}"] = rows[[len(rows) // 2]].tobytes()
    for file, content in files(run, state_folder()).items():
        for what, secret in secrets.items():
            assert secret not in content.lower() + content, f"{what} lies in {file}"


def test_the_search_finds_them_where_there_is_no_vault(lab: Lab) -> None:
    run = unfinished(lab, plan_of(lab, "split", vault={"key": "none"}))
    contents = files(run).values()
    rows = Vectors(open_vault(run), "embeddings", 32).load()
    assert rows is not None
    assert any(MARKER.encode() in content for content in contents)
    assert any(rows[[0]].tobytes() in content for content in contents)


@pytest.mark.parametrize("method", METHODS)
def test_only_the_owner_may_open_the_private_folder_and_each_file_in_it(lab: Lab, method: str) -> None:
    before = os.umask(0)
    try:
        run = unfinished(lab, plan_of(lab, method))
    finally:
        os.umask(before)
    for path in [run / "private", *(run / "private").rglob("*"), state_folder() / "vault.key"]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.create(tmp_path, "file")


def test_every_flipped_bit_of_a_sealed_file_is_noticed(vault: Vault) -> None:
    vault.write("a", b"private")
    whole = vault.path("a").read_bytes()
    for place in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        vault.path("a").write_bytes(changed)
        with pytest.raises(RunError, match="was changed"):
            vault.read("a")


def big(vault: Vault, name: str = "a") -> bytes:
    content = os.urandom(3 * CHUNK)
    vault.write(name, content)
    assert vault.read(name) == content
    assert vault.size(name) == len(content)
    return vault.path(name).read_bytes()


@pytest.mark.parametrize("cut", [1, 16, CHUNK, CHUNK + 16, 2 * (CHUNK + 16), 3 * (CHUNK + 16)])
def test_a_sealed_file_that_is_cut_short_is_noticed(vault: Vault, cut: int) -> None:
    vault.path("a").write_bytes(big(vault)[:-cut])
    with pytest.raises(RunError, match="incomplete"):
        vault.read("a")


def test_chunks_that_changed_places_came_twice_or_from_another_file_are_noticed(vault: Vault) -> None:
    one, other = big(vault), big(vault)
    head, size = len(one) - 3 * (CHUNK + 16), CHUNK + 16
    a, b, c = (one[head + i * size : head + (i + 1) * size] for i in range(3))
    foreign = other[head : head + size]
    for body in (b + a + c, a + a + b + c, a + c, foreign + b + c, a + b + c + c):
        vault.path("a").write_bytes(one[:head] + body)
        with pytest.raises(RunError, match="was changed"):
            vault.read("a")


def test_a_sealed_file_under_another_name_or_in_another_run_is_noticed(vault: Vault, tmp_path: Path) -> None:
    vault.write("a", b"private")
    vault.path("b").write_bytes(vault.path("a").read_bytes())
    (tmp_path / "other").mkdir()
    other = Vault.create(tmp_path / "other", "file")
    other.path("a").write_bytes(vault.path("a").read_bytes())
    for place, name in ((vault, "b"), (other, "a")):
        with pytest.raises(RunError, match="belongs to another run"):
            place.read(name)


@pytest.mark.parametrize("key", ["file", "none"])
def test_embeddings_of_zeros_put_there_by_hand_are_noticed(lab: Lab, key: str) -> None:
    plan = plan_of(lab, "strict", vault={"key": key})
    run = unfinished(lab, plan)
    file = open_vault(run).path("embeddings.f16")
    file.write_bytes(bytes(file.stat().st_size))
    with pytest.raises(RunError, match=r"private/embeddings\.f16 was changed"):
        Vectors(open_vault(run), "embeddings", 32).load()


def test_a_private_reply_is_not_in_its_file_and_is_missed_where_it_was_moved(vault: Vault) -> None:
    from rpsg.protocols import Message, Reply, Request
    from rpsg.storage.call_store import CallStore

    (vault.folder / "private").mkdir()
    request = Request((Message("user", MARKER),), max_tokens=5, seed=1, temperature=1.0, top_p=1.0)
    path = vault.folder / "private" / "calls.sqlite"
    with CallStore(path, key=b"k" * 32, seal=vault.texts("calls")) as store:
        keys = [store.key_of("w", request), "another"]
        for key in keys:
            store.put(key, Reply(f"{MARKER} {key}", "stop", 1, 1))
        assert store.get_many(keys)[keys[0]].text == f"{MARKER} {keys[0]}"
        assert not any(MARKER.encode() in content for content in files(vault.folder).values())
        (kept,) = store._connection.execute("SELECT text FROM replies WHERE key = 'another'").fetchone()
        store._connection.execute("UPDATE replies SET text = ? WHERE key = ?", (kept, keys[0]))
        with pytest.raises(RunError, match="was changed"):
            store.get_many(keys)


@pytest.mark.parametrize("loss", ["gone", "another"])
def test_without_its_key_a_run_is_refused_and_no_other_key_is_made(lab: Lab, loss: str) -> None:
    plan = plan_of(lab, "strict")
    run = unfinished(lab, plan)
    key = state_folder() / "vault.key"
    if loss == "gone":
        key.unlink()
    else:
        key.write_bytes(b"o" * 32)
    with pytest.raises(RunError, match=r"opens? the private files of this run") as refused:
        running.execute(plan, run, tools=lab.tools())
    assert "-o" in refused.value.hint
    assert key.exists() is (loss == "another")


def test_a_run_that_was_begun_without_a_vault_does_not_get_one(lab: Lab) -> None:
    out = lab.folder / "run"
    (out / "private").mkdir(parents=True)
    (out / "run.json").write_text('{"format":1,"plan_fingerprint":"f","run_id":"00"}')
    (out / "private" / "key").write_bytes(b"k" * 32)
    (out / "journal.jsonl").write_text("")
    with pytest.raises(RunError, match="by another version"):
        running.execute(plan_of(lab, "strict"), out, tools=lab.tools())


@pytest.mark.parametrize("method", ["strict", "paper"])
def test_a_ledger_tells_that_private_files_lay_in_the_clear(lab: Lab, method: str) -> None:
    closed = lab.run(plan_of(lab, method), "closed").ledger
    opened = lab.run(plan_of(lab, method, vault={"key": "none"}), "opened").ledger
    assert ("vault" in closed, opened["vault"]) == (False, "none")
    assert any("unencrypted" in line for line in opened["not_covered"])
    assert not any("unencrypted" in line for line in closed["not_covered"])


def test_a_full_disk_is_an_error_before_the_first_embedding_and_not_a_killed_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    def blocks() -> Any:
        raise AssertionError("a text was embedded though there was no room")
        yield np.zeros((1, 4), np.float16)

    monkeypatch.setattr("os.posix_fallocate", full, raising=False)
    kept = Vectors(Vault.create(tmp_path, "none"), "embeddings", 4)
    with pytest.raises(RunError, match="The disk is full") as refused:
        kept.fill(1000, blocks())
    assert "Free some space" in refused.value.hint
    assert [file.name for file in tmp_path.iterdir()] == ["vault.json"]


def test_a_mapped_file_of_embeddings_has_all_its_room_from_the_beginning(tmp_path: Path) -> None:
    kept, seen = Vectors(Vault.create(tmp_path, "none"), "embeddings", 256), []

    def blocks() -> Any:
        (part,) = tmp_path.glob(".rpsg-part-*")
        seen.append(512 * part.stat().st_blocks)
        yield np.ones((4096, 256), np.float16)

    kept.fill(4096, blocks())
    assert seen[0] >= 2 * 4096 * 256


@pytest.mark.parametrize("wrong", ["", "not a key", "ab" * 31])
def test_a_key_from_the_environment_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("RPSG_VAULT_KEY", wrong)
    with pytest.raises(RpsgError, match="RPSG_VAULT_KEY"):
        Vault.create(tmp_path, "env")
    assert list(tmp_path.iterdir()) == []


def test_no_embedder_is_asked_again_by_the_run_that_goes_on(lab: Lab) -> None:
    plan = plan_of(lab, "strict")
    run = unfinished(lab, plan)

    class Once(FakeEmbedder):
        def embed(self, texts: Any) -> Any:
            assert not any(MARKER in text for text in texts)
            return super().embed(texts)

    assert running.execute(plan, run, tools=lab.tools(embedder=Once())).texts


def test_a_run_does_not_go_on_in_the_clear_because_a_file_in_its_folder_says_so(lab: Lab) -> None:
    plan = plan_of(lab, "strict")
    run = unfinished(lab, plan)
    told = {"format": "rpsg-vault/1", "key": "none", "data_key": "00" * 32}
    (run / "private" / "vault.json").write_text(json.dumps(told))
    with pytest.raises(RunError, match="says that they are not encrypted"):
        running.execute(plan, run, tools=lab.tools())
