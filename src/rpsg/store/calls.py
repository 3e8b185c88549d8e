"""The call store: every text a writer gave, by what was asked, so that nothing is generated twice.

One commit a reply. In SQLite's write-ahead mode with synchronous=NORMAL a killed process loses nothing
committed; a power cut may lose the last commits and never damages the file. What is lost is only asked
for again: replies are drawn after the noise, so asking twice costs time and no privacy.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rpsg.errors import RunError
from rpsg.protocols import Reply, Request
from rpsg.store.exports import whole
from rpsg.store.files import canonical_json, file_errors, tagged_sha256, write_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

_VERSION = 1
_KEYS_A_QUERY = 500
_SELECT = "SELECT key, text, finish, prompt_tokens, completion_tokens FROM replies"
_TABLE = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    finish TEXT NOT NULL CHECK (finish IN ('stop', 'length')),
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL
) STRICT
"""


def request_key(writer: str, request: Request) -> str:
    """SHA-256 in hex of everything the reply may depend on: the writer's name and the whole request."""
    return tagged_sha256(
        "call/2",
        {
            "writer": writer,
            "messages": [[message.role, message.content] for message in request.messages],
            "max_tokens": request.max_tokens,
            "seed": request.seed,
            "temperature": float(request.temperature),
            "top_p": float(request.top_p),
            "stop": list(request.stop),
            "begins": request.begins,
        },
    )


class CallStore:
    """Replies by key in one SQLite file. Safe to use from several threads of one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with file_errors(f"open {path.name}"):
            # SQLite would make the file with the umask's mode and would follow a link.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
            os.fchmod(descriptor, 0o600)
            os.close(descriptor)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        with self._database() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in {0, _VERSION}:
                raise RunError(
                    f"{self._path.name} was written by another version of RPSG.",
                    hint="Use that version, or delete the file: its texts are then generated again.",
                )
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA user_version={_VERSION}")

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.OperationalError as error:
                raise self._refused(error) from error
            except sqlite3.DatabaseError as error:
                raise RunError(
                    f"{self._path} is damaged.",
                    hint="Delete it and run the same command again: its texts are then generated again.",
                ) from error

    def _refused(self, error: sqlite3.OperationalError) -> RunError:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            return RunError(
                f"The disk is full: cannot write {self._path.name}. Nothing was left half-written.",
                hint="Free some space and run the same command again; it goes on from here.",
            )
        return RunError(
            f"{self._path.name} cannot be used ({error.sqlite_errorname}).",
            hint="Check that no other program has it open and that the folder is writable.",
        )

    def get_many(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The replies that are there, by key."""
        found: dict[str, Reply] = {}
        for start in range(0, len(keys), _KEYS_A_QUERY):
            some = keys[start : start + _KEYS_A_QUERY]
            marks = ",".join("?" * len(some))
            with self._database() as connection:
                rows = connection.execute(f"{_SELECT} WHERE key IN ({marks})", some).fetchall()
            found |= {key: Reply(*values) for key, *values in rows}
        return found

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply for good: the first one for a key stays. A failure is not kept: it is asked again."""
        if reply.finish == "error":
            return
        with self._database() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?)",
                (key, whole(reply.text), reply.finish, reply.prompt_tokens, reply.completion_tokens),
            )

    def export_jsonl(self, path: Path) -> str:
        """Write every reply as one JSON object a line, sorted by key; gives the SHA-256 of the file."""
        with self._database() as connection:
            rows = connection.execute(f"{_SELECT} ORDER BY key")
            names = [column[0] for column in rows.description]
            return write_chunks(
                path, (canonical_json(dict(zip(names, row, strict=True))) + b"\n" for row in rows)
            )

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
