"""The two tables of a comparison: at equal epsilon and size, and at equal tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rpsg.compare.matrix import epsilon_in_words
from rpsg.compare.seeds import OverSeeds, over_seeds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rpsg.compare.outcome import CellOutcome, Comparison

#: A corpus may take this much more than a budget of tokens and still count as within it.
OVER_BUDGET = 1.05
CLAIMS = {
    "end_to_end_dp": "end to end",
    "voters_only_dp": "voters only",
    "no_private_data": "no private data",
    "no_formal_guarantee": "none",
}


@dataclass(frozen=True, slots=True)
class CompareSetting:
    """What all rows of a table have in common. ``people`` is 0 for all that are not held out."""

    data: str
    writer: str
    people: int
    size: int
    temperature: float | None

    def in_words(self) -> str:
        people = f"{self.people:,} people" if self.people else "all people"
        heat = "" if self.temperature is None else f", temperature {self.temperature:g}"
        return f"{self.data}, {self.writer}, {people}, {self.size:,} texts{heat}"


@dataclass(frozen=True, slots=True)
class CompareRow:
    """One method in one setting at one epsilon, over all its seeds; ``cells`` are those that are done.

    ``states`` tells of the others: how many there are of each state, with the first reason.
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
        found = {cell.place.seed: cell.value(name) for cell in self.cells}
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
            return f"ε ≤ {math.ceil(1000 * max(epsilons) - 1e-6) / 1000:g}, {words}"
        research = [c["for_research"]["epsilon"] for c in claims if c.get("for_research")]
        if research:
            known = [f"{value:.3g}" for value in research if value is not None]
            return f"{words} (for research: ε {known[0] if known else '∞'})"
        return words

    def audit(self) -> Audited:
        """What attacks on it found, over all seeds."""
        return audited_over([cell.figures["audit"] for cell in self.cells if _has_audit(cell)])


@dataclass(frozen=True, slots=True)
class Audited:
    """The audits of a row: how many, the largest lower bound of epsilon, and the clearest membership attack.

    ``limit`` is the smallest share of members whose leak that attack would have seen; None where it could not.
    """

    audits: int = 0
    refuted: int = 0
    epsilon_lower: float | None = None
    attack: str = ""
    auc: OverSeeds | None = None
    limit: float | None = None


def _has_audit(cell: CellOutcome) -> bool:
    return bool((cell.figures or {}).get("audit", {}).get("attacks"))


def audited_over(audits: Sequence[Mapping[str, object]]) -> Audited:
    """The audits of several seeds as one. The attack is the one with the largest mean AUC, named as such."""
    if not audits:
        return Audited()
    areas: dict[str, list[float]] = {}
    limits: dict[str, list[float]] = {}
    for audit in audits:
        attacks: Mapping[str, Mapping[str, float | None]] = audit["attacks"]  # type: ignore[assignment]  # JSON
        for name, found in attacks.items():
            if found["auc"] is not None:
                areas.setdefault(name, []).append(float(found["auc"]))
            if found["limit"] is not None:
                limits.setdefault(name, []).append(float(found["limit"]))
    lower = [float(a["epsilon_lower"]) for a in audits if a["epsilon_lower"] is not None]  # type: ignore[arg-type]  # JSON
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


def settings_of(comparison: Comparison) -> list[CompareSetting]:
    """All settings in which a method that reads private texts was compared, in their order."""
    found: dict[CompareSetting, None] = {}
    alone: dict[CompareSetting, None] = {}
    for cell in comparison.cells:
        place = cell.place
        if cell.is_ceiling:
            continue
        setting = CompareSetting(place.data, place.writer, place.people or 0, place.size, place.temperature)
        (alone if place.people is None else found)[setting] = None
    return list(found or alone)


def equal_epsilon(comparison: Comparison) -> list[EpsilonTable]:
    """For each setting and epsilon the rows of all methods, those that use no epsilon in every table."""
    tables = []
    for setting in settings_of(comparison):
        rows = rows_of(comparison, setting)
        epsilons = sorted({row.epsilon for row in rows if row.epsilon is not None})
        tables += [
            EpsilonTable(setting, epsilon, tuple(row for row in rows if row.epsilon in {None, epsilon}))
            for epsilon in epsilons or [None]
        ]
    return tables


def rows_of(comparison: Comparison, setting: CompareSetting) -> list[CompareRow]:
    """The rows of a setting: floors, methods in their order (each epsilon a row), ceiling."""
    groups: dict[tuple[str, float | None], list[CellOutcome]] = {}
    for cell in comparison.cells:
        if _belongs(cell, setting):
            groups.setdefault((cell.place.method, cell.place.epsilon), []).append(cell)
    rows = [_row(method, epsilon, cells) for (method, epsilon), cells in groups.items()]
    return sorted(rows, key=lambda row: (row.is_ceiling, row.reads != "nothing"))


def _belongs(cell: CellOutcome, setting: CompareSetting) -> bool:
    place = cell.place
    return (
        place.data == setting.data
        and place.size == setting.size
        and (place.writer == setting.writer or cell.is_ceiling)
        and (place.temperature == setting.temperature or cell.is_ceiling)
        and place.people in {None, setting.people}
    )


def _row(method: str, epsilon: float | None, cells: Sequence[CellOutcome]) -> CompareRow:
    first, states = cells[0], dict[str, tuple[int, str]]()
    for cell in cells:
        if not cell.is_done:
            number, reason = states.get(cell.state, (0, cell.reason))
            states[cell.state] = (number + 1, reason)
    done = tuple(cell for cell in cells if cell.is_done)
    return CompareRow(method, first.family, epsilon, first.reads, first.is_ceiling, done, states)


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """What a family of methods gives for a budget of tokens: its dearest corpus that fits, or why none does.

    ``size`` is the number of texts of that corpus; figures of another size depend on it.
    """

    family: str
    row: CompareRow | None
    size: int = 0
    cheapest: float | None = None


@dataclass(frozen=True, slots=True)
class TokenTable:
    """What each family gives for ``budget`` tokens, which is what ``whose`` takes at the first size."""

    setting: CompareSetting
    epsilon: float | None
    budget: float
    whose: str
    choices: tuple[TokenChoice, ...]

    @property
    def title(self) -> str:
        epsilon = "" if self.epsilon is None else f", ε = {epsilon_in_words(self.epsilon)}"
        return (
            f"{self.setting.data}, {self.setting.writer}, {self.setting.people or 'all'} people{epsilon}: "
            f"{self.budget:,.0f} tokens, as {self.whose} takes"
        )


def equal_tokens(comparison: Comparison) -> list[TokenTable]:
    """For each setting and epsilon one table for each family's own use of tokens.

    Nothing is interpolated: a family enters with a corpus that was really made, the one that takes the most
    tokens among those of any size and of any of the family's entries that fit into the budget.
    """
    tables = []
    for setting in _without_sizes(settings_of(comparison)):
        sizes = [s.size for s in settings_of(comparison) if _alike(s, setting)]
        by_size = {size: rows_of(comparison, _resized(setting, size)) for size in sizes}
        rows = [(size, row) for size, its in by_size.items() for row in its if row.tokens is not None]
        epsilons = sorted({row.epsilon for _, row in rows if row.epsilon is not None})
        for epsilon in epsilons or [None]:
            here = [(size, row) for size, row in rows if row.epsilon in {None, epsilon}]
            tables += _token_tables(setting, epsilon, here)
    return tables


def _without_sizes(settings: Iterable[CompareSetting]) -> list[CompareSetting]:
    """The first setting of each group that differs in size alone."""
    found: list[CompareSetting] = []
    for setting in settings:
        if not any(_alike(setting, other) for other in found):
            found.append(setting)
    return found


def _alike(one: CompareSetting, other: CompareSetting) -> bool:
    return _resized(one, 0) == _resized(other, 0)


def _resized(setting: CompareSetting, size: int) -> CompareSetting:
    return CompareSetting(setting.data, setting.writer, setting.people, size, setting.temperature)


def _token_tables(
    setting: CompareSetting, epsilon: float | None, rows: Sequence[tuple[int, CompareRow]]
) -> list[TokenTable]:
    families = list(dict.fromkeys(row.family for _, row in rows))
    competing = [(size, row) for size, row in rows if not row.is_bound]
    if len({row.family for _, row in competing}) < 2:
        return []
    tables = []
    for whose, budget in budgets_of(setting.size, competing):
        choices = tuple(choose(family, rows, budget) for family in families)
        tables.append(TokenTable(setting, epsilon, budget, whose, choices))
    return tables


def budgets_of(size: int, rows: Sequence[tuple[int, CompareRow]]) -> list[tuple[str, float]]:
    """The tokens that each family takes at the cheapest for a corpus of this size, the smallest first.

    Families within five hundredths of each other share a budget, the larger one.
    """
    cheapest: dict[str, float] = {}
    for its, row in rows:
        if its == size:
            cheapest[row.family] = min(tokens_of(row), cheapest.get(row.family, math.inf))
    found: list[tuple[str, float]] = []
    for family, tokens in sorted(cheapest.items(), key=lambda item: item[1]):
        if found and tokens <= OVER_BUDGET * found[-1][1]:
            found[-1] = (f"{found[-1][0]} or {family}", tokens)
        else:
            found.append((family, tokens))
    return found


def choose(family: str, rows: Sequence[tuple[int, CompareRow]], budget: float) -> TokenChoice:
    """The dearest corpus of a family within a budget of tokens (and five hundredths more)."""
    own = [(tokens_of(row), size, row) for size, row in rows if row.family == family]
    fitting = [each for each in own if each[0] <= OVER_BUDGET * budget]
    if not fitting:
        return TokenChoice(family, None, cheapest=min((tokens for tokens, _, _ in own), default=None))
    _, size, row = max(fitting, key=lambda each: (each[0], each[1]))
    return TokenChoice(family, row, size)


def tokens_of(row: CompareRow) -> float:
    """The mean tokens of a row that has some."""
    tokens = row.tokens
    if tokens is None:
        raise ValueError("this row took no tokens that were counted")
    return tokens.mean
