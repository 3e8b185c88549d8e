"""The cells of a comparison: each is one run of one plan, or one real corpus for the ceiling."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

from rpsg.compare.keys import CellKey, plain_key
from rpsg.compare.left_out import check_rules, matches
from rpsg.compare.matrix import ComparedMethod
from rpsg.disk.json_text import tagged_sha256
from rpsg.errors import RpsgError, UsageError
from rpsg.evaluation.data import CEILING
from rpsg.evaluation.floor import FLOOR
from rpsg.methods.named import find_method
from rpsg.plan import resolve
from rpsg.privacy.odometer import COMPARISON, account_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.compare.matrix import ComparedData, ComparedWriter, Matrix
    from rpsg.methods.base import Method
    from rpsg.plan import Plan

#: Why a cell has no run: the method cannot do it, or the file of the comparison leaves it out.
NotRun = Literal["", "not supported", "left out"]
NO_FILE = "No file was given for this data set."


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell and how it is filled: by a run of ``plan``, by real texts (the ceiling), or not at all.

    ``id`` is the name of its folder. It holds a digest of the plan, so a changed comparison never mixes runs
    of two plans.
    """

    id: str
    key: CellKey
    family: str
    plan: Plan | None
    reads: str
    not_run: NotRun = ""
    reason: str = ""

    @property
    def is_ceiling(self) -> bool:
        return self.key.method == CEILING and not self.key.writer


def cells_of(matrix: Matrix) -> list[Cell]:
    """All cells, seed by seed, so that a comparison that stops early has every method once.

    A method that reads nothing has one cell for all epsilons and numbers of people; a method that does not
    use an epsilon has one cell for all epsilons. A floor and a ceiling are always among them.

    Raises:
        UsageError: an unknown method, settings that contradict each other, or a rule of leave_out without
            effect; names the entry.
    """
    methods = _with_floor(matrix)
    found: dict[CellKey, Cell] = {}
    temperatures: Sequence[float | None] = matrix.temperatures or (None,)
    order = product(
        matrix.seeds, matrix.data, matrix.writers, matrix.people, matrix.sizes, temperatures, matrix.epsilon
    )
    for seed, data, writer, people, size, temperature, epsilon in order:
        for entry, method in methods:
            key = CellKey(
                data.name,
                writer.name,
                entry.name,
                epsilon if uses_epsilon(method) else None,
                people if method.reads_private else None,
                size,
                temperature,
                seed,
            )
            if key not in found:
                found[key] = _cell(matrix, key, (data, writer, entry), method)
        real = CellKey(data.name, "", CEILING, None, None, size, None, seed)
        found.setdefault(real, _ceiling(real, data))
    check_rules(matrix.leave_out, list(found))
    return list(found.values())


def uses_epsilon(method: Method) -> bool:
    """Whether its corpus depends on epsilon: it has a budget, or a bound that holds on paper alone."""
    return method.budget is not None or method.status == "research_only"


def _with_floor(matrix: Matrix) -> list[tuple[ComparedMethod, Method]]:
    methods = [(entry, _method(entry)) for entry in matrix.methods]
    if any(not method.reads_private for _, method in methods):
        return methods
    return [(ComparedMethod(name=FLOOR, settings={"method": {"name": FLOOR}}), find_method(FLOOR)), *methods]


def _method(entry: ComparedMethod) -> Method:
    if entry.name == CEILING:
        raise UsageError(
            f"methods: {CEILING!r} is the name of the row of real texts.",
            hint="Give the method another name.",
        )
    name = entry.settings.get("method", {}).get("name", entry.name)
    try:
        return find_method(str(name))
    except UsageError as error:
        hint = (
            f"{error.hint} See: rpsg list methods. (A method under a name of your own: settings.method.name.)"
        )
        raise UsageError(f"methods, {entry.name!r}: {error.message}", hint=hint) from None


def _ceiling(key: CellKey, data: ComparedData) -> Cell:
    missing = not (data.paths or data.asset)
    how: tuple[NotRun, str] = ("left out", NO_FILE) if missing else ("", "")
    return Cell(_folder(key, "real"), key, CEILING, None, "records", *how)


def _cell(
    matrix: Matrix,
    key: CellKey,
    entries: tuple[ComparedData, ComparedWriter, ComparedMethod],
    method: Method,
) -> Cell:
    data, _, entry = entries
    try:
        plan = _plan(matrix, key, entries, method)
    except UsageError as error:
        raise UsageError(f"{key.in_words()}: {error.message}", hint=error.hint) from None
    not_run, reason = _why_not(matrix, key, data, plan, method)
    digest = plan.fingerprint(comparison=_bound_to(data))
    id_ = _folder(key, digest)
    account = f"{COMPARISON}{data.name}: {id_}" if data.public else plan.data.account
    if not account and method.reads_private:
        account = _own_account(data)
    plan = plan.model_copy(update={"data": plan.data.model_copy(update={"account": account})})
    return Cell(id_, key, entry.family or entry.name, plan, method.reads, not_run, reason)


def _bound_to(data: ComparedData) -> str:
    """What a cell depends on besides its plan: how many people are held out of its data."""
    return json.dumps([data.name, data.held_out])


def _own_account(data: ComparedData) -> str:
    """The account for private data whose settings name none: the account of the whole file, not of its parts
    in this comparison.

    Raises:
        UsageError: the data are an asset, or several files, whose people would all be charged to the account
            of the first file.
    """
    if len(data.paths) > 1 or data.asset:
        raise UsageError(
            f"{data.name} names no account, and is not a single file, whose account could be charged.",
            hint='Name one in [[data]]: settings = { data = { account = "..." } }, or say public = true.',
        )
    return account_name("", data.paths[0]) if data.paths else ""


def _plan(
    matrix: Matrix,
    key: CellKey,
    entries: tuple[ComparedData, ComparedWriter, ComparedMethod],
    method: Method,
) -> Plan:
    data, writer, entry = entries
    own: dict[str, dict[str, Any]] = {"corpus": {"size": key.size}, "generation": {"seed": key.seed}}
    if key.temperature is not None:
        own["generation"]["temperature"] = key.temperature
    if key.people is not None:
        own["data"] = {"audit_holdout": matrix.audit.holdout}
    if key.people and matrix.declare_people:
        own["privacy"] = {"n_public": key.people}
    if key.epsilon is not None and math.isfinite(key.epsilon):
        own.setdefault("privacy", {})["epsilon"] = key.epsilon
    infinite = (entry.infinite or {}) if key.epsilon == math.inf else {}
    plan = resolve(matrix.settings, data.settings, writer.settings, entry.settings, infinite, own)
    if plan.method.name != method.name:
        raise UsageError(
            f"infinite names another method, {plan.method.name}.", hint="Make it an entry of its own."
        )
    if data.public and plan.privacy.epsilon > plan.privacy.lifetime_epsilon:
        # The account belongs to this cell alone, so a cap would protect nobody.
        privacy = plan.privacy.model_copy(update={"lifetime_epsilon": 2 * plan.privacy.epsilon})
        plan = plan.model_copy(update={"privacy": privacy})
    return plan


def _why_not(
    matrix: Matrix, key: CellKey, data: ComparedData, plan: Plan, method: Method
) -> tuple[NotRun, str]:
    if not (data.paths or data.asset):
        return "left out", f"{NO_FILE} Give one with --data {data.name}=FILE."
    for rule in matrix.leave_out:
        if matches(rule, key):
            return "left out", rule.reason
    return _wrong_noise(key, plan, method)


def _wrong_noise(key: CellKey, plan: Plan, method: Method) -> tuple[NotRun, str]:
    """Whether the plan adds noise although the cell has none, or adds none although the cell has an epsilon.
    The method decides this, whatever the settings are called.
    """
    if key.epsilon is None:
        return "", ""
    noiseless = method.noiseless is not None and method.noiseless(plan)
    if math.isinf(key.epsilon) and not noiseless:
        how = "adds noise with these settings" if method.noiseless else "always adds noise"
        return "not supported", f"{method.name} {how}, so it cannot run at epsilon = inf."
    if noiseless and math.isfinite(key.epsilon):
        return "not supported", f"{method.name} adds no noise with these settings: it needs epsilon = inf."
    return "", ""


def _folder(key: CellKey, digest: str) -> str:
    """The name of a cell's folder: readable, and different for every key and plan."""
    words = [key.data, key.method, key.writer]
    words += [] if key.epsilon is None else [f"eps{key.epsilon:g}"]
    words += [] if key.people is None else [f"n{key.people or 'all'}"]
    words += [f"size{key.size}", *([] if key.temperature is None else [f"t{key.temperature:g}"])]
    slug = "-".join(filter(None, (re.sub(r"[^a-z0-9.]+", "-", w.lower()).strip("-.") for w in words)))
    exact = tagged_sha256("comparison cell/1", {"key": plain_key(key), "plan": digest})[:10]
    return f"{slug[:90]}-s{key.seed}-{exact}"


def find_cell(cells: Sequence[Cell], name: str) -> Cell:
    """The cell with this id; UsageError if there is none."""
    for cell in cells:
        if cell.id == name:
            return cell
    raise UsageError(
        "This comparison has no cell of that name.",
        hint="The names are shown by: rpsg compare FILE --dry-run",
    )


def to_run(cells: Sequence[Cell]) -> Iterator[Cell]:
    """The cells that are neither left out nor impossible, ceilings included."""
    return (cell for cell in cells if not cell.not_run)


def problem_of(cell: Cell) -> RpsgError | None:
    """Why the method refuses the cell's plan; None when it does not. Nothing is read."""
    try:
        if cell.plan is not None:
            find_method(cell.plan.method.name).check_plan(cell.plan)
    except RpsgError as error:
        return error
    return None
