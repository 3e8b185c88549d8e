"""Embeddings of private texts, kept in the vault so that a resumed run need not compute them again.

With encryption, they are encrypted as a stream and held in memory. Without it, they are a memory-mapped file,
whose space is allocated first, because a mapped file on a full disk kills the process.
"""

from __future__ import annotations

import hashlib
import hmac
import mmap
import os
from itertools import count
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from rpsg.disk.files import PART, descriptor_of, file_errors, sync_dir
from rpsg.errors import RunError
from rpsg.storage.layout import PRIVATE
from rpsg.storage.sealing import CHUNK
from rpsg.storage.vault import broken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rpsg.storage.vault import Vault

Floats = npt.NDArray[np.float32]
_ROW = np.dtype("<f4")


class Vectors:
    """Rows of ``dim`` numbers under ``name`` in the vault of a run."""

    def __init__(self, vault: Vault, name: str, dim: int) -> None:
        self._vault, self._name, self._dim = vault, name, dim

    def load(self) -> Floats | None:
        """The stored vectors, float32 of shape (rows, dim); None if there are none yet.

        Raises:
            RunError: they were changed.
        """
        if not self._vault.exists(self._name):
            return None
        size = self._vault.size(self._name)
        shape = (size // (_ROW.itemsize * self._dim), self._dim)
        if size != _ROW.itemsize * shape[0] * self._dim:
            raise broken(self._name)
        if self._vault.is_sealed:
            return self._decrypted(shape)
        for _ in self._vault.pieces(self._name):  # read to the end, because only there is the tag checked
            pass
        return _mapped(self._vault.path(self._name), shape, "r")

    def fill(self, rows: int, blocks: Iterable[Floats]) -> Floats:
        """Store all ``blocks``, ``rows`` rows together; returns them as ``load`` does.

        Raises:
            RunError: the disk is full or refuses; nothing half-written is left under the name.
        """
        if self._vault.is_sealed:
            vectors = np.empty((rows, self._dim), np.float32)
            written = _copied(blocks, vectors)
            self._vault.write_pieces(self._name, (part.astype(_ROW).tobytes() for part in written))
            return vectors
        with file_errors(f"write {PRIVATE}/{self._name}"):
            return self._fill_file((rows, self._dim), blocks)

    def part(self, number: int, about: bytes, rows: int) -> Floats | None:
        """The rows that ``keep_part`` stored; None if they are missing, incomplete, or of something else."""
        name = self._part(number)
        if not self._vault.exists(name):
            return None
        try:
            content = self._vault.read(name)
        except RunError:  # a killed run left the file without its tag; the rows can be made again
            return None
        if not content.startswith(about) or len(content) != len(about) + rows * self._dim * _ROW.itemsize:
            return None
        return np.frombuffer(content, _ROW, offset=len(about)).reshape(rows, self._dim).astype(np.float32)

    def keep_part(self, number: int, about: bytes, rows: Floats) -> None:
        """Store some of the rows until all are there; ``about`` says what they were made of."""
        self._vault.write(self._part(number), about + rows.astype(_ROW).tobytes())

    def forget_parts(self) -> None:
        """Delete the parts, since all rows are stored now; the last one first, so that none is forgotten."""
        parts = next(number for number in count() if not self._vault.exists(self._part(number)))
        for number in reversed(range(parts)):
            self._vault.delete(self._part(number))

    def _part(self, number: int) -> str:
        return f"{self._name}.{number}"

    def _decrypted(self, shape: tuple[int, int]) -> Floats:
        vectors = np.empty(shape, _ROW)
        flat, filled = vectors.reshape(-1).view(np.uint8), 0
        for piece in self._vault.pieces(self._name):
            if filled + len(piece) > len(flat):
                raise broken(self._name)
            flat[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
            filled += len(piece)
        if filled != len(flat):
            raise broken(self._name)
        return vectors.astype(np.float32, copy=False)

    def _fill_file(self, shape: tuple[int, int], blocks: Iterable[Floats]) -> Floats:
        final = self._vault.path(self._name)
        part = final.with_name(f"{PART}{final.name}")
        part.unlink(missing_ok=True)
        try:
            _take_room(part, _ROW.itemsize * shape[0] * shape[1])
            vectors = _mapped(part, shape, "r+")
            for _ in _copied(blocks, vectors):
                drop_pages(vectors)
            if isinstance(vectors, np.memmap):
                vectors.flush()
            self._vault.write_tag(self._name, self._tag_of(part))
            part.replace(final)
            sync_dir(final.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return vectors

    def _tag_of(self, file: Path) -> str:
        tag = hmac.new(self._vault.run_key, digestmod=hashlib.sha256)
        with file.open("rb") as content:
            while piece := content.read(CHUNK):
                tag.update(piece)
        return tag.hexdigest()


def _copied(blocks: Iterable[Floats], vectors: Floats) -> Iterator[Floats]:
    """Copies each block into ``vectors`` and yields its slice."""
    start = 0
    for block in blocks:
        vectors[start : start + len(block)] = block
        yield vectors[start : start + len(block)]
        start += len(block)


def _take_room(file: Path, size: int) -> None:
    """A new file of ``size`` zeros with its space allocated; OSError if the disk is full."""
    with descriptor_of(file, os.O_RDWR | os.O_CREAT | os.O_EXCL) as descriptor:
        if hasattr(os, "posix_fallocate"):
            if size:
                os.posix_fallocate(descriptor, 0, size)
            return
        for start in range(0, size, CHUNK):  # macOS has no such call
            os.write(descriptor, bytes(min(CHUNK, size - start)))


def _mapped(file: Path, shape: tuple[int, int], mode: Literal["r", "r+"]) -> Floats:
    if 0 in shape:  # an empty file cannot be mapped
        return np.empty(shape, np.float32)
    mapped: Floats = np.memmap(file, _ROW, mode, shape=shape)
    return mapped


def drop_pages(vectors: npt.NDArray[np.float32]) -> None:
    """Drop the pages of a mapped file from this process; the system's cache keeps them.

    Otherwise a pass over the rows would leave the whole file counted as memory of the process, to which
    container limits apply. Does nothing for an array in memory, or on a system without the call.
    """
    if isinstance(vectors.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        vectors.base.madvise(mmap.MADV_DONTNEED)
