"""The call store: every reply of a writer by its request, so that nothing is generated twice.

Each reply is one commit. In SQLite's write-ahead mode with synchronous=NORMAL a killed process loses nothing
committed; a power cut may lose the last commits but never damages the file. Lost replies are requested again.
That costs time but no privacy, since the noise is already drawn.
"""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from rpsg.disk.files import ensure_private
from rpsg.disk.json_text import canonical_json, tagged_sha256, whole
from rpsg.errors import PrivacyError, RunError
from rpsg.protocols import Reply, Request
from rpsg.storage.call_tables import BEGIN, FROM_VERSION_1, LAND, PUT, SENT, TABLES, Batch, Used, used_of
from rpsg.storage.sealing import SealBroken

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from rpsg.storage.sealing import TextSeal

_VERSION = 2
_KEYS_A_QUERY = 500
_LONGEST_REASON = 120
_SELECT = "SELECT key, text, finish, prompt_tokens, completion_tokens FROM replies"


def request_key(writer: str, request: Request) -> str:
    """SHA-256 in hex of everything the reply may depend on: the writer's name and the whole request."""
    return tagged_sha256("call/2", _identity(writer, request))


def _identity(writer: str, request: Request) -> dict[str, Any]:
    return {
        "writer": writer,
        "messages": [[message.role, message.content] for message in request.messages],
        "max_tokens": request.max_tokens,
        "seed": request.seed,
        "temperature": float(request.temperature),
        "top_p": float(request.top_p),
        "stop": list(request.stop),
        "begins": request.begins,
    }


def reply_line(kept: tuple[str, Reply]) -> bytes:
    """A reply with its key as a line of an exported file."""
    key, reply = kept
    told = {name: getattr(reply, name) for name in ("text", "finish", "prompt_tokens", "completion_tokens")}
    return canonical_json({"key": key, **told}) + b"\n"


class CallStore:
    """Replies by key in one SQLite file. Safe to use from several threads of one process.

    With ``key`` it is a store for requests with private text: ``path`` must be in a private folder, and
    ``seal`` encrypts the replies.
    """

    def __init__(self, path: Path, *, key: bytes | None = None, seal: TextSeal | None = None) -> None:
        if key is not None and path.parent.name != "private":
            raise PrivacyError("Requests with private text are kept in the private folder only.")
        self._path = path
        self._key, self._seal = key, seal
        self._lock = threading.Lock()
        # The date is taken before private texts are read, because the date of a call could reveal how long
        # reading took.
        self._day = "" if self.is_private else datetime.now(UTC).date().isoformat()
        ensure_private(path)  # otherwise others might read it, or SQLite would follow a link
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
            if version not in {0, 1, _VERSION}:
                raise RunError(
                    f"{self._path.name} was written by another version of RPSG.",
                    hint="Use that version, or delete the file: its texts are then generated again.",
                )
            with _transaction(connection):
                for table in TABLES:
                    connection.execute(table)
                if version == 1:
                    connection.execute(FROM_VERSION_1)
                connection.execute(f"PRAGMA user_version={_VERSION}")

    @property
    def is_private(self) -> bool:
        return self._key is not None

    def key_of(self, writer: str, request: Request) -> str:
        """The key of a request: ``request_key``; in a private store HMAC-SHA256 with its secret key."""
        if self._key is None:
            return request_key(writer, request)
        body = b"rpsg:private-call/2\0" + canonical_json(_identity(writer, request))
        return hmac.digest(self._key, body, hashlib.sha256).hex()

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
                f"The disk is full: cannot write {self._path.name}. Nothing incomplete is left behind.",
                hint="Free some space and run the same command again; it resumes where it stopped.",
            )
        return RunError(
            f"{self._path.name} cannot be used ({error.sqlite_errorname}).",
            hint="Check that no other program has it open and that the folder is writable.",
        )

    def get_many(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The stored replies, by key."""
        found: dict[str, Reply] = {}
        for start in range(0, len(keys), _KEYS_A_QUERY):
            some = keys[start : start + _KEYS_A_QUERY]
            marks = ",".join("?" * len(some))
            with self._database() as connection:
                rows = connection.execute(f"{_SELECT} WHERE key IN ({marks})", some).fetchall()
            found |= {key: Reply(self._opened(key, text), *values) for key, text, *values in rows}
        return found

    def put(self, key: str, reply: Reply) -> None:
        """Store a reply; the first one for a key is kept. A failure is not stored: it is requested again."""
        if reply.finish == "error":
            return
        with self._database() as connection:
            connection.execute(
                PUT, (key, self._kept(key, reply), reply.finish, reply.prompt_tokens, reply.completion_tokens)
            )

    def _kept(self, key: str, reply: Reply) -> str:
        """The text as it is stored."""
        text = whole(reply.text)
        return text if self._seal is None else self._seal.close(key, text)

    def _opened(self, key: str, kept: str) -> str:
        if self._seal is None:
            return kept
        try:
            return self._seal.open(key, kept)
        except SealBroken:
            raise RunError(
                f"A reply in {self._path.name} was changed.",
                hint="Delete the file and run the same command again: its texts are then generated again.",
            ) from None

    def begin(self, batch: Batch) -> int:
        """Record a batch before its first request is sent; returns the number of the batch."""
        with self._database() as connection:
            cursor = connection.execute(
                BEGIN,
                (
                    *(batch.stage, batch.model, batch.host, self._day, batch.requests, batch.at_once),
                    *(batch.most_prompt, batch.most_completion),
                ),
            )
            return int(cursor.lastrowid or 0)

    def land(
        self,
        batch: int,
        key: str,
        request: Request,
        reply: Reply,
        *,
        most: tuple[int, int] = (0, 0),
        seconds: float = 0.0,
    ) -> None:
        """Record that a request of a batch returned ``seconds`` after its beginning, and store the reply.

        This is one transaction, so that every stored reply is counted. If the reply does not say how many
        tokens it used, ``most`` is charged: the prompt tokens and the completion tokens.
        """
        shown = ("", "", "") if self.is_private else _shown(request, reply, self._day)
        counts = (reply.prompt_tokens, reply.completion_tokens)
        with self._database() as connection, _transaction(connection):
            connection.execute(LAND, (batch, key, reply.finish, shown[0], *counts, *most, *shown[1:]))
            connection.execute(
                "UPDATE batches SET landed = landed + 1, seconds = max(seconds, ?) WHERE number = ?",
                (seconds, batch),
            )
            if reply.finish != "error":
                connection.execute(PUT, (key, self._kept(key, reply), reply.finish, *counts))

    def end(self, batch: int) -> None:
        """Record that no request of a batch is in flight any more."""
        with self._database() as connection:
            connection.execute("UPDATE batches SET ended = 1 WHERE number = ?", (batch,))

    def used(self) -> Used:
        """What all batches so far have used, of this process and of those before it."""
        with self._database() as connection:
            return used_of(connection)

    def sent(self) -> dict[tuple[str, str], int]:
        """The number of requests that returned from each host and model, failures included."""
        with self._database() as connection:
            rows = connection.execute(SENT).fetchall()
        return {(host, model): number for host, model, number in rows}

    def keep_only(self, asked: Collection[str]) -> None:
        """Delete the replies whose keys are not in ``asked``, left by an earlier version of the plan.

        Their usage is still counted.
        """
        with self._database() as connection:
            keys = {row[0] for row in connection.execute("SELECT key FROM replies")}
        self.forget(keys - set(asked))

    def forget(self, keys: Collection[str]) -> None:
        """Delete the replies with these keys, to request them again. Their usage is still counted."""
        with self._database() as connection, _transaction(connection):
            connection.executemany("DELETE FROM replies WHERE key = ?", [(key,) for key in sorted(keys)])

    def replies(self, keys: Collection[str]) -> Iterator[tuple[str, Reply]]:
        """The replies with these keys, in the order of the keys; keys without one are left out.

        Raises:
            PrivacyError: the store holds answers to private texts.
        """
        if self.is_private:
            raise PrivacyError("The answers to requests with private text are never exported.")
        wanted = sorted(keys)
        for start in range(0, len(wanted), _KEYS_A_QUERY):
            yield from sorted(self.get_many(wanted[start : start + _KEYS_A_QUERY]).items())

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements of the block, or none of them."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # a full disk rolls back by itself
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _shown(request: Request, reply: Reply, day: str) -> tuple[str, str, str]:
    """Reason, day and last message of a public call, as ``rpsg calls`` shows them."""
    asked = request.messages[-1].content if request.messages else ""
    return whole(reply.error)[:_LONGEST_REASON], day, whole(asked)
