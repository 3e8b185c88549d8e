"""A finished run, read from its folder as ``rpsg.run`` returns it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.errors import RunError
from rpsg.release.reader import CHECK_IT, Release
from rpsg.release.run import Run
from rpsg.storage.layout import CORPUS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read_run(path: Path, timings: Mapping[str, float] | None = None) -> Run:
    """A finished run from its folder, or from its release folder alone; it may be untrusted.

    ``timings`` are the public seconds of its stages.

    Raises:
        RunError: there is no finished release, or a file of it is missing or damaged.
        VerificationError: the release contains a file that does not belong in a release.
    """
    release = Release(path)
    try:
        texts = tuple(str(record["text"]) for record in release.records)
    except (LookupError, TypeError):
        raise RunError(f"{release.path / CORPUS} has a row without a text.", hint=CHECK_IT) from None
    return Run(
        path=release.path.parent,
        release=release.path,
        texts=texts,
        records=release.records,
        ledger=release.ledger,
        summary=release.summary,
        timings=dict(timings or {}),
    )
