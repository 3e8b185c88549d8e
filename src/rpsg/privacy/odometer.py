"""The privacy odometer: what was spent on private data over all runs, in an account book of the user.

An account is identified by the name in the plan (``[data] account``), or else by the path of the file; both
are public. No total, refusal or exit code depends on the data. Whether the same rows were read under another
account is shown to the operator only, and stays in ``Private``.

Each draw of noise has a random 128-bit id, which the book records before the noise exists. The files of a run
folder are not trusted: a folder that was copied or restored draws under new ids and is charged again. A run
reserves the cost of its whole plan when it begins, so that concurrent runs cannot spend the same budget; its
draws are charged to the reservation, and the rest is returned when the run ends. Charges and records of reads
without a bound are never deleted.
"""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING

from rpsg.disk.home import home_folder
from rpsg.privacy.account import OLD, OLD_DELTA, Account, LifetimeCap, old_charge, statement_of
from rpsg.privacy.book import BOOK, KEY, Book
from rpsg.privacy.units import Entry, Statement, Unit, totals

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

#: The prefix of the accounts of a comparison of public texts. Each cell has one, "comparison DATA: CELL".
COMPARISON = "comparison "

_OLD_CHARGES = (
    "SELECT run_id || '/' || seq || '/' || attempt, mu2, delta_fail FROM old_charge WHERE account = ?"
)


def state_folder() -> Path:
    """``$RPSG_HOME``, else ``$XDG_STATE_HOME/rpsg``, else ``~/.local/state/rpsg``.

    UsageError: that path is not absolute.
    """
    return home_folder("XDG_STATE_HOME", ".local/state")


def account_name(declared: str, path: str | Path) -> str:
    """The name of the account: as declared, or the real path of the data.

    Blanks around a name and the way its accents are encoded make no difference.
    """
    if name := unicodedata.normalize("NFC", declared).strip():
        return name
    return os.fsencode(os.path.realpath(path)).decode("utf-8", "backslashreplace")


class Odometer:
    """The account book in ``folder`` (default: the state folder), made if there is none.

    Raises:
        BudgetError: the book or its key is missing or damaged, or a newer version wrote it.
        PrivacyError: a file of the folder is a link or may be read by others.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.book = Book(folder or state_folder())

    @staticmethod
    def is_there(folder: Path | None = None) -> bool:
        """Whether there is an account book."""
        where = folder or state_folder()
        return (where / BOOK).exists() or (where / KEY).exists()

    def account(self, name: str, unit: Unit, cap: LifetimeCap) -> Account:
        """The account of that name, made if necessary, for a run that protects ``unit``."""
        with self.book.transaction() as rows:
            rows.execute("INSERT OR IGNORE INTO account (name) VALUES (?)", (name,))
            number = int(rows.execute("SELECT id FROM account WHERE name = ?", (name,)).fetchone()[0])
            self._take_over_old_charges(rows, number, name)
        return Account(self.book, number, name, unit, cap)

    def statement(self, name: str) -> Statement:
        """The statement of the account, which is empty for an unknown one."""
        with self.book.transaction() as rows:
            found = rows.execute("SELECT id FROM account WHERE name = ?", (name,)).fetchone()
            if found is None:
                old = [Entry(OLD, m, f, OLD_DELTA) for _, m, f in self._old_charges(rows, name)]
                return Statement(name, tuple(totals(old)))
            return statement_of(rows, int(found[0]), name)

    def names(self) -> list[str]:
        """The names of all accounts, in order."""
        with self.book.transaction() as rows:
            return [row[0] for row in rows.execute("SELECT name FROM account ORDER BY name")]

    def give_back(self, run_id: str) -> bool:
        """Return the reservation of a run that will not be resumed; whether there was one."""
        with self.book.transaction() as rows:
            return bool(rows.execute("DELETE FROM reservation WHERE run_id = ?", (run_id,)).rowcount)

    def _take_over_old_charges(self, rows: sqlite3.Connection, account: int, name: str) -> None:
        """Import charges of version 1 for the file at this path, which have no unit.

        A draw of that version is identified by the run, its position in it and the attempt.
        """
        for draw, mu2, fail in self._old_charges(rows, name):
            old_charge(rows, account, draw, mu2, fail)

    def has_old_charges(self) -> bool:
        """Whether this book has charges of version 1, whose accounts have no names."""
        with self.book.transaction() as rows:
            return _has_old_tables(rows)

    def _old_charges(self, rows: sqlite3.Connection, name: str) -> list[tuple[str, float, float]]:
        if not _has_old_tables(rows):
            return []
        mark = self.book.mark(b"path", name.encode())
        found = rows.execute("SELECT account FROM old_alias WHERE mark = ?", (mark,)).fetchone()
        while found is not None:
            into = rows.execute("SELECT merged_into FROM old_account WHERE id = ?", found).fetchone()
            if into is None or into[0] is None:
                break
            found = into
        return rows.execute(_OLD_CHARGES, found).fetchall() if found else []


def _has_old_tables(rows: sqlite3.Connection) -> bool:
    return rows.execute("SELECT 1 FROM sqlite_master WHERE name = 'old_charge'").fetchone() is not None
