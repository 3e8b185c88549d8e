"""Where the key of the vault may be, and that what is kept comes back as it was."""

from __future__ import annotations

import base64
import secrets
import subprocess
import sys
import types
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.errors import MissingExtraError, RunError, UsageError
from rpsg.privacy.odometer import state_folder
from rpsg.storage.sealing import CHUNK, SealBroken, TextSeal, content_size, sealed, unsealed
from rpsg.storage.vault import Vault, VaultKey
from rpsg.storage.vault_keys import vault_key
from rpsg.storage.vectors import Vectors

if TYPE_CHECKING:
    from pathlib import Path

KEY = b"d" * 32


@given(st.lists(st.integers(0, CHUNK + 3), max_size=4))
def test_a_sealed_file_gives_back_whatever_pieces_went_in(sizes: list[int]) -> None:
    import io

    pieces = [bytes([i % 251]) * size for i, size in enumerate(sizes)]
    body = b"".join(sealed(KEY, "name", pieces))
    assert b"".join(unsealed(KEY, "name", io.BytesIO(body))) == b"".join(pieces)
    assert content_size(len(body)) == sum(sizes)


@given(st.text(), st.text(), st.text())
def test_a_row_s_text_opens_in_its_own_row_alone(row: str, other: str, text: str) -> None:
    seal = TextSeal(KEY, "calls")
    kept = seal.close(row, text)
    assert seal.open(row, kept) == text
    if other != row:
        with pytest.raises(SealBroken):
            seal.open(other, kept)


@pytest.mark.parametrize("kept", ["", "!", "AAAA", base64.b64encode(b"a" * 40).decode()])
def test_what_is_no_sealed_text_is_told_from_one(kept: str) -> None:
    with pytest.raises(SealBroken):
        TextSeal(KEY, "calls").open("row", kept)


@pytest.mark.parametrize("key", ["file", "none"])
@pytest.mark.parametrize("rows", [0, 1, 1000])
def test_vectors_come_back_as_they_were(tmp_path: Path, key: VaultKey, rows: int) -> None:
    made = np.random.default_rng(0).normal(size=(rows, 300)).astype(np.float16)
    kept = Vectors(Vault.create(tmp_path, key), "v", 300)
    assert kept.load() is None
    assert np.array_equal(kept.fill(rows, np.array_split(made, 3)), made)
    again = Vectors(Vault.open(tmp_path), "v", 300).load()
    assert again is not None
    assert np.array_equal(again, made)


def test_the_key_file_is_made_once_and_serves_every_run(tmp_path: Path) -> None:
    (state_folder() / "vault.key").unlink()
    for name in "ab":
        (tmp_path / name).mkdir()
        Vault.create(tmp_path / name, "file").write("note", name.encode())
    assert len((state_folder() / "vault.key").read_bytes()) == 32
    assert [Vault.open(tmp_path / name).read("note") for name in "ab"] == [b"a", b"b"]
    assert Vault.open(tmp_path / "a").run_key != Vault.open(tmp_path / "b").run_key


MAKE = "from rpsg.storage.vault_keys import vault_key; print(vault_key('file', make=True).hex())"


def test_first_runs_that_begin_at_once_make_one_key() -> None:
    (state_folder() / "vault.key").unlink()
    processes = [subprocess.Popen([sys.executable, "-c", MAKE], stdout=subprocess.PIPE) for _ in range(4)]
    assert len({process.communicate()[0] for process in processes}) == 1


@pytest.mark.parametrize("spell", [bytes.hex, lambda key: base64.b64encode(key).decode()])
def test_a_key_of_the_environment_may_be_spelt_in_two_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spell: object
) -> None:
    assert callable(spell)
    monkeypatch.setenv("RPSG_VAULT_KEY", spell(secrets.token_bytes(32)))
    Vault.create(tmp_path, "env").write("note", b"kept")
    assert Vault.open(tmp_path).read("note") == b"kept"
    monkeypatch.delenv("RPSG_VAULT_KEY")
    with pytest.raises(UsageError, match="is not set"):
        Vault.open(tmp_path)


def test_a_key_may_be_in_the_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: dict[tuple[str, str], str] = {}
    fake = types.ModuleType("keyring")
    fake.get_password = lambda *entry: held.get(entry)  # type: ignore[attr-defined]
    fake.set_password = lambda service, name, secret: held.update({(service, name): secret})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", fake)
    Vault.create(tmp_path, "keyring").write("note", b"kept")
    assert Vault.open(tmp_path).read("note") == b"kept"
    held.clear()
    with pytest.raises(RunError, match="keyring holds no key"):
        Vault.open(tmp_path)


def test_without_the_package_of_keyrings_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtraError, match="keyring"):
        vault_key("keyring", make=True)


def test_a_file_in_the_clear_that_was_changed_is_noticed_by_its_tag(tmp_path: Path) -> None:
    vault = Vault.create(tmp_path, "none")
    vault.write("note", b"kept")
    vault.path("note").write_bytes(b"kepT")
    with pytest.raises(RunError, match="was changed"):
        vault.read("note")
