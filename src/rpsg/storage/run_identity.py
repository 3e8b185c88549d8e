"""Which plan a run folder belongs to, and what becomes of it when the plan changes.

    nothing charged, only trial prompts sent             starts over
    charged, no question about texts, same questions     continues with the noisy answers already paid for
    a sketch, votes or tokens charged, other questions   refused

Noisy answers depend on the data, the budget, the schema and the models that read private texts, but not on
the writer and its prompts; except for a sketch and votes, which are about the texts that were written, and
for tokens, which are drawn from what the model in the writer's place makes of private texts.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tomllib
from typing import TYPE_CHECKING, Any

from rpsg.disk.files import (
    file_errors,
    write_atomic,
)
from rpsg.disk.journals import read_journal
from rpsg.disk.json_text import canonical_json
from rpsg.errors import RunError
from rpsg.plan import NOT_IDENTITY, flat
from rpsg.storage.layout import (
    ANSWERS,
    CHANGED,
    EVIDENCE,
    FAILED,
    JOURNAL,
    PACK,
    PLAN,
    PRIVATE,
    RELEASE,
    RUN,
    STAGES,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FORMAT = 2
_MOST_DIFFERENCES = 8
#: The stage in which the writer is tested on public prompts.
TRIAL = "testing the writer"
#: Stages whose queries are about the texts that were written, or draw them.
ABOUT_TEXTS = ("sketch", "votes", "tokens")
_CHANGED_FORMAT = "rpsg-changed/1"


def make_way(folder: Path, fingerprint: str, questions: str, plan_toml: str, purpose: str) -> tuple[str, ...]:
    """Check that the folder can hold a run of this plan, and put away files of a plan that was changed.

    Returns the stages that were charged before the writer or its prompts were changed.

    Raises:
        RunError: the folder holds a run of another plan, which is left as it is.
    """
    if not (folder / RUN).exists():
        return ()
    about = read_about(folder)
    if about.get("purpose", "") != purpose:
        raise RunError(
            f"{folder} holds an audit run, whose corpus is never released."
            if about.get("purpose")
            else f"{folder} holds a run that makes a release, and no audit run.",
            hint="Choose another folder with -o.",
        )
    if about["plan_fingerprint"] == fingerprint:
        return ()
    stages, hint = charged(folder), "Set these back to resume that run"
    if not (folder / RELEASE).exists():
        if questions and not stages and only_tried(folder):
            begin_anew(folder)
            return ()
        if stages and questions and about.get("questions") == questions:
            if not any(stage.startswith(ABOUT_TEXTS) for stage in stages):
                change_generation(folder, stages)
                _keep_about(folder, about["run_id"], fingerprint, questions, purpose)
                return stages
            hint = (
                "The data were asked about the texts that were written, so these cannot change. Set them back"
            )
    raise RunError(
        f"{folder} holds a run of another plan{_differences(folder, plan_toml)}.",
        hint=f"{hint}, or start a new one in another folder with -o.",
    )


def make_run_id(folder: Path, fingerprint: str, questions: str, purpose: str) -> str:
    """The id of the run in the folder; a new 128-bit one is drawn and kept if the folder is empty."""
    if (folder / RUN).exists():
        return str(read_about(folder)["run_id"])
    run_id = secrets.token_hex(16)
    _keep_about(folder, run_id, fingerprint, questions, purpose)
    return run_id


def _keep_about(folder: Path, run_id: str, fingerprint: str, questions: str, purpose: str) -> None:
    about = {"format": _FORMAT, "run_id": run_id, "plan_fingerprint": fingerprint, "questions": questions}
    if purpose:
        about["purpose"] = purpose
    write_atomic(folder / RUN, canonical_json(about) + b"\n")


def read_about(folder: Path) -> dict[str, Any]:
    with file_errors(f"read {RUN}"):
        content = (folder / RUN).read_bytes()
    try:
        about = json.loads(content)
    except ValueError:
        about = None
    known = {"format", "run_id", "plan_fingerprint"}
    if not isinstance(about, dict) or not known <= about.keys() or about["format"] != _FORMAT:
        raise RunError(
            f"{folder / RUN} is damaged or of another version of RPSG.",
            hint="Use the version that began this run, or start a new one in another folder with -o.",
        )
    return about


def _differences(folder: Path, plan_toml: str) -> str:
    """Which keys of the two plans differ; names only, since values may be paths."""
    try:
        before = flat(tomllib.loads((folder / PLAN).read_text(encoding="utf-8")))
        now = flat(tomllib.loads(plan_toml))
    except (OSError, ValueError):
        return ""
    free = {f"{section}.{key}" for section, keys in NOT_IDENTITY.items() for key in keys}
    keys = sorted(key for key in (before.keys() | now.keys()) - free if before.get(key) != now.get(key))
    if not keys:
        return " (the settings are the same: its domain pack, a prompt or a model has changed)"
    more = ", ..." if len(keys) > _MOST_DIFFERENCES else ""
    return f" (they differ in {', '.join(keys[:_MOST_DIFFERENCES])}{more})"


def charged(folder: Path) -> tuple[str, ...]:
    """The stages that a run has queried private data for, in order; each may have been charged."""
    events = read_journal(folder / PRIVATE / ANSWERS)
    queries = [event["query"] for event in events if isinstance(event.get("query"), dict)]
    return tuple(str(query.get("stage", "")) for query in queries)


def only_tried(folder: Path) -> bool:
    """Whether writers were sent nothing but the prompts of the trial in this run."""
    with file_errors("read the journal"):
        file = folder / JOURNAL
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
        (folder / JOURNAL).unlink(missing_ok=True)
        for part in (PRIVATE, EVIDENCE):
            shutil.rmtree(folder / part, ignore_errors=True)
        for name in (PLAN, RUN):
            (folder / name).unlink(missing_ok=True)


def changed_after(stages: Sequence[str]) -> bytes:
    """The note in the evidence that writer or settings changed after the noisy answers of these stages."""
    return canonical_json({"format": _CHANGED_FORMAT, "after": list(stages)}) + b"\n"


def change_generation(folder: Path, after: Sequence[str]) -> None:
    """Put away what was made with the earlier writer or prompts, and record that they were changed.

    Replies stay in the call store, for the bill; they are used again only for equal requests.
    """
    write_atomic(folder / EVIDENCE / CHANGED, changed_after(after))
    with file_errors("put away what the writer before wrote"):
        for part in (folder / PRIVATE / STAGES, folder / EVIDENCE / PACK):
            shutil.rmtree(part, ignore_errors=True)
        for file in (folder / PRIVATE / FAILED, folder / EVIDENCE / FAILED, folder / PLAN):
            file.unlink(missing_ok=True)
