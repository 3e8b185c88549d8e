"""Who wins where: the best method for each setting, epsilon and metric, and whether that is chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.compare.seeds import is_apart
from rpsg.compare.tables import equal_epsilon
from rpsg.display import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.compare.outcome import Comparison
    from rpsg.compare.tables import CompareRow, EpsilonTable


#: The note for a method, by what it reads: with seeds or records it protects less than with noisy answers
#: alone.
CAVEATS = {"donors": "voters only", "records": "no claim"}


@dataclass(frozen=True, slots=True)
class Win:
    """The best method on one metric; none (an empty name) if two are exactly as good.

    ``beyond_chance`` says whether its lead is more than chance, None if seeds are too few to tell. ``beaten``
    are the others it was compared with; ``over_floor`` says whether it is better than the floor, None if
    there is no floor.
    """

    metric: str
    method: str
    beaten: tuple[str, ...]
    beyond_chance: bool | None
    over_floor: bool | None


@dataclass(frozen=True, slots=True)
class Standing:
    """The wins of one table, and the methods that were not compared in it, each with the reason."""

    table: EpsilonTable
    wins: tuple[Win, ...]
    left_out: tuple[str, ...]

    @property
    def caveats(self) -> dict[str, str]:
        """The note after the name of a method whose epsilon does not protect everybody."""
        return {row.method: CAVEATS[row.reads] for row in self.table.rows if row.reads in CAVEATS}

    def in_words(self) -> str:
        """As in "reviews, ...: 7 metrics. The best is strict on 5 (by more than chance on 3); ..."."""
        if not self.wins:
            return f"{self.table.title}: nothing to compare, since fewer than two methods have figures."
        unknown = all(win.beyond_chance is None for win in self.wins)
        tail = " One seed: how much of it is chance is not known." if unknown else ""
        return f"{self.table.title}: {_in_words(self.wins, 'metric', self.caveats)}{tail}"


def by_method(wins: Sequence[Win]) -> list[tuple[str, int, int]]:
    """Each compared method with its wins, and in how many of these it leads by more than chance; most wins
    first.
    """
    names = dict.fromkeys(name for win in wins for name in (win.method, *win.beaten) if name)
    found = [
        (
            name,
            sum(win.method == name for win in wins),
            sum(win.method == name and win.beyond_chance is True for win in wins),
        )
        for name in names
    ]
    return sorted(found, key=lambda each: (-each[1], -each[2]))


def _in_words(wins: Sequence[Win], what: str, caveats: Mapping[str, str]) -> str:
    """Names are separated by semicolons, because a name may contain a comma."""
    found = [
        (f"{name} ({caveats[name]})" if name in caveats else name, number, sure)
        for name, number, sure in by_method(wins)
    ]
    unknown = all(win.beyond_chance is None for win in wins if win.method)
    parts = [
        f"{name} on {number}" + ("" if unknown else f" (by more than chance on {sure})")
        for name, number, sure in found
        if number
    ]
    ties = sum(not win.method for win in wins)
    parts += [f"nobody on {ties} (equal)"] if ties else []
    last = "; ".join(name for name, number, _ in found if not number)
    on_none = f" On none: {last}." if last else ""
    return f"{counted(len(wins), what)}. The best is {'; '.join(parts)}.{on_none}"


def all_together(found: Sequence[Standing]) -> str:
    """The wins of all tables in one sentence; empty if there is only one table."""
    compared = [standing for standing in found if standing.wins]
    if len(compared) < 2:
        return ""
    wins = [win for standing in compared for win in standing.wins]
    caveats = {name: words for standing in compared for name, words in standing.caveats.items()}
    return f"All {len(compared)} tables together: {_in_words(wins, 'comparison', caveats)}"


def standings(comparison: Comparison) -> list[Standing]:
    """The standing of each table at equal epsilon."""
    return [standing(comparison, table) for table in equal_epsilon(comparison)]


def standing(comparison: Comparison, table: EpsilonTable) -> Standing:
    """The best of the methods at the table's epsilon, metric by metric.

    Only methods that use this epsilon are compared. Methods that use no epsilon are only shown, because they
    do not promise the same. If no method uses an epsilon, all are compared.
    """
    rivals = [row for row in table.rows if not row.is_bound and row.epsilon == table.epsilon]
    able = [row for row in rivals if row.cells and not row.is_short]
    left_out = [f"{row.method}: {_why(row)}" for row in rivals if row not in able]
    floor = next((row for row in table.rows if row.reads == "nothing" and row.cells), None)
    ceiling = next((row for row in table.rows if row.is_ceiling and row.cells), None)
    wins = []
    for metric in comparison.headline:
        loss = _loss(comparison, metric, ceiling)
        win = None if loss is None else _win(metric, able, floor, loss)
        if win is not None:
            wins.append(win)
    return Standing(table, tuple(wins), tuple(left_out))


def _why(row: CompareRow) -> str:
    if row.cells:
        return "it released too few texts to be compared"
    states = ", ".join(
        f"{state} ({reason})" if reason else state for state, (_, reason) in row.states.items()
    )
    return states or "none of its cells is finished"


def _loss(comparison: Comparison, metric: str, ceiling: CompareRow | None) -> Callable[[float], float] | None:
    """How far a value is from the best, on any scale: smaller is better. None if nobody can say."""
    better = comparison.better(metric)
    if better is not None:
        return (lambda value: -value) if better else (lambda value: value)
    real = None if ceiling is None else ceiling.metric(metric)
    return None if real is None else lambda value: abs(value - real.mean)


def _win(
    metric: str, rows: Sequence[CompareRow], floor: CompareRow | None, loss: Callable[[float], float]
) -> Win | None:
    """The best of at least two methods that have a value."""
    means = [(loss(found.mean), row) for row in rows if (found := row.metric(metric)) is not None]
    if len(means) < 2:
        return None
    (lead, best), *others = sorted(means, key=lambda each: each[0])
    bottom = None if floor is None else floor.metric(metric)
    over = None if bottom is None else lead < loss(bottom.mean)
    if others[0][0] == lead:
        return Win(metric, "", tuple(row.method for _, row in means), False, over)  # noqa: FBT003  # a field
    own = _losses(best, metric, loss)
    apart = [is_apart(own, _losses(row, metric, loss)) for _, row in others]
    beyond = None if any(each is None for each in apart) else all(apart)
    return Win(metric, best.method, tuple(row.method for _, row in others), beyond, over)


def _losses(row: CompareRow, metric: str, loss: Callable[[float], float]) -> dict[int, float]:
    return {seed: loss(value) for seed, value in row.by_seed(metric).items()}
