"""The journal of a run: one JSON object a line, synced before the next step begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.errors import PrivacyError
from rpsg.files import ensure_private
from rpsg.journals import append_line, damaged_line, drop_torn_line, read_journal
from rpsg.json_text import canonical_json

if TYPE_CHECKING:
    from pathlib import Path


class Journal:
    """Append-only. A last line that a crash cut short is removed when the journal is opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        ensure_private(path)
        drop_torn_line(path)

    def append(self, event: str, **facts: object) -> None:
        """Write one event; it is on the disk when this returns.

        Events have no time: differences would reveal how long private records took, and so their number
        and length. Facts are names, public settings and outputs of mechanisms, never anything counted or
        copied from the private corpus.

        Raises:
            PrivacyError: a fact is no plain JSON value (a ``Private`` is none).
            RunError: the disk is full; the journal is as it was before.
        """
        try:
            line = canonical_json({**facts, "event": event})
        except (TypeError, ValueError):
            line = b""
        if not line:
            raise PrivacyError(
                f"The event {event!r} carries something that may not be written into the journal.",
                hint="Only plain values that came out of a mechanism or out of the plan belong there.",
            )
        append_line(self._path, line)

    def events(self, event: str | None = None) -> list[dict[str, Any]]:
        """Every event so far in order, or only those called ``event``; RunError for a damaged line."""
        events = read_journal(self._path)
        for number, found in enumerate(events, start=1):
            if not isinstance(found.get("event"), str):
                raise damaged_line(self._path, number)
        return [found for found in events if event is None or found["event"] == event]
