"""Releases that are open. Each is copied first, under the rules for somebody else's release.

So nothing outside its folder is ever read: a release with a link in it is refused, and later changes of its
files have no effect. Private folders cannot be found, because there is none next to the copy.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from rpsg.release.reader import Release
from rpsg.report.marks import Marks, marks_of
from rpsg.storage.cached_writer import read_replies
from rpsg.storage.layout import EVIDENCE, LEDGER, TEXTS
from rpsg.storage.untrusted import copied
from rpsg.viewer.folder import require_inside

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rpsg.protocols import Reply
    from rpsg.records import Candidate
    from rpsg.viewer.folder import FolderEntry

#: How many releases stay open. If there are more, the one that was used longest ago is closed.
MOST_OPEN = 4


class OpenRelease:
    """A release with what its pages need, each computed once."""

    def __init__(self, release: Release) -> None:
        self.release = release
        #: The texts of dropped candidates that were made again, by their ids.
        self.written: dict[int, str] = {}

    @cached_property
    def marks(self) -> Marks:
        """The object that marks names and dates in its texts."""
        return marks_of(self.release)

    @cached_property
    def by_id(self) -> Mapping[int, Candidate]:
        """Its candidates by their ids."""
        return {candidate.id: candidate for candidate in self.release.pool}

    @cached_property
    def replies(self) -> Mapping[str, Reply] | None:
        """The published replies of the writer by their keys; None if prompts held private texts."""
        file = self.release.path / EVIDENCE / TEXTS
        return dict(read_replies(file)) if file.is_file() else None


class OpenReleases:
    """The releases that are open. Safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple[Path, int], OpenRelease] = OrderedDict()

    def open(self, found: FolderEntry) -> OpenRelease:
        """The release of a run, copied unless that is done already.

        Raises:
            RunError: there is no release, or it is not inside the folder that is shown.
            VerificationError: it has a link, or a file that does not belong in a release.
        """
        ledger = require_inside(self._root, found.release / LEDGER)
        key = (found.release, ledger.stat().st_mtime_ns)
        with self._lock:
            opened = self._open.get(key) or _opened(found.release)
            self._open[key] = opened
            self._open.move_to_end(key)
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
            return opened

    def close(self) -> None:
        """Release all copies. Each is deleted as soon as no page is being made from it."""
        with self._lock:
            self._open.clear()


def _opened(release: Path) -> OpenRelease:
    stack = ExitStack()
    opened = OpenRelease(Release(stack.enter_context(copied(release)), in_place=True))
    weakref.finalize(opened, stack.close)
    return opened
