"""What a data set has paid over all runs, kept in the user's state folder.

An account is found by two keyed hashes, of where the data lie and of what they are; either one is
enough, and two accounts that turn out to be one data set become one. Without the key, which is 256
random bits beside the database, nothing in it can be matched with a file. It holds no text, no size and
no plain hash. A charge is on the disk before ``charge`` returns, and is never taken back.
"""

from __future__ import annotations

import contextlib
import hmac
import math
import os
import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.errors import BudgetError
from rpsg.privacy.files import create_private, private_folder, read_private
from rpsg.privacy.gaussian import epsilon_of, mu_for
from rpsg.privacy.private import Private, open_private

if TYPE_CHECKING:
    from collections.abc import Iterator

_TABLES = """
CREATE TABLE IF NOT EXISTS key_check (mark BLOB PRIMARY KEY);
CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, merged_into INTEGER);
CREATE TABLE IF NOT EXISTS alias (mark BLOB PRIMARY KEY, account INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS charge (
    run_id TEXT NOT NULL, seq INTEGER NOT NULL, attempt INTEGER NOT NULL,
    account INTEGER NOT NULL, mu2 REAL NOT NULL, delta_fail REAL NOT NULL,
    PRIMARY KEY (run_id, seq, attempt));
"""


@dataclass(frozen=True, slots=True)
class Total:
    """What an account has spent: mu^2, threshold failures, and in how many runs."""

    mu2: float
    delta_fail: float
    releases: int


def state_folder() -> Path:
    """``$RPSG_HOME``, else ``$XDG_STATE_HOME/rpsg``, else ``~/.local/state/rpsg``."""
    if home := os.environ.get("RPSG_HOME"):
        return Path(home)
    if state := os.environ.get("XDG_STATE_HOME"):
        return Path(state) / "rpsg"
    return Path.home() / ".local" / "state" / "rpsg"


class Odometer:
    """The account book. ``lifetime_epsilon`` at ``delta`` caps what one data set may ever pay.

    The threshold failures of all runs come on top of ``delta`` and are kept below another ``delta``.

    Raises:
        BudgetError: the book or its key is gone while the other is there.
        PrivacyError: a file of the state folder is a link or may be read by others.
    """

    def __init__(self, lifetime_epsilon: float, delta: float, folder: Path | None = None) -> None:
        self.mu2_cap = mu_for(lifetime_epsilon, delta) ** 2
        self._lifetime = lifetime_epsilon
        self._delta = delta
        self._folder = private_folder(folder or state_folder())
        self._database = self._folder / "odometer.sqlite"
        self._key_file = self._folder / "odometer.key"
        if self._key_file.exists() and not self._database.exists():
            raise _lost("book")
        with contextlib.suppress(FileExistsError):
            create_private(self._database, b"")
        read_private(self._database)  # refuses a link, and a file that others may read
        with self._transaction() as book:  # one at a time, so that two first runs cannot make two keys
            for statement in _TABLES.split(";"):
                book.execute(statement)
            self._key = self._the_key(book)

    def account(self, path: Path, content_digest: Private[bytes]) -> int:
        """The account of the data at ``path`` with that digest; made if need be, merged if there were two."""
        marks = [
            self._mark(b"path", os.fsencode(os.path.realpath(path))),
            self._mark(b"content", open_private(content_digest)),
        ]
        with self._transaction() as book:
            found = {_root(book, row[0]) for m in marks for row in book.execute(_BY_MARK, (m,))}
            account = min(found) if found else _new_account(book)
            for other in found - {account}:
                book.execute("UPDATE account SET merged_into = ? WHERE id = ?", (account, other))
                book.execute("UPDATE charge SET account = ? WHERE account = ?", (account, other))
            for mark in marks:
                book.execute("INSERT OR REPLACE INTO alias VALUES (?, ?)", (mark, account))
            return account

    def spent_at(self, path: Path) -> Total:
        """All that was ever charged for the data at ``path``, as far as the path alone tells."""
        mark = self._mark(b"path", os.fsencode(os.path.realpath(path)))
        with self._transaction() as book:
            row = book.execute(_BY_MARK, (mark,)).fetchone()
            return _total(book, _root(book, row[0])) if row else Total(0.0, 0.0, 0)

    def charge(  # a charge is these six things
        self, account: int, run_id: str, seq: int, mu2: float, delta_fail: float, *, attempt: int = 0
    ) -> None:
        """Write a charge down, once for each (run_id, seq, attempt), before any noise is drawn for it.

        Raises:
            BudgetError: the data set's lifetime budget would be exceeded; nothing was charged.
        """
        if not (mu2 >= 0.0 and delta_fail >= 0.0 and math.isfinite(mu2) and math.isfinite(delta_fail)):
            raise ValueError("a charge is finite and not negative")
        with self._transaction() as book:
            root = _root(book, account)
            known = book.execute(_KNOWN, (run_id, seq, attempt)).fetchone()
            if known is None:
                self._require_room(_total(book, root), mu2, delta_fail)
                book.execute(_CHARGE, (run_id, seq, attempt, root, mu2, delta_fail))
            elif known != (root, mu2, delta_fail):
                raise BudgetError("The odometer holds another charge for this step of this run.")

    def require_room(self, account: int, run_id: str, mu2: float, delta_fail: float) -> None:
        """Refuse a whole run beforehand. What ``run_id`` has paid already is not counted twice.

        Raises:
            BudgetError: the lifetime budget does not hold the run.
        """
        with self._transaction() as book:
            self._require_room(_total(book, _root(book, account), without=run_id), mu2, delta_fail)

    def total(self, account: int) -> Total:
        """All that was ever charged to the account."""
        with self._transaction() as book:
            return _total(book, _root(book, account))

    def _require_room(self, total: Total, mu2: float, delta_fail: float) -> None:
        # The slack is for sums of doubles; one part in 10^12 of the budget.
        if total.mu2 + mu2 > self.mu2_cap * (1.0 + 1e-12):
            spent = epsilon_of(math.sqrt(total.mu2), self._delta)
            raise BudgetError(
                f"This data set has used epsilon {spent:.3g} of its lifetime {self._lifetime:g} "
                f"(delta {self._delta:g}); what is left does not pay for this run.",
                hint="Use a smaller --epsilon, or raise the cap on purpose with --lifetime-epsilon.",
            )
        if total.delta_fail + delta_fail >= self._delta:
            raise BudgetError(
                "The threshold failures of all runs on this data set would add up to the whole of delta.",
                hint="Raise the cap on purpose with a larger delta and --lifetime-epsilon.",
            )

    def _mark(self, kind: bytes, content: bytes) -> bytes:
        return hmac.digest(self._key, kind + b"\0" + content, "sha256")

    def _the_key(self, book: sqlite3.Connection) -> bytes:
        """The key; a new one only for a new book, since with another key every account would be at zero."""
        known = book.execute("SELECT mark FROM key_check").fetchone()
        if known is None:
            with contextlib.suppress(FileExistsError):
                create_private(self._key_file, secrets.token_bytes(32))
        elif not self._key_file.exists():
            raise _lost("key")
        key = read_private(self._key_file)
        mark = hmac.digest(key, b"key", "sha256")
        if known is not None and known[0] != mark:
            raise _lost("key")
        book.execute("INSERT OR IGNORE INTO key_check VALUES (?)", (mark,))
        return key

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One exclusive transaction, on the disk when the block ends well, undone when it does not."""
        book = sqlite3.connect(self._database, timeout=30.0, isolation_level=None)
        try:
            # EXTRA is FULL plus a sync of the folder: without it a power cut could bring the journal file
            # back and with it undo a charge that was reported as written.
            book.execute("PRAGMA synchronous = EXTRA")
            book.execute("PRAGMA secure_delete = ON")
            book.execute("BEGIN IMMEDIATE")
            try:
                yield book
            except BaseException:
                book.execute("ROLLBACK")
                raise
            book.execute("COMMIT")
        finally:
            book.close()


def _lost(what: str) -> BudgetError:
    return BudgetError(
        f"The {what} of the odometer is missing or is another one, so earlier charges cannot be seen.",
        hint="Restore the state folder from a backup, or delete all of it to start from zero knowingly.",
    )


_BY_MARK = "SELECT account FROM alias WHERE mark = ?"
_KNOWN = "SELECT account, mu2, delta_fail FROM charge WHERE run_id = ? AND seq = ? AND attempt = ?"
_CHARGE = "INSERT INTO charge VALUES (?, ?, ?, ?, ?, ?)"
_TOTAL = "SELECT mu2, delta_fail, run_id FROM charge WHERE account = ? AND run_id IS NOT ?"


def _root(book: sqlite3.Connection, account: int) -> int:
    """The account this one was merged into, or itself."""
    while True:
        row = book.execute("SELECT merged_into FROM account WHERE id = ?", (account,)).fetchone()
        if row is None:
            raise BudgetError("The odometer does not know this account.")
        if row[0] is None:
            return account
        account = int(row[0])


def _new_account(book: sqlite3.Connection) -> int:
    return int(book.execute("INSERT INTO account (merged_into) VALUES (NULL)").lastrowid or 0)


def _total(book: sqlite3.Connection, account: int, without: str | None = None) -> Total:
    rows = book.execute(_TOTAL, (account, without)).fetchall()
    return Total(math.fsum(r[0] for r in rows), math.fsum(r[1] for r in rows), len({r[2] for r in rows}))


@dataclass(frozen=True, slots=True)
class Account:
    """One data set's account in one book: what the kernel charges."""

    book: Odometer
    id: int

    def charge(self, run_id: str, seq: int, mu2: float, delta_fail: float, attempt: int = 0) -> None:
        self.book.charge(self.id, run_id, seq, mu2, delta_fail, attempt=attempt)

    def total(self) -> Total:
        return self.book.total(self.id)
