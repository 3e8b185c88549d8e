"""Embeddings of private texts, kept in the vault so that a resumed run need not compute them again.

They are stored as numbers of 16 bits, which need half the disk and memory of the embedder's numbers. With
encryption, they are encrypted in chunks of a few rows, and decrypted when they are needed. Without it, they
are a memory-mapped file, whose space is allocated first, because a mapped file on a full disk kills the
process.
"""

from __future__ import annotations

import hashlib
import hmac
import mmap
import os
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from rpsg.disk.files import PART, descriptor_of, file_errors, sync_dir
from rpsg.errors import RunError
from rpsg.storage.layout import HALVES, PRIVATE, SINGLES
from rpsg.storage.sealing import CHUNK
from rpsg.storage.vault import broken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from rpsg.storage.vault import Vault

#: Rows in memory: float16, or float32 in a run that an earlier version began.
Held = npt.NDArray[np.floating[Any]]
Halves = npt.NDArray[np.float16]
_ROW, _SINGLE = np.dtype("<f2"), np.dtype("<f4")
#: An encrypted chunk has as many rows as fit into this many bytes: few, because people's rows may be read in
#: any order.
_CELL = 1 << 14


class SealedRows:
    """Rows that are encrypted on the disk, read by slices and by indices as those of an array."""

    dtype: np.dtype[Any] = np.dtype(np.float16)

    def __init__(self, vault: Vault, name: str, dim: int) -> None:
        with vault.chunks(name) as (chunks, _):
            self._vault, self._name, self._chunks = vault, name, chunks
            self._each, rest = divmod(chunks.chunk_size, _ROW.itemsize * dim)
            if rest or chunks.size % (_ROW.itemsize * dim):
                raise broken(name)
            self.shape = (chunks.size // (_ROW.itemsize * dim), dim)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice | Sequence[int] | npt.NDArray[np.int64]) -> Held:
        if isinstance(which, slice):
            some = np.arange(*which.indices(len(self)))
        else:
            some = np.asarray(which, np.int64)
            some = np.where(some < 0, some + len(self), some)
            if len(some) and not 0 <= some.min() <= some.max() < len(self):
                raise IndexError("a row beyond the last one")
        found = np.empty((len(some), self.shape[1]), np.float16)
        order = np.argsort(some, kind="stable")
        ordered = some[order]
        needed = np.unique(ordered // self._each)
        with self._vault.chunks(self._name, self._chunks) as (chunks, file):
            for run in np.split(needed, np.flatnonzero(np.diff(needed) > 1) + 1) if len(needed) else ():
                first, stop = int(run[0]), int(run[-1]) + 1
                rows = np.frombuffer(chunks.read(file, first, stop), _ROW).reshape(-1, self.shape[1])
                low, high = np.searchsorted(ordered, (first * self._each, stop * self._each))
                found[order[low:high]] = rows[ordered[low:high] - first * self._each]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """All rows in memory, for ``numpy.asarray``."""
        return self[:].astype(dtype or np.float16, copy=False)


#: Rows as they are stored.
Stored = Held | SealedRows


def halves(rows: npt.NDArray[np.float32]) -> Halves:
    """Rows rounded to 16 bits. A row that does not fit becomes zero; rows of unit length always fit."""
    with np.errstate(all="ignore"):  # otherwise a warning would reveal that there is such a row
        rounded = rows.astype(np.float16)
    rounded[~np.isfinite(rounded).all(axis=1)] = 0
    return rounded


class Vectors:
    """Rows of ``dim`` numbers under ``name`` in the vault of a run."""

    def __init__(self, vault: Vault, name: str, dim: int) -> None:
        self._vault, self._name, self._dim = vault, name + HALVES, dim
        self._before = name + SINGLES

    def load(self) -> Stored | None:
        """The stored vectors, shape (rows, dim); None if there are none yet.

        A run that an earlier version began continues with the numbers of 32 bits that it stored, so that all
        its answers are about the same rows.

        Raises:
            RunError: they were changed.
        """
        for name, kind in ((self._name, _ROW), (self._before, _SINGLE)):
            if self._vault.exists(name):
                return self._loaded(name, kind)
        return None

    def _loaded(self, name: str, kind: np.dtype[Any]) -> Stored:
        size = self._vault.size(name)
        shape = (size // (kind.itemsize * self._dim), self._dim)
        if size != kind.itemsize * shape[0] * self._dim:
            raise broken(name)
        if self._vault.is_sealed and not self._is_in_cells(name):
            return self._decrypted(name, shape, kind)
        for _ in self._vault.pieces(
            name
        ):  # read to the end, so that a change is found before anything is counted
            pass
        if self._vault.is_sealed:
            return SealedRows(self._vault, name, self._dim)
        return _mapped(self._vault.path(name), shape, "r", kind)

    def fill(self, rows: int, blocks: Iterable[Halves]) -> Stored:
        """Store all ``blocks``, which have ``rows`` rows in total; returns them as ``load`` does.

        Raises:
            RunError: the disk is full or refuses; nothing half-written is left under the name.
        """
        if self._vault.is_sealed:
            row = _ROW.itemsize * self._dim
            content = (block.astype(_ROW).tobytes() for block in blocks)
            self._vault.write_pieces(self._name, content, max(1, _CELL // row) * row)
            return SealedRows(self._vault, self._name, self._dim)
        with file_errors(f"write {PRIVATE}/{self._name}"):
            return self._fill_file((rows, self._dim), blocks)

    def part(self, number: int, about: bytes, rows: int) -> Halves | None:
        """The rows that ``keep_part`` stored; None if they are missing, incomplete, or made of something
        else.
        """
        name = _part(self._name, number)
        if not self._vault.exists(name):
            return None
        try:
            content = self._vault.read(name)
        except RunError:  # a killed run left the file without its tag; the rows can be made again
            return None
        if not content.startswith(about) or len(content) != len(about) + rows * self._dim * _ROW.itemsize:
            return None
        return np.frombuffer(content, _ROW, offset=len(about)).reshape(rows, self._dim).astype(np.float16)

    def keep_part(self, number: int, about: bytes, rows: Halves) -> None:
        """Store some of the rows until all are there; ``about`` says what they were made of."""
        self._vault.write(_part(self._name, number), about + rows.astype(_ROW).tobytes())

    def forget_parts(self) -> None:
        """Delete the parts, since all rows are stored now; the last one first, so that all are found even
        after an interruption.
        """
        for name in (self._name, self._before):
            parts = next(number for number in count() if not self._vault.exists(_part(name, number)))
            for number in reversed(range(parts)):
                self._vault.delete(_part(name, number))

    def forget(self) -> None:
        """Delete the stored vectors, because they are of other rows."""
        for name in (self._name, self._before):
            self._vault.delete(name)

    def _is_in_cells(self, name: str) -> bool:
        """Whether the rows are in chunks of a few rows; those of earlier versions are not."""
        with self._vault.chunks(name) as (chunks, _):
            return chunks.chunk_size != CHUNK

    def _decrypted(self, name: str, shape: tuple[int, int], kind: np.dtype[Any]) -> Held:
        vectors: Held = np.empty(shape, kind)
        flat, filled = vectors.reshape(-1).view(np.uint8), 0
        for piece in self._vault.pieces(name):
            if filled + len(piece) > len(flat):
                raise broken(name)
            flat[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
            filled += len(piece)
        if filled != len(flat):
            raise broken(name)
        return vectors

    def _fill_file(self, shape: tuple[int, int], blocks: Iterable[Halves]) -> Stored:
        final = self._vault.path(self._name)
        part = final.with_name(f"{PART}{final.name}")
        part.unlink(missing_ok=True)
        try:
            _take_room(part, _ROW.itemsize * shape[0] * shape[1])
            vectors = _mapped(part, shape, "r+", _ROW)
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


def _part(name: str, number: int) -> str:
    return f"{name}.{number}"


def _copied(blocks: Iterable[Halves], vectors: Held) -> Iterator[None]:
    """Copies each block into ``vectors``, in turn."""
    start = 0
    for block in blocks:
        vectors[start : start + len(block)] = block
        start += len(block)
        yield


def _take_room(file: Path, size: int) -> None:
    """A new file of ``size`` zeros with its space allocated; OSError if the disk is full."""
    with descriptor_of(file, os.O_RDWR | os.O_CREAT | os.O_EXCL) as descriptor:
        if hasattr(os, "posix_fallocate"):
            if size:
                os.posix_fallocate(descriptor, 0, size)
            return
        for start in range(0, size, CHUNK):  # macOS has no such call
            os.write(descriptor, bytes(min(CHUNK, size - start)))


def _mapped(file: Path, shape: tuple[int, int], mode: Literal["r", "r+"], kind: np.dtype[Any]) -> Held:
    if 0 in shape:  # an empty file cannot be mapped
        return np.empty(shape, kind)
    mapped: Held = np.memmap(file, kind, mode, shape=shape)
    return mapped


def drop_pages(vectors: Stored) -> None:
    """Drop the pages of a mapped file from this process; the system's cache keeps them.

    Otherwise a pass over the rows would leave the whole file counted as memory of the process, to which
    container limits apply. Does nothing for an array in memory, or on a system without the call.
    """
    if (
        isinstance(vectors, np.ndarray)
        and isinstance(vectors.base, mmap.mmap)
        and hasattr(mmap, "MADV_DONTNEED")
    ):
        vectors.base.madvise(mmap.MADV_DONTNEED)
