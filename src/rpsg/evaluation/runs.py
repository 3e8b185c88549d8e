"""What a finished run brings to its evaluation: corpus, cards, noisy counts, and its floor."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.domains import read_pack
from rpsg.errors import RunError
from rpsg.evaluation.corpora import Rows
from rpsg.evaluation.measure import NoisyCounts
from rpsg.plan import resolve
from rpsg.privacy.evidence import evidence_file, parse_evidence
from rpsg.release import EVIDENCE, PACK, PLAN, read_release, release_folder
from rpsg.running import execute

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.privacy.evidence import Evidence
    from rpsg.protocols import Progress

FLOOR = "floor"


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run, read. ``private`` is its private folder; None when only the release is there."""

    rows: Rows
    counts: NoisyCounts | None
    plan: Plan
    release: Path
    private: Path | None


def is_run(path: Path) -> bool:
    """Whether a folder is a run, finished or not, or a release."""
    return any((path / name).is_file() for name in ("run.json", "ledger.json"))


def read_finished(path: Path) -> FinishedRun:
    """The run in a folder; RunError when it is not finished or its release is damaged."""
    release = release_folder(path)
    run = read_release(path)
    try:
        plan = resolve(tomllib.loads((release / EVIDENCE / PLAN).read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError):
        raise RunError(
            f"{release} has no readable plan in its evidence.", hint="Check it with: rpsg verify"
        ) from None
    private = release.parent / "private"
    return FinishedRun(
        rows=rows_of(run.records),
        counts=noisy_counts(release, run.ledger, plan),
        plan=plan,
        release=release,
        private=private if private.is_dir() else None,
    )


def rows_of(records: Sequence[Mapping[str, Any]]) -> Rows:
    """The texts of a release with their labels and cards."""
    labels = tuple(str(record.get("label") or "") for record in records)
    cards = tuple(
        {**dict(record.get("attributes", {})), **({"label": label} if label else {})}
        for record, label in zip(records, labels, strict=True)
    )
    return Rows(tuple(str(r["text"]) for r in records), labels if any(labels) else None, cards=cards)


def noisy_counts(release: Path, ledger: Mapping[str, Any], plan: Plan) -> NoisyCounts | None:
    """The noisy counts of each attribute from the evidence; None for a run that made none."""
    lines = [m for m in ledger["mechanisms"] if m["kind"] == "rounded_gaussian"]
    place = next((i for i, line in enumerate(lines) if line["stage"] == "cards"), None)
    if place is None:
        return None
    told = [_evidence(release, i) for i in range(len(lines))]
    labels = plan.data.labels or next(
        (tuple(sorted(v for v, _ in e.selected() if v.strip())) for e in told if e.stage == "labels"), ()
    )
    pack = read_pack(release / EVIDENCE / PACK).with_label(labels)
    groups = [tuple(g.split(" x ")) for g in str(lines[place]["query"]).partition(": ")[2].split("; ")]
    return _by_attribute(pack, groups, told[place].histogram(), float(lines[place]["sigma"]))


def _evidence(release: Path, seq: int) -> Evidence:
    try:
        return parse_evidence(evidence_file(release / EVIDENCE, seq).read_bytes())
    except (OSError, ValueError):
        raise RunError(f"{release} lacks readable evidence.", hint="Check it with: rpsg verify") from None


def _by_attribute(
    pack: Pack, groups: Sequence[tuple[str, ...]], noisy: Any, sigma: float
) -> NoisyCounts | None:
    """Each attribute's counts from the marginal that has it with the least noise."""
    names = {attribute.name for attribute in pack.attributes}
    if not {name for group in groups for name in group} <= names:
        return None
    shapes = [tuple(len(pack.attribute(name).values) for name in group) for group in groups]
    if sum(prod(shape) for shape in shapes) != len(noisy):
        return None
    counts: dict[str, dict[str, float]] = {}
    noise: dict[str, float] = {}
    parts = np.split(noisy, np.cumsum([prod(shape) for shape in shapes])[:-1])
    for group, shape, part in zip(groups, shapes, parts, strict=True):
        for axis, name in enumerate(group):
            spread = sigma * (prod(shape) / shape[axis]) ** 0.5
            if spread < noise.get(name, np.inf):
                others = tuple(i for i in range(len(shape)) if i != axis)
                sums = part.reshape(shape).sum(axis=others)
                counts[name] = dict(
                    zip(pack.attribute(name).values, sums.astype(float).tolist(), strict=True)
                )
                noise[name] = spread
    return NoisyCounts(counts, noise)


def write_floor(run: FinishedRun, progress: Progress | None) -> Rows:
    """The floor of a run: same writer, pack, size and seed, no private data; written once, then kept.

    It lies in the run's private folder, though nothing in it is private: beside the run it belongs to.
    """
    if run.private is None:
        raise RunError(
            "Only a whole run folder can keep a floor; this is a release alone.",
            hint="Give a floor with --floor FILE, or do without one: --no-floor",
        )
    plan = run.plan.model_copy(
        update={
            "method": run.plan.method.model_copy(update={"name": FLOOR}),
            "corpus": run.plan.corpus.model_copy(update={"domain": str(run.release / EVIDENCE / PACK)}),
            "data": run.plan.data.model_copy(update={"path": ""}),
        }
    )
    made = execute(plan, run.private / FLOOR, progress=progress)
    return rows_of(json.loads(json.dumps(made.records)))
