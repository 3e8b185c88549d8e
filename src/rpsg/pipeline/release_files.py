"""Writes the files of a release: corpus, evidence, tables, words."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rpsg.disk.files import PUBLIC_MODE, file_sha256, write_atomic, write_chunks
from rpsg.domains import COLUMN
from rpsg.methods.languages import language_of_texts
from rpsg.pipeline.ledger_facts import short_claim
from rpsg.privacy.evidence import evidence_names
from rpsg.privacy.first_words import as_in
from rpsg.release.history import write_history
from rpsg.release.public_plan import told_toml
from rpsg.report.croissant import FORMATS, croissant, write_croissant
from rpsg.report.summary import card, summary
from rpsg.stages.dialogue import turns_of
from rpsg.storage.cached_writer import write_replies
from rpsg.storage.export import SyntheticText, write_corpus
from rpsg.storage.layout import (
    CANDIDATES,
    CARD,
    CHANGED,
    EGRESS,
    EVIDENCE,
    FAILED,
    PACK,
    PARQUET,
    PLAN,
    SUMMARY,
    TEXTS,
    VECTORS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rpsg.pipeline.made import Made
    from rpsg.privacy.egress import EgressRecord
    from rpsg.records import Pool
    from rpsg.release.reader import Release
    from rpsg.storage.export import ExportFormat


def synthetic_texts(pool: Pool, speakers: Sequence[str] = ()) -> list[SyntheticText]:
    """The texts that were not dropped, as rows: label, columns, and the other card values as attributes.

    A conversation also has its turns; ``speakers`` are those that the pack names.
    """
    rows = []
    for candidate in pool.alive():
        values = dict(candidate.card.values)
        turns = turns_of(candidate.text, speakers)
        label = values.pop("label", None)
        columns = {n.removeprefix(COLUMN): values.pop(n) for n in [*values] if n.startswith(COLUMN)}
        rows.append(SyntheticText(candidate.id, candidate.text, label, values, columns=columns, turns=turns))
    return rows


def rows_of(made: Made, version: str) -> list[SyntheticText]:
    """The rows of a release of this version.

    Rows from private seeds contain the claim, in the words of the version. They are renumbered, because gaps
    would show what was dropped.
    """
    rows = synthetic_texts(made.pool, made.pack.speakers)
    if not made.method.has_seeds:
        return rows
    claim = as_in(version, short_claim(made))
    return [replace(row, id=index, claim=claim) for index, row in enumerate(rows)]


def write_rows(folder: Path, rows: Sequence[SyntheticText], parquet: bytes | None = None) -> dict[str, str]:
    """Write the corpus in every format available here; returns SHA-256 by file name."""
    formats: list[ExportFormat] = ["jsonl", "csv"]
    if parquet is None and find_spec("pyarrow") is not None:
        formats.append("parquet")
    written = write_corpus(folder, rows, formats)
    if parquet:
        written[PARQUET] = write_atomic(folder / PARQUET, parquet)
    return written


def write_evidence(target: Path, made: Made) -> dict[str, str]:
    """Write what a replay needs: noisy answers, plan, pack, replies, failures, and the candidates' history.

    Returns SHA-256 by name of the files that the ledger does not name elsewhere. If texts were made from
    private texts, replies and history are left out.
    """
    target.mkdir()
    for name in evidence_names(made.evidence) | {file.name for file in made.evidence.glob(CHANGED)}:
        shutil.copyfile(made.evidence / name, target / name)
    shutil.copytree(made.evidence / PACK, target / PACK)
    public = told_toml(made.plan, made.method).encode()
    written = {PLAN: write_atomic(target / PLAN, public, PUBLIC_MODE)}
    if not made.method.has_seeds:
        written[TEXTS] = write_replies(target / TEXTS, made.replies)
        written[VECTORS] = write_chunks(target / VECTORS, made.vectors, PUBLIC_MODE)
        written[CANDIDATES] = write_history(target / CANDIDATES, made.pool)
    if made.failed:
        written[FAILED] = write_atomic(
            target / FAILED, "".join(f"{k}\n" for k in sorted(made.failed)).encode()
        )
    if (target / CHANGED).exists():
        written[CHANGED] = file_sha256(target / CHANGED)
    return {f"{EVIDENCE}/{name}": sha for name, sha in written.items()}


def write_egress(folder: Path, seen: Sequence[EgressRecord], version: str) -> str:
    """Write which host saw what, in the words of a version; returns the SHA-256 of the file."""
    lines = [{k: v for k, v in asdict(line).items() if v not in (None, "")} for line in seen]
    content = as_in(version, {"format": "rpsg-egress/1", "seen": lines})
    return write_atomic(folder / EGRESS, pretty_json(content), PUBLIC_MODE)


def write_metadata(folder: Path, made: Made, outputs: Mapping[str, str], version: str) -> str:
    """Write the metadata that loaders read, in the words of a version; returns the SHA-256 of the file."""
    files = {name: sha for name, sha in outputs.items() if name in FORMATS}
    names = {name for c in made.pool.alive() for name in c.card.values} - {"label"}
    columns = [name for name, _ in made.plan.data.column_values]
    attributes = sorted(name for name in names if not name.startswith(COLUMN))
    about = made.plan.corpus.about or made.pack.about
    label, seeded = any("label" in c.card.values for c in made.pool.alive()), made.method.has_seeds
    metadata = croissant(
        about,
        files,
        attributes,
        label=label,
        columns=columns,
        seeded=seeded,
        from_records=any(flow.to == "seeds" for flow in made.flows),
        license_name=made.plan.corpus.license,
        language=language_of_texts(made.plan, made.pack),
    )
    return write_croissant(folder, as_in(version, metadata))


def write_words(release: Release) -> dict[str, str]:
    """Write summary and data card of a release that is being built; returns SHA-256 by file name."""
    words = {SUMMARY: summary(release), CARD: card(release)}
    return {
        name: write_atomic(release.path / name, text.encode(), PUBLIC_MODE) for name, text in words.items()
    }


def pretty_json(value: Mapping[str, Any]) -> bytes:
    """JSON in the format of a release, one value per line."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
