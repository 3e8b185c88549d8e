"""Embeddings of many texts, as an array that is never in memory as a whole.

A run keeps the embedding of each public text as 16-bit integers (``PublicVectors``), so that a text is
embedded once, and its row is made again wherever it is needed. Rows of 280,000 drafts as 32-bit numbers would
take 430 MB more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.storage.public_vectors import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from rpsg.protocols import Embedder


@dataclass(frozen=True, slots=True)
class TextRows:
    """The rows of ``texts``, read by slices and by indices as those of an array."""

    embedder: Embedder
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, which: slice | npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        some = self.texts[which] if isinstance(which, slice) else [self.texts[i] for i in which]
        return self.embedder.embed(some)

    def blocks(self) -> Iterator[slice]:
        """Successive slices, each of as many rows as an embedder is given at once."""
        return (slice(start, start + AT_ONCE) for start in range(0, len(self.texts), AT_ONCE))
