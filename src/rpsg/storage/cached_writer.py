"""Two writers over stored replies: one that sends only new requests, and one that only replays."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from rpsg.disk.files import write_chunks
from rpsg.disk.json_text import as_kept
from rpsg.errors import MissingExtraError, ModelError, VerificationError
from rpsg.privacy.egress import host_of, is_here
from rpsg.protocols import OnReply, Reply, Request, Writer
from rpsg.storage.call_store import CallStore, reply_line, request_key
from rpsg.storage.call_tables import Batch
from rpsg.storage.limits import most_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from rpsg.storage.limits import Meter

_FIELDS = {"key": str, "text": str, "finish": str, "prompt_tokens": int, "completion_tokens": int}


class CachedWriter:
    """A writer with a cache: each request is sent once, and each reply stored when it arrives.

    A process that is killed loses at most the replies in flight. Equal requests in one batch are sent
    once. Failures are returned and not stored, so that the next run sends them again.

    Requests that hold private text need a store with a secret key. ``asked`` are the keys of all requests
    so far.

    Args:
        writer: receives the requests whose replies are not in the store.
        store: the cache.
        meter: limits the requests; a batch that may not fit is sent in smaller parts that certainly fit.
            LimitError if nothing more fits; replies that arrived are kept.
        stage: returns the name of the current stage, for the report of what was used.
        sending: called before a batch is sent, with the stage and the number of requests (None if the
            store is private).
        at_once: the most requests that a writer on another machine has in flight, if the writer does not say.
            When this process dies, up to this many replies may be lost, and still be charged. Default: all.
        clock: seconds, for the cap on time.
    """

    def __init__(
        self,
        writer: Writer,
        store: CallStore,
        *,
        meter: Meter | None = None,
        stage: Callable[[], str] = lambda: "",
        sending: Callable[[str, int | None], None] = lambda _stage, _requests: None,
        at_once: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._writer = writer
        self._most_at_once = at_once
        self._store = store
        self._meter = meter
        self._stage = stage
        self._sending = sending
        self._clock = clock
        self.asked: set[str] = set()

    @property
    def name(self) -> str:
        return self._writer.name

    @property
    def endpoint(self) -> Literal["local_model", "remote_llm"]:
        return self._writer.endpoint

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        indices_by_key: dict[str, list[int]] = {}
        for index, request in enumerate(requests):
            indices_by_key.setdefault(self._store.key_of(self.name, request), []).append(index)
        self.asked |= indices_by_key.keys()

        tell = on_reply or (lambda _index, _reply: None)

        def told(key: str, reply: Reply) -> None:
            for index in indices_by_key[key]:
                tell(index, reply)

        replies = self._store.get_many(list(indices_by_key))
        for key, reply in replies.items():
            told(key, reply)
        missing = [key for key in indices_by_key if key not in replies]
        while missing:
            asked = [requests[indices_by_key[key][0]] for key in missing]
            some = len(asked) if self._meter is None else self._meter.admit(asked)

            replies |= self._ask(missing[:some], asked[:some], told)
            missing = missing[some:]
        by_index = {index: replies[key] for key, indices in indices_by_key.items() for index in indices}
        return [by_index[index] for index in range(len(requests))]

    def _ask(
        self, keys: Sequence[str], requests: Sequence[Request], told: Callable[[str, Reply], None]
    ) -> dict[str, Reply]:
        """The replies by key, each stored when it arrives."""
        landed: dict[str, Reply] = {}
        most = [(worst.prompt, worst.completion) for worst in map(most_of, requests)]
        batch = self._begin(requests, most)
        deadline = math.inf if self._meter is None else self._meter.seconds_left()
        began = self._clock()

        def keep(index: int, reply: Reply) -> None:
            key, after = keys[index], self._clock() - began
            landed[key] = replace(reply, text=as_kept(reply.text))  # returned exactly as it is stored
            # A failure of this machine costs nothing.
            is_free = reply.finish == "error" and is_here(self._writer)
            owed = (0, 0) if is_free else most[index]
            self._store.land(batch, key, requests[index], landed[key], most=owed, seconds=after)
            told(key, landed[key])
            if self._meter is not None and after >= deadline and len(landed) < len(keys):
                raise self._meter.out_of_time()

        try:
            replies = self._writer.write(requests, keep)
        except (ModelError, MissingExtraError):
            if not landed:  # the writer says that no request can succeed, so nothing is in flight
                self._store.end(batch)
            raise
        for index, (key, reply) in enumerate(zip(keys, replies, strict=True)):
            if key not in landed:  # a writer may report all its replies only at the end
                keep(index, reply)
        self._store.end(batch)
        return landed

    def _begin(self, requests: Sequence[Request], most: Sequence[tuple[int, int]]) -> int:
        """Record what is about to be sent, in the store and by the callback ``sending``."""
        stage = self._stage()
        batch = Batch(
            stage,
            self.name,
            host_of(self._writer),
            len(requests),
            min(len(requests), self._at_once(len(requests))),
            max(prompt for prompt, _ in most),
            max(completion for _, completion in most),
        )
        number = self._store.begin(batch)
        self._sending(stage, None if self._store.is_private else len(requests))
        return number

    def _at_once(self, otherwise: int) -> int:
        """The most requests that may be charged without being stored, if this process dies now.

        Each slot of the writer has one request in flight, and may have just returned another.
        """
        if is_here(self._writer):
            return 0
        told = getattr(self._writer, "at_once", self._most_at_once)
        return 2 * told if isinstance(told, int) else otherwise


class ReplayWriter:
    """Answers only from the replies of a release, under the name of the writer that gave them."""

    endpoint: Literal["local_model", "remote_llm"] = "local_model"

    def __init__(self, path: Path, *, name: str) -> None:
        self._path = path
        self.name = name
        self._replies = dict(read_replies(path))

    def __len__(self) -> int:
        """The number of replies."""
        return len(self._replies)

    def some(self, keys: Collection[str]) -> Iterator[tuple[str, Reply]]:
        """The replies with these keys, in the order of the keys."""
        return ((key, self._replies[key]) for key in sorted(keys) if key in self._replies)

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        replies = [self._reply(request) for request in requests]
        if on_reply is not None:
            for index, reply in enumerate(replies):
                on_reply(index, reply)
        return replies

    def _reply(self, request: Request) -> Reply:
        key = request_key(self.name, request)
        if key not in self._replies:
            raise VerificationError(
                f"{self._path.name} has no reply with the key {key}, but this release needs it.",
                hint="Check that the plan, the ledger and the replies belong to the same release.",
            )
        return self._replies[key]


def write_replies(path: Path, replies: Iterable[tuple[str, Reply]]) -> str:
    """Write a file that ``read_replies`` can read, in the order of the keys; returns its SHA-256."""
    return write_chunks(path, map(reply_line, replies))


def read_replies(path: Path) -> Iterator[tuple[str, Reply]]:
    """The (key, reply) pairs of a file that ``write_replies`` wrote.

    Raises:
        VerificationError: the file cannot be read, or a line was changed; the error names the line.
    """
    previous = ""
    for number, line in enumerate(_lines(path), start=1):
        value = _parse(line)
        if value is None or value["key"] <= previous:
            _fault(path, f"line {number} is not an exported reply")
        previous = value["key"]
        yield (
            value["key"],
            Reply(value["text"], value["finish"], value["prompt_tokens"], value["completion_tokens"]),
        )


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        _fault(path, error.strerror or "it cannot be read")


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.keys() != _FIELDS.keys():
        return None
    if any(type(value[name]) is not kind for name, kind in _FIELDS.items()):
        return None
    return value if value["finish"] in {"stop", "length"} else None


def _fault(path: Path, what: str) -> NoReturn:
    raise VerificationError(
        f"{path.name} is not a complete file of replies: {what}.",
        hint="Get the release again: this file is incomplete or was changed.",
    )
