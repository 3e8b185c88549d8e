"""Two writers over the call store: one that asks only for what is missing, one that only replays."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from rpsg.errors import VerificationError
from rpsg.protocols import OnReply, Reply, Request, Writer
from rpsg.store.calls import CallStore, request_key
from rpsg.store.exports import whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_FIELDS = {"key": str, "text": str, "finish": str, "prompt_tokens": int, "completion_tokens": int}


class CachedWriter:
    """The given writer, asked once for each request: what it says is stored as it lands.

    A process that is killed loses at most the replies in flight. Equal requests in one batch are sent
    once. Failures are handed on and not stored, so the next run asks again.
    """

    def __init__(self, writer: Writer, store: CallStore) -> None:
        self._writer = writer
        self._store = store

    @property
    def name(self) -> str:
        return self._writer.name

    @property
    def endpoint(self) -> Literal["local_model", "remote_llm"]:
        return self._writer.endpoint

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        places: dict[str, list[int]] = {}
        for index, request in enumerate(requests):
            places.setdefault(request_key(self.name, request), []).append(index)
        replies = self._store.get_many(list(places))
        for key, reply in replies.items():
            _tell(on_reply, places[key], reply)
        missing = [key for key in places if key not in replies]
        if missing:
            replies |= self._ask(missing, places, requests, on_reply)
        by_index = {index: replies[key] for key, indices in places.items() for index in indices}
        return [by_index[index] for index in range(len(requests))]

    def _ask(
        self,
        keys: Sequence[str],
        places: dict[str, list[int]],
        requests: Sequence[Request],
        on_reply: OnReply | None,
    ) -> dict[str, Reply]:
        landed: dict[str, Reply] = {}

        def keep(index: int, reply: Reply) -> None:
            key = keys[index]
            landed[key] = replace(reply, text=whole(reply.text))  # told exactly as it is stored
            self._store.put(key, landed[key])
            _tell(on_reply, places[key], landed[key])

        replies = self._writer.write([requests[places[key][0]] for key in keys], keep)
        for index, (key, reply) in enumerate(zip(keys, replies, strict=True)):
            if key not in landed:  # a writer may tell of a reply only at the end
                keep(index, reply)
        return landed


def _tell(on_reply: OnReply | None, indices: Sequence[int], reply: Reply) -> None:
    if on_reply is not None:
        for index in indices:
            on_reply(index, reply)


class ReplayWriter:
    """Answers only from the replies of a release, under the name of the writer that gave them."""

    endpoint: Literal["local_model", "remote_llm"] = "local_model"

    def __init__(self, path: Path, *, name: str) -> None:
        self._path = path
        self._name = name
        self._replies = dict(read_replies(path))

    @property
    def name(self) -> str:
        return self._name

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        replies = [self._reply(request) for request in requests]
        for index, reply in enumerate(replies):
            _tell(on_reply, (index,), reply)
        return replies

    def _reply(self, request: Request) -> Reply:
        key = request_key(self._name, request)
        if key not in self._replies:
            raise VerificationError(
                f"{self._path.name} has no reply with the key {key}; this release needs one.",
                hint="Check that the plan, the ledger and the replies belong to the same release.",
            )
        return self._replies[key]


def import_jsonl(path: Path, store: CallStore) -> int:
    """Put every reply of an exported file into the store; gives their number. Errors as ``read_replies``."""
    number = 0
    for key, reply in read_replies(path):
        store.put(key, reply)
        number += 1
    return number


def read_replies(path: Path) -> Iterator[tuple[str, Reply]]:
    """The (key, reply) pairs of a file that ``CallStore.export_jsonl`` wrote.

    Raises:
        VerificationError: the file cannot be read, or a line is not as it was written (says which).
    """
    previous = ""
    for number, line in enumerate(_lines(path), start=1):
        value = _parse(line)
        if value is None or value["key"] <= previous:
            _fault(path, f"line {number} is not a reply as it was exported")
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
        f"{path.name} is not a whole file of replies: {what}.",
        hint="Get the release again; every file in it must be as it was written.",
    )
