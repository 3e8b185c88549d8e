"""Where the key of the vault may be, and that what is kept comes back as it was."""

from __future__ import annotations

import base64
import secrets
import subprocess
import sys
import tracemalloc
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.errors import MissingExtraError, RunError, UsageError
from rpsg.privacy.odometer import state_folder
from rpsg.storage.sealing import CHUNK, SealBroken, SealedFile, TextSeal, sealed, unsealed
from rpsg.storage.vault import Vault, VaultKey
from rpsg.storage.vault_keys import vault_key
from rpsg.storage.vectors import SealedRows, Vectors

if TYPE_CHECKING:
    from pathlib import Path

KEY = b"d" * 32


@given(st.lists(st.integers(0, CHUNK + 3), max_size=4))
def test_a_sealed_file_gives_back_whatever_pieces_went_in(sizes: list[int]) -> None:
    import io

    pieces = [bytes([i % 251]) * size for i, size in enumerate(sizes)]
    body = b"".join(sealed(KEY, "name", pieces))
    assert b"".join(unsealed(KEY, "name", io.BytesIO(body))) == b"".join(pieces)
    assert SealedFile(KEY, "name", io.BytesIO(body)).size == sum(sizes)


@given(st.binary(max_size=200), st.integers(1, 40), st.data())
def test_any_chunks_of_a_sealed_file_can_be_read_alone_and_no_other_can_be_in_their_place(
    content: bytes, chunk_size: int, data: st.DataObject
) -> None:
    import io

    body = b"".join(sealed(KEY, "name", [content], chunk_size))
    assert b"".join(unsealed(KEY, "name", io.BytesIO(body))) == content
    file = SealedFile(KEY, "name", io.BytesIO(body))
    assert (file.chunk_size, file.size) == (chunk_size, len(content))
    first = data.draw(st.integers(0, file.chunks - 1))
    stop = data.draw(st.integers(first + 1, file.chunks))
    assert file.read(io.BytesIO(body), first, stop) == content[first * chunk_size : stop * chunk_size]
    start, each = len(body) - len(content) - 16 * file.chunks, chunk_size + 16
    if file.chunks > 1:
        swapped = body[:start] + body[start + each : start + 2 * each] + body[start + each :]
        with pytest.raises(SealBroken):
            file.read(io.BytesIO(swapped), 0, 1)
        shorter = io.BytesIO(body[: start + each * (file.chunks - 1)])  # the last chunk is gone
        with pytest.raises(SealBroken):
            list(unsealed(KEY, "name", shorter))


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


@pytest.mark.parametrize("rows", [0, 1, 54, 55, 1000])
def test_encrypted_vectors_are_read_by_slices_and_indices_as_an_array_is(tmp_path: Path, rows: int) -> None:
    """A chunk has 27 rows of 300 numbers."""
    rng = np.random.default_rng(0)
    made = rng.normal(size=(rows, 300)).astype(np.float16)
    Vectors(Vault.create(tmp_path, "file"), "v", 300).fill(rows, np.array_split(made, 3))
    kept = Vectors(Vault.open(tmp_path), "v", 300).load()
    assert isinstance(kept, SealedRows)
    assert (len(kept), kept.shape) == (rows, made.shape)
    for part in (slice(0, 10), slice(26, 28), slice(50, 2000), slice(900, 100, -7), slice(None)):
        assert np.array_equal(kept[part], made[part])
    for count in (0, 1, 20, 2000):
        some = rng.integers(-rows, rows, count) if rows else np.empty(0, np.int64)
        assert np.array_equal(kept[some], made[some])
    for outside in ([rows], [-rows - 1]):
        with pytest.raises(IndexError):
            kept[outside]


def test_only_the_chunks_that_are_needed_are_decrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    made = np.zeros((10_000, 300), np.float16)
    kept = Vectors(Vault.create(tmp_path, "file"), "v", 300).fill(len(made), [made])
    whole = SealedFile.read

    def counted(self: SealedFile, file: Any, first: int, stop: int) -> bytes:
        read.append(stop - first)
        return whole(self, file, first, stop)

    monkeypatch.setattr(SealedFile, "read", counted)
    kept[100:1100]
    kept[np.array([9_999, 5, 6])]
    assert sum(read) <= 1000 // 27 + 2 + 2


def test_encrypted_vectors_are_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    rows, numbers, part = 40_000, 384, 2048
    blocks = (np.full((min(part, rows - i), numbers), 0.5, np.float16) for i in range(0, rows, part))
    vectors = Vectors(Vault.create(tmp_path, "file"), "v", numbers)
    tracemalloc.start()
    try:
        vectors.fill(rows, blocks)
        kept = vectors.load()
        assert kept is not None
        assert sum(float(kept[i : i + part].sum(dtype=np.float64)) for i in range(0, rows, part)) == (
            rows * numbers / 2
        )
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < rows * numbers * 2 / 3


def test_vectors_that_an_earlier_version_encrypted_are_read(tmp_path: Path) -> None:
    made = np.random.default_rng(0).normal(size=(5000, 300))
    vault = Vault.create(tmp_path, "file")
    for name, kind in (("v.f16", np.float16), ("w.f32", np.float32)):
        vault.write(name, made.astype(kind).tobytes())  # in chunks of 1 MiB
        kept = Vectors(vault, name[0], 300).load()
        assert isinstance(kept, np.ndarray)
        assert np.array_equal(kept, made.astype(kind))


def test_encrypted_vectors_that_are_changed_are_refused_before_and_while_they_are_used(
    tmp_path: Path,
) -> None:
    made = np.random.default_rng(0).normal(size=(1000, 300)).astype(np.float16)
    vectors = Vectors(Vault.create(tmp_path, "file"), "v", 300)
    kept, file = vectors.fill(1000, [made]), tmp_path / "v.f16.sealed"
    content = bytearray(file.read_bytes())
    content[300_000] ^= 1
    file.write_bytes(content)
    assert np.array_equal(kept[:100], made[:100])
    with pytest.raises(RunError, match="was changed"):
        kept[:1000]
    with pytest.raises(RunError, match="was changed"):
        vectors.load()


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
