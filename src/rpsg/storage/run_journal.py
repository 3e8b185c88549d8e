"""The journal of a run: one JSON object a line, on the disk before the next step begins."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from rpsg.errors import PrivacyError, RunError
from rpsg.files import canonical_json, file_errors, sync_dir, write_all

if TYPE_CHECKING:
    from pathlib import Path


class Journal:
    """Append-only. A last line that a crash tore is taken off when the journal is opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with file_errors(f"open {path.name}"):
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
            os.fchmod(self._descriptor, 0o600)
            sync_dir(path.parent)
            self._drop_torn_line()

    def _drop_torn_line(self) -> None:
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            os.ftruncate(self._descriptor, whole)
            os.fsync(self._descriptor)

    def append(self, event: str, **facts: object) -> None:
        """Write one event; it is on the disk when this returns.

        No event has a time: that between two of them would tell how long private records took, which grows
        with their number and length.

        Facts are names, public settings and outputs of mechanisms, never anything counted or copied
        from the private corpus.

        Raises:
            PrivacyError: a fact is no plain JSON value (a ``Private`` is none).
            RunError: the disk is full; the journal is as it was before.
        """
        try:
            line = canonical_json({**facts, "event": event}) + b"\n"
        except (TypeError, ValueError):
            line = b""
        if not line:
            raise PrivacyError(
                f"The event {event!r} carries something that may not be written into the journal.",
                hint="Only plain values that came out of a mechanism or out of the plan belong there.",
            )
        with file_errors(f"write {self._path.name}"):
            size = os.fstat(self._descriptor).st_size
            try:
                write_all(self._descriptor, line)
                os.fsync(self._descriptor)
            except OSError:
                os.ftruncate(self._descriptor, size)
                raise

    def events(self, event: str | None = None) -> list[dict[str, Any]]:
        """Every event so far in order, or only those called ``event``; RunError for a damaged line."""
        with file_errors(f"read {self._path.name}"):
            lines = self._path.read_bytes().splitlines()
        events = [self._parse(number, line) for number, line in enumerate(lines, start=1)]
        return [found for found in events if event is None or found["event"] == event]

    def _parse(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, dict) or not isinstance(value.get("event"), str):
            raise RunError(
                f"{self._path}, line {number}: the journal is damaged.",
                hint="Restore the file from a backup, or begin a new run in another folder with -o.",
            )
        return value

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
