"""Stored embeddings that somebody changed are refused, with and without encryption."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rpsg.errors import RunError
from rpsg.storage.vault import Vault
from rpsg.storage.vectors import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rpsg.storage.vault import VaultKey

ROWS, NUMBERS = 400, 300
#: The bytes of one row of 16-bit numbers.
ROW = 2 * NUMBERS

CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "zeros of the same shape": lambda content: bytes(len(content)),
    "one bit": lambda content: content[:-7] + bytes([content[-7] ^ 1]) + content[-6:],
    "two rows exchanged": lambda content: content[: -2 * ROW] + content[-ROW:] + content[-2 * ROW : -ROW],
    "a row less": lambda content: content[:-ROW],
    "a row more": lambda content: content + content[-ROW:],
    "half a row less": lambda content: content[: -ROW // 2],
    "nothing left": lambda _: b"",
}


def stored(folder: Path, key: VaultKey, seed: int = 0) -> tuple[Vectors, Path]:
    """Rows of ``seed`` in a new vault, and their file."""
    folder.mkdir()
    vectors = Vectors(Vault.create(folder, key), "v", NUMBERS)
    vectors.fill(ROWS, [np.random.default_rng(seed).normal(size=(ROWS, NUMBERS)).astype(np.float16)])
    assert vectors.load() is not None
    (file,) = folder.glob("v.f16.sealed" if key == "file" else "v.f16")
    return vectors, file


@pytest.mark.parametrize("key", ["file", "none"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed(tmp_path: Path, key: VaultKey, change: Callable[[bytes], bytes]) -> None:
    vectors, file = stored(tmp_path / "a", key)
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(RunError):
        vectors.load()


@pytest.mark.parametrize("key", ["file", "none"])
def test_so_are_rows_of_another_run(tmp_path: Path, key: VaultKey) -> None:
    vectors, file = stored(tmp_path / "a", key)
    _, other = stored(tmp_path / "b", key, seed=1)
    file.write_bytes(other.read_bytes())
    with pytest.raises(RunError):
        vectors.load()


def test_so_is_a_missing_tag_where_nothing_is_encrypted(tmp_path: Path) -> None:
    vectors, file = stored(tmp_path / "a", "none")
    (tag,) = (path for path in file.parent.iterdir() if path.name.startswith("v.f16") and path != file)
    tag.unlink()
    with pytest.raises(RunError):
        vectors.load()
