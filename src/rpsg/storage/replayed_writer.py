"""The writer of a replay: it answers from the replies and the failures in the evidence of a release."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rpsg.storage.cached_writer import ReplayWriter
from rpsg.storage.failed_requests import SettledWriter
from rpsg.storage.layout import FAILED, TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path


class ReplayedWriter(SettledWriter):
    """Answers as the writer called ``name`` did in the run whose evidence is in the folder ``evidence``.

    It can be sent to another process, which reads the files itself, once.

    Raises:
        VerificationError: a file cannot be read, or a line was changed.
    """

    def __init__(self, evidence: Path, name: str) -> None:
        self._evidence = evidence
        self.replies = ReplayWriter(evidence / TEXTS, name=name)
        super().__init__(self.replies, evidence / FAILED)

    def __reduce__(self) -> tuple[Callable[[Path, str], ReplayedWriter], tuple[Path, str]]:
        return _opened, (self._evidence, self.name)

    def note_asked(self, keys: Collection[str]) -> None:
        """Add the keys of requests that another process has made."""
        self._asked.update(keys)

    def forget_asked(self) -> frozenset[str]:
        """The keys of all requests so far, which are then no longer in ``asked``."""
        asked = self.asked
        self._asked.clear()
        return asked


@lru_cache(maxsize=1)
def _opened(evidence: Path, name: str) -> ReplayedWriter:
    return ReplayedWriter(evidence, name)
