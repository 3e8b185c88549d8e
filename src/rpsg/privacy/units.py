"""The privacy unit of a charge, and which charges can be added up.

A charge is a mu for one privacy unit: all rows of one person if there is a user column, else one row. The
number of rows used per person (``c``) is already part of the noise, so charges for the same user column add
up whatever their ``c``.

Other charges do not add up: ten charges for single rows do not bound the loss of a person, another column
groups rows differently, and charges of an earlier version have no unit. Of the two neighbouring relations one
contains the other: replacing a unit is removing one and adding one. So every charge under ``add_remove`` also
has a cost under ``replace_one``, which is stored with it. There mu squared is twice as large for counts,
which are never negative, and four times as large for sums of vectors (the largest possible factor). The
converse does not hold: a charge under ``replace_one`` bounds nothing under ``add_remove``.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from rpsg.errors import BudgetError
from rpsg.privacy.gaussian import epsilon_of, rounded_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rpsg.privacy.sensitivity import Adjacency

Kind = Literal["user", "record", "unknown"]


@dataclass(frozen=True, slots=True)
class Unit:
    """The privacy unit of a charge: a person by the user column ``column``, or one row."""

    kind: Kind
    column: str
    adjacency: Adjacency
    c: int = 1

    @property
    def who(self) -> str:
        """The unit in words."""
        if self.kind == "user":
            return f"one person by the column {self.column!r}"
        if self.kind == "record":
            return "one row"
        return "a unit that an earlier version of RPSG did not record"


@dataclass(frozen=True, slots=True)
class Entry:
    """A charge (``drawn``) or a reservation; ``delta`` is that of its run.

    ``replaced_mu2`` is its mu squared under ``replace_one``; None means the largest possible.
    """

    unit: Unit
    mu2: float
    delta_fail: float
    delta: float
    drawn: bool = True
    replaced_mu2: float | None = None

    def mu2_under(self, adjacency: Adjacency) -> float:
        if adjacency == self.unit.adjacency:
            return self.mu2
        return at_most_replaced(self.mu2) if self.replaced_mu2 is None else self.replaced_mu2


@dataclass(frozen=True, slots=True)
class Total:
    """What was charged to an account for one unit, and what unfinished runs have reserved in addition."""

    unit: Unit
    mu2: float = 0.0
    delta_fail: float = 0.0
    reserved_mu2: float = 0.0
    reserved_delta_fail: float = 0.0
    delta: float = 1e-6

    @property
    def epsilon(self) -> float:
        """Epsilon of all charges at ``delta``, the smallest delta of their runs."""
        return epsilon_at(self.mu2, self.delta)

    @property
    def epsilon_with_reserved(self) -> float:
        """Epsilon at ``delta`` if unfinished runs draw all that they have reserved."""
        return epsilon_at(self.mu2 + self.reserved_mu2, self.delta)

    def in_words(self) -> str:
        """One clause: epsilon, delta, for whom, and what is reserved."""
        told = f"epsilon {rounded_up(self.epsilon, 2)} at delta {self.delta:g} for {self.unit.who}"
        told += f", {self.unit.adjacency}"
        if self.reserved_mu2:
            told += f" ({rounded_up(self.epsilon_with_reserved, 2)} with what unfinished runs have reserved)"
        return told


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement of an account: a total for each unit, and the runs that read it without a bound.

    ``unbounded`` counts those by method; ``waiting`` are the runs with a reservation.
    """

    name: str
    totals: tuple[Total, ...] = ()
    unbounded: tuple[tuple[str, int], ...] = ()
    waiting: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON values, with epsilon computed."""
        return {
            "account": self.name,
            "totals": [
                {
                    **asdict(total),
                    "epsilon": total.epsilon,
                    "epsilon_with_reserved": total.epsilon_with_reserved,
                }
                for total in self.totals
            ],
            "unbounded": dict(self.unbounded),
            "caution": self.caution(),
            "reserved_by": list(self.waiting),
        }

    def caution(self) -> str:
        """A sentence for every total of an account that was read without a bound; else empty."""
        if not self.unbounded:
            return ""
        runs = " and ".join(
            f"{n} {'run' if n == 1 else 'runs'} of the method {method}" for method, n in self.unbounded
        )
        return (
            f"Besides, {runs} read texts of this account without any bound. No total says how much was "
            "revealed about these texts."
        )


def words_of(unit: Mapping[str, Any]) -> tuple[str, str]:
    """What the privacy unit of a ledger is called: one, and several."""
    return ("person", "people") if unit["unit"] == "user" else ("row", "rows")


def at_most_replaced(mu2: float) -> float:
    """The largest mu squared for a replaced unit under any mechanism: that of a group of two."""
    return 4.0 * mu2


def epsilon_at(mu2: float, delta: float) -> float:
    return epsilon_of(math.sqrt(mu2), delta) if mu2 else 0.0


def totals(entries: Iterable[Entry]) -> list[Total]:
    """A total for each unit; if any charge is under ``replace_one``, the total is as well."""
    ordered = sorted(entries, key=lambda e: (e.unit.kind, e.unit.column))
    return [_total(list(group)) for _, group in groupby(ordered, lambda e: (e.unit.kind, e.unit.column))]


def total_for(unit: Unit, entries: Iterable[Entry], delta: float, name: str) -> Total:
    """The total for ``unit``, at ``delta``.

    Raises:
        BudgetError: the account ``name`` holds something that cannot be added to a charge for ``unit``.
    """
    held = list(entries)
    if not all(_adds_up(unit, entry.unit) for entry in held):
        told = "; ".join(total.in_words() for total in totals(held))
        raise BudgetError(
            f"The account {name!r} holds {told}. A run for {unit.who} under {unit.adjacency} cannot be added "
            "to that, because their total cost would be unknown. Nothing was read.",
            hint="Use the same user column and adjacency as before. If these are other people, name another "
            "account with --account NAME.",
        )
    return _total([*held, Entry(unit, 0.0, 0.0, delta)], delta)


def _adds_up(unit: Unit, held: Unit) -> bool:
    same = (unit.kind, unit.column) == (held.kind, held.column) and held.kind != "unknown"
    return same and unit.adjacency in (held.adjacency, "replace_one")


def _total(entries: list[Entry], delta: float | None = None) -> Total:
    adjacencies = {e.unit.adjacency for e in entries}
    adjacency: Adjacency = "replace_one" if "replace_one" in adjacencies else "add_remove"
    drawn, reserved = [e for e in entries if e.drawn], [e for e in entries if not e.drawn]
    first = entries[0].unit
    return Total(
        Unit(first.kind, first.column, adjacency, max(e.unit.c for e in entries)),
        _mu2(drawn, adjacency),
        math.fsum(e.delta_fail for e in drawn),
        _mu2(reserved, adjacency),
        math.fsum(e.delta_fail for e in reserved),
        min(e.delta for e in entries) if delta is None else delta,
    )


def _mu2(entries: Iterable[Entry], adjacency: Adjacency) -> float:
    return math.fsum(e.mu2_under(adjacency) for e in entries)


def way_out(left_mu2: float, delta: float, *, waits: bool) -> str:
    """What to do if an account has too little left; ``waits``: whether unfinished runs reserved some."""
    smaller = (
        f"Use an --epsilon below {math.floor(100 * epsilon_at(left_mu2, delta)) / 100:g}, or raise"
        if left_mu2 > 0 and epsilon_at(left_mu2, delta) >= 0.01
        else "Raise"
    )
    stale = " `rpsg budget` shows what unfinished runs have reserved, and can give it back." if waits else ""
    return f"{smaller} the limit with --lifetime-epsilon.{stale}"
