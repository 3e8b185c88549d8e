"""A book that cannot be read is refused with a way out, and never quietly begun anew.

The hole: a book of no bytes was a new book, in which everything was unspent; one of garbage was called a bug
in RPSG, without a word about what to do.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from rpsg import api
from rpsg.cli.app import app
from rpsg.errors import BudgetError
from rpsg.privacy.account import Account, LifetimeCap
from rpsg.privacy.odometer import Odometer, account_name, state_folder
from rpsg.privacy.units import Unit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

PEOPLE = Unit("user", "user", "add_remove")


def opened(folder: Path, name: str = "reviews") -> Account:
    return Odometer(folder).account(name, PEOPLE, LifetimeCap(4.0, 1e-6))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder whose book holds a charge."""
    folder = tmp_path / "state"
    opened(folder).charge("a" * 32, "run", "votes", 0.1, 0.0)
    return folder


def emptied(book: Path) -> None:
    book.write_bytes(b"")


def garbage(book: Path) -> None:
    book.write_bytes(b"not a book at all " * 400)


def zeros(book: Path) -> None:
    book.write_bytes(bytes(book.stat().st_size))


def half(book: Path) -> None:
    book.write_bytes(book.read_bytes()[: book.stat().st_size // 2])


def first_page(book: Path) -> None:
    book.write_bytes(book.read_bytes()[:4096])


def last_byte_gone(book: Path) -> None:
    book.write_bytes(book.read_bytes()[:-1])


def overwritten_inside(book: Path) -> None:
    content = bytearray(book.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    book.write_bytes(content)


def of_another_program(book: Path) -> None:
    book.unlink()
    with sqlite3.connect(book) as rows:
        rows.execute("CREATE TABLE charge (id INTEGER)")
    rows.close()
    book.chmod(0o600)


def without_tables(book: Path) -> None:
    book.unlink()
    with sqlite3.connect(book) as rows:
        rows.execute("PRAGMA user_version = 7")
        rows.execute("VACUUM")
    rows.close()
    book.chmod(0o600)


def without_a_table(book: Path) -> None:
    with sqlite3.connect(book) as rows:
        rows.execute("DROP TABLE charge")
    rows.close()


def gone(book: Path) -> None:
    book.unlink()


DAMAGES = [
    emptied,
    garbage,
    zeros,
    half,
    first_page,
    last_byte_gone,
    overwritten_inside,
    of_another_program,
    without_tables,
    without_a_table,
    gone,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=[d.__name__ for d in DAMAGES])
def test_a_damaged_book_is_refused_and_left_as_it_is(state: Path, damage: Callable[[Path], None]) -> None:
    book = state / "odometer.sqlite"
    damage(book)
    before = book.read_bytes() if book.exists() else None
    for _ in range(2):
        with pytest.raises(BudgetError, match="earlier charges cannot be seen") as caught:
            opened(state).total()
        assert "backup" in caught.value.hint
        assert "move both files away" in caught.value.hint
    assert (book.read_bytes() if book.exists() else None) == before


def test_every_truncation_of_a_book_is_refused(state: Path) -> None:
    book = state / "odometer.sqlite"
    whole = book.read_bytes()
    for size in range(0, len(whole), 1009):
        book.write_bytes(whole[:size])
        with pytest.raises(BudgetError, match="cannot be seen"):
            opened(state).total()
    book.write_bytes(whole)
    assert opened(state).total().mu2 == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["odometer.sqlite", "odometer.key"])
def test_a_lost_half_of_the_book_is_noticed(state: Path, name: str) -> None:
    (state / name).unlink()
    with pytest.raises(BudgetError, match="is missing or was replaced"):
        opened(state)


def test_another_key_is_noticed(state: Path) -> None:
    (state / "odometer.key").write_bytes(b"k" * 32)
    with pytest.raises(BudgetError, match="was replaced"):
        opened(state)


def test_a_book_of_a_newer_version_is_refused_with_the_way_out(state: Path) -> None:
    with sqlite3.connect(state / "odometer.sqlite") as rows:
        rows.execute("PRAGMA user_version = 4")
    rows.close()
    with pytest.raises(BudgetError, match="newer version") as caught:
        opened(state)
    assert "RPSG_HOME" in caught.value.hint


def test_whoever_moves_both_files_away_counts_from_zero_knowingly(state: Path) -> None:
    for name in ("odometer.sqlite", "odometer.key"):
        (state / name).rename(state / f"{name}.before")
    assert opened(state).total().mu2 == 0.0


def test_neither_run_nor_plan_nor_budget_goes_on_with_a_damaged_book(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)))
    lab.run(plan, "one")
    emptied(state_folder() / "odometer.sqlite")
    with pytest.raises(BudgetError):
        lab.run(plan, "two")
    assert not list((lab.folder / "two" / "evidence").glob("release-*.json"))
    with pytest.raises(BudgetError):
        api.preview(plan)
    told = CliRunner().invoke(app, ["budget"])
    assert isinstance(told.exception, BudgetError)


KILLED = r"""
import os, signal, sys
from pathlib import Path
import rpsg.privacy.book as book
place, folder = sys.argv[1], Path(sys.argv[2])
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if place == "before the key":
    create = book.create_private
    book.create_private = lambda path, content: die() if content else create(path, content)
if place == "before the book is whole":
    book._check = die
if place == "before the key has its name":
    book.Book._name_the_key = die
book.Book(folder)
"""


@pytest.mark.parametrize(
    "place", ["before the key", "before the book is whole", "before the key has its name"]
)
def test_a_first_run_that_was_killed_while_it_made_the_book_does_not_lock_the_user_out(
    tmp_path: Path, place: str
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, place, str(tmp_path / "state")], check=False)
    assert killed.returncode == -signal.SIGKILL
    opened(tmp_path / "state").charge("a" * 32, "run", "votes", 0.1, 0.0)
    assert opened(tmp_path / "state").total().mu2 == pytest.approx(0.1)
    assert sorted(p.name for p in (tmp_path / "state").iterdir()) == ["odometer.key", "odometer.sqlite"]


#: The tables of version 1, and a book with two files: the second was once merged into the first.
OLD_BOOK = """
CREATE TABLE key_check (mark BLOB PRIMARY KEY);
CREATE TABLE account (id INTEGER PRIMARY KEY, merged_into INTEGER);
CREATE TABLE alias (mark BLOB PRIMARY KEY, account INTEGER NOT NULL);
CREATE TABLE charge (
    run_id TEXT NOT NULL, seq INTEGER NOT NULL, attempt INTEGER NOT NULL,
    account INTEGER NOT NULL, mu2 REAL NOT NULL, delta_fail REAL NOT NULL,
    PRIMARY KEY (run_id, seq, attempt));
INSERT INTO account VALUES (1, NULL), (2, 1);
INSERT INTO charge VALUES ('run', 0, 0, 1, 0.1, 0), ('run', 1, 0, 1, 0.2, 1e-7), ('run', 1, 1, 1, 0.2, 1e-7);
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A state folder as version 1 left it, with charges for two files."""
    import hmac

    folder, key = tmp_path / "state", b"k" * 32
    folder.mkdir(mode=0o700)
    (folder / "odometer.key").write_bytes(key)
    with sqlite3.connect(folder / "odometer.sqlite") as rows:
        rows.executescript(OLD_BOOK)
        rows.execute("INSERT INTO key_check VALUES (?)", (hmac.digest(key, b"key", "sha256"),))
        for number, name in ((1, "a.jsonl"), (2, "b.jsonl")):
            path = account_name("", tmp_path / name).encode()
            rows.execute(
                "INSERT INTO alias VALUES (?, ?)", (hmac.digest(key, b"path\0" + path, "sha256"), number)
            )
    rows.close()
    for file in folder.iterdir():
        file.chmod(0o600)
    return folder


@pytest.mark.parametrize("name", ["a.jsonl", "b.jsonl"])
def test_charges_of_the_first_version_are_kept_for_a_unit_that_nobody_wrote_down(
    old: Path, tmp_path: Path, name: str
) -> None:
    place = account_name("", tmp_path / name)
    for _ in range(2):
        told = Odometer(old).statement(place)
        (total,) = told.totals
        assert total.unit.kind == "unknown"
        assert (total.mu2, total.delta_fail) == pytest.approx((0.5, 2e-7))
        with pytest.raises(BudgetError, match=r"did not record.*cannot be added") as caught:
            opened(old, place).reserve("new run", 0.01, 0.0)
        assert "--account" in caught.value.hint
    opened(old, "named on purpose").reserve("new run", 0.01, 0.0)
    opened(old, account_name("", tmp_path / "c.jsonl")).reserve("another run", 0.01, 0.0)


def test_a_book_of_the_second_version_gets_the_prices_of_its_charges_for_replaced_people(
    state: Path,
) -> None:
    """Version 2 knew counts alone: their mu squared is twice as large when somebody is replaced."""
    opened(state).reserve("waiting", 0.2, 0.0)
    with sqlite3.connect(state / "odometer.sqlite") as rows:
        for table in ("charge", "reservation"):
            rows.execute(f"ALTER TABLE {table} DROP COLUMN replaced_mu2")
        rows.execute("PRAGMA user_version = 2")
    rows.close()
    before = opened(state).total()
    replacing = Unit("user", "user", "replace_one")
    for _ in range(2):  # once is enough, and the second time changes nothing
        after = Odometer(state).account("reviews", replacing, LifetimeCap(4.0, 1e-6)).total()
        assert after.mu2 == pytest.approx(2 * before.mu2)
        assert after.reserved_mu2 == pytest.approx(2 * before.reserved_mu2) == pytest.approx(0.4)
    assert before.mu2 > 0
