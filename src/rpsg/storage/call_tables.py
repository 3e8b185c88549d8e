"""The SQL tables of a call store, and the records read from them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

TABLES = (
    """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    finish TEXT NOT NULL CHECK (finish IN ('stop', 'length')),
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL
) STRICT
""",
    # A batch: the number of requests, how many the writer has in flight at most, and the most tokens of one
    # request. If a batch never ended, the replies that were in flight may be lost.
    """
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY,
    stage TEXT NOT NULL,
    model TEXT NOT NULL,
    host TEXT NOT NULL,
    at TEXT NOT NULL,
    requests INTEGER NOT NULL,
    at_once INTEGER NOT NULL,
    most_prompt INTEGER NOT NULL,
    most_completion INTEGER NOT NULL,
    seconds REAL NOT NULL DEFAULT 0,
    landed INTEGER NOT NULL DEFAULT 0,
    ended INTEGER NOT NULL DEFAULT 0
) STRICT
""",
    # A request that returned. most_... is charged if the writer did not report its usage.
    """
CREATE TABLE IF NOT EXISTS calls (
    number INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL,
    key TEXT NOT NULL,
    finish TEXT NOT NULL,
    reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    most_prompt INTEGER NOT NULL,
    most_completion INTEGER NOT NULL,
    at TEXT NOT NULL,
    prompt TEXT NOT NULL
) STRICT
""",
)
#: Replies that an earlier version stored without a call count as used by this run too.
FROM_VERSION_1 = """
INSERT INTO calls (batch, key, finish, reason, prompt_tokens, completion_tokens, most_prompt, most_completion,
    at, prompt)
SELECT 0, key, finish, '', prompt_tokens, completion_tokens, 0, 0, '', '' FROM replies
"""
PUT = "INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?)"
BEGIN = """
INSERT INTO batches (stage, model, host, at, requests, at_once, most_prompt, most_completion)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
LAND = """
INSERT INTO calls (batch, key, finish, reason, prompt_tokens, completion_tokens, most_prompt, most_completion,
    at, prompt)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
USED = """
SELECT count(*), coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0),
    coalesce(sum(iif(prompt_tokens + completion_tokens = 0, most_prompt, 0)), 0),
    coalesce(sum(iif(prompt_tokens + completion_tokens = 0, most_completion, 0)), 0),
    coalesce(max(iif(most_prompt + most_completion > 0,
        1.0 * (prompt_tokens + completion_tokens) / (most_prompt + most_completion), 0)), 0)
FROM calls
"""
LOST = """
SELECT coalesce(sum(seconds), 0), coalesce(sum(lost), 0), coalesce(sum(lost * most_prompt), 0),
    coalesce(sum(lost * most_completion), 0)
FROM (SELECT *, iif(ended, 0, max(0, min(at_once, requests - landed))) AS lost FROM batches)
"""


SENT = "SELECT host, model, sum(landed) FROM batches GROUP BY host, model"


@dataclass(frozen=True, slots=True)
class Used:
    """What a run has used: tokens as counted by the writer, and seconds of writing.

    ``lost`` requests were in flight when a process died: their replies never arrived, but may have been
    charged. ``unsure_prompt`` and ``unsure_completion`` bound the tokens of these requests, and of requests
    whose replies did not say how many they used. ``stretch`` is the largest ratio of actual tokens to their
    expected maximum.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    lost: int = 0
    unsure_prompt: int = 0
    unsure_completion: int = 0
    stretch: float = 0.0

    def __add__(self, other: Used) -> Used:
        added = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return Used(**{**added, "stretch": max(self.stretch, other.stretch)})


@dataclass(frozen=True, slots=True)
class Batch:
    """The requests of one call to a writer; ``most_prompt`` and ``most_completion`` bound the tokens of each.

    ``at_once``: how many requests can be in flight, and be charged, when a process dies.
    """

    stage: str
    model: str
    host: str
    requests: int
    at_once: int
    most_prompt: int = 0
    most_completion: int = 0


def used_of(connection: sqlite3.Connection) -> Used:
    """The usage of all batches in an open store."""
    requests, prompt, completion, *unsure, stretch = connection.execute(USED).fetchone()
    seconds, lost, *gone = connection.execute(LOST).fetchone()
    return Used(
        *(requests, prompt, completion, seconds, lost),
        *(unsure[0] + gone[0], unsure[1] + gone[1], stretch),
    )
