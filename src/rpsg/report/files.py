"""Reports as files: the public one for anybody, the private one only for the owner of the data."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rpsg.disk.files import PUBLIC_MODE, write_atomic
from rpsg.errors import PrivacyError, RpsgError, RunError, UsageError
from rpsg.report.audit_page import audit_part
from rpsg.report.first_form import first_report, has_first_form
from rpsg.report.page import report
from rpsg.report.scores import read_scores
from rpsg.storage.layout import (
    AUDIT,
    EMBEDDINGS,
    LEDGER,
    MATCHES,
    PRIVATE,
    PUBLIC_RESULTS,
    REPORT,
    RESULTS,
    SEEDS,
    STAGE_TABLE,
)
from rpsg.storage.run_folder import open_vault

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.measures import Report
    from rpsg.protocols import Embedder
    from rpsg.release.reader import Release
    from rpsg.report.nearness import Floats
    from rpsg.report.private_page import PrivateExtras
    from rpsg.storage.vault import Vault

#: In English in every locale, like the page.
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def write_release_report(release: Release) -> str:
    """Write the report of a release that is being built; returns the file's SHA-256."""
    page = first_report(release) if has_first_form(release) else report(release)
    return write_atomic(release.path / REPORT, page.encode(), PUBLIC_MODE)


def today() -> str:
    """The day in words."""
    return day_in_words(datetime.now().astimezone())


def day_in_words(moment: datetime) -> str:
    """The day of a moment, such as 29 November 2026."""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def write_public(release: Release, out: Path | None) -> tuple[Path, Report | None]:
    """Write the public report next to the release, or to ``out``, with the public metrics of its evaluation.

    Returns the file, and the evaluation that it shows.

    Raises:
        RunError: the release is damaged, or ``out`` is in a release, which is never changed.
        UsageError: the release has no run folder, and ``out`` is None.
    """
    if out is None and release.run is None:
        raise UsageError(
            "This is a release without its run folder, so it is not clear where to write the report.",
            hint=f"Name a file outside the release: -o {REPORT}. (The release also contains the report that "
            f"was made with it.)",
        )
    target = out or release.path.parent / REPORT
    if _in_release(target):
        raise RunError(
            "A release is never changed, but this file would be in one.",
            hint=f"Write it somewhere else with -o {REPORT}.",
        )
    scores = None if release.own_run is None else read_scores(release.own_run / PRIVATE / PUBLIC_RESULTS)
    write_atomic(target, report(release, scores, day=today()).encode(), PUBLIC_MODE)
    return target, None if scores is None or scores.internal else scores


def write_private(release: Release, out: Path | None) -> tuple[Path, Report | None]:
    """Write the private report into the private folder of the run, or to ``out``; only its owner can read it.

    Returns the file, and the evaluation that it shows.

    Raises:
        UsageError: the run folder is not here.
        PrivacyError: ``out`` is in a release.
    """
    run = release.own_run
    if run is None:
        raise UsageError(
            "A private report needs the folder of a run that began on this machine, with this RPSG_HOME.",
            hint="Name the folder of a run that you made here: rpsg report RUN --private",
        )
    target = out or run / PRIVATE / REPORT
    if _in_release(target):
        raise PrivacyError(
            "A private report may not be written into a release: it was made from private texts.",
            hint="Leave out -o: it goes into the private folder of the run.",
        )
    internal, public = (read_scores(run / PRIVATE / name) for name in (RESULTS, PUBLIC_RESULTS))
    page = report(release, public, _private(run, release, internal), day=today())
    write_atomic(target, page.encode())
    return target, internal or public


def _in_release(target: Path) -> bool:
    """Whether a file would be written into a release, however its path is spelled."""
    return any((folder / LEDGER).exists() for folder in target.resolve().parents)


def _private(run: Path, release: Release, scores: Report | None) -> PrivateExtras:
    from rpsg.report.private_page import PrivateExtras

    extras = PrivateExtras(
        scores,
        release.timings,
        stages=_stages(run / PRIVATE / STAGE_TABLE),
        audit=_audit(run / PRIVATE / AUDIT),
        matches=_matches(run),
    )
    try:
        real, synthetic = _embeddings(run, release)
    except RpsgError as error:
        return replace(extras, no_picture=f"There is no picture: {error.message}")
    return replace(extras, real=real, synthetic=synthetic)


def _audit(file: Path) -> dict[str, Any] | None:
    """What the last audit of the run found; None if there was none."""
    if not file.is_file():
        return None
    try:
        found = json.loads(file.read_bytes())
        audit_part(found, ())  # the rest of the report is shown even if this file is of another version
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return dict(found)


def _matches(run: Path) -> list[dict[str, Any]]:
    """The closest texts that the audit kept in the vault; none if the vault cannot be opened."""
    try:
        vault = open_vault(run)
        return list(json.loads(vault.read(MATCHES))["matches"]) if vault.exists(MATCHES) else []
    except (RpsgError, ValueError, LookupError):
        return []


def _stages(file: Path) -> list[list[str]]:
    """The rows of the table of stages, which only runs with private seeds have."""
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def _embeddings(run: Path, release: Release) -> tuple[Floats, Floats]:
    """The embeddings of the private texts that the run kept, and of the synthetic texts by its model."""
    from rpsg import registry

    vault, plan = open_vault(run), release.plan_with_models()
    embedder = registry.embedder(plan.models.embedder, threads=plan.models.threads, server=plan.server)
    if embedder.name != release.embedder:
        raise RunError("the embedder here is not the one that the run used.")
    return _of_people(vault, embedder), embedder.embed([text.text for text in release.texts])


def _of_people(vault: Vault, embedder: Embedder) -> Floats:
    """One row for each private text that the run embedded, or for each seed if it embedded only these."""
    from rpsg.storage.vectors import Vectors

    kept = Vectors(vault, EMBEDDINGS, embedder.dim).load()
    if kept is not None:
        return kept[:]
    if not vault.exists(SEEDS):
        raise RunError("this run kept no embeddings of private texts.")
    try:
        seeds = json.loads(vault.read(SEEDS))["value"]
        return embedder.embed([seed["text"] for seed in seeds])
    except (ValueError, KeyError, TypeError):
        raise RunError("the embeddings of the run cannot be read.") from None
