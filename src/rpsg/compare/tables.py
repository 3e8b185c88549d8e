"""The rows of a comparison, and its tables at equal epsilon and size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rpsg.compare.matrix import epsilon_in_words
from rpsg.compare.seeds import OverSeeds, over_seeds
from rpsg.privacy.claims import not_below

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.compare.keys import CellKey
    from rpsg.compare.outcome import CellOutcome, Comparison

CLAIMS = {
    "end_to_end_dp": "end to end",
    "voters_only_dp": "voters only",
    "no_private_data": "no private data",
    "no_formal_guarantee": "none",
}


@dataclass(frozen=True, slots=True)
class CompareSetting:
    """What all rows of a table have in common. If ``people`` is 0, all who are not held out take part."""

    data: str
    writer: str
    people: int
    size: int
    temperature: float | None

    @property
    def people_in_words(self) -> str:
        return f"{self.people:,} people" if self.people else "all people"

    def in_words(self) -> str:
        heat = "" if self.temperature is None else f", temperature {self.temperature:g}"
        return f"{self.data}, {self.writer}, {self.people_in_words}, {self.size:,} texts{heat}"


@dataclass(frozen=True, slots=True)
class CompareRow:
    """One method in one setting at one epsilon, over all its seeds; ``cells`` are those that are done.

    ``states`` has the number of the other cells in each state, with the first reason.
    """

    method: str
    family: str
    epsilon: float | None
    reads: str
    is_ceiling: bool
    cells: tuple[CellOutcome, ...]
    states: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def is_bound(self) -> bool:
        """Whether this is a floor or a ceiling, which no method competes with."""
        return self.is_ceiling or self.reads == "nothing"

    @property
    def is_short(self) -> bool:
        """Whether a seed released too few texts for figures that depend on their number."""
        return any(cell.is_short for cell in self.cells)

    def metric(self, name: str) -> OverSeeds | None:
        return over_seeds([cell.value(name) for cell in self.cells])

    def by_seed(self, name: str) -> dict[int, float]:
        """The values of a metric by seed, without those that are missing."""
        found = {cell.key.seed: cell.value(name) for cell in self.cells}
        return {seed: value for seed, value in found.items() if value is not None}

    @property
    def tokens(self) -> OverSeeds | None:
        return over_seeds([cell.tokens for cell in self.cells])

    @property
    def seconds(self) -> OverSeeds | None:
        return over_seeds([cell.seconds for cell in self.cells])

    @property
    def memory(self) -> float | None:
        """The largest peak over seeds, in bytes."""
        known = [cell.made.get("peak_memory") for cell in self.cells]
        return max((float(each) for each in known if each), default=None)

    def per_thousand(self, figure: str) -> OverSeeds | None:
        """Tokens or seconds for each 1,000 released texts."""
        values = []
        for cell in self.cells:
            value = getattr(cell, figure)
            values.append(None if value is None or not cell.texts else 1000 * value / cell.texts)
        return over_seeds(values)

    @property
    def texts(self) -> tuple[int, int] | None:
        """The fewest and the most texts that a seed released."""
        numbers = [cell.texts for cell in self.cells]
        return (min(numbers), max(numbers)) if numbers else None

    @property
    def claim(self) -> str:
        """What its releases claim, in words."""
        if self.is_ceiling:
            return "real texts"
        claims = [cell.made["claim"] for cell in self.cells if "claim" in cell.made]
        if not claims:
            return ""
        words = CLAIMS.get(str(claims[0]["type"]), str(claims[0]["type"]))
        epsilons = [claim["epsilon"] for claim in claims if claim["epsilon"] is not None]
        if epsilons:
            return f"ε ≤ {not_below(max(epsilons))}, {words}"
        research = [c["for_research"]["epsilon"] for c in claims if c.get("for_research")]
        if research:
            known = [f"{value:.3g}" for value in research if value is not None]
            return f"{words} (for research: ε {known[0] if known else '∞'})"
        return words

    def audit(self) -> Audited:
        """What attacks on it found, over all seeds."""
        audits = [dict(cell.figures or {}).get("audit", {}) for cell in self.cells]
        return audited_over([audit for audit in audits if audit.get("attacks")])


@dataclass(frozen=True, slots=True)
class Audited:
    """The audits of a row: how many, the largest lower bound of epsilon, and the clearest membership attack.

    ``limit`` belongs to that attack: if the texts of this share of members had leaked, it would have detected
    it with every seed. None if it could not.
    """

    audits: int = 0
    refuted: int = 0
    epsilon_lower: float | None = None
    attack: str = ""
    auc: OverSeeds | None = None
    limit: float | None = None


def audited_over(audits: Sequence[Mapping[str, Any]]) -> Audited:
    """The audits of several seeds as one. The attack is the one with the largest mean AUC."""
    if not audits:
        return Audited()
    areas: dict[str, list[float]] = {}
    limits: dict[str, list[float]] = {}
    for name, found in (item for audit in audits for item in audit["attacks"].items()):
        if found["auc"] is not None:
            areas.setdefault(name, []).append(float(found["auc"]))
        if found["limit"] is not None:
            limits.setdefault(name, []).append(float(found["limit"]))
    lower = [float(audit["epsilon_lower"]) for audit in audits if audit["epsilon_lower"] is not None]
    best = max(areas, key=lambda name: sum(areas[name]) / len(areas[name]), default="")
    return Audited(
        len(audits),
        sum(audit["verdict"] == "refuted" for audit in audits),
        max(lower, default=None),
        best,
        over_seeds(areas.get(best, [])),
        max(limits[best]) if best in limits else None,
    )


@dataclass(frozen=True, slots=True)
class EpsilonTable:
    """All methods in one setting at one epsilon; floor and ceiling come first and last."""

    setting: CompareSetting
    epsilon: float | None
    rows: tuple[CompareRow, ...]

    @property
    def title(self) -> str:
        epsilon = "" if self.epsilon is None else f", ε = {epsilon_in_words(self.epsilon)}"
        return f"{self.setting.in_words()}{epsilon}"


def setting_of(key: CellKey) -> CompareSetting:
    """The setting that a cell of a method belongs to."""
    return CompareSetting(key.data, key.writer, key.people or 0, key.size, key.temperature)


def settings_of(comparison: Comparison) -> list[CompareSetting]:
    """All settings in which a method that reads private texts was compared, in their order."""
    found: dict[CompareSetting, None] = {}
    alone: dict[CompareSetting, None] = {}
    for cell in comparison.cells:
        key = cell.key
        if cell.is_ceiling:
            continue
        (alone if key.people is None else found)[setting_of(key)] = None
    return list(found or alone)


def equal_epsilon(comparison: Comparison) -> list[EpsilonTable]:
    """For each setting and epsilon the rows of all methods; those that use no epsilon are in every table."""
    tables = []
    for setting in settings_of(comparison):
        rows = rows_of(comparison, setting)
        tables += [
            EpsilonTable(setting, epsilon, tuple(row for row in rows if row.epsilon in {None, epsilon}))
            for epsilon in epsilons_of(rows)
        ]
    return tables


def epsilons_of(rows: Sequence[CompareRow]) -> Sequence[float | None]:
    """The epsilons of the rows, the smallest first; None alone if no row uses one."""
    return sorted({row.epsilon for row in rows if row.epsilon is not None}) or (None,)


def rows_of(comparison: Comparison, setting: CompareSetting) -> list[CompareRow]:
    """The rows of a setting: floors, methods in their order (each epsilon a row), ceiling."""
    groups: dict[tuple[str, float | None], list[CellOutcome]] = {}
    for cell in comparison.cells:
        if _belongs(cell, setting):
            groups.setdefault((cell.key.method, cell.key.epsilon), []).append(cell)
    rows = [_row(method, epsilon, cells) for (method, epsilon), cells in groups.items()]
    order = [str(entry["name"]) for entry in comparison.settings.get("methods", ())]
    rank = {name: i for i, name in enumerate(order)}
    return sorted(rows, key=lambda row: (row.is_ceiling, row.reads != "nothing", rank.get(row.method, -1)))


def _belongs(cell: CellOutcome, setting: CompareSetting) -> bool:
    key = cell.key
    return (
        key.data == setting.data
        and key.size == setting.size
        and (key.writer == setting.writer or cell.is_ceiling)
        and (key.temperature == setting.temperature or cell.is_ceiling)
        and key.people in {None, setting.people}
    )


def _row(method: str, epsilon: float | None, cells: Sequence[CellOutcome]) -> CompareRow:
    first, states = cells[0], dict[str, tuple[int, str]]()
    for cell in cells:
        if not cell.is_done:
            number, reason = states.get(cell.state, (0, cell.reason))
            states[cell.state] = (number + 1, reason)
    done = tuple(cell for cell in cells if cell.is_done)
    return CompareRow(method, first.family, epsilon, first.reads, first.is_ceiling, done, states)
