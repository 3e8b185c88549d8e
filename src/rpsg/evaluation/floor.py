"""The finished run to evaluate, and its floor: texts of the same writer without private data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.domains import COLUMN, find_pack
from rpsg.errors import RpsgError, RunError
from rpsg.evaluation.corpora import Rows
from rpsg.methods.floor import METHOD
from rpsg.models.catalog import check_known
from rpsg.pipeline.execute import execute
from rpsg.pipeline.models_of_run import fingerprint, load_tools
from rpsg.plan import ServerSection, read_toml, resolve
from rpsg.privacy.commitment import commit_to
from rpsg.release.reader import CHECK_IT, Release
from rpsg.stages.resolution import is_measured, value_of
from rpsg.storage.layout import EVIDENCE, FLOOR_RUN, LEDGER, PACK, PLAN, PRIVATE, PRIVATE_LEDGER, RUN
from rpsg.storage.readers import read_by_rule
from rpsg.storage.run_folder import open_vault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import Progress

FLOOR = "floor"


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished run as an evaluation needs it. ``plan`` names the models that may be opened for it."""

    release: Release
    plan: Plan
    rows: Rows

    @property
    def private(self) -> Path | None:
        """The private folder; None for a release without its run, and for a run of another installation."""
        return self.release.own_run / PRIVATE if self.release.own_run else None


def is_run(path: Path) -> bool:
    """Whether a folder is a run, finished or not, or a release."""
    return any((path / name).is_file() for name in (RUN, LEDGER))


def read_finished(path: Path) -> FinishedRun:
    """The run in a folder; RunError when it is not finished or its release is damaged."""
    release = Release(path)
    plan = release.plan_with_models() if release.own_run else _foreign(release.plan)
    try:
        return FinishedRun(release, plan, rows_of(release.records, release.pack, _columns(plan)))
    except (LookupError, TypeError, ValueError, AttributeError):
        raise RunError(f"{release.path} holds a row that cannot be read.", hint=CHECK_IT) from None


def _foreign(plan: Plan) -> Plan:
    """A plan that somebody else may have written, without its server; unknown models are refused."""
    check_known(plan, ("sentiment",))
    models = plan.models.model_copy(update={"slots": None, "threads": None})
    return plan.model_copy(update={"models": models, "server": ServerSection()})


def embedder_of(run: FinishedRun) -> str:
    """The embedder of the run's plan; VerificationError if somebody else's release names an unknown one."""
    if run.private is None:
        check_known(run.plan, ("embedder",))
    return run.plan.models.embedder


def rows_of(records: Sequence[Mapping[str, Any]], pack: Pack, columns: Sequence[str]) -> Rows:
    """The texts of a release with labels, columns and cards; values that a text itself shows are computed
    from it.
    """
    beside = tuple({name: str(record[name]) for name in columns} for record in records)
    labels = tuple(str(record.get("label") or "") for record in records)
    counted = [attribute for attribute in pack.attributes if is_measured(attribute)]
    cards = tuple(
        {
            **dict(record.get("attributes", {})),
            **{attribute.name: value_of(attribute, str(record["text"]), {}) for attribute in counted},
            **({"label": label} if label else {}),
            **{COLUMN + name: value for name, value in held.items()},
        }
        for record, label, held in zip(records, labels, beside, strict=True)
    )
    texts = tuple(str(record["text"]) for record in records)
    return Rows(texts, labels if any(labels) else None, cards=cards, beside=beside if columns else None)


def _columns(plan: Plan) -> list[str]:
    """The names of the columns beside the text."""
    return [name for name, _ in plan.data.column_values]


def write_floor(run: FinishedRun, progress: Progress | None) -> Rows:
    """The floor of a run: same writer, pack, labels, size and seed, no private data; generated once.

    It is kept in the run's private folder, although nothing in it is private.

    Raises:
        RunError: this is a release without its run, or the floor there was made with another plan.
    """
    if run.private is None:
        raise RunError(
            "Only a whole run folder can keep a floor; this is a release alone.",
            hint="Give a floor with --floor FILE, or do without one: --no-floor",
        )
    plan, folder = floor_plan(run), run.private / FLOOR_RUN
    tools = load_tools(plan)
    _refuse_stale(folder, fingerprint(plan, find_pack(plan.corpus.domain), tools))
    made = execute(plan, folder, progress=progress, tools=tools)
    return rows_of(made.records, run.release.pack, _columns(plan))


def floor_plan(run: FinishedRun) -> Plan:
    """The plan of a run's floor, with the labels that its release contains, since those are public."""
    data = {"path": "", "labels": run.release.labels if has_floor_labels(run) else ()}
    return run.plan.model_copy(
        update={
            "method": run.plan.method.model_copy(update={"name": METHOD.name}),
            "corpus": run.plan.corpus.model_copy(update={"domain": str(run.release.path / EVIDENCE / PACK)}),
            "data": run.plan.data.model_copy(update=data),
        }
    )


def has_floor_labels(run: FinishedRun) -> bool:
    """Whether a floor can use the run's labels: a plan has none or at least two."""
    return run.plan.data.label is not None and len(run.release.labels) >= 2


def _refuse_stale(folder: Path, wanted: str) -> None:
    about = folder / RUN
    if about.is_file() and json.loads(about.read_bytes()).get("plan_fingerprint") != wanted:
        raise RunError(
            f"The floor in {folder} was written with another plan, other models or another version.",
            hint="Remove that folder (nothing in it is private) and a new floor is written.",
        )


def is_own_data(run: FinishedRun, file: Path) -> bool:
    """Whether the run was made from the rows of ``file``, even if the file was moved.

    Decided by the run's commitment to its rows, whose nonce is in the private folder. If that fails, or the
    file was changed since, by the path in the plan. False without a private folder.
    """
    if run.private is None:
        return False
    return _is_committed(run, file) or _is_named(run, file)


def _is_committed(run: FinishedRun, file: Path) -> bool:
    data = run.plan.data
    try:
        kept = json.loads(open_vault(run.release.path.parent).read(PRIVATE_LEDGER))["commitment"]
        rows = read_by_rule(data.model_copy(update={"path": str(file)})).map(lambda reading: reading.corpus)
    except RpsgError:  # no vault or no key; or the file has other columns or labels, so it holds other data
        return False
    return commit_to(rows, bytes.fromhex(kept["nonce"])).value == str(kept["value"])


def _is_named(run: FinishedRun, file: Path) -> bool:
    plan = run.release.path.parent / PLAN
    named = resolve(read_toml(plan)).data.path if plan.is_file() else ""
    return bool(named) and Path(named).exists() and file.exists() and Path(named).samefile(file)
