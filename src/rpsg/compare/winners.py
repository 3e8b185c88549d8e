"""Who wins where: in each setting and at each epsilon, which method is better than which, in which metrics,
whether by more than chance, and for how many tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.compare.duels import duel, losses_of
from rpsg.compare.informative import uninformative
from rpsg.compare.seeds import is_apart
from rpsg.compare.tables import equal_epsilon
from rpsg.report.scores import metric_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.compare.duels import Duel, Loss
    from rpsg.compare.outcome import Comparison
    from rpsg.compare.tables import CompareRow, EpsilonTable


#: The note for a method, by what it reads: with seeds or records it protects less than with noisy answers
#: alone.
CAVEATS = {"nothing": "no private data", "donors": "voters only", "records": "no claim"}
NOTHING = "There is nothing to compare: no method has figures beside those of a floor."


@dataclass(frozen=True, slots=True)
class Win:
    """The best method on one metric; none (an empty name) if two are exactly as good.

    ``beyond_chance`` says whether its lead is more than chance, None if seeds are too few to tell. ``beaten``
    are the others it was compared with.
    """

    metric: str
    method: str
    beaten: tuple[str, ...]
    beyond_chance: bool | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Who wins in one table: the methods that are compared in it, by the metrics that count.

    ``losses`` say for each metric that counts how far a value is from the best; ``silent`` are the metrics
    that do not count, because they are uninformative here. ``left_out`` are methods that are not compared,
    each with the reason.
    """

    table: EpsilonTable
    able: tuple[CompareRow, ...]
    losses: Mapping[str, Loss]
    silent: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def wins(self) -> list[Win]:
        """The best method of each metric that at least two methods have."""
        found = (_win(metric, self.able, loss) for metric, loss in self.losses.items())
        return [win for win in found if win is not None]

    @property
    def duels(self) -> list[Duel]:
        """The method with most wins, compared with each other method and with the floor."""
        names = [name for name, _, _ in by_method(self.wins)] or [row.method for row in self.able[:1]]
        if not names:
            return []
        lead = next(row for row in self.able if row.method == names[0])
        others = [row for row in (*self.able, _floor(self.table)) if row is not None and row is not lead]
        found = [duel(lead, other, self.losses) for other in others]
        return [each for each in found if each.compared]

    def named(self, method: str) -> str:
        """A method's name, with a note if its epsilon does not protect everybody."""
        notes = (CAVEATS.get(row.reads) for row in self.table.rows if row.method == method)
        note = next(notes, None)
        return f"{method} ({note})" if note else method

    def sentences(self) -> list[str]:
        """Who is best in how many metrics, the best method compared with each other one and the floor, and
        what was not counted; empty if there is nothing to compare.
        """
        wins, duels = self.wins, self.duels
        if not (duels or (self.able and self.silent)):
            return []
        best = [f"Metrics that count: {len(wins)}. {_tally(self, wins)}."] if wins else []
        leads = [lead for each in duels for lead in (*each.better, *each.worse)]
        unknown = bool(leads) and all(lead.beyond_chance is None for lead in leads)
        chance = ["With one seed nobody can tell how much of this is chance."] if unknown else []
        return [
            *best,
            *(each.in_words(self.named) for each in duels),
            *chance,
            *self._not_counted(bool(duels)),
        ]

    def _not_counted(self, is_known: bool) -> list[str]:
        if not self.silent:
            return []
        names = ", ".join(metric_name(name) for name in self.silent)
        rest = "" if is_known else " So nothing can be said about who wins."
        why = "In these, real texts are not better than the floor by more than chance, so a better value says"
        return [f"Not counted: {names}. {why} nothing about the texts.{rest}"]

    def in_words(self) -> str:
        """The title of the table and all sentences; empty if there is nothing to compare."""
        said = self.sentences()
        return f"{self.table.title}: {' '.join(said)}" if said else ""


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


def _tally(standing: Standing, wins: Sequence[Win]) -> str:
    """Names are separated by semicolons, because a name may contain a comma."""
    parts = [f"{standing.named(name)} is best in {number}" for name, number, _ in by_method(wins) if number]
    ties = sum(not win.method for win in wins)
    return "; ".join([*parts, *([f"no method is best in {ties} (equal)"] if ties else [])])


def all_together(found: Sequence[Standing]) -> str:
    """The method with most wins compared with each other one, over all tables; empty if fewer than two tables
    have two methods to compare.
    """
    compared = [standing for standing in found if standing.wins]
    if len(compared) < 2:
        return ""
    order = [name for name, _, _ in by_method([win for standing in compared for win in standing.wins])]
    parts = [_pair(compared, order[0], other) for other in order[1:]]
    return f"All {len(compared)} tables together: {' '.join(parts)}"


def _pair(found: Sequence[Standing], first: str, second: str) -> str:
    """Two methods over all tables that have both."""
    duels = []
    for standing in found:
        rows = {row.method: row for row in standing.able}
        if first in rows and second in rows:
            duels.append(duel(rows[first], rows[second], standing.losses))
    better = [lead.beyond_chance for each in duels for lead in each.better]
    worse = [lead.beyond_chance for each in duels for lead in each.worse]
    one, other = (next(s.named(name) for s in found) for name in (first, second))
    number = sum(each.compared for each in duels)
    return f"{one} is better than {other} in {_sure(better)} of {number} figures and worse in {_sure(worse)}."


def _sure(leads: Sequence[bool | None]) -> str:
    """A number of leads, and how many of them are more than chance, if anybody can tell."""
    known = [lead for lead in leads if lead is not None]
    return f"{len(leads)} ({sum(known)} by more than chance)" if known else f"{len(leads)}"


def standings(comparison: Comparison) -> list[Standing]:
    """The standing of each table at equal epsilon."""
    return [standing(comparison, table) for table in equal_epsilon(comparison)]


def standing(comparison: Comparison, table: EpsilonTable) -> Standing:
    """The methods at the table's epsilon, and the metrics that count.

    Only methods that use this epsilon are compared. Methods that use no epsilon are only shown, because they
    do not promise the same. If no method uses an epsilon, all are compared.
    """
    rivals = [row for row in table.rows if not row.is_bound and row.epsilon == table.epsilon]
    able = [row for row in rivals if row.cells and not row.is_short]
    left_out = [f"{row.method}: {_why(row)}" for row in rivals if row not in able]
    ceiling = next((row for row in table.rows if row.is_ceiling and row.cells), None)
    silent = uninformative(comparison, table.setting)
    losses = {
        metric: loss
        for metric in comparison.headline
        if metric not in silent and (loss := _loss(comparison, metric, ceiling)) is not None
    }
    unheard = tuple(metric for metric in comparison.headline if metric in silent)
    return Standing(table, tuple(able), losses, unheard, tuple(left_out))


def _floor(table: EpsilonTable) -> CompareRow | None:
    return next((row for row in table.rows if row.reads == "nothing" and row.cells), None)


def _why(row: CompareRow) -> str:
    if row.cells:
        return "it released too few texts to be compared"
    states = ", ".join(
        f"{state} ({reason})" if reason else state for state, (_, reason) in row.states.items()
    )
    return states or "none of its cells is finished"


def _loss(comparison: Comparison, metric: str, ceiling: CompareRow | None) -> Loss | None:
    """How far a value is from the best, on any scale: smaller is better. None if nobody can say."""
    better = comparison.better(metric)
    if better is not None:
        return (lambda value: -value) if better else (lambda value: value)
    real = None if ceiling is None else ceiling.metric(metric)
    return None if real is None else lambda value: abs(value - real.mean)


def _win(metric: str, rows: Sequence[CompareRow], loss: Loss) -> Win | None:
    """The best of at least two methods that have a value."""
    means = [(loss(found.mean), row) for row in rows if (found := row.metric(metric)) is not None]
    if len(means) < 2:
        return None
    (lead, best), *others = sorted(means, key=lambda each: each[0])
    if others[0][0] == lead:
        return Win(metric, "", tuple(row.method for _, row in means), beyond_chance=False)
    own = losses_of(best, metric, loss)
    apart = [is_apart(own, losses_of(row, metric, loss)) for _, row in others]
    beyond = None if any(each is None for each in apart) else all(apart)
    return Win(metric, best.method, tuple(row.method for _, row in others), beyond)
