"""What is paid for private data over all runs, in an account book in the user's state folder.

An account is found by the name that the plan declares for it (``[data] account``), and else by the place of
the file; both are public. What the data contain decides nothing: no total, no refusal, no exit code. That
the same rows are known under another account is a matter for the operator alone, and stays in its box.

Each draw of noise has an id of its own, 128 random bits, which the book knows before the noise exists. The
records of a run folder are not trusted: a folder that was copied or set back draws under new ids and pays
again. The whole plan of a run is reserved when it begins, so that runs side by side cannot promise each
other's budget; its draws take from the reservation, and what is left of it is given back when it ends.
Charges and entries of unbounded reading are never taken back.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.privacy.account import OLD, OLD_DELTA, Account, Cap, old_charge, statement_of
from rpsg.privacy.book import BOOK, KEY, Book
from rpsg.privacy.units import Entry, Statement, Unit, totals

if TYPE_CHECKING:
    import sqlite3

_OLD_CHARGES = (
    "SELECT run_id || '/' || seq || '/' || attempt, mu2, delta_fail FROM old_charge WHERE account = ?"
)


def state_folder() -> Path:
    """``$RPSG_HOME``, else ``$XDG_STATE_HOME/rpsg``, else ``~/.local/state/rpsg``."""
    if home := os.environ.get("RPSG_HOME"):
        return Path(home)
    if state := os.environ.get("XDG_STATE_HOME"):
        return Path(state) / "rpsg"
    return Path.home() / ".local" / "state" / "rpsg"


def account_name(declared: str, path: str | Path) -> str:
    """The name of the account: as declared, or the real path of the data.

    What looks the same is the same: a letter with its accent in one character or in two, blanks around.
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
        """Whether anything was ever written down; without that there is nothing to look at."""
        where = folder or state_folder()
        return (where / BOOK).exists() or (where / KEY).exists()

    def account(self, name: str, unit: Unit, cap: Cap) -> Account:
        """The account of that name, made if need be, as a run for ``unit`` sees it."""
        with self.book.transaction() as rows:
            rows.execute("INSERT OR IGNORE INTO account (name) VALUES (?)", (name,))
            number = int(rows.execute("SELECT id FROM account WHERE name = ?", (name,)).fetchone()[0])
            self._take_over_old_charges(rows, number, name)
        return Account(self.book, number, name, unit, cap)

    def statement(self, name: str) -> Statement:
        """What was ever written down for the account; nothing for one that the book does not know."""
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
        """Release what a run that will not go on has reserved; whether there was anything."""
        with self.book.transaction() as rows:
            return bool(rows.execute("DELETE FROM reservation WHERE run_id = ?", (run_id,)).rowcount)

    def _take_over_old_charges(self, rows: sqlite3.Connection, account: int, name: str) -> None:
        """Charges of version 1 for the file at this place, which do not say for whom they were.

        A draw of that version is known by the run, its place in it and the attempt.
        """
        for draw, mu2, fail in self._old_charges(rows, name):
            old_charge(rows, account, draw, mu2, fail)

    def has_old_charges(self) -> bool:
        """Whether version 1 wrote charges into this book, whose accounts have no names."""
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
