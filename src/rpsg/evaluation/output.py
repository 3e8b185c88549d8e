"""Where the outcome of an evaluation or an audit is written: never into a release or over its inputs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from rpsg.disk.files import write_atomic
from rpsg.errors import PrivacyError, UsageError
from rpsg.storage.layout import LEDGER, PRIVATE, PUBLIC_RESULTS, RESULTS, RUN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rpsg.measures import Report

#: The kinds of reports that are made from private texts.
Reading = Literal["evaluation", "audit", "comparison"]
#: A file with ``"rpsg-evaluation/`` in its first bytes is an earlier evaluation, and may be replaced.
BEGINNING = 64
#: The title of a report's page is within its first ``HEAD`` bytes.
HEAD = 1024


def output_path(
    corpus: Path, out: Path | None, *, real: bool, reads: Sequence[Path | None] = ()
) -> Path | None:
    """The file to write: ``out``, or one in the run's private folder; None if there is neither.

    The private folder has one file for evaluations with ``real`` texts and one for those without. ``reads``
    are the other files and folders that the evaluation reads. This function writes nothing.

    Raises:
        PrivacyError, UsageError: as ``check_output`` does.
    """
    private, name = corpus / PRIVATE, RESULTS if real else PUBLIC_RESULTS
    own = private / name if (corpus / RUN).is_file() and private.is_dir() else None
    if out is None or (own is not None and out.resolve() == own.resolve()):
        return own
    check_output(out, (corpus, *reads), "evaluation")
    return out


def check_output(out: Path, reads: Sequence[Path | None], what: Reading) -> None:
    """Check that a report on private texts may be written to ``out``; nothing is written here.

    Raises:
        PrivacyError, UsageError: as ``check_output_path`` does.
        UsageError: a file is there that is not an earlier report.
    """
    check_output_path(out, reads, what)
    if out.exists() and not _may_be_replaced(out.resolve(), what):
        raise UsageError(
            f"{out} exists already, and is not an {what}.",
            hint="Name another file with --out, or remove that one first.",
        )


def check_output_path(out: Path, reads: Sequence[Path | None], what: Reading) -> None:
    """Check that something made from private texts may be written to ``out``, even over a file that is there.

    Raises:
        PrivacyError: ``out`` is inside a release.
        UsageError: ``out`` is an input or inside one, or cannot be written.
    """
    whole = out.resolve()
    if any((folder / LEDGER).is_file() for folder in whole.parents):
        raise PrivacyError(
            f"{_ARTICLES.get(what, 'An')} {what} reads private text, so it is not written into a release.",
            hint="Leave --out out (a run keeps it in its private folder), or name a file elsewhere.",
        )
    for read in reads:
        if read is not None:
            _refuse_read(whole, read, out, what)
    _refuse_unwritable(out, whole, what)


_ARTICLES: Mapping[Reading, str] = {"comparison": "A"}


def _refuse_read(whole: Path, read: Path, out: Path, what: Reading) -> None:
    """UsageError when ``whole`` is the file that is read, or is in the folder that is read."""
    source = read.resolve()
    same = whole == source or (whole.exists() and source.exists() and whole.samefile(source))
    if same or (source.is_dir() and source in whole.parents):
        where = f"{'is' if same else 'lies inside'} {read}, which"
        if str(out) == str(read):
            where = "is a file that"
        raise UsageError(
            f"{out} {where} this {what} reads and must not change.",
            hint="Name another file with --out, in a folder that is not read.",
        )


def _refuse_unwritable(out: Path, whole: Path, what: Reading) -> None:
    """UsageError when no file can be written there, or when it would replace a file that is not an earlier
    report.
    """
    if whole.is_dir():
        raise UsageError(f"{out} is a folder.", hint=f"Name a file in this folder: --out {out / what}.json")
    if out.is_symlink():
        raise UsageError(f"{out} is a link, and links are not followed here.", hint="Name a file with --out.")
    folder = out.parent
    if not folder.exists():
        raise UsageError(f"The folder {folder} does not exist.", hint=f"Make it first: mkdir -p {folder}")
    if not folder.is_dir():
        raise UsageError(
            f"{folder} is not a folder.", hint="With --out, name a file in a folder that exists."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            f"The folder {folder} is not writable.", hint="With --out, name a file in another folder."
        )


def _may_be_replaced(file: Path, what: Reading) -> bool:
    """Whether the file is empty, or an earlier report of its kind, or a page of one."""
    if not file.is_file() or not os.access(file, os.R_OK):
        return False
    with file.open("rb") as source:
        beginning = source.read(HEAD)
    is_page = f"<title>PRIVATE: an {what}</title>".encode() in beginning
    return not beginning or is_page or f'"rpsg-{what}/'.encode() in beginning[:BEGINNING]


def write_report(report: Report, target: Path) -> None:
    """Write the report as JSON that only its owner can read."""
    write_atomic(target, report.to_json().encode())
