"""The database of the account book: durable transactions, and an error if it is damaged or lost.

Next to the database is a file with a 256-bit random key. The book holds a keyed hash made with it, so that a
missing or exchanged file is noticed. The key file gets its final name only after the book is on the disk;
therefore a key without an intact book means that charges were lost. A new book would then count from zero, so
it is never made silently.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
import sqlite3
from typing import TYPE_CHECKING

from rpsg.disk.files import create_private, private_dir, read_private, sync_dir
from rpsg.errors import BudgetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOOK, KEY = "odometer.sqlite", "odometer.key"
VERSION = 3
_APPLICATION = 0x52505347  # "RPSG", as SQLite's application id
_TABLES = """
CREATE TABLE IF NOT EXISTS key_check (mark BLOB PRIMARY KEY);
CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE charge (
    account INTEGER NOT NULL, draw TEXT NOT NULL, run_id TEXT NOT NULL, stage TEXT NOT NULL,
    kind TEXT NOT NULL, user_column TEXT NOT NULL, adjacency TEXT NOT NULL, c INTEGER NOT NULL,
    mu2 REAL NOT NULL, delta_fail REAL NOT NULL, delta REAL NOT NULL, replaced_mu2 REAL NOT NULL,
    PRIMARY KEY (account, draw));
CREATE TABLE reservation (
    account INTEGER NOT NULL, run_id TEXT NOT NULL,
    kind TEXT NOT NULL, user_column TEXT NOT NULL, adjacency TEXT NOT NULL, c INTEGER NOT NULL,
    mu2 REAL NOT NULL, delta_fail REAL NOT NULL, delta REAL NOT NULL, replaced_mu2 REAL NOT NULL,
    PRIMARY KEY (account, run_id));
CREATE TABLE unbounded (
    account INTEGER NOT NULL, run_id TEXT NOT NULL, method TEXT NOT NULL,
    PRIMARY KEY (account, run_id, method));
CREATE TABLE content (mark BLOB NOT NULL, account INTEGER NOT NULL, PRIMARY KEY (mark, account));
"""
#: The tables of version 1, whose charges have no unit. They are kept under another name.
_OLD_TABLES = ("account", "alias", "charge")
#: Version 2 stored no cost for a replaced unit. It only had counts, for which mu squared is twice as large.
_FROM_VERSION_2 = """
ALTER TABLE {table} ADD COLUMN replaced_mu2 REAL NOT NULL DEFAULT 0;
UPDATE {table} SET replaced_mu2 = CASE adjacency WHEN 'add_remove' THEN 2 * mu2 ELSE mu2 END
"""


class Book:
    """The book in ``folder``, made if there is none.

    Raises:
        BudgetError: only one of the book and its key is there, or the book is damaged or of a newer
            version.
        PrivacyError: a file of the folder is a link or may be read by others.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = private_dir(folder.resolve())  # the folder may be a link
        self._database, key_file = self._folder / BOOK, self._folder / KEY
        if key_file.exists() and not self._database.exists():
            raise _lost("database")
        if key_file.exists() and self._database.stat().st_size == 0:
            raise _damaged(self._folder, "is empty")
        with contextlib.suppress(FileExistsError):
            create_private(self._database, b"")
        read_private(self._database)  # refuses a link, and a file that others may read
        with self.transaction() as rows:  # exclusive, so that two first runs cannot make two keys
            _bring_up_to_date(rows, self._folder)
            self.key = self._the_key(rows)
        self._name_the_key()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One exclusive transaction: on the disk if the block succeeds, rolled back if not.

        Raises:
            BudgetError: the book is damaged, cannot be written, or is in use for half a minute.
        """
        try:
            with self._connected() as rows:
                yield rows
        except sqlite3.IntegrityError:
            raise  # a fault of this program, not of the book
        except sqlite3.DatabaseError as error:
            raise _told(self._folder, error) from None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        rows = sqlite3.connect(self._database, timeout=30.0, isolation_level=None)
        try:
            # EXTRA is FULL plus a sync of the folder: without it a power cut could bring the journal file
            # back and with it undo a charge that was reported as written.
            rows.execute("PRAGMA synchronous = EXTRA")
            rows.execute("PRAGMA secure_delete = ON")
            rows.execute("BEGIN IMMEDIATE")
            try:
                yield rows
            except BaseException:
                with contextlib.suppress(sqlite3.DatabaseError):  # the first error is more specific
                    rows.execute("ROLLBACK")
                raise
            rows.execute("COMMIT")
        finally:
            rows.close()

    def mark(self, kind: bytes, content: bytes) -> bytes:
        """A keyed hash: without the key it does not confirm a guess."""
        return hmac.digest(self.key, kind + b"\0" + content, "sha256")

    def _the_key(self, rows: sqlite3.Connection) -> bytes:
        """The key of the book; a new key is made only for a new book, since a book is useless with another
        key.
        """
        known = rows.execute("SELECT mark FROM key_check").fetchone()
        waiting = self._folder / f"{KEY}.new"
        if known is None:
            if (self._folder / KEY).exists():
                raise _lost("database")
            waiting.unlink(missing_ok=True)  # left by a process that was killed before its book was there
            create_private(waiting, secrets.token_bytes(32))
            key = read_private(waiting)
            rows.execute("INSERT INTO key_check VALUES (?)", (_check(key),))
            return key
        for file in (self._folder / KEY, waiting):
            with contextlib.suppress(FileNotFoundError):
                key = read_private(file)
                if _check(key) == known[0]:
                    return key
        raise _lost("key")

    def _name_the_key(self) -> None:
        """Give a new key its final name, since its book is on the disk; another process may have done so."""
        with contextlib.suppress(FileNotFoundError):
            (self._folder / f"{KEY}.new").replace(self._folder / KEY)
            sync_dir(self._folder)


def _bring_up_to_date(rows: sqlite3.Connection, folder: Path) -> None:
    """Make the tables of a new book, or update those of version 1 or 2.

    The charges of version 1 are kept in separate tables.
    """
    tables = {row[0] for row in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    application = rows.execute("PRAGMA application_id").fetchone()[0]
    version = rows.execute("PRAGMA user_version").fetchone()[0]
    if application == _APPLICATION and version > VERSION:
        raise BudgetError(
            f"The account book in {folder} was written by a newer version of RPSG.",
            hint="Use that version, or name another state folder in the environment variable RPSG_HOME.",
        )
    if application == _APPLICATION and version in {2, VERSION}:
        if not _is_whole(rows, folder):
            raise _damaged(folder, "is damaged")
        if version == 2:
            for table in ("charge", "reservation"):
                for statement in _FROM_VERSION_2.format(table=table).split(";"):
                    rows.execute(statement)
            rows.execute(f"PRAGMA user_version = {VERSION}")
        return
    is_old = application == 0 and version == 0 and {"key_check", *_OLD_TABLES} <= tables
    if tables and not is_old:
        raise _damaged(folder, "is not an account book of RPSG")
    for name in _OLD_TABLES if is_old else ():
        rows.execute(f"ALTER TABLE {name} RENAME TO old_{name}")
    for statement in _TABLES.split(";"):
        rows.execute(statement)
    rows.execute(f"PRAGMA application_id = {_APPLICATION}")
    rows.execute(f"PRAGMA user_version = {VERSION}")


def _is_whole(rows: sqlite3.Connection, folder: Path) -> bool:
    """Whether all pages are consistent and complete: SQLite reads missing parts of a page as zeros."""
    pages, size = (rows.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    is_long_enough = bool((folder / BOOK).stat().st_size == pages * size)
    return is_long_enough and rows.execute("PRAGMA quick_check").fetchone()[0] == "ok"


def _check(key: bytes) -> bytes:
    return hmac.digest(key, b"key", "sha256")


def _lost(what: str) -> BudgetError:
    return BudgetError(
        f"The {what} of the account book is missing or was replaced, so earlier charges cannot be seen.",
        hint=f"Restore {BOOK} and {KEY} from a backup. If you accept that counting starts again from zero, "
        "move both away.",
    )


def _damaged(folder: Path, how: str) -> BudgetError:
    return BudgetError(
        f"The account book {folder / BOOK} {how}, so earlier charges cannot be seen.",
        hint=f"Restore {BOOK} and {KEY} from a backup. If you accept that counting starts again from zero, "
        "move both away.",
    )


#: SQLite's errors that are caused by the disk or another process, not by the content of the file.
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DISK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}


def _told(folder: Path, error: sqlite3.DatabaseError) -> BudgetError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the higher bits are details
    if code in _BUSY:
        return BudgetError(
            f"Another process keeps the account book {folder / BOOK} busy.", hint="Try again in a minute."
        )
    if code in _DISK:
        return BudgetError(
            f"The account book {folder / BOOK} cannot be written, so nothing may be drawn.",
            hint="Free some space on that disk and make sure that the file can be written, then run again.",
        )
    return _damaged(folder, "is damaged")
