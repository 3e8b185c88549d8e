"""Which plan a run folder belongs to, and what becomes of it when the plan changes."""

from __future__ import annotations

import json
import secrets
import tomllib
from typing import TYPE_CHECKING, Any

from rpsg.errors import RunError
from rpsg.files import (
    file_errors,
    write_atomic,
)
from rpsg.json_text import canonical_json
from rpsg.plan import NOT_IDENTITY, flat
from rpsg.storage.layout import PLAN, RELEASE, RUN
from rpsg.storage.writer_changes import ABOUT_TEXTS, begin_anew, change_generation, charged, only_tried

if TYPE_CHECKING:
    from pathlib import Path


_FORMAT = 2


_MOST_DIFFERENCES = 8


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
    with file_errors("read run.json"):
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
