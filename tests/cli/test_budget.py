"""`rpsg budget` shows what accounts have paid, for whom, and gives back what stale runs hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rpsg.privacy.account import Account, LifetimeCap
from rpsg.privacy.odometer import Odometer, state_folder
from rpsg.privacy.units import Unit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Rpsg

PEOPLE = Unit("user", "author", "add_remove")


def account(name: str = "reviews", unit: Unit = PEOPLE) -> Account:
    return Odometer().account(name, unit, LifetimeCap(8.0, 1e-6))


def test_with_no_book_nothing_is_shown_and_none_is_made(rpsg: Rpsg) -> None:
    assert "No account has spent anything yet" in rpsg("budget").out
    assert rpsg("budget", "--json").json["accounts"] == []
    assert {file.suffix for file in state_folder().iterdir()} <= {".key"}, "no book"
    assert not (state_folder() / "odometer.key").exists()


def test_every_account_is_shown_with_its_unit_its_epsilon_and_its_delta(rpsg: Rpsg) -> None:
    account().charge("a", "run", "votes", 0.2, 1e-7)
    account("visits", Unit("record", "", "replace_one")).reserve("stale-run", 0.3, 0.0)
    page = " ".join(rpsg("budget").out.split())
    assert "Account reviews" in page
    assert "one person by the" in page
    assert "2.00" in page
    assert "Account visits" in page
    assert "stale-run" in page


def test_one_account_is_found_by_its_name_or_by_the_place_of_a_file(rpsg: Rpsg, tmp_path: Path) -> None:
    account().charge("a", "run", "votes", 0.2, 1e-7)
    account(str(tmp_path / "data.jsonl")).charge("b", "run", "votes", 0.1, 0.0)
    (told,) = rpsg("budget", "--account", "reviews", "--json").json["accounts"]
    assert told["totals"][0]["mu2"] == 0.2
    assert told["totals"][0]["unit"] == {
        "kind": "user",
        "column": "author",
        "adjacency": "add_remove",
        "c": 1,
    }
    (told,) = rpsg("budget", str(tmp_path / "data.jsonl"), "--json").json["accounts"]
    assert told["totals"][0]["mu2"] == 0.1
    assert "The account nobody has spent nothing" in rpsg("budget", "--account", "nobody").out
    mistyped = "".join(rpsg("budget", str(tmp_path / "dat.jsonl")).out.split())  # a long path is broken
    assert "dat.jsonlhasspentnothing.Thereisnofile" in mistyped
    assert rpsg("budget", "data.jsonl", "--account", "reviews").code == 2


def test_delta_that_thresholds_took_is_named_only_where_they_took_some(rpsg: Rpsg) -> None:
    account().charge("a", "run", "votes", 0.2, 0.0)
    assert "of delta" not in rpsg("budget").out
    account().charge("b", "run", "labels", 0.1, 1e-7)
    assert "Finding labels or phrases used 1e-07 of delta" in " ".join(rpsg("budget").out.split())


def test_what_a_stale_run_has_reserved_is_given_back_when_it_is_named(rpsg: Rpsg) -> None:
    account().reserve("stale-run", 0.3, 0.0)
    asked = rpsg("budget", "--give-back", "stale-run")
    assert asked.code == 2, "nobody is there to be asked"
    assert "rpsg budget --give-back stale-run --yes" in " ".join(asked.err.split())
    assert account().total().reserved_mu2 == pytest.approx(0.3)
    assert rpsg("budget", "--give-back", "another", "--yes").code == 2
    assert rpsg("budget", "--give-back", "stale-run", "--yes").code == 0
    assert account().total().reserved_mu2 == 0.0


def test_charges_are_never_given_back(rpsg: Rpsg) -> None:
    account().charge("a", "run", "votes", 0.2, 0.0)
    assert rpsg("budget", "--give-back", "run", "--yes").code == 2
    assert account().total().mu2 == 0.2


def test_a_caution_about_unbounded_reading_stands_with_the_figures(rpsg: Rpsg) -> None:
    account().charge("a", "run", "votes", 0.2, 0.0)
    account().read_without_bound("another", "paper")
    page = " ".join(rpsg("budget").out.split())
    assert "1 run of the method paper read texts of this account without any bound" in page


def test_the_cells_of_a_comparison_are_one_line_for_each_corpus(rpsg: Rpsg) -> None:
    account().charge("a", "run", "votes", 0.2, 0.0)
    for cell in range(3):
        account(f"comparison films: films-strict-s{cell}").charge(f"f{cell}", "run", "votes", 0.1 + cell, 0.0)
    account("comparison posts: posts-strict-s0").charge("p", "run", "votes", 0.1, 0.0)
    account("comparison old-cell-s0").charge("o", "run", "votes", 0.1, 0.0)
    page = " ".join(rpsg("budget").out.split())
    assert "Account reviews" in page
    assert "films-strict" not in page
    films = rpsg("budget", "--account", "comparison films: films-strict-s2", "--json").json["accounts"][0]
    largest = films["totals"][0]["epsilon"]
    told = page.partition(
        "Comparison of films 3 accounts, one for each cell; the largest epsilon of one is "
    )[2]
    assert largest <= float(told.split(". ")[0]) <= largest + 0.01
    assert "Comparison of posts 1 account, of one cell" in page
    assert "Comparisons 1 account, of one cell" in page


def test_each_cell_is_shown_when_it_is_asked_for(rpsg: Rpsg) -> None:
    name = "comparison films: films-strict-s0"
    account(name).charge("f", "run", "votes", 0.1, 0.0)
    assert name in rpsg("budget", "--cells").out
    assert name in rpsg("budget", "--account", name).out
    assert [each["account"] for each in rpsg("budget", "--json").json["accounts"]] == [name]
