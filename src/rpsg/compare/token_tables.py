"""The tables at equal tokens: what each method gives for the number of tokens that another method takes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rpsg.compare.matrix import epsilon_in_words
from rpsg.compare.tables import epsilons_of, rows_of, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rpsg.compare.outcome import Comparison
    from rpsg.compare.tables import CompareRow, CompareSetting

#: A corpus may take this much more than a budget of tokens and still count as within it.
OVER_BUDGET = 1.05


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """For a budget of tokens, the corpus of a family of methods that uses most of the budget.

    ``row`` is None if none fits; ``cheapest`` is the number of tokens of the cheapest corpus. ``size`` is the
    number of texts of the corpus, on which some figures depend.
    """

    family: str
    row: CompareRow | None
    size: int = 0
    cheapest: float | None = None


@dataclass(frozen=True, slots=True)
class TokenTable:
    """What each family gives for ``budget`` tokens, which is the number of tokens that the family ``whose``
    takes for the first size.
    """

    setting: CompareSetting
    epsilon: float | None
    budget: float
    whose: str
    choices: tuple[TokenChoice, ...]

    @property
    def title(self) -> str:
        epsilon = "" if self.epsilon is None else f", ε = {epsilon_in_words(self.epsilon)}"
        return (
            f"{self.setting.data}, {self.setting.writer}, {self.setting.people_in_words}{epsilon}: "
            f"{self.budget:,.0f} tokens, as {self.whose} takes"
        )


def equal_tokens(comparison: Comparison) -> list[TokenTable]:
    """For each setting and epsilon one table for each family's own use of tokens.

    Nothing is interpolated: a family enters with a corpus that was really made. Among all corpora of the
    family that fit into the budget, of whatever size and entry, it is the one that takes the most tokens.
    """
    tables = []
    for setting in _without_sizes(settings_of(comparison)):
        sizes = [s.size for s in settings_of(comparison) if _alike(s, setting)]
        by_size = {size: rows_of(comparison, _resized(setting, size)) for size in sizes}
        rows = [(size, row) for size, its in by_size.items() for row in its if row.tokens is not None]
        for epsilon in epsilons_of([row for _, row in rows]):
            here = [(size, row) for size, row in rows if row.epsilon in {None, epsilon}]
            tables += _token_tables(setting, epsilon, here)
    return tables


def _without_sizes(settings: Iterable[CompareSetting]) -> list[CompareSetting]:
    """The first of all settings that differ only in size, for each group of such settings."""
    found: list[CompareSetting] = []
    for setting in settings:
        if not any(_alike(setting, other) for other in found):
            found.append(setting)
    return found


def _alike(one: CompareSetting, other: CompareSetting) -> bool:
    return _resized(one, 0) == _resized(other, 0)


def _resized(setting: CompareSetting, size: int) -> CompareSetting:
    return replace(setting, size=size)


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
    """The smallest number of tokens that each family takes for a corpus of this size, in rising order.

    If the numbers of two families differ by at most five hundredths, both get the larger one as their budget.
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
    """Of a family's corpora, the one that takes the most tokens within a budget (plus five hundredths)."""
    own = [(tokens_of(row), size, row) for size, row in rows if row.family == family]
    fitting = [each for each in own if each[0] <= OVER_BUDGET * budget]
    if not fitting:
        return TokenChoice(family, None, cheapest=min((tokens for tokens, _, _ in own), default=None))
    _, size, row = max(fitting, key=lambda each: (each[0], each[1]))
    return TokenChoice(family, row, size)


def tokens_of(row: CompareRow) -> float:
    """The mean number of tokens of a row; its tokens must have been counted."""
    tokens = row.tokens
    if tokens is None:
        raise ValueError("this row took no tokens that were counted")
    return tokens.mean
