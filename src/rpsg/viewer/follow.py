"""How far a run or a comparison is, in words that its page keeps up to date until it has ended.

Only public files are read: the journal, the public calls and the noisy answers of a run, the states of the
cells of a comparison. Times are not shown, because the times of private stages are private.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.compare.page_tables import STATES
from rpsg.display import counted, visible
from rpsg.storage.run_state import progress_of
from rpsg.viewer.folder import require_inside
from rpsg.viewer.lines import comparison_of, comparison_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rpsg.storage.run_state import RunProgress, Sending
    from rpsg.viewer.folder import FolderEntry

_STATES = {
    "running": "Running. This page updates itself.",
    "stopped": "Stopped. Repeat the command to resume. Then this page updates itself again.",
    "finished": "Finished.",
}


@dataclass(frozen=True, slots=True)
class Followed:
    """A sentence about the state, a line for each step so far, and whether it has ended."""

    state: str
    lines: tuple[str, ...]
    ended: bool


def followed(root: Path, found: FolderEntry) -> Followed:
    """The progress of a run or a comparison; RunError if it is not there, or its files are damaged."""
    require_inside(root, found.path)
    if found.kind == "comparison":
        return _of_comparison(root, found)
    progress = progress_of(found.path)
    lines = tuple(visible(line) for line in _lines(progress))
    return Followed(_STATES[progress.state], lines, progress.state == "finished")


def _lines(progress: RunProgress) -> Iterator[str]:
    yield from (_sent(sending) for sending in progress.sent)
    if progress.answers:
        yield f"Noisy answers so far: {', '.join(progress.answers)}."


def _sent(sending: Sending) -> str:
    """What was sent in a stage. For private prompts, not even their number is known here."""
    if sending.requests is None:
        return f"{sending.stage}: prompts to {sending.host}."
    if sending.replies is None:
        sent = f"{sending.stage}: {sending.requests:,} prompts to {sending.host}"
        return f"{sent}; the store of replies cannot be read."
    return f"{sending.stage}: {sending.replies:,} of {sending.requests:,} replies from {sending.host}."


def _of_comparison(root: Path, found: FolderEntry) -> Followed:
    comparison = comparison_of(root, found)
    state = comparison_state(found, comparison)
    counts = {} if comparison is None else comparison.counts()
    lines = tuple(f"{STATES.get(name, name)}: {counted(count, 'cell')}." for name, count in counts.items())
    return Followed(_STATES[state], lines, state == "finished")
