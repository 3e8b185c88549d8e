"""Journals: files with one JSON object per line, to which lines are only added.

A last line that a crash cut short counts as not written.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rpsg.disk.files import ensure_private, file_errors, open_private_file, read_private, sync_dir, write_all
from rpsg.disk.json_text import canonical_json, strict_json
from rpsg.errors import PrivacyError, RunError

if TYPE_CHECKING:
    from pathlib import Path


def append_line(path: Path, line: bytes) -> None:
    """Add one line to the private file ``path``, made if missing; it is on the disk when this returns.

    Raises:
        PrivacyError: the path is a link, or others may read the file.
        RunError: the disk is full or refuses; the file is unchanged.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    where = f"write {path.name} in {path.absolute().parent}"
    with file_errors(where), open_private_file(path, flags) as descriptor:
        size = os.fstat(descriptor).st_size
        try:
            write_all(descriptor, line + b"\n")
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
        sync_dir(path.parent)


def drop_torn_line(path: Path) -> None:
    """Remove a last line that a crash cut short, so that the next one does not continue it."""
    with suppress(FileNotFoundError), open_private_file(path, os.O_RDWR) as descriptor:
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            os.ftruncate(descriptor, whole)
            os.fsync(descriptor)


def read_journal(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a private journal, one per line, without a torn last line; [] if there is no file.

    Raises:
        PrivacyError: the path is a link, or others may read the file.
        RunError: a line is damaged, or the file cannot be read.
    """
    with file_errors(f"read {path.name}"):
        try:
            lines = read_private(path).split(b"\n")[:-1]
        except FileNotFoundError:
            return []
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = strict_json(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise damaged_line(path, number)
        records.append(record)
    return records


def damaged_line(path: Path, number: int) -> RunError:
    """The error for a journal with a damaged line."""
    return RunError(
        f"{path}, line {number}: the journal is damaged.",
        hint="Restore the file from a backup, or begin a new run in another folder with -o.",
    )


class Journal:
    """The journal of a run, append-only: each event is on the disk before the next step begins.

    A last line that a crash cut short is removed when the journal is opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        ensure_private(path)
        drop_torn_line(path)

    def append(self, event: str, **facts: object) -> None:
        """Write one event; it is on the disk when this returns.

        Events have no time stamps: the differences would reveal how long private texts took, and so the
        number and the length of the records. Facts are names, public settings and outputs of mechanisms,
        never anything counted or copied from the private corpus.

        Raises:
            PrivacyError: a fact is not a plain JSON value, for example a ``Private``.
            RunError: the disk is full; the journal is as it was before.
        """
        try:
            line = canonical_json({**facts, "event": event})
        except (TypeError, ValueError):
            line = b""
        if not line:
            raise PrivacyError(
                f"The event {event!r} has a value that may not be written into the journal.",
                hint="Only plain values from a mechanism or from the plan may be in it.",
            )
        append_line(self._path, line)

    def events(self, event: str | None = None) -> list[dict[str, Any]]:
        """Every event so far in order, or only those called ``event``; RunError for a damaged line."""
        events = read_journal(self._path)
        for number, found in enumerate(events, start=1):
            if not isinstance(found.get("event"), str):
                raise damaged_line(self._path, number)
        return [found for found in events if event is None or found["event"] == event]
