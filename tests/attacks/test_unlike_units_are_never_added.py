"""What was paid for rows and what was paid for people is never one sum.

The hole: a run that protected single rows and one that protected people were added up as if they were alike.
The operator was told epsilon 2.93, when for a person with ten rows it was 30.9.
"""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from rpsg import api
from rpsg.cli.app import app
from rpsg.errors import BudgetError
from rpsg.privacy.account import LifetimeCap
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.units import Unit
from rpsg.protocols import Silent
from rpsg.storage.run_folder import open_vault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.plan import Plan

UNITS = [
    Unit(kind, column, adjacency)  # type: ignore[arg-type]  # each is one of its few words
    for (kind, column), adjacency in product(
        [("user", "author"), ("user", "team"), ("record", "")], ["add_remove", "replace_one"]
    )
]


def adds_up(held: Unit, new: Unit) -> bool:
    """The rule, in other words than the program's: same people, and not from replacing to adding."""
    same = held.kind == new.kind and held.column == new.column
    return same and not (held.adjacency == "replace_one" and new.adjacency == "add_remove")


@pytest.mark.parametrize("held", UNITS, ids=lambda u: f"{u.column or u.kind}-{u.adjacency}")
@pytest.mark.parametrize("new", UNITS, ids=lambda u: f"{u.column or u.kind}-{u.adjacency}")
def test_only_what_protects_the_same_people_is_added(tmp_path: Path, held: Unit, new: Unit) -> None:
    book = Odometer(tmp_path / "state")
    book.account("reviews", held, LifetimeCap(8.0, 1e-6)).charge("a" * 32, "one", "votes", 0.1, 0.0)
    account = book.account("reviews", new, LifetimeCap(8.0, 1e-6))
    if adds_up(held, new):
        account.reserve("two", 0.1, 0.0)
        account.charge("b" * 32, "two", "votes", 0.1, 0.0)
        (total,) = account.statement().totals
        # A price under replace-one that nobody told is the most it can be: that of a group of two.
        assert total.mu2 == pytest.approx(0.1 + (0.1 if held.adjacency == new.adjacency else 0.4))
        assert total.unit.adjacency == new.adjacency
        return
    for spend in (
        lambda: account.reserve("two", 0.1, 0.0),
        lambda: account.charge("b" * 32, "two", "votes", 0.1, 0.0),
        lambda: account.record("b" * 32, "two", "votes", 0.1, 0.0),
        account.total,
    ):
        with pytest.raises(BudgetError, match="cannot be added") as caught:
            spend()
        assert f"for {held.who}, {held.adjacency}" in caught.value.message
        assert "--account NAME" in caught.value.hint
    assert [total.unit for total in account.statement().totals] == [held]


@pytest.mark.parametrize("told", [0.2, 0.31, 0.4])
def test_what_was_paid_for_adding_has_its_own_price_for_replacing(tmp_path: Path, told: float) -> None:
    book = Odometer(tmp_path / "state")
    adding, replacing = (book.account("reviews", unit, LifetimeCap(8.0, 1e-6)) for unit in UNITS[:2])
    adding.reserve("one", 0.3, 0.0, 3 * told)
    adding.charge("a" * 32, "one", "sketch", 0.1, 0.0, told)
    adding.record("b" * 32, "two", "sketch", 0.1, 0.0, told)
    assert adding.total().mu2 == pytest.approx(0.2)
    total = replacing.total()
    assert (total.mu2, total.reserved_mu2) == pytest.approx((2 * told, 2 * told))
    with pytest.raises(ValueError, match="finite and not negative"):
        adding.charge("c" * 32, "one", "sketch", 0.1, 0.0, 0.05)


def test_reservations_of_another_unit_are_held_apart_too(tmp_path: Path) -> None:
    book = Odometer(tmp_path / "state")
    book.account("reviews", UNITS[0], LifetimeCap(8.0, 1e-6)).reserve("one", 0.1, 0.0)
    with pytest.raises(BudgetError, match="cannot be added"):
        book.account("reviews", UNITS[4], LifetimeCap(8.0, 1e-6)).reserve("two", 0.1, 0.0)


def test_what_a_run_has_reserved_it_may_draw_though_another_adjacency_came_in_between(tmp_path: Path) -> None:
    book = Odometer(tmp_path / "state")
    adding, replacing = (book.account("reviews", unit, LifetimeCap(8.0, 1e-6)) for unit in UNITS[:2])
    adding.reserve("one", 0.1 + 0.2 + 0.1 + 0.3, 0.0, 1.4)
    replacing.reserve("two", 0.1, 0.0)
    for number, mu2 in enumerate((0.1, 0.2, 0.1, 0.3)):  # their rounded sums leave a little more or less
        adding.charge(f"{number}", "one", f"votes[{number}]", mu2, 0.0, 2 * mu2)
    with pytest.raises(BudgetError, match="cannot be added"):
        adding.charge("more", "one", "votes[4]", 0.01, 0.0)
    (total,) = book.statement("reviews").totals
    assert total.mu2 == pytest.approx(1.4)
    assert book.statement("reviews").waiting == ("two",)


def test_the_same_people_add_up_however_many_of_their_rows_are_used(tmp_path: Path) -> None:
    book = Odometer(tmp_path / "state")
    for c in (1, 3, 10):
        unit = Unit("user", "author", "add_remove", c)
        book.account("reviews", unit, LifetimeCap(8.0, 1e-6)).charge(f"{c}", f"run-{c}", "votes", 0.1, 0.0)
    (total,) = book.statement("reviews").totals
    assert total.mu2 == pytest.approx(0.3)


class ReadsNothing(Silent):
    """Fails the test when the file is read."""

    def start(self, stage: str, total: int | None = None) -> None:
        assert stage != "reading the file"


def as_rows(lab: Lab, data: Path, **privacy: Any) -> Plan:
    plan = lab.plan(data, data={"account": "reviews"}, privacy=privacy)
    return plan.model_copy(update={"data": plan.data.model_copy(update={"user": None})})


def test_a_run_for_rows_after_one_for_people_is_refused_before_anything_is_read(lab: Lab) -> None:
    data = lab.file(lab.rows(300, people=100))
    people = lab.plan(data, data={"account": "reviews"})
    lab.run(people, "people")
    with pytest.raises(BudgetError, match=r"holds epsilon 4\.00 .* for one person by the column 'user'"):
        lab.run(as_rows(lab, data), "rows", progress=ReadsNothing())
    assert any("This run would be refused" in line for line in api.preview(as_rows(lab, data)).warnings)
    assert not any("would be refused" in line for line in api.preview(people).warnings)
    (total,) = Odometer().statement("reviews").totals
    assert total.unit.kind == "user"


def test_figures_of_unlike_units_that_are_there_all_the_same_are_shown_apart(tmp_path: Path) -> None:
    """An old book, or two accounts that a careless hand has put together."""
    book = Odometer(tmp_path / "state")
    for number, unit in enumerate(UNITS):
        account = book.account(f"account {number}", unit, LifetimeCap(8.0, 1e-6))
        account.charge(f"{number}", "run", "votes", 0.1, 0.0)
    with book.book.transaction() as rows:
        rows.execute("UPDATE charge SET account = 1")
    told = book.statement("account 0").totals
    assert sorted(total.unit.column for total in told) == ["", "author", "team"]
    assert [total.mu2 for total in told] == pytest.approx([0.1 + 4 * 0.1] * 3)


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


@pytest.mark.parametrize("method", ["paper", "split"])
def test_a_run_that_reads_records_without_a_bound_is_repeated_by_every_later_total(
    lab: Lab, method: str
) -> None:
    data = lab.file(lab.rows(300))
    seeded = lab.plan(
        data, method={"name": method}, data={"account": "reviews"}, paper={"min_tokens": 0, "seeds": 30}
    )
    first = lab.run(seeded, "seeded")
    sentence = f"1 run of the method {method} read texts of this account without any bound"
    plan, notes = lab.plan(data, data={"account": "reviews"}), Notes()
    assert any(sentence in line for line in api.preview(plan).warnings)
    later = lab.run(plan, "later", progress=notes)
    assert any(sentence in line for line in notes.said)
    for run in (first, later):
        mine = json.loads(open_vault(run.path).read("ledger.private.json"))
        assert sentence in mine["facts"]["paid"]["caution"]
    told = CliRunner().invoke(app, ["budget", "--account", "reviews", "--json"])
    assert sentence in json.loads(told.stdout)["accounts"][0]["caution"]
    for file in later.release.rglob("*"):
        if file.is_file():
            assert b"without any bound" not in file.read_bytes(), file.name


def test_records_that_are_about_to_be_read_are_remembered_though_the_run_then_fails(lab: Lab) -> None:
    class Stops(Silent):
        def start(self, stage: str, total: int | None = None) -> None:
            if stage == "reading the file":
                raise KeyboardInterrupt

    plan = lab.plan(lab.file(lab.rows(30)), method={"name": "paper"}, data={"account": "reviews"})
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, progress=Stops())
    assert Odometer().statement("reviews").unbounded == (("paper", 1),)
