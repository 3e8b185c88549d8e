"""The account book finds an account by its name alone, never forgets a draw, and keeps itself closed."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.privacy.conftest import PEOPLE

from rpsg.errors import BudgetError, PrivacyError
from rpsg.privacy.account import Account, LifetimeCap, runs_left, runs_that_fit
from rpsg.privacy.gaussian import epsilon_of, mu_for
from rpsg.privacy.odometer import Odometer, account_name, state_folder
from rpsg.privacy.private import Private, open_private
from rpsg.privacy.units import Entry, Total, totals

if TYPE_CHECKING:
    from pathlib import Path

CAP = LifetimeCap(4.0, 1e-6)


def opened(folder: Path, name: str = "reviews") -> Account:
    return Odometer(folder).account(name, PEOPLE, CAP)


def test_every_draw_is_counted_and_none_twice(account: Account) -> None:
    assert not account.charge("a", "run", "votes", 0.1, 1e-8)
    assert account.charge("b", "run", "votes", 0.05, 0.0)
    assert not account.charge("c", "run", "size", 0.05, 0.0)
    assert account.total().mu2 == pytest.approx(0.2)
    assert account.total().delta_fail == 1e-8
    with pytest.raises(sqlite3.IntegrityError):
        account.charge("a", "run", "votes", 0.1, 1e-8)
    assert account.knows(["a", "b", "x"]) == {"a", "b"}


def test_a_draw_that_was_made_without_the_account_is_recorded_once_and_over_the_cap_too(
    account: Account,
) -> None:
    for _ in range(2):
        account.record("a", "run", "votes", 99.0, 0.0)
    assert account.total().mu2 == 99.0


def test_charges_outlive_the_process(tmp_path: Path) -> None:
    opened(tmp_path / "state").charge("a", "run", "votes", 0.1, 0.0)
    assert opened(tmp_path / "state").total().mu2 == pytest.approx(0.1)


@pytest.mark.parametrize("typed", ["Caf\u00e9", "Cafe\u0301", " Caf\u00e9 ", "Cafe\u0301\u00a0"])
def test_names_that_look_the_same_are_one_account(typed: str) -> None:
    """Two accounts in place of one are two totals, each below what was spent."""
    assert account_name(typed, "") == "Caf\u00e9"


def test_a_name_of_blanks_is_no_name(tmp_path: Path) -> None:
    assert account_name(" ", tmp_path / "a") == account_name("", tmp_path / "a")


def test_an_account_is_its_name_and_by_default_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert account_name("", tmp_path / "link") == account_name("", tmp_path / "a")
    assert account_name("", tmp_path / "b") != account_name("", tmp_path / "a")
    assert account_name("reviews", tmp_path / "a") == account_name("reviews", tmp_path / "b") == "reviews"
    assert account_name("", os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")).endswith("caf\\xe9")


def test_the_same_rows_under_another_name_are_told_in_a_box_and_change_nothing(odometer: Odometer) -> None:
    one, other = (odometer.account(name, PEOPLE, CAP) for name in ("one", "other"))
    one.charge("a", "run", "votes", 0.1, 0.0)
    assert open_private(one.same_content_elsewhere(Private(b"rows"))) == []
    found = other.same_content_elsewhere(Private(b"rows"))
    assert isinstance(found, Private)
    assert open_private(found) == ["one"]
    assert open_private(one.same_content_elsewhere(Private(b"rows"))) == ["other"]
    assert open_private(other.same_content_elsewhere(Private(b"other rows"))) == []
    assert other.total() == odometer.account("third", PEOPLE, CAP).total()


def test_the_lifetime_cap_refuses_and_names_the_option(account: Account) -> None:
    account.charge("a", "run", "votes", 0.6, 0.0)
    with pytest.raises(BudgetError, match="`lifetime_epsilon`") as caught:
        account.charge("b", "run", "votes", 0.2, 0.0)
    assert caught.value.exit_code == 5
    assert account.total().mu2 == pytest.approx(0.6)
    assert pytest.approx(mu_for(4.0, 1e-6) ** 2) == CAP.mu2


def test_a_reservation_holds_room_until_it_is_given_back(account: Account) -> None:
    account.reserve("run", 0.6, 0.0)
    with pytest.raises(BudgetError, match=r"with what unfinished runs have reserved"):
        account.reserve("another", 0.2, 0.0)
    account.charge("a", "run", "votes", 0.5, 0.0)
    assert account.total().mu2 == pytest.approx(0.5)
    assert account.total().reserved_mu2 == pytest.approx(0.1)
    account.give_back("run")
    assert account.total().reserved_mu2 == 0.0
    account.reserve("another", 0.15, 0.0)


def test_a_refused_reservation_leaves_the_earlier_one_as_it_was(account: Account) -> None:
    account.reserve("run", 0.3, 0.0)
    with pytest.raises(BudgetError):
        account.reserve("run", 99.0, 0.0)
    assert account.total().reserved_mu2 == pytest.approx(0.3)


def test_a_run_that_goes_on_takes_its_reservation_over(account: Account) -> None:
    account.reserve("run", 0.6, 1e-7)
    account.reserve("run", 0.6, 1e-7)
    account.reserve("run", 0.2, 0.0)
    assert account.total().reserved_mu2 == pytest.approx(0.6)
    assert account.total().reserved_delta_fail == 1e-7


def test_threshold_failures_may_not_use_up_delta_and_the_refusal_counts_the_runs(account: Account) -> None:
    account.charge("a", "run", "labels", 0.01, 6e-7)
    with pytest.raises(BudgetError, match=r"a threshold fails.*0 more of them fit"):
        account.reserve("another", 0.01, 6e-7)


def test_the_number_of_runs_with_thresholds_is_known_in_advance(account: Account) -> None:
    assert runs_left(0.0, 1e-7, 1e-6) == 9
    assert runs_left(0.0, 0.0, 1e-6) is None
    for number in range(9):
        assert runs_that_fit(account.total(), CAP, 0.001, 1e-7) == 9 - number
        account.reserve(f"run-{number}", 0.001, 1e-7)
    with pytest.raises(BudgetError, match="a threshold fails"):
        account.reserve("one too many", 0.001, 1e-7)
    assert runs_that_fit(Total(PEOPLE), CAP, CAP.mu2 / 3, 0.0) == 3


@pytest.mark.parametrize("mu2", [-0.1, float("nan"), float("inf")])
def test_a_charge_that_is_no_charge_is_refused(account: Account, mu2: float) -> None:
    with pytest.raises(ValueError):
        account.charge("a", "run", "votes", mu2, 0.0)
    with pytest.raises(ValueError):
        account.reserve("run", mu2, 0.0)


def test_epsilon_of_a_total_is_that_of_its_charges_at_the_smallest_delta() -> None:
    entries = [Entry(PEOPLE, 0.1, 0.0, 1e-5), Entry(replace(PEOPLE, c=4), 0.2, 0.0, 1e-6)]
    (total,) = totals(entries)
    assert total.epsilon == pytest.approx(epsilon_of(0.3**0.5, 1e-6))
    assert total.unit.c == 4


def test_a_run_without_a_bound_is_remembered_with_its_method(odometer: Odometer, account: Account) -> None:
    assert account.statement().caution() == ""
    for run in ("run-1", "run-1", "run-2"):
        account.read_without_bound(run, "paper")
    assert odometer.statement("reviews").unbounded == (("paper", 2),)
    assert "2 runs of the method paper read texts" in account.statement().caution()


def test_an_account_that_was_never_named_has_paid_nothing(odometer: Odometer, account: Account) -> None:
    assert odometer.statement("nobody").totals == ()
    assert odometer.names() == [account.name]
    assert not odometer.give_back("no such run")


def test_no_private_digest_is_in_the_book_as_it_is(odometer: Odometer, account: Account) -> None:
    account.same_content_elsewhere(Private(b"the digest of the rows"))
    assert b"the digest" not in (odometer.book.key + _content(odometer))


def _content(odometer: Odometer) -> bytes:
    return b"".join(p.read_bytes() for p in odometer.book._folder.iterdir())


def test_files_are_closed_to_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        opened(tmp_path / "state").charge("a", "run", "votes", 0.1, 0.0)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    files = list((tmp_path / "state").iterdir())
    assert sorted(f.name for f in files) == ["odometer.key", "odometer.sqlite"]
    assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}


@pytest.mark.parametrize("name", ["odometer.sqlite", "odometer.key", "odometer.key.new"])
def test_a_planted_link_is_not_followed(tmp_path: Path, name: str) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "elsewhere").write_bytes(b"x" * 32)
    (tmp_path / "state" / name).symlink_to(tmp_path / "elsewhere")
    if name == "odometer.key.new":
        Odometer(tmp_path / "state")  # it is replaced
    else:
        with pytest.raises((PrivacyError, BudgetError)):
            Odometer(tmp_path / "state")
    assert (tmp_path / "elsewhere").read_bytes() == b"x" * 32


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    Odometer(tmp_path / "state")
    (tmp_path / "state" / "odometer.key").chmod(0o644)
    with pytest.raises(PrivacyError, match="Other users may read"):
        Odometer(tmp_path / "state")


def test_the_folder_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RPSG_HOME", str(tmp_path / "home"))
    assert state_folder() == tmp_path / "home"
    monkeypatch.delenv("RPSG_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_folder() == tmp_path / "xdg" / "rpsg"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder() == tmp_path / ".local" / "state" / "rpsg"


CHARGING = """
import sys
from pathlib import Path
from rpsg.privacy.account import LifetimeCap
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.units import Unit
unit = Unit("user", "user", "add_remove")
account = Odometer(Path(sys.argv[1])).account("reviews", unit, LifetimeCap(4.0, 1e-6))
for seq in range(10):
    account.charge(f"{sys.argv[2]}-{seq}", sys.argv[2], "votes", 0.001, 0.0)
"""


def test_runs_side_by_side_lose_no_charge_though_they_make_the_book_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHARGING, str(tmp_path / "state")]
    runs = [subprocess.Popen([*command, f"run-{i}"]) for i in range(3)]
    assert [r.wait() for r in runs] == [0, 0, 0]
    assert opened(tmp_path / "state").total().mu2 == pytest.approx(0.03)


def test_a_busy_book_is_waited_for(tmp_path: Path) -> None:
    account = opened(tmp_path / "state")
    other = sqlite3.connect(
        tmp_path / "state" / "odometer.sqlite", isolation_level=None, check_same_thread=False
    )
    other.execute("BEGIN IMMEDIATE")
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", CHARGING, str(tmp_path / "state"), "run"])
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.0)
    other.execute("ROLLBACK")
    other.close()
    assert process.wait(timeout=60) == 0
    assert time.perf_counter() - begun >= 1.0
    assert account.total().mu2 == pytest.approx(0.01)
