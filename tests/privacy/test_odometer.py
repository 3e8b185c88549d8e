"""The account book finds a data set by place or by content, never forgets, and keeps itself closed."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from rpsg.errors import BudgetError, PrivacyError
from rpsg.privacy.gaussian import mu_for
from rpsg.privacy.odometer import Odometer, Total, state_folder
from rpsg.privacy.private import Private

if TYPE_CHECKING:
    from pathlib import Path


def told(total: Total) -> tuple[object, ...]:
    return total.mu2, total.delta_fail, total.releases


def open_book(folder: Path) -> Odometer:
    return Odometer(4.0, 1e-6, folder)


def test_a_charge_is_counted_once_however_often_it_is_made(odometer: Odometer, tmp_path: Path) -> None:
    account = odometer.account(tmp_path / "a", Private(b"a"))
    for _ in range(3):
        odometer.charge(account, "run", 0, 0.1, 1e-8)
    odometer.charge(account, "run", 1, 0.05, 0.0)
    assert told(odometer.total(account)) == (pytest.approx(0.15), 1e-8, 1)


def test_another_attempt_is_another_charge(odometer: Odometer, tmp_path: Path) -> None:
    account = odometer.account(tmp_path / "a", Private(b"a"))
    odometer.charge(account, "run", 0, 0.1, 0.0)
    odometer.charge(account, "run", 0, 0.1, 0.0, attempt=1)
    assert odometer.total(account).mu2 == pytest.approx(0.2)


def test_a_charge_that_contradicts_an_earlier_one_is_refused(odometer: Odometer, tmp_path: Path) -> None:
    account = odometer.account(tmp_path / "a", Private(b"a"))
    odometer.charge(account, "run", 0, 0.1, 0.0)
    with pytest.raises(BudgetError, match="another charge"):
        odometer.charge(account, "run", 0, 0.01, 0.0)


def test_charges_outlive_the_process(tmp_path: Path) -> None:
    first = open_book(tmp_path / "state")
    account = first.account(tmp_path / "a", Private(b"a"))
    first.charge(account, "run", 0, 0.1, 0.0)
    assert open_book(tmp_path / "state").total(account).mu2 == pytest.approx(0.1)


def test_the_same_place_or_the_same_content_is_the_same_account(odometer: Odometer, tmp_path: Path) -> None:
    account = odometer.account(tmp_path / "a", Private(b"one"))
    assert odometer.account(tmp_path / "a", Private(b"edited")) == account
    assert odometer.account(tmp_path / "copy", Private(b"one")) == account
    assert odometer.account(tmp_path / "other", Private(b"two")) != account


def test_a_link_to_the_data_is_the_same_place(odometer: Odometer, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "a")
    account = odometer.account(tmp_path / "a", Private(b"one"))
    assert odometer.account(tmp_path / "link", Private(b"two")) == account


def test_two_accounts_that_turn_out_to_be_one_are_added_up(odometer: Odometer, tmp_path: Path) -> None:
    first = odometer.account(tmp_path / "a", Private(b"one"))
    second = odometer.account(tmp_path / "b", Private(b"two"))
    odometer.charge(first, "run-1", 0, 0.1, 0.0)
    odometer.charge(second, "run-2", 0, 0.2, 0.0)
    merged = odometer.account(tmp_path / "a", Private(b"two"))
    assert told(odometer.total(merged)) == (pytest.approx(0.3), 0.0, 2)
    odometer.charge(second, "run-2", 1, 0.05, 0.0)  # a run that still holds the old number
    for number in (first, second, merged):
        assert odometer.total(number).mu2 == pytest.approx(0.35)


def test_the_lifetime_cap_refuses_and_names_the_option(odometer: Odometer, tmp_path: Path) -> None:
    account = odometer.account(tmp_path / "a", Private(b"a"))
    odometer.charge(account, "run", 0, 0.6, 0.0)
    with pytest.raises(BudgetError, match="--lifetime-epsilon") as caught:
        odometer.charge(account, "run", 1, 0.2, 0.0)
    assert caught.value.exit_code == 5
    assert odometer.total(account).mu2 == pytest.approx(0.6)
    assert odometer.mu2_cap == pytest.approx(mu_for(4.0, 1e-6) ** 2)


def test_a_whole_run_is_refused_beforehand_but_its_own_charges_count_once(
    odometer: Odometer, tmp_path: Path
) -> None:
    account = odometer.account(tmp_path / "a", Private(b"a"))
    odometer.charge(account, "run", 0, 0.4, 0.0)
    odometer.require_room(account, "run", 0.7, 0.0)
    with pytest.raises(BudgetError):
        odometer.require_room(account, "another", 0.7, 0.0)


def test_threshold_failures_may_not_use_up_delta(odometer: Odometer, tmp_path: Path) -> None:
    account = odometer.account(tmp_path / "a", Private(b"a"))
    odometer.charge(account, "run", 0, 0.01, 6e-7)
    with pytest.raises(BudgetError, match="threshold failures"):
        odometer.charge(account, "run", 1, 0.01, 6e-7)


@pytest.mark.parametrize("mu2", [-0.1, float("nan"), float("inf")])
def test_a_charge_that_is_no_charge_is_refused(odometer: Odometer, tmp_path: Path, mu2: float) -> None:
    account = odometer.account(tmp_path / "a", Private(b"a"))
    with pytest.raises(ValueError):
        odometer.charge(account, "run", 0, mu2, 0.0)


def test_an_unknown_account_is_refused(odometer: Odometer) -> None:
    with pytest.raises(BudgetError, match="does not know"):
        odometer.total(99)


def test_nothing_in_the_book_can_be_matched_with_the_data(odometer: Odometer, tmp_path: Path) -> None:
    odometer.account(tmp_path / "clinic.jsonl", Private(b"the digest of the rows"))
    content = (tmp_path / "state" / "odometer.sqlite").read_bytes()
    assert b"clinic" not in content
    assert b"the digest" not in content


def test_files_are_closed_to_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        book = open_book(tmp_path / "state")
        book.charge(book.account(tmp_path / "a", Private(b"a")), "run", 0, 0.1, 0.0)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    for file in (tmp_path / "state").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["odometer.sqlite", "odometer.key"])
def test_a_planted_link_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "elsewhere").write_bytes(b"x" * 32)
    (tmp_path / "state" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises((PrivacyError, BudgetError)):
        open_book(tmp_path / "state")
    assert (tmp_path / "elsewhere").read_bytes() == b"x" * 32


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    open_book(tmp_path / "state")
    (tmp_path / "state" / "odometer.key").chmod(0o644)
    with pytest.raises(PrivacyError, match="may be read by others"):
        open_book(tmp_path / "state")


@pytest.mark.parametrize("name", ["odometer.sqlite", "odometer.key"])
def test_a_lost_half_of_the_book_is_noticed_and_not_started_anew(tmp_path: Path, name: str) -> None:
    open_book(tmp_path / "state")
    (tmp_path / "state" / name).unlink()
    with pytest.raises(BudgetError, match="missing"):
        open_book(tmp_path / "state")


def test_another_key_is_noticed(tmp_path: Path) -> None:
    open_book(tmp_path / "state")
    (tmp_path / "state" / "odometer.key").write_bytes(b"k" * 32)
    with pytest.raises(BudgetError, match="another one"):
        open_book(tmp_path / "state")


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
from rpsg.privacy.odometer import Odometer
book = Odometer(4.0, 1e-6, Path(sys.argv[1]))
for seq in range(10):
    book.charge(int(sys.argv[2]), sys.argv[3], seq, 0.001, 0.0)
"""


def test_runs_side_by_side_lose_no_charge(tmp_path: Path) -> None:
    book = open_book(tmp_path / "state")
    account = book.account(tmp_path / "a", Private(b"a"))
    command = [sys.executable, "-c", CHARGING, str(tmp_path / "state"), str(account)]
    runs = [subprocess.Popen([*command, f"run-{i}"]) for i in range(3)]
    assert [r.wait() for r in runs] == [0, 0, 0]
    assert told(book.total(account)) == (pytest.approx(0.03), 0.0, 3)


def test_a_busy_book_is_waited_for(tmp_path: Path) -> None:
    book = open_book(tmp_path / "state")
    account = book.account(tmp_path / "a", Private(b"a"))
    other = sqlite3.connect(
        tmp_path / "state" / "odometer.sqlite", isolation_level=None, check_same_thread=False
    )
    other.execute("BEGIN IMMEDIATE")
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", CHARGING, str(tmp_path / "state"), str(account), "run"])
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.0)
    other.execute("ROLLBACK")
    other.close()
    assert process.wait(timeout=60) == 0
    assert time.perf_counter() - begun >= 1.0
    assert book.total(account).mu2 == pytest.approx(0.01)
