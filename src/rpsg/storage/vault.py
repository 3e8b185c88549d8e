"""The vault: the encrypted files in a run's private folder.

    private/vault.json     the run's random data key, wrapped by a key that is not in the run folder
    private/NAME.sealed    the file NAME

With ``[vault] key = "none"`` nothing is encrypted: ``vault.json`` has the data key in the clear, each file
has its plain name and a tag, and the ledger says that nothing is encrypted.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self, get_args

from rpsg.disk.files import file_errors, private_dir, safe_join, write_atomic, write_chunks
from rpsg.disk.json_text import canonical_json
from rpsg.disk.system import open_plain
from rpsg.errors import RunError
from rpsg.storage.layout import PRIVATE, VAULT
from rpsg.storage.sealing import CHUNK, SealBroken, SealedFile, TextSeal, derived_key, sealed, unsealed
from rpsg.storage.vault_keys import KEY_BYTES, KeySource, vault_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

VaultKey = Literal["file", "env", "keyring", "none"]
SEALED = ".sealed"
TAG = ".tag"
_FORMAT = "rpsg-vault/1"
_WRAPPED = b"rpsg-vault/1 data key"
_NEW_RUN = "Restore it from a backup, or start a new run in another folder with -o."


class Vault:
    """The private files of one run, by name. ``folder`` is its private folder."""

    def __init__(self, folder: Path, data_key: bytes, *, is_sealed: bool) -> None:
        self.folder = folder
        self.is_sealed = is_sealed
        self._data_key = data_key

    @classmethod
    def create(cls, folder: Path, key: VaultKey) -> Self:
        """A new vault in ``folder``, which has none yet.

        Raises:
            RpsgError: the wrapping key is not available, or the disk refuses.
        """
        data_key = secrets.token_bytes(KEY_BYTES)
        about: dict[str, Any] = {"format": _FORMAT, "key": key}
        if key == "none":
            about["data_key"] = data_key.hex()
        else:
            wrapping = vault_key(key, make=True)
            about |= {"key_id": _key_id(wrapping), "data_key": _wrap(wrapping, data_key)}
        write_atomic(folder / VAULT, canonical_json(about) + b"\n")
        return cls(folder, data_key, is_sealed=key != "none")

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The vault that a run made in its private folder.

        Raises:
            RunError: it is not there, is damaged, or its key is missing or wrong.
        """
        about = _about(folder)
        if about["key"] == "none":
            return cls(folder, bytes.fromhex(about["data_key"]), is_sealed=False)
        source: KeySource = about["key"]
        wrapping = vault_key(source, make=False)
        if _key_id(wrapping) != about["key_id"]:
            raise RunError(
                "The vault key on this machine cannot open the private files of this run.",
                hint="Restore the vault key (or the RPSG_HOME) with which this run was begun, or start a "
                "new run in another folder with -o.",
            )
        return cls(folder, _unwrap(wrapping, about["data_key"]), is_sealed=True)

    @property
    def run_key(self) -> bytes:
        """32 secret bytes for keyed hashes, which decide the order of rows, the donors and the nonce."""
        return derived_key(self._data_key, b"rpsg-run-key/1")

    def exists(self, name: str) -> bool:
        return self.path(name).is_file()

    def path(self, name: str) -> Path:
        """The path of the file called ``name``."""
        return safe_join(self.folder, name + SEALED if self.is_sealed else name)

    def write(self, name: str, content: bytes) -> None:
        """Write ``content`` to the file ``name`` atomically. Errors as ``write_pieces``."""
        self.write_pieces(name, (content,))

    def write_pieces(self, name: str, pieces: Iterable[bytes], chunk_size: int = CHUNK) -> None:
        """Write the concatenated ``pieces``; at no time is anything on the disk in the clear. With encryption
        ``chunks`` reads them in chunks of ``chunk_size`` bytes.

        Raises:
            RunError: the disk is full or refuses.
        """
        path = self.path(name)
        if path.parent != self.folder:
            private_dir(path.parent)
        if self.is_sealed:
            write_chunks(path, sealed(self._data_key, name, pieces, chunk_size))
        else:
            tag = hmac.new(self.run_key, digestmod=hashlib.sha256)
            write_chunks(path, _tagged(pieces, tag))
            self.write_tag(name, tag.hexdigest())

    def read(self, name: str) -> bytes:
        """The content of the file ``name``. Errors as ``pieces``."""
        return b"".join(self.pieces(name))

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content of the file ``name``, piece by piece; verified as a whole after the last piece.

        Raises:
            RunError: it is missing or was changed.
        """
        with self._opened(name) as file:
            if self.is_sealed:
                yield from unsealed(self._data_key, name, file)
                return
            tag = hmac.new(self.run_key, digestmod=hashlib.sha256)
            yield from _tagged(iter(lambda: file.read(CHUNK), b""), tag)
        with file_errors(f"read the tag of {PRIVATE}/{name}"):
            kept = safe_join(self.folder, name + TAG).read_text(encoding="ascii", errors="replace")
        if not hmac.compare_digest(tag.hexdigest(), kept):
            raise broken(name)

    @contextmanager
    def chunks(self, name: str, opened: SealedFile | None = None) -> Iterator[tuple[SealedFile, BinaryIO]]:
        """The chunks of the encrypted file ``name``, open within the block; ``opened`` if they are known.

        Raises:
            RunError: it is missing or was changed.
        """
        with self._opened(name) as file:
            yield opened or SealedFile(self._data_key, name, file), file

    @contextmanager
    def _opened(self, name: str) -> Iterator[BinaryIO]:
        with file_errors(f"read {PRIVATE}/{name}"):
            descriptor = open_plain(self.path(name), os.O_RDONLY)
            with os.fdopen(descriptor, "rb") as file:
                try:
                    yield file
                except SealBroken:
                    raise broken(name) from None

    def delete(self, name: str) -> None:
        """Delete the file ``name``, and its tag if it has one."""
        with file_errors(f"delete {PRIVATE}/{name}"):
            safe_join(self.folder, name + TAG).unlink(missing_ok=True)
            self.path(name).unlink(missing_ok=True)

    def size(self, name: str) -> int:
        """The size of the content of ``name`` in bytes."""
        if not self.is_sealed:
            return self.path(name).stat().st_size
        with self.chunks(name) as (chunks, _):
            return chunks.size

    def write_tag(self, name: str, tag: str) -> None:
        """Without encryption: write the keyed hash of a file's content, which shows later changes."""
        write_atomic(safe_join(self.folder, name + TAG), tag.encode())

    def texts(self, table: str) -> TextSeal | None:
        """The encryption of the rows of a table; None without encryption."""
        return TextSeal(self._data_key, table) if self.is_sealed else None

    def __repr__(self) -> str:
        return f"<Vault {'sealed' if self.is_sealed else 'in the clear'}>"


def broken(name: str) -> RunError:
    """The error for a private file that was changed or is incomplete."""
    return RunError(f"{PRIVATE}/{name} was changed, is incomplete or belongs to another run.", hint=_NEW_RUN)


def _tagged(pieces: Iterable[bytes], tag: hmac.HMAC) -> Iterator[bytes]:
    for piece in pieces:
        tag.update(piece)
        yield piece


def _about(folder: Path) -> dict[str, Any]:
    with file_errors(f"read {PRIVATE}/{VAULT}"):
        descriptor = open_plain(folder / VAULT, os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(1 << 16)
    try:
        about = json.loads(content)
        if about["format"] == _FORMAT and about["key"] in get_args(VaultKey):
            secret = bytes.fromhex(about["data_key"])
            if len(secret) == KEY_BYTES or (about["key"] != "none" and isinstance(about["key_id"], str)):
                return dict(about)
    except (ValueError, KeyError, TypeError):
        pass
    raise RunError(f"{PRIVATE}/{VAULT} of this run is damaged.", hint=_NEW_RUN)


def _key_id(wrapping: bytes) -> str:
    return derived_key(wrapping, b"rpsg-vault-key-id/1").hex()[:16]


def _wrap(wrapping: bytes, data_key: bytes) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(12)
    return (nonce + AESGCM(wrapping).encrypt(nonce, data_key, _WRAPPED)).hex()


def _unwrap(wrapping: bytes, wrapped: str) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    raw = bytes.fromhex(wrapped)
    try:
        return AESGCM(wrapping).decrypt(raw[:12], raw[12:], _WRAPPED)
    except (InvalidTag, ValueError):
        raise RunError(f"{PRIVATE}/{VAULT} of this run is damaged.", hint=_NEW_RUN) from None
