"""One account of the book: reserving, charging, and its statement.

Every method is one transaction that is on the disk when it returns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.errors import BudgetError
from rpsg.privacy.gaussian import mu_for, rounded_up
from rpsg.privacy.private import Private, open_private
from rpsg.privacy.token_counts import Draw, count_token
from rpsg.privacy.units import Entry, Statement, Total, Unit, at_most_replaced, total_for, totals, way_out

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from rpsg.privacy.book import Book

#: Unit and delta of charges of version 1, which stored neither; this delta is the default of plans.
OLD, OLD_DELTA = Unit("unknown", "", "add_remove"), 1e-6
_ROUNDING = 1e-12


def runs_left(held: float, each: float, limit: float) -> int | None:
    """How many more runs with a threshold failure of ``each`` fit below ``limit``; None if ``each`` is 0."""
    if not each:
        return None
    count = 0
    while math.fsum([held, *[each] * (count + 1)]) < limit:
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class LifetimeCap:
    """The limit of an account over all runs: epsilon at ``delta``.

    The threshold failures of all runs are counted separately: their sum must be below ``delta`` too.
    """

    epsilon: float
    delta: float

    @property
    def mu2(self) -> float:
        return mu_for(self.epsilon, self.delta) ** 2


def runs_that_fit(total: Total, cap: LifetimeCap, mu2: float, delta_fail: float) -> int:
    """For how many more runs of this cost an account with this total has budget left."""
    left = cap.mu2 * (1.0 + _ROUNDING) - total.mu2 - total.reserved_mu2
    by_noise = max(0, math.floor(left / mu2))
    by_thresholds = runs_left(total.delta_fail + total.reserved_delta_fail, delta_fail, cap.delta)
    return by_noise if by_thresholds is None else min(by_noise, by_thresholds)


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a book, for a run that protects ``unit`` and has the lifetime limit ``cap``."""

    book: Book
    id: int
    name: str
    unit: Unit
    cap: LifetimeCap

    def knows(self, draws: Iterable[str]) -> set[str]:
        """The draws among these that were charged to this account."""
        with self.book.transaction() as rows:
            query = "SELECT draw FROM charge WHERE account = ?"
            return {row[0] for row in rows.execute(query, (self.id,))} & set(draws)

    def draws_of(self, run_id: str) -> set[str]:
        """The draws of a run that were charged to this account."""
        with self.book.transaction() as rows:
            query = "SELECT draw FROM charge WHERE account = ? AND run_id = ?"
            return {row[0] for row in rows.execute(query, (self.id, run_id))}

    def reserve(self, run_id: str, mu2: float, delta_fail: float, replaced: float | None = None) -> None:
        """Reserve the cost of a run; this replaces an earlier reservation of the same run.

        ``replaced``, here and below, is the cost under ``replace_one``; None means the largest possible.

        Raises:
            BudgetError: the account holds another unit or has too little left; nothing is reserved.
        """
        _require_amount(mu2, delta_fail)
        with self.book.transaction() as rows:
            before = self._reserved(rows, run_id)
            replaced = max(self._if_replaced(mu2, replaced), before[2])
            mu2, delta_fail = max(mu2, before[0]), max(delta_fail, before[1])
            rows.execute(_END, (self.id, run_id))
            self._require_room(rows, mu2, delta_fail)
            what = (*_columns(self.unit), mu2, delta_fail, self.cap.delta, replaced)
            rows.execute(_RESERVE, (self.id, run_id, *what))

    def charge(
        self, draw: str, run_id: str, stage: str, mu2: float, delta_fail: float, replaced: float | None = None
    ) -> bool:
        """Charge a draw before it is made. Returns whether the account already had a draw for this stage.

        It is paid from the run's reservation. What exceeds the reservation must be free in the account,
        because several copies of one run folder share one reservation.

        Raises:
            BudgetError: too little budget is left, or the account holds charges for another unit; nothing is
                charged.
            sqlite3.IntegrityError: the draw is known already.
        """
        _require_amount(mu2, delta_fail)
        with self.book.transaction() as rows:
            left = self._reserved(rows, run_id)
            if self._is_something(mu2 - left[0], delta_fail - left[1]):
                self._require_room(rows, max(0.0, mu2 - left[0]), max(0.0, delta_fail - left[1]))
            again = bool(rows.execute(_SAME_STAGE, (self.id, run_id, stage)).fetchone())
            replaced = self._if_replaced(mu2, replaced)
            rows.execute(_CHARGE, self._line(draw, run_id, stage, mu2, delta_fail, replaced))
            self._keep_reserved(rows, run_id, left[0] - mu2, left[1] - delta_fail, left[2] - replaced)
            return again

    def draw_token(self, draw: str, text: int, most: int, again: Draw) -> bool:
        """Count a token of a text before it is drawn; the charge ``draw`` covers ``most`` tokens of each
        text. The count is in the book because a run folder may be copied or restored. A token beyond ``most``
        is charged in addition, as the draw ``again``; True if it was.

        Raises BudgetError, and counts nothing, if too little budget is left for another token.
        """
        with self.book.transaction() as rows:
            if beyond := count_token(rows, self.id, draw, text, most, again.draw):
                self._require_room(rows, again.mu2, 0.0)
                replaced = self._if_replaced(again.mu2, again.replaced_mu2)
                what = (again.draw, again.run_id, again.stage, again.mu2, 0.0, replaced)
                rows.execute(_CHARGE, self._line(*what))
            return beyond

    def record(
        self, draw: str, run_id: str, stage: str, mu2: float, delta_fail: float, replaced: float | None = None
    ) -> None:
        """Charge a draw that was made without this account, whether or not enough budget is left for it.

        Raises:
            BudgetError: the account holds charges for another unit.
        """
        _require_amount(mu2, delta_fail)
        with self.book.transaction() as rows:
            total_for(self.unit, _entries(rows, self.id), self.cap.delta, self.name)
            replaced = self._if_replaced(mu2, replaced)
            rows.execute(_CHARGE_IF_NEW, self._line(draw, run_id, stage, mu2, delta_fail, replaced))

    def read_without_bound(self, run_id: str, method: str) -> None:
        """Record that a run is about to read records that no mechanism protects."""
        with self.book.transaction() as rows:
            rows.execute("INSERT OR IGNORE INTO unbounded VALUES (?, ?, ?)", (self.id, run_id, method))

    def give_back(self, run_id: str) -> None:
        """End the run's reservation, so that other runs can spend what this one did not use."""
        with self.book.transaction() as rows:
            rows.execute(_END, (self.id, run_id))

    def statement(self) -> Statement:
        """The statement of this account."""
        with self.book.transaction() as rows:
            return statement_of(rows, self.id, self.name)

    def total(self) -> Total:
        """What was charged and what is reserved, for this run's unit and delta."""
        with self.book.transaction() as rows:
            return total_for(self.unit, _entries(rows, self.id), self.cap.delta, self.name)

    def same_content_elsewhere(self, digest: Private[bytes]) -> Private[list[str]]:
        """The other accounts under which the same rows were read; for the operator only.

        The book records the rows under this account too. Nothing else depends on it.
        """
        mark = self.book.mark(b"content", open_private(digest))
        with self.book.transaction() as rows:
            rows.execute("INSERT OR IGNORE INTO content VALUES (?, ?)", (mark, self.id))
            return Private([row[0] for row in rows.execute(_SAME_CONTENT, (mark, self.id))])

    def _if_replaced(self, mu2: float, replaced: float | None) -> float:
        """The cost under ``replace_one``, from the cost under this account's relation."""
        if self.unit.adjacency == "replace_one":
            return mu2
        if replaced is None:
            return at_most_replaced(mu2)
        _require_amount(replaced - mu2, 0.0)  # replacing includes removing
        return replaced

    def _reserved(self, rows: sqlite3.Connection, run_id: str) -> tuple[float, float, float]:
        found = rows.execute(_RESERVED, (self.id, run_id)).fetchone()
        return (0.0, 0.0, 0.0) if found is None else (found[0], found[1], found[2])

    def _keep_reserved(
        self, rows: sqlite3.Connection, run_id: str, mu2: float, delta_fail: float, replaced: float
    ) -> None:
        """Store the rest of a reservation."""
        if self._is_something(mu2, delta_fail):
            rest = (max(0.0, mu2), max(0.0, delta_fail), max(0.0, mu2, replaced))
            rows.execute(_REST, (*rest, self.id, run_id))
        else:
            rows.execute(_END, (self.id, run_id))

    def _is_something(self, mu2: float, delta_fail: float) -> bool:
        """Whether a difference exceeds rounding errors: one part in 10^12 of the cap."""
        return mu2 > _ROUNDING * self.cap.mu2 or delta_fail > _ROUNDING * self.cap.delta

    def _line(
        self, draw: str, run_id: str, stage: str, mu2: float, delta_fail: float, replaced: float
    ) -> tuple[str | float, ...]:
        what = (*_columns(self.unit), mu2, delta_fail, self.cap.delta, replaced)
        return (self.id, draw, run_id, stage, *what)

    def _require_room(self, rows: sqlite3.Connection, mu2: float, delta_fail: float) -> None:
        total = total_for(self.unit, _entries(rows, self.id), self.cap.delta, self.name)
        if total.mu2 + total.reserved_mu2 + mu2 > self.cap.mu2 * (1.0 + _ROUNDING):
            raise self._spent(total)
        held = total.delta_fail + total.reserved_delta_fail
        if held + delta_fail >= self.cap.delta:
            raise self._too_many_thresholds(held, delta_fail)

    def _too_many_thresholds(self, held: float, each: float) -> BudgetError:
        left = runs_left(held, each, self.cap.delta)
        fits = f" A run like this one adds {each:.2g}; {left} more of them fit." if left is not None else ""
        return BudgetError(
            f"For all runs of the account {self.name!r} together, the probability that a threshold fails "
            f"must stay below delta {self.cap.delta:g}, and {held:.2g} of this is already used.{fits}",
            hint="Declare the label values as public with --labels a,b,c, and set the share of keyphrases "
            "to 0. A run without thresholds adds nothing to this probability."
            if each
            else "Use the --delta of the earlier runs, or a larger one.",
        )

    def _spent(self, total: Total) -> BudgetError:
        left = self.cap.mu2 - total.mu2 - total.reserved_mu2
        reserved = (
            f" ({rounded_up(total.epsilon_with_reserved, 2)} with what unfinished runs have reserved)"
            if total.reserved_mu2
            else ""
        )
        return BudgetError(
            f"The account {self.name!r} has used epsilon {rounded_up(total.epsilon, 2)}{reserved} of its "
            f"lifetime {self.cap.epsilon:g} (delta {self.cap.delta:g}); too little is left for this run.",
            hint=way_out(left, self.cap.delta, waits=bool(total.reserved_mu2)),
        )


_RESERVED = "SELECT mu2, delta_fail, replaced_mu2 FROM reservation WHERE account = ? AND run_id = ?"
_RESERVE = "INSERT INTO reservation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_REST = "UPDATE reservation SET mu2 = ?, delta_fail = ?, replaced_mu2 = ? WHERE account = ? AND run_id = ?"
_END = "DELETE FROM reservation WHERE account = ? AND run_id = ?"
_CHARGE = "INSERT INTO charge VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_CHARGE_IF_NEW = "INSERT OR IGNORE INTO charge VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SAME_STAGE = "SELECT 1 FROM charge WHERE account = ? AND run_id = ? AND stage = ?"
_SAME_CONTENT = (
    "SELECT name FROM content JOIN account ON account.id = content.account "
    "WHERE mark = ? AND account.id != ? ORDER BY name"
)
_PRICES = "SELECT kind, user_column, adjacency, c, mu2, delta_fail, delta, replaced_mu2 "
_CHARGED = _PRICES + "FROM charge WHERE account = ?"
_WAITING = _PRICES + "FROM reservation WHERE account = ?"
_UNBOUNDED = "SELECT method, count(*) FROM unbounded WHERE account = ? GROUP BY method ORDER BY method"
_RUNS = "SELECT run_id FROM reservation WHERE account = ? ORDER BY run_id"


def old_charge(rows: sqlite3.Connection, account: int, draw: str, mu2: float, delta_fail: float) -> None:
    """Import a charge of version 1, unless it was imported before."""
    price = (mu2, delta_fail, OLD_DELTA, at_most_replaced(mu2))
    rows.execute(_CHARGE_IF_NEW, (account, draw, "", "", *_columns(OLD), *price))


def statement_of(rows: sqlite3.Connection, account: int, name: str) -> Statement:
    """The statement of the account."""
    return Statement(
        name,
        tuple(totals(_entries(rows, account))),
        tuple((row[0], int(row[1])) for row in rows.execute(_UNBOUNDED, (account,))),
        tuple(row[0] for row in rows.execute(_RUNS, (account,))),
    )


def _entries(rows: sqlite3.Connection, account: int) -> list[Entry]:
    return [
        Entry(Unit(*row[:4]), row[4], row[5], row[6], drawn, row[7])
        for query, drawn in ((_CHARGED, True), (_WAITING, False))
        for row in rows.execute(query, (account,))
    ]


def _columns(unit: Unit) -> tuple[str, str, str, int]:
    return unit.kind, unit.column, unit.adjacency, unit.c


def _require_amount(mu2: float, delta_fail: float) -> None:
    if not (mu2 >= 0.0 and delta_fail >= 0.0 and math.isfinite(mu2) and math.isfinite(delta_fail)):
        raise ValueError("a charge is finite and not negative")
