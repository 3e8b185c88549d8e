"""Which plan a run folder belongs to, and what happens to the run when the plan changes.

    nothing charged, only trial prompts sent             starts over, as another run, and the first one's
                                                         reservation ends; embeddings are kept if the
                                                         questions are the same
    charged, no question about texts, same questions     continues with the noisy answers already paid for
    a sketch, votes or tokens charged, other questions   refused

Noisy answers depend on the data, the budget, the schema and the models that read private texts, but not on
the writer and its prompts. There are two exceptions: a sketch and votes are about the texts that were
written, and private-prediction draws tokens from what the writer's model makes of private texts.
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
from rpsg.disk.json_text import canonical_json, strict_json
from rpsg.errors import RunError
from rpsg.plan import NOT_IDENTITY, flat
from rpsg.privacy.odometer import Odometer
from rpsg.storage.layout import (
    ANSWERS,
    CANARIES,
    CHANGED,
    EMBEDDINGS,
    EVIDENCE,
    FAILED,
    JOURNAL,
    PACK,
    PLAN,
    PRIVATE,
    RELEASE,
    ROWS_TAG,
    RUN,
    SEEDS_TAG,
    STAGES,
    VAULT,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FORMAT = 2
_MOST_DIFFERENCES = 8
#: The setting whose value is JSON, so that two values can mean the same.
_BODY = "server.body"
#: The stage in which the writer is tested on public prompts.
TRIAL = "testing the writer"
#: Stages whose queries are about the texts that were written, or draw these texts.
ABOUT_TEXTS = ("sketch", "votes", "tokens")
_CHANGED_FORMAT = "rpsg-changed/1"


def make_way(folder: Path, fingerprint: str, questions: str, plan_toml: str, purpose: str) -> tuple[str, ...]:
    """Check that the folder can be used for a run of this plan, and delete what an earlier plan made there.

    Returns the stages that were charged before the writer or its prompts were changed.

    Raises:
        RunError: the folder belongs to a run of another plan, and is not changed.
    """
    if not (folder / RUN).exists():
        return ()
    about = read_about(folder)
    if about.get("purpose", "") != purpose:
        raise RunError(
            f"{folder} holds an audit run, whose corpus is never released."
            if about.get("purpose")
            else f"{folder} holds a run that makes a release, not an audit run.",
            hint="Choose another folder with -o.",
        )
    if about["plan_fingerprint"] == fingerprint:
        return ()
    stages, hint = charged(folder), "To resume that run, set these back"
    if not (folder / RELEASE).exists():
        if questions and not stages and only_tried(folder):
            begin_anew(folder, keep_embeddings=about.get("questions") == questions)
            if Odometer.is_there():
                Odometer().give_back(about["run_id"])  # a run that was killed could not do it itself
            _keep_about(folder, secrets.token_hex(16), fingerprint, questions, purpose)
            return ()
        if stages and questions and about.get("questions") == questions:
            if not any(stage.startswith(ABOUT_TEXTS) for stage in stages):
                change_generation(folder, stages)
                _keep_about(folder, about["run_id"], fingerprint, questions, purpose)
                return stages
            hint = (
                "The private data have already been compared with the written texts, so these settings can "
                "no longer change. Set them back"
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
            f"{folder / RUN} is damaged or was written by another version of RPSG.",
            hint="Use the version of RPSG that began this run, or start a new run in another folder with -o.",
        )
    return about


def _differences(folder: Path, plan_toml: str) -> str:
    """Which keys of the two plans differ; names only, since values may be paths."""
    try:
        before = flat(tomllib.loads((folder / PLAN).read_text(encoding="utf-8")))
        now = flat(tomllib.loads(plan_toml))
        first, second = (strict_json(keys.get(_BODY) or "{}") for keys in (before, now))
    except (OSError, ValueError, TypeError):
        return ""
    free = {f"{section}.{key}" for section, keys in NOT_IDENTITY.items() for key in keys}
    keys = sorted(key for key in (before.keys() | now.keys()) - free if before.get(key) != now.get(key))
    if not keys:
        return " (the settings are the same: its domain pack, a prompt or a model has changed)"
    if keys == [_BODY] and first == second:
        return f" ({_BODY} has the same fields, but is not written as in {PLAN} of that run)"
    more = ", ..." if len(keys) > _MOST_DIFFERENCES else ""
    return f" (they differ in {', '.join(keys[:_MOST_DIFFERENCES])}{more})"


def charged(folder: Path) -> tuple[str, ...]:
    """The stages that a run has queried private data for, in order; each may have been charged."""
    events = read_journal(folder / PRIVATE / ANSWERS)
    queries = [event["query"] for event in events if isinstance(event.get("query"), dict)]
    return tuple(str(query.get("stage", "")) for query in queries)


def only_tried(folder: Path) -> bool:
    """Whether writers were sent only the prompts of the trial in this run."""
    with file_errors("read the journal"):
        file = folder / JOURNAL
        lines = file.read_bytes().splitlines() if file.exists() else []
    return not any(_sends_more(line) for line in lines)


def _sends_more(line: bytes) -> bool:
    try:
        event = json.loads(line)
    except ValueError:
        return True  # the journal is damaged, so nothing is removed
    return not isinstance(event, dict) or (event.get("event") == "sending" and event.get("stage") != TRIAL)


def begin_anew(folder: Path, *, keep_embeddings: bool) -> None:
    """Remove all files of the run but its id, which is replaced afterwards.

    With ``keep_embeddings`` the embeddings of the private texts are kept, with their vault and the hash of
    their rows. They are removed if there are canaries, because these are embedded too, and the new run draws
    other canaries. They are also removed if some people give seeds, because the new run may have another list
    of these people.
    """
    with file_errors("begin the run anew"):
        (folder / JOURNAL).unlink(missing_ok=True)
        shutil.rmtree(folder / EVIDENCE, ignore_errors=True)
        private = folder / PRIVATE
        names = [file.name for file in private.iterdir()] if private.is_dir() else []
        if keep_embeddings and not any(name.startswith((CANARIES, SEEDS_TAG)) for name in names):
            names = [n for n in names if n not in {VAULT, ROWS_TAG} and not n.startswith(f"{EMBEDDINGS}.")]
            for name in names:
                shutil.rmtree(private / name, ignore_errors=True)  # if it is a folder
                (private / name).unlink(missing_ok=True)
        else:
            # This file goes first: without it no embedding is used, even if the deletion is then interrupted.
            (private / ROWS_TAG).unlink(missing_ok=True)
            shutil.rmtree(private, ignore_errors=True)
        (folder / PLAN).unlink(missing_ok=True)


def changed_after(stages: Sequence[str]) -> bytes:
    """The note in the evidence that writer or settings were changed after the noisy answers of ``stages``."""
    return canonical_json({"format": _CHANGED_FORMAT, "after": list(stages)}) + b"\n"


def change_generation(folder: Path, after: Sequence[str]) -> None:
    """Delete what was made with the earlier writer or prompts, and record that they were changed.

    Replies are kept in the call store, because their usage counts; only equal requests use them again.
    """
    write_atomic(folder / EVIDENCE / CHANGED, changed_after(after))
    with file_errors("move away what the earlier writer wrote"):
        for part in (folder / PRIVATE / STAGES, folder / EVIDENCE / PACK):
            shutil.rmtree(part, ignore_errors=True)
        for file in (folder / PRIVATE / FAILED, folder / EVIDENCE / FAILED, folder / PLAN):
            file.unlink(missing_ok=True)
