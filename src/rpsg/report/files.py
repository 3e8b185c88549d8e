"""Reports as files: the public one for anybody, the private one for the owner of the data alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rpsg.errors import PrivacyError, RpsgError, RunError, UsageError
from rpsg.files import write_atomic
from rpsg.plan import read_toml, resolve
from rpsg.release.reader import read_any, read_story
from rpsg.report.page import report
from rpsg.report.scores import Scores, read_scores
from rpsg.storage.layout import (
    EMBEDDINGS,
    LEDGER,
    PLAN,
    PRIVATE,
    PUBLIC_RESULTS,
    REPORT,
    RESULTS,
    RUN,
    STAGE_TABLE,
    TIMINGS,
)
from rpsg.storage.ownership import is_own
from rpsg.storage.run_folder import open_vault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rpsg.plan import Plan
    from rpsg.protocols import Embedder
    from rpsg.release.reader import Story
    from rpsg.report.private_page import Floats, Private
    from rpsg.storage.vault import Vault

PUBLIC_MODE, PRIVATE_MODE = 0o644, 0o600
#: Where ``rpsg evaluate`` keeps what it measured without real texts; with them it is ``RESULTS``.
SEEDS = "stages/00-seeds.json"


def write_release_report(release: Path) -> str:
    """Write the report of a release that is being assembled into it; gives the file's SHA-256."""
    page = report(read_story(release))
    return write_atomic(release / REPORT, page.encode(), PUBLIC_MODE)


def write_public(release: Path, out: Path | None) -> tuple[Path, Story, Scores | None]:
    """Write the public report beside the release, or to ``out``; public metrics of an evaluation are in it.

    Raises:
        RunError: the release is damaged, or ``out`` lies in a release, which is never changed.
        UsageError: nobody said where the report of a release without its run should go.
    """
    run = run_folder(release)
    if out is None and run is None:
        raise UsageError(
            "This is a release without its run, so it is not clear where the report should go.",
            hint="Say it with -o report.html. (The release holds the report it was made with.)",
        )
    target = out or release.parent / REPORT
    if _in_release(target):
        raise RunError(
            "A release is never changed, and this file would lie in one.",
            hint="Write it somewhere else with -o report.html.",
        )
    story, scores = read_any(release), run_scores(own_run(release), PUBLIC_RESULTS)
    write_atomic(target, report(story, scores).encode(), PUBLIC_MODE)
    return target, story, None if scores is None or scores.internal else scores


def write_private(release: Path, out: Path | None) -> tuple[Path, Story, Scores | None]:
    """Write the private report into the private folder of the run, or to ``out``, for its owner's eyes only.

    Raises:
        UsageError: the run folder is not here.
        PrivacyError: ``out`` lies in a release.
    """
    run = own_run(release)
    if run is None:
        raise UsageError(
            "A private report needs the run folder, and that the run began here, with this RPSG_HOME.",
            hint="Name the folder of a run of yours: rpsg report RUN --private",
        )
    target = out or run / PRIVATE / REPORT
    if _in_release(target):
        raise PrivacyError(
            "A private report may not lie in a release: it was made from private texts.",
            hint="Leave out -o: it goes into the private folder of the run.",
        )
    story = read_story(release)
    internal, public = run_scores(run, RESULTS), run_scores(run, PUBLIC_RESULTS)
    page = report(story, public, _private(run, story, internal))
    write_atomic(target, page.encode(), PRIVATE_MODE)
    return target, story, internal or public


def run_folder(release: Path) -> Path | None:
    """The run that a release lies in; None for a release that was handed on alone."""
    run = release.resolve().parent
    return run if (run / RUN).is_file() and (run / PRIVATE).is_dir() else None


def own_run(release: Path) -> Path | None:
    """The run that a release lies in, if it began here; of others the private folder is not read."""
    run = run_folder(release)
    return run if run is not None and release.name == "release" and is_own(run) else None


def run_scores(run: Path | None, name: str) -> Scores | None:
    """The scores of the run's evaluation in the file of that name, if there was one."""
    return None if run is None else read_scores(run / PRIVATE / name)


def _in_release(target: Path) -> bool:
    """Whether a file would come to lie in a release, however the way to it is written."""
    return any((folder / LEDGER).exists() for folder in target.resolve().parents)


def _private(run: Path, story: Story, scores: Scores | None) -> Private:
    from rpsg.report.private_page import Private  # noqa: PLC0415  # numpy

    seconds, stages = _seconds(run / PRIVATE / TIMINGS), _stages(run / PRIVATE / STAGE_TABLE)
    try:
        real, synthetic = _embeddings(run, story)
    except RpsgError as error:
        return Private(scores, seconds, no_map=f"There is no map: {error.message}", stages=stages)
    return Private(scores, seconds, real, synthetic, stages=stages)


def _seconds(file: Path) -> Mapping[str, float]:
    return dict(json.loads(file.read_bytes())) if file.is_file() else {}


def _stages(file: Path) -> list[list[str]]:
    """The lines of a seeded run's table of stages; none of other runs."""
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def own_models(run: Path, plan: Plan) -> Plan:
    """The plan of a release with the models of its run, which tells their paths, if that began here."""
    if not is_own(run):
        return plan
    return plan.model_copy(update={"models": resolve(read_toml(run / PLAN)).models})


def _embeddings(run: Path, story: Story) -> tuple[Floats, Floats]:
    """The run's own embeddings of the private texts, and the same model's of the synthetic ones."""
    from rpsg import registry  # noqa: PLC0415  # models, only when they are needed

    if not (run / PRIVATE).is_dir():
        raise RunError("this run kept no embeddings of private texts.")
    vault = open_vault(run)
    plan = own_models(run, story.facts.plan)
    embedder = registry.embedder(plan.models.embedder, threads=plan.models.threads, server=plan.server)
    if embedder.name != story.facts.embedder:
        raise RunError("the embedder here is another one than that of the run.")
    return _of_people(vault, embedder), embedder.embed([text.text for text in story.texts])


def _of_people(vault: Vault, embedder: Embedder) -> Floats:
    """A row for each private text that the run embedded; for each seed where it embedded nobody else."""
    from rpsg.storage.vectors import Vectors  # noqa: PLC0415  # numpy, only when it is needed

    kept = Vectors(vault, EMBEDDINGS, embedder.dim).load()
    if kept is not None:
        return kept
    if not vault.exists(SEEDS):
        raise RunError("this run kept no embeddings of private texts.")
    try:
        seeds = json.loads(vault.read(SEEDS))["value"]
        return embedder.embed([seed["text"] for seed in seeds])
    except (ValueError, KeyError, TypeError):
        raise RunError("the embeddings of the run cannot be read.") from None
