"""Where the outcome of an evaluation may lie: with its owner, never in a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.errors import PrivacyError
from rpsg.store.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.evaluation.table import Report

#: What read real texts, and what did not: the report that anybody may see is made from the second alone.
RESULTS, PUBLIC_RESULTS = "evaluation.json", "evaluation-public.json"


def place(corpus: Path, out: Path | None, *, real: bool) -> Path | None:
    """The file to write: the one that was named, else one in a run's private folder.

    There an evaluation with ``real`` texts and one without lie side by side. PrivacyError for a place inside
    a release.
    """
    if out is None:
        private, name = corpus / "private", RESULTS if real else PUBLIC_RESULTS
        return private / name if (corpus / "run.json").is_file() and private.is_dir() else None
    whole = out.resolve()
    if any((folder / "ledger.json").is_file() for folder in whole.parents):
        raise PrivacyError(
            "An evaluation reads private text, so it is not written into a release.",
            hint="Leave --out out (a run keeps it in its private folder), or name a file elsewhere.",
        )
    return out


def keep(report: Report, target: Path) -> None:
    """Write the report as JSON that only its owner can read."""
    write_atomic(target, report.to_json().encode())
