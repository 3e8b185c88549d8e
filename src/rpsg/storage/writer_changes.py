"""A plan that was changed in a run folder: whether the run may continue, and which files are put away.

    nothing charged, only trial prompts sent             starts over
    charged, no question about texts, same questions     continues with the noisy answers already paid for
    a sketch, votes or tokens charged, other questions   refused

Noisy answers depend on the data, the budget, the schema and the models that read private texts, but not on
the writer and its prompts; except for a sketch and votes, which are about the texts that were written, and
for tokens, which are drawn from what the model in the writer's place makes of private texts.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from rpsg.files import file_errors, write_atomic
from rpsg.journals import read_journal
from rpsg.json_text import canonical_json
from rpsg.storage.layout import ANSWERS, CHANGED, EVIDENCE, PLAN, PRIVATE, RUN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: The stage in which the writer is tried on public prompts.
TRIAL = "trying the writer"
#: Stages whose queries are about the texts that were written, or draw them.
ABOUT_TEXTS = ("sketch", "votes", "tokens")
_FORMAT = "rpsg-changed/1"


def charged(folder: Path) -> tuple[str, ...]:
    """The stages that a run has queried private data for, in order; each may have been charged."""
    events = read_journal(folder / PRIVATE / ANSWERS)
    queries = [event["query"] for event in events if isinstance(event.get("query"), dict)]
    return tuple(str(query.get("stage", "")) for query in queries)


def only_tried(folder: Path) -> bool:
    """Whether writers were sent nothing but the prompts of the trial in this run."""
    with file_errors("read the journal"):
        file = folder / "journal.jsonl"
        lines = file.read_bytes().splitlines() if file.exists() else []
    return not any(_sends_more(line) for line in lines)


def _sends_more(line: bytes) -> bool:
    try:
        event = json.loads(line)
    except ValueError:
        return True  # damaged: nothing is removed
    return not isinstance(event, dict) or (event.get("event") == "sending" and event.get("stage") != TRIAL)


def begin_anew(folder: Path) -> None:
    """Remove all files of the run, its id last."""
    with file_errors("begin the run anew"):
        (folder / "journal.jsonl").unlink(missing_ok=True)
        for part in ("private", "evidence"):
            shutil.rmtree(folder / part, ignore_errors=True)
        for name in (PLAN, RUN):
            (folder / name).unlink(missing_ok=True)


def changed_after(stages: Sequence[str]) -> bytes:
    """The note in the evidence that writer or settings changed after the noisy answers of these stages."""
    return canonical_json({"format": _FORMAT, "after": list(stages)}) + b"\n"


def change_generation(folder: Path, after: Sequence[str]) -> None:
    """Put away what was made with the earlier writer or prompts, and record that they were changed.

    Replies stay in the call store, for the bill; they are used again only for equal requests.
    """
    write_atomic(folder / EVIDENCE / CHANGED, changed_after(after))
    with file_errors("put away what the writer before wrote"):
        for part in ("private/stages", "evidence/pack"):
            shutil.rmtree(folder / part, ignore_errors=True)
        for name in ("private/failed.txt", "evidence/failed.txt", PLAN):
            (folder / name).unlink(missing_ok=True)
