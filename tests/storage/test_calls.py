from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pytest
from tests.processes import exit_code
from tests.storage.shop import exported

from rpsg.errors import RunError, VerificationError
from rpsg.protocols import Message, Reply, Request, Writer
from rpsg.storage.cached_writer import CachedWriter, ReplayWriter, read_replies, write_replies
from rpsg.storage.call_store import CallStore, request_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rpsg.protocols import OnReply


def ask(n: int) -> Request:
    return Request((Message("system", "Write."), Message("user", f"Number {n}")), max_tokens=20, seed=n)


class EchoWriter:
    """Answers with the last message; remembers what it was asked; fails where told to."""

    name = "echo"
    endpoint: Literal["local_model", "remote_llm"] = "remote_llm"

    def __init__(self, *, failing: set[int] | None = None, tells: bool = True) -> None:
        self.failing = failing or set()
        self.tells = tells
        self.asked: list[int] = []

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        replies = []
        for index, request in enumerate(requests):
            self.asked.append(request.seed)
            failed = request.seed in self.failing
            text = request.messages[-1].content
            replies.append(Reply("", "error", error="no") if failed else Reply(text, "stop", 5, 3))
            if on_reply is not None and self.tells:
                on_reply(index, replies[-1])
        return replies


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CallStore]:
    with CallStore(tmp_path / "calls.sqlite") as opened:
        yield opened


def test_both_writers_are_writers(store: CallStore, tmp_path: Path) -> None:
    exported(store, tmp_path / "r.jsonl")
    cached = CachedWriter(EchoWriter(), store)
    assert isinstance(cached, Writer)
    assert isinstance(ReplayWriter(tmp_path / "r.jsonl", name="echo"), Writer)
    assert (cached.name, cached.endpoint) == ("echo", "remote_llm")


@pytest.mark.parametrize("tells", [True, False])
def test_nothing_is_asked_twice(store: CallStore, tells: bool) -> None:
    writer = EchoWriter(tells=tells)
    first = CachedWriter(writer, store).write([ask(1), ask(2)])
    again = CachedWriter(writer, store).write([ask(2), ask(3), ask(1)])
    assert writer.asked == [1, 2, 3]
    assert [r.text for r in again] == ["Number 2", "Number 3", "Number 1"]
    assert again[2] == first[0]


def test_equal_requests_in_one_batch_are_sent_once(store: CallStore) -> None:
    writer = EchoWriter()
    replies = CachedWriter(writer, store).write([ask(1), ask(2), ask(1), ask(1)])
    assert writer.asked == [1, 2]
    assert [r.text for r in replies] == ["Number 1", "Number 2", "Number 1", "Number 1"]


def test_every_index_is_told_once_whether_stored_sent_or_repeated(store: CallStore) -> None:
    writer = CachedWriter(EchoWriter(), store)
    writer.write([ask(1)])
    told: list[tuple[int, str]] = []
    replies = writer.write([ask(2), ask(1), ask(2)], lambda index, reply: told.append((index, reply.text)))
    assert sorted(told) == [(index, reply.text) for index, reply in enumerate(replies)]


def test_an_empty_batch_asks_nothing(store: CallStore) -> None:
    assert CachedWriter(EchoWriter(), store).write([]) == []


def test_a_failure_is_handed_on_and_asked_again(store: CallStore) -> None:
    writer = EchoWriter(failing={2})
    first = CachedWriter(writer, store).write([ask(1), ask(2), ask(2)])
    assert [r.finish for r in first] == ["stop", "error", "error"]
    writer.failing.clear()
    again = CachedWriter(writer, store).write([ask(1), ask(2)])
    assert [r.finish for r in again] == ["stop", "stop"]
    assert writer.asked == [1, 2, 2]


CHANGES: list[dict[str, Any]] = [
    {"messages": (Message("user", "Number 1"),)},
    {"messages": (Message("user", "Write."), Message("user", "Number 1"))},
    {"max_tokens": 21},
    {"seed": 2},
    {"temperature": 0.5},
    {"top_p": 0.5},
    {"stop": ("\n",)},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_whatever_a_reply_may_depend_on_changes_the_key(change: dict[str, Any]) -> None:
    assert request_key("echo", replace(ask(1), **change)) != request_key("echo", ask(1))


def test_another_writer_has_another_key_and_a_whole_number_is_the_same_temperature() -> None:
    assert request_key("other", ask(1)) != request_key("echo", ask(1))
    assert request_key("echo", replace(ask(1), temperature=1)) == request_key("echo", ask(1))


def test_a_key_is_the_one_written_down() -> None:
    # Changing it would make every stored text of every earlier run unknown: raise the tag's number instead.
    assert request_key("echo", ask(1)) == "e8f282349652c365e94e66acbaca32711ff619e3cc9fbe09e9349b319e9af102"


def test_more_keys_than_one_query_takes_are_found(store: CallStore) -> None:
    keys = [f"{n:064x}" for n in range(1203)]
    for key in keys:
        store.put(key, Reply(key, "length", 1, 2))
    found = store.get_many([*keys, "missing"])
    assert list(found) == keys
    assert found[keys[7]] == Reply(keys[7], "length", 1, 2)


def test_the_first_reply_for_a_key_stays(store: CallStore) -> None:
    store.put("k", Reply("first", "stop"))
    store.put("k", Reply("second", "stop"))
    assert store.get_many(["k"])["k"].text == "first"


def test_odd_characters_come_back_as_they_were_told(store: CallStore) -> None:
    writer = EchoWriter()
    odd = replace(ask(1), messages=(Message("user", "nul \0 emoji 🍫 half"),))
    first = CachedWriter(writer, store).write([odd])
    assert CachedWriter(writer, store).write([odd]) == first


def test_half_a_surrogate_pair_is_stored_as_it_is_told(store: CallStore) -> None:
    class HalfWriter(EchoWriter):
        def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
            return [Reply("x\ud83d", "stop") for _ in requests]

    first = CachedWriter(HalfWriter(), store).write([ask(1)])
    assert first == [Reply("x\ufffd", "stop")]
    assert CachedWriter(EchoWriter(), store).write([ask(1)]) == first


def test_a_new_reply_is_kept_with_line_feeds_for_unicode_separators_and_an_old_one_as_it_is(
    store: CallStore, tmp_path: Path
) -> None:
    class Separated(EchoWriter):
        def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
            return [Reply("one\u2028two\u2029three", "stop") for _ in requests]

    first = CachedWriter(Separated(), store).write([ask(1)])
    assert first == [Reply("one\ntwo\nthree", "stop")]
    write_replies(tmp_path / "old.jsonl", [("k", Reply("one\u2028two", "stop"))])
    assert dict(read_replies(tmp_path / "old.jsonl")) == {"k": Reply("one\u2028two", "stop")}


def test_many_threads_may_put_at_once(store: CallStore) -> None:
    def put(start: int) -> None:
        for n in range(start, start + 50):
            store.put(str(n), Reply(str(n), "stop"))

    threads = [threading.Thread(target=put, args=(start,)) for start in range(0, 400, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.get_many([str(n) for n in range(400)])) == 400


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.storage.test_calls import EchoWriter, ask
from rpsg.storage.call_store import CallStore
from rpsg.storage.cached_writer import CachedWriter

class Dying(EchoWriter):
    def write(self, requests, on_reply=None):
        def told(index, reply):
            on_reply(index, reply)
            if index == 6:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().write(requests, told)

CachedWriter(Dying(), CallStore(Path(sys.argv[1]))).write([ask(n) for n in range(20)])
"""


def test_a_killed_process_loses_only_what_was_in_flight(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    assert exit_code(KILLED, str(path), said=tmp_path / "said") == -signal.SIGKILL
    writer = EchoWriter()
    with CallStore(path) as store:
        replies = CachedWriter(writer, store).write([ask(n) for n in range(20)])
    assert writer.asked == list(range(7, 20))
    assert [r.text for r in replies] == [f"Number {n}" for n in range(20)]


def test_the_files_of_the_store_open_only_for_their_owner(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with CallStore(tmp_path / "calls.sqlite") as store:
            store.put("k", Reply("x", "stop"))
            found = {f.name: f.stat().st_mode & 0o777 for f in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert set(found.values()) == {0o600}
    assert "calls.sqlite-wal" in found


def test_a_planted_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "calls.sqlite").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match=r"Cannot open calls\.sqlite"):
        CallStore(tmp_path / "calls.sqlite")
    assert not (tmp_path / "elsewhere").exists()


def test_a_damaged_store_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "calls.sqlite").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(RunError, match="is damaged") as caught:
        CallStore(tmp_path / "calls.sqlite")
    assert "Delete it" in caught.value.hint


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "calls.sqlite")
    connection.execute("PRAGMA user_version=7")
    connection.close()
    with pytest.raises(RunError, match="another version"):
        CallStore(tmp_path / "calls.sqlite")


def test_a_full_disk_is_a_sentence_and_keeps_what_was_there(store: CallStore) -> None:
    store.put("k", Reply("x", "stop"))
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(RunError, match="The disk is full"):
        store.put("l", Reply("x" * 100_000, "stop"))
    assert set(store.get_many(["k", "l"])) == {"k"}


def test_an_export_is_sorted_and_does_not_depend_on_the_order_of_calls(tmp_path: Path) -> None:
    digests = []
    for name, order in (("a", [1, 2, 3]), ("b", [3, 1, 2])):
        with CallStore(tmp_path / f"{name}.sqlite") as store:
            CachedWriter(EchoWriter(), store).write([ask(n) for n in order])
            digests.append(exported(store, tmp_path / f"{name}.jsonl"))
    assert digests[0] == digests[1]
    keys = [json.loads(line)["key"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert keys == sorted(keys)


def test_a_replay_gives_the_same_replies_and_what_it_reads_makes_the_same_store(
    store: CallStore, tmp_path: Path
) -> None:
    requests = [ask(n) for n in (1, 2, 1, 3)]
    replies = CachedWriter(EchoWriter(), store).write(requests)
    digest = exported(store, tmp_path / "a.jsonl")
    told: list[int] = []
    assert (
        ReplayWriter(tmp_path / "a.jsonl", name="echo").write(requests, lambda i, _: told.append(i))
        == replies
    )
    assert told == [0, 1, 2, 3]
    with CallStore(tmp_path / "b.sqlite") as other:
        for key, reply in read_replies(tmp_path / "a.jsonl"):
            other.put(key, reply)
        assert exported(other, tmp_path / "b.jsonl") == digest


def test_a_replay_names_the_reply_it_does_not_have(store: CallStore, tmp_path: Path) -> None:
    exported(store, tmp_path / "a.jsonl")
    with pytest.raises(VerificationError, match=request_key("echo", ask(1))):
        ReplayWriter(tmp_path / "a.jsonl", name="echo").write([ask(1)])


LINE = {"key": "a", "text": "x", "finish": "stop", "prompt_tokens": 1, "completion_tokens": 1}
TAMPERED = [
    "garbage",
    "[]",
    json.dumps({**LINE, "more": 1}),
    json.dumps({**LINE, "text": 5}),
    json.dumps({**LINE, "prompt_tokens": True}),
    json.dumps({**LINE, "finish": "error"}),
    json.dumps(LINE)[:-9],
    json.dumps({**LINE, "key": "0"}),
    json.dumps({**LINE, "key": "9"}),
]


@pytest.mark.parametrize("line", TAMPERED)
def test_a_file_of_replies_that_was_changed_is_refused_by_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({**LINE, "key": "9"}) + "\n" + line + "\n")
    with pytest.raises(VerificationError, match="line 2 is not an exported reply"):
        ReplayWriter(path, name="echo")


def test_a_file_of_replies_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match=r"none\.jsonl is not a complete file of replies"):
        ReplayWriter(tmp_path / "none.jsonl", name="echo")
