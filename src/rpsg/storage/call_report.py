"""The requests to a run's writers, read from its call stores to be shown; private text is left out."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rpsg.errors import RunError
from rpsg.storage.call_tables import TABLES, Used, used_of
from rpsg.storage.layout import CALLS, EVIDENCE, PRIVATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_BY_FINISH = """
SELECT finish, count(*), sum(prompt_tokens), sum(completion_tokens) FROM calls GROUP BY finish ORDER BY finish
"""
_REASONS = "SELECT reason, count(*) FROM calls WHERE finish = 'error' GROUP BY reason ORDER BY 2 DESC, 1"
_ROWS = """
SELECT calls.number, coalesce(stage, ''), coalesce(model, ''), coalesce(host, ''), calls.at,
    calls.finish, calls.prompt_tokens, calls.completion_tokens, calls.reason, calls.prompt,
    coalesce(replies.text, '')
FROM calls LEFT JOIN batches ON batches.number = calls.batch LEFT JOIN replies ON replies.key = calls.key
ORDER BY calls.number
"""


_BY_STAGE = """
SELECT batches.stage, count(*) FROM calls JOIN batches ON batches.number = calls.batch GROUP BY batches.stage
"""
#: Each reply: its key, the stage that asked for it, and its share of the seconds of its batch.
_SHARES = """
SELECT calls.key, batches.stage, batches.seconds / max(batches.landed, 1) FROM calls
JOIN batches ON batches.number = calls.batch WHERE calls.finish != 'error'
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A public request that came back. ``prompt`` is its last message, ``text`` the reply."""

    number: int
    stage: str
    model: str
    host: str
    at: str
    finish: str
    prompt_tokens: int
    completion_tokens: int
    reason: str
    prompt: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """The number of requests that ended in one way, and their tokens."""

    requests: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class CallReport:
    """The calls of one store: all of a public store, or only totals by finish of a private one."""

    used: Used
    finishes: Mapping[str, Finished]
    failures: Mapping[str, int]
    calls: tuple[Call, ...] = ()
    hosts: tuple[str, ...] = ()


def read_public_calls(run: Path) -> CallReport:
    """The calls of the run in the folder ``run``, in the order in which replies arrived.

    Raises:
        RunError: no request was sent there, or the store is damaged or of another version.
    """
    path = run / EVIDENCE / CALLS
    if not path.is_file() and (run / PRIVATE / CALLS).is_file():
        return CallReport(Used(), {}, {})
    if not path.is_file():
        raise RunError(
            f"{run} has no calls to a writer.",
            hint="Name the folder of a run, not its release: rpsg calls RUN",
        )
    with _reading(path) as connection:
        rows = connection.execute(_ROWS).fetchall()
        calls = tuple(Call(*row) for row in rows)
        failures = dict(connection.execute(_REASONS).fetchall())
        return CallReport(used_of(connection), _finishes(connection), failures, calls, _hosts(connection))


def read_private_calls(run: Path) -> CallReport | None:
    """Totals of the calls that held private text; None when there are none."""
    path = run / PRIVATE / CALLS
    if not path.is_file():
        return None
    with _reading(path) as connection:
        return CallReport(used_of(connection), _finishes(connection), {}, (), _hosts(connection))


def used_in(path: Path) -> Used:
    """What the calls of a store have used; RunError if it is damaged."""
    with _reading(path) as connection:
        return used_of(connection)


def replies_by_stage(run: Path, *, idle: bool) -> Mapping[str, int]:
    """How many public requests of each stage came back in the run folder ``run``.

    ``idle`` says that no process is using the run folder. Then the store is read without writing a file
    beside it.

    Raises:
        RunError: no public request was sent there, or the store is damaged.
    """
    path = run / EVIDENCE / CALLS
    if not path.is_file():
        raise RunError(f"{run} has no public calls to a writer.")
    with _reading(path, idle=idle) as connection:
        return dict(connection.execute(_BY_STAGE).fetchall())


def seconds_of_others(path: Path, keys: Iterable[str], stage: str) -> float:
    """Seconds that it took to write the replies with these keys, without those that ``stage`` requested.

    Replies of one batch are written at the same time, so each took an equal share of its batch.
    """
    wanted, own, shares = set(keys), set[str](), dict[str, float]()
    with _reading(path) as connection:
        for key, asked_by, seconds in connection.execute(_SHARES):
            if asked_by == stage:
                own.add(key)
            elif key in wanted:
                shares[key] = float(seconds)
    return sum(seconds for key, seconds in shares.items() if key not in own)


@contextmanager
def _reading(path: Path, *, idle: bool = False) -> Iterator[sqlite3.Connection]:
    """A read-only connection, which does not disturb a running process.

    The folder may be untrusted. In place of tables a database can have views and triggers, and reading these
    runs code of whoever wrote them. So a database is read only if it has exactly our tables.
    """
    if path.is_symlink() or path.parent.is_symlink():
        raise RunError(
            f"{path.name} is a link, and RPSG does not follow it.", hint="Name the folder that holds the run."
        )
    # Even to read a database, SQLite writes a file next to it, unless a flag says that the database never
    # changes.
    waiting = path.with_name(f"{path.name}-wal")
    is_fixed = (idle or not os.access(path.parent, os.W_OK)) and not waiting.exists()
    how = "immutable=1" if is_fixed else "mode=ro"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            if not _holds_calls_alone(connection):
                raise RunError(f"{path.name} is not a call store of RPSG.", hint="Name the folder of a run.")
            yield connection
    except sqlite3.Error as error:
        raise RunError(
            f"{path.name} cannot be read ({error.sqlite_errorname}).",
            hint="If an earlier version of RPSG wrote it, resume the run: that brings it up to date.",
        ) from error


def _holds_calls_alone(connection: sqlite3.Connection) -> bool:
    """Whether the database has our tables, word for word, the indexes of their keys, and nothing else."""
    found = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    ours = {" ".join(table.replace("IF NOT EXISTS ", "").split()) for table in TABLES}
    return {" ".join(str(sql).split()) for (sql,) in found} == ours


def _finishes(connection: sqlite3.Connection) -> dict[str, Finished]:
    return {finish: Finished(*totals) for finish, *totals in connection.execute(_BY_FINISH)}


def _hosts(connection: sqlite3.Connection) -> tuple[str, ...]:
    return tuple(host for (host,) in connection.execute("SELECT DISTINCT host FROM batches"))
