"""The account book's counts of tokens: how many were drawn of each text under one charge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

#: Made with the first token, so that a book without any remains one that earlier versions can use.
_TABLE = (
    "CREATE TABLE IF NOT EXISTS token (account INTEGER NOT NULL, draw TEXT NOT NULL, text INTEGER NOT NULL, "
    "tokens INTEGER NOT NULL, PRIMARY KEY (account, draw, text))"
)
_COUNT = (
    "INSERT INTO token VALUES (?, ?, ?, 1) "
    "ON CONFLICT (account, draw, text) DO UPDATE SET tokens = tokens + 1 RETURNING tokens"
)
_PAID = "SELECT tokens FROM token WHERE account = ? AND draw = ? AND text = ?"
_EXTRA = -1  # in place of a text: how many tokens of each text were paid for on top


@dataclass(frozen=True, slots=True)
class Draw:
    """A draw to be charged: its id, whose it is, and its price."""

    draw: str
    run_id: str
    stage: str
    mu2: float
    replaced_mu2: float


def count_token(rows: sqlite3.Connection, account: int, draw: str, text: int, most: int) -> bool:
    """Count a token of a text. True if the charge ``draw``, which pays for ``most``, and what was paid for on
    top do not pay for it: then one more of every text counts as paid, and the caller has to charge it in the
    same transaction.
    """
    rows.execute(_TABLE)
    (number,) = rows.execute(_COUNT, (account, draw, text)).fetchone()
    found = rows.execute(_PAID, (account, draw, _EXTRA)).fetchone()
    if number <= most + (found[0] if found else 0):
        return False
    rows.execute(_COUNT, (account, draw, _EXTRA))
    return True
