"""What a finished run brings to its evaluation: corpus, cards, noisy counts, and its floor."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.domains import find_pack, read_pack
from rpsg.errors import RpsgError, RunError
from rpsg.evaluation.corpora import Rows
from rpsg.evaluation.inputs import NoisyCounts
from rpsg.models.by_digest import check_known
from rpsg.pipeline.execute import execute
from rpsg.pipeline.models_of_run import fingerprint, load_tools
from rpsg.pipeline.publish import read_release, release_folder
from rpsg.plan import Server, read_toml, resolve
from rpsg.privacy.commitment import commit_to
from rpsg.privacy.evidence import evidence_file, parse_evidence
from rpsg.report.files import own_models, own_run
from rpsg.stages.cards import GROUPS
from rpsg.stages.labels import labels_found
from rpsg.stages.presence import is_measured, value_of
from rpsg.storage.layout import EVIDENCE, LEDGER, PACK, PLAN, PRIVATE_LEDGER, RUN
from rpsg.storage.ownership import readable
from rpsg.storage.readers import read_by_rule
from rpsg.storage.run_folder import open_vault
from rpsg.textstats.echoes import form_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.privacy.evidence import Evidence
    from rpsg.protocols import Progress
    from rpsg.textstats.echoes import Form

FLOOR = "floor"


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run, read. ``private`` is its private folder; None when only the release is there.

    ``labels`` are those that its release shows: declared, found with noise, or carried by its texts;
    ``form`` is what its prompts have in common.
    """

    rows: Rows
    counts: NoisyCounts | None
    labels: tuple[str, ...]
    plan: Plan
    release: Path
    private: Path | None
    form: Form


def is_run(path: Path) -> bool:
    """Whether a folder is a run, finished or not, or a release."""
    return any((path / name).is_file() for name in (RUN, LEDGER))


def read_finished(path: Path) -> FinishedRun:
    """The run in a folder; RunError when it is not finished or its release is damaged."""
    release = release_folder(path)
    try:
        with readable(release) as folder:
            return _read(folder, release, own_run(release))
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise RunError(
            f"{release} holds a file that cannot be read.", hint="Check it with: rpsg verify"
        ) from None


def _read(folder: Path, release: Path, own: Path | None) -> FinishedRun:
    """The run of ``release``, which is read from ``folder``; ``own`` is the run's folder if it is ours."""
    run = read_release(folder)
    try:
        told = resolve(tomllib.loads((folder / EVIDENCE / PLAN).read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError):
        raise RunError(
            f"{release} has no readable plan in its evidence.", hint="Check it with: rpsg verify"
        ) from None
    plan = own_models(own, told) if own is not None else _of_a_stranger(told)
    pack = read_pack(folder / EVIDENCE / PACK)
    rows = rows_of(run.records, pack)
    labels = plan.data.label_values or found_labels(folder, run.ledger)
    return FinishedRun(
        rows=rows,
        counts=noisy_counts(folder, run.ledger, labels),
        labels=labels or tuple(sorted({label for label in rows.labels or () if label.strip()})),
        plan=plan,
        release=release,
        private=None if own is None else own / "private",
        form=form_of(pack),
    )


def _of_a_stranger(told: Plan) -> Plan:
    """A plan that somebody else may have written: no server and no unknown model of it is asked."""
    check_known(told, ("sentiment",))
    models = told.models.model_copy(update={"slots": None, "threads": None})
    return told.model_copy(update={"models": models, "server": Server()})


def embedder_of(run: FinishedRun) -> str:
    """The embedder of the run's plan; VerificationError for one that a stranger may not name."""
    if run.private is None:
        check_known(run.plan, ("embedder",))
    return run.plan.models.embedder


def rows_of(records: Sequence[Mapping[str, Any]], pack: Pack) -> Rows:
    """The texts of a release with their labels and cards; what can be counted from a text is."""
    labels = tuple(str(record.get("label") or "") for record in records)
    counted = [attribute for attribute in pack.attributes if is_measured(attribute)]
    cards = tuple(
        {
            **dict(record.get("attributes", {})),
            **{attribute.name: value_of(attribute, str(record["text"]), {}) for attribute in counted},
            **({"label": label} if label else {}),
        }
        for record, label in zip(records, labels, strict=True)
    )
    return Rows(tuple(str(r["text"]) for r in records), labels if any(labels) else None, cards=cards)


def found_labels(release: Path, ledger: Mapping[str, Any]) -> tuple[str, ...]:
    """The label values that a mechanism found; none for a run that asked for none."""
    told = (_evidence(release, i) for i in range(len(_gaussians(ledger))))
    found = next((e for e in told if e.stage == "labels"), None)
    return () if found is None else labels_found(found.selected())


def noisy_counts(release: Path, ledger: Mapping[str, Any], labels: tuple[str, ...]) -> NoisyCounts | None:
    """The noisy counts of each attribute from the evidence; None for a run that made none."""
    lines = _gaussians(ledger)
    place = next((i for i, line in enumerate(lines) if line["stage"] == "cards"), None)
    if place is None:
        return None
    pack = read_pack(release / EVIDENCE / PACK).with_label(labels)
    groups = [tuple(g.split(" x ")) for g in str(lines[place]["query"]).partition(": ")[2].split("; ")]
    return _by_attribute(pack, groups, _evidence(release, place).histogram(), float(lines[place]["sigma"]))


def _gaussians(ledger: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [m for m in ledger["mechanisms"] if m["kind"] == "rounded_gaussian"]


def _evidence(release: Path, seq: int) -> Evidence:
    try:
        return parse_evidence(evidence_file(release / EVIDENCE, seq).read_bytes())
    except (OSError, ValueError):
        raise RunError(f"{release} lacks readable evidence.", hint="Check it with: rpsg verify") from None


def _by_attribute(
    pack: Pack, groups: Sequence[tuple[str, ...]], noisy: Any, sigma: float
) -> NoisyCounts | None:
    """Each attribute's counts from the marginal that has it with the least noise."""
    counted = {a.name: a.values for a in pack.attributes}
    counted |= {a.name + GROUPS: tuple(a.groups) for a in pack.attributes if a.has_levels}
    if not {name for group in groups for name in group} <= counted.keys():
        return None
    shapes = [tuple(len(counted[name]) for name in group) for group in groups]
    if sum(prod(shape) for shape in shapes) != len(noisy):
        return None
    counts: dict[str, dict[str, float]] = {}
    headings: dict[str, Mapping[str, str]] = {}
    noise: dict[str, float] = {}
    parts = np.split(noisy, np.cumsum([prod(shape) for shape in shapes])[:-1])
    for group, shape, part in zip(groups, shapes, parts, strict=True):
        for axis, told in enumerate(group):
            name = told.removesuffix(GROUPS)
            spread = sigma * (prod(shape) / shape[axis]) ** 0.5
            if spread < noise.get(name, np.inf):
                others = tuple(i for i in range(len(shape)) if i != axis)
                sums = part.reshape(shape).sum(axis=others)
                counts[name] = dict(zip(counted[told], sums.astype(float).tolist(), strict=True))
                headings[name] = pack.attribute(name).headings if told != name else {}
                noise[name] = spread
    return NoisyCounts(counts, noise, headings)


def write_floor(run: FinishedRun, progress: Progress | None) -> Rows:
    """The floor of a run: same writer, pack, labels, size and seed, no private data; written once, then kept.

    It lies in the run's private folder, though nothing in it is private: beside the run it belongs to.

    Raises:
        RunError: this is a release alone, or another plan's floor lies there.
    """
    if run.private is None:
        raise RunError(
            "Only a whole run folder can keep a floor; this is a release alone.",
            hint="Give a floor with --floor FILE, or do without one: --no-floor",
        )
    plan, folder = floor_plan(run), run.private / FLOOR
    tools = load_tools(plan)
    _refuse_stale(folder, fingerprint(plan, find_pack(plan.corpus.domain), tools))
    made = execute(plan, folder, progress=progress, tools=tools)
    return rows_of(json.loads(json.dumps(made.records)), read_pack(run.release / EVIDENCE / PACK))


def floor_plan(run: FinishedRun) -> Plan:
    """The plan of a run's floor, with the labels that its release shows: these are public there."""
    data = {"path": "", "labels": run.labels if has_floor_labels(run) else ()}
    return run.plan.model_copy(
        update={
            "method": run.plan.method.model_copy(update={"name": FLOOR}),
            "corpus": run.plan.corpus.model_copy(update={"domain": str(run.release / EVIDENCE / PACK)}),
            "data": run.plan.data.model_copy(update=data),
        }
    )


def has_floor_labels(run: FinishedRun) -> bool:
    """Whether a floor can be written for the run's labels: a plan has none or at least two."""
    return run.plan.data.label is not None and len(run.labels) >= 2


def _refuse_stale(folder: Path, wanted: str) -> None:
    about = folder / RUN
    if about.is_file() and json.loads(about.read_bytes()).get("plan_fingerprint") != wanted:
        raise RunError(
            f"The floor in {folder} was written with another plan, other models or another version.",
            hint="Remove that folder (nothing in it is private) and a new floor is written.",
        )


def is_own_data(run: FinishedRun, file: Path) -> bool:
    """Whether the run was made from the rows of ``file``, wherever that lies now.

    The private folder opens the run's commitment to its rows. Where it cannot, and where the file was changed
    since, the place that the plan names tells. False where there is no private folder.
    """
    if run.private is None:
        return False
    return _is_committed(run, file) or _is_named(run, file)


def _is_committed(run: FinishedRun, file: Path) -> bool:
    data = run.plan.data
    try:
        kept = json.loads(open_vault(run.release.parent).read(PRIVATE_LEDGER))["commitment"]
        rows = read_by_rule(data.model_copy(update={"path": str(file)})).map(lambda reading: reading.corpus)
    except RpsgError:  # no vault or no key; or other columns or labels, so other data
        return False
    return commit_to(rows, bytes.fromhex(kept["nonce"])).value == str(kept["value"])


def _is_named(run: FinishedRun, file: Path) -> bool:
    plan = run.release.parent / PLAN
    named = resolve(read_toml(plan)).data.path if plan.is_file() else ""
    return bool(named) and Path(named).exists() and Path(named).samefile(file)
