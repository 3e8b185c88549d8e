"""How far a run is, from the files of its folder that are not private; nothing in the folder is changed.

    finished         there is a release
    running          a process has locked the folder
    stopped          neither; the same command resumes it

The state comes from the journal and the evidence: which stage was sent to whom, how many of its replies came
back, and which noisy answers were drawn. It has no times, because the times of private stages are private.
"""

from __future__ import annotations

import json
import os
import stat
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rpsg.disk.files import descriptor_of
from rpsg.disk.system import NO_WAITING, is_locked
from rpsg.errors import RpsgError
from rpsg.privacy.evidence import ANSWER_FILE, parse_evidence
from rpsg.storage.call_report import replies_by_stage
from rpsg.storage.layout import CALLS, EVIDENCE, JOURNAL, LEDGER, PLAN, RELEASE
from rpsg.storage.run_folder import LOCK
from rpsg.storage.untrusted import MOST_DOTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

State = Literal["running", "finished", "stopped"]
_LARGEST_PLAN, _LARGEST_JOURNAL, _LARGEST_ANSWER = 1 << 16, 1 << 22, 1 << 24


@dataclass(frozen=True, slots=True)
class Sending:
    """A stage whose prompts went to a writer.

    Both numbers are None for private prompts. If the store of the public replies cannot be read, only
    ``replies`` is None.
    """

    stage: str
    host: str
    requests: int | None
    replies: int | None


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is: its state, what was sent to writers, and the stages of its noisy answers so far."""

    state: State
    sent: tuple[Sending, ...]
    answers: tuple[str, ...]


def state_of(folder: Path) -> State:
    """The state of the run in this folder."""
    if (folder / RELEASE / LEDGER).is_file():
        return "finished"
    return "running" if is_at_work(folder) else "stopped"


def is_at_work(folder: Path) -> bool:
    """Whether a process works in this folder of a run or a comparison."""
    return is_locked(folder / LOCK)


def progress_of(folder: Path) -> RunProgress:
    """How far the run in this folder is; damaged files count as empty."""
    state = state_of(folder)
    return RunProgress(state, _sent(folder, state), _answers(folder))


def method_of_run(folder: Path) -> str:
    """The name of the method in the plan of the run in this folder; "" if it cannot be read.

    Nothing else of the plan is returned, because it also has paths of this machine, which others need not
    see.
    """
    try:
        content = _plain_file(folder / PLAN, _LARGEST_PLAN)
        if any(line.count(b".") > MOST_DOTS for line in content.splitlines()):
            return ""
        return str(tomllib.loads(content.decode())["method"]["name"])
    except (OSError, RpsgError, ValueError, LookupError, TypeError, RecursionError):
        return ""


def _sent(folder: Path, state: State) -> tuple[Sending, ...]:
    """The stages in the order in which they began; a stage that was resumed is counted once."""
    replies = _replies(folder, state)
    found: dict[str, Sending] = {}
    for event in _events(folder):
        if event.get("event") != "sending":
            continue
        stage, host, requests = str(event.get("stage", "")), str(event.get("host", "")), event.get("requests")
        if isinstance(requests, int):
            back = None if replies is None else replies.get(stage, 0)
            found[stage] = Sending(stage, host, max(requests, back or 0), back)
        else:
            found[stage] = Sending(stage, host, None, None)
    return tuple(found.values())


def _replies(folder: Path, state: State) -> Mapping[str, int] | None:
    """The number of public replies by stage; None if their store cannot be read."""
    try:
        return replies_by_stage(folder, idle=state != "running")
    except RpsgError:
        return None if (folder / EVIDENCE / CALLS).exists() else {}


def _events(folder: Path) -> list[Mapping[str, Any]]:
    """The events of the journal; a last line that is being written counts as not written."""
    try:
        lines = _plain_file(folder / JOURNAL, _LARGEST_JOURNAL).split(b"\n")[:-1]
        events = [json.loads(line) for line in lines]
    except (OSError, RpsgError, ValueError, RecursionError):
        return []
    return [event for event in events if isinstance(event, dict)]


def _answers(folder: Path) -> tuple[str, ...]:
    stages = []
    if (folder / EVIDENCE).is_symlink():  # a link may lead into a private folder
        return ()
    answers = (folder / EVIDENCE).glob("*")
    for file in sorted(file for file in answers if ANSWER_FILE.fullmatch(file.name)):
        try:
            stages.append(parse_evidence(_plain_file(file, _LARGEST_ANSWER)).stage)
        except (OSError, RpsgError, ValueError, LookupError, TypeError, RecursionError):
            continue
    return tuple(stages)


def _plain_file(path: Path, most: int) -> bytes:
    """A file of a folder that may be untrusted; OSError for a link, a pipe, or a file that is too large."""
    with descriptor_of(path, NO_WAITING) as descriptor:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > most:
            raise OSError("not a plain file of the usual size")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(most)
