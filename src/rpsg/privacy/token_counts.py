"""The account book's counts of tokens: how many were drawn of each text under one charge, and from whom.

The charge covers the tokens of one division of people among texts. If the division changed later, a person
could contribute to a second text and so to twice that number of tokens. Therefore the book keeps a keyed
digest of the division that the first token was drawn from, and no token is drawn from another one. The run
folder, which may be edited, has no part in this. The book also has the run, stage and cost of each charge, so
no other charge covers the tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.errors import RunError
from rpsg.privacy.private import open_private
from rpsg.privacy.write_ahead_log import JOURNAL_GONE

if TYPE_CHECKING:
    import sqlite3

    from rpsg.privacy.book import Book
    from rpsg.privacy.private import Private

NOT_PAID = "The account book has no charge for tokens under the id that this folder names."
DIVIDED_ANEW = "The tokens in this folder were drawn when the rows were divided in another way."
#: The table is made with the first token, so earlier versions can use a book in which no token was counted.
_TABLE = (
    "CREATE TABLE IF NOT EXISTS token (account INTEGER NOT NULL, draw TEXT NOT NULL, text INTEGER NOT NULL, "
    "tokens INTEGER NOT NULL, PRIMARY KEY (account, draw, text))"
)
_COUNT = (
    "INSERT INTO token VALUES (?, ?, ?, 1) "
    "ON CONFLICT (account, draw, text) DO UPDATE SET tokens = tokens + 1 RETURNING tokens"
)
_PAID = "SELECT tokens FROM token WHERE account = ? AND draw = ? AND text = ?"
_DIVISIONS = (
    "CREATE TABLE IF NOT EXISTS division (account INTEGER NOT NULL, draw TEXT NOT NULL, mark BLOB NOT NULL, "
    "PRIMARY KEY (account, draw))"
)
_DIVIDED = "SELECT mark FROM division WHERE account = ? AND draw = ?"
_CHARGED = (
    "SELECT 1 FROM charge WHERE account = ? AND draw = ? AND run_id = ? AND stage = ? "
    "AND mu2 >= ? AND replaced_mu2 >= ?"
)
_BEGUN = "SELECT 1 FROM token WHERE account = ? AND draw = ?"
_EXTRA = -1  # in place of a text: the number of additional charges


@dataclass(frozen=True, slots=True)
class Draw:
    """A draw to be charged: its id, its run and stage, and its cost."""

    draw: str
    run_id: str
    stage: str
    mu2: float
    replaced_mu2: float


def count_token(rows: sqlite3.Connection, account: int, draw: str, text: int, most: int, again: str) -> bool:
    """Count a token of a text. Returns whether it needs another charge: ``draw`` covers ``most`` tokens of
    each text, and each additional charge covers one more token of every text. If it does, the caller has to
    charge one more token in the same transaction, as the draw ``again``. That draw counts as begun, so it
    cannot cover another division of people, not even if texts have one token and it costs as much as
    ``draw``.
    """
    rows.execute(_TABLE)
    (number,) = rows.execute(_COUNT, (account, draw, text)).fetchone()
    found = rows.execute(_PAID, (account, draw, _EXTRA)).fetchone()
    if number <= most + (found[0] if found else 0):
        return False
    for paid in (draw, again):
        rows.execute(_COUNT, (account, paid, _EXTRA))
    return True


def require_same_division(book: Book, account: int, paid: Draw, division: Private[bytes]) -> None:
    """Check that people are divided as they were when the first token was drawn under the charge ``paid``.

    The first division is stored. Earlier versions stored none, so their tokens never fit.

    Raises:
        RunError: people are divided in another way, or the book has no such charge (a run folder may claim
            a charge of another stage or run, or of a smaller budget).
    """
    mark = book.mark(b"division", open_private(division))
    draw = (account, paid.draw)
    with book.transaction() as rows:
        rows.execute(_TABLE)
        rows.execute(_DIVISIONS)
        priced = (*draw, paid.run_id, paid.stage, paid.mu2, paid.replaced_mu2)
        if rows.execute(_CHARGED, priced).fetchone() is None:
            raise RunError(NOT_PAID, hint=JOURNAL_GONE)
        known = rows.execute(_DIVIDED, draw).fetchone()
        if known is None and rows.execute(_BEGUN, draw).fetchone() is None:
            rows.execute("INSERT INTO division VALUES (?, ?, ?)", (*draw, mark))
            known = (mark,)
    if known is None or known[0] != mark:
        raise RunError(DIVIDED_ANEW, hint=JOURNAL_GONE)
