"""The line of requests: order, shared beginnings, interruption. The servers here are made up."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rpsg.models.llamacpp.scheduler import PrefixCache, SlotScheduler, batches, in_order
from rpsg.models.llamacpp.server import ServerGoneError
from rpsg.protocols import Message, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = Message("system", "Write as people write. " * 30)
OTHER = Message("system", "Write as machines write. " * 30)


def ask(content: str, tokens: int = 10, head: Message | None = HEAD) -> Request:
    messages = (head, Message("user", content)) if head else (Message("user", content),)
    return Request(messages, max_tokens=tokens, seed=1)


class Server:
    """Notes what was asked of it, and answers with the last message."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, Request]] = []
        self.saved: list[tuple[int, str]] = []
        self.restored: list[tuple[int, str]] = []
        self.saving_works = True

    def reply(self, request: Request, slot: int, stopped: Callable[[], bool]) -> Reply:
        self.asked.append((slot, request))
        content = request.messages[-1].content
        if content == "die":
            raise ServerGoneError("gone")
        return Reply(content, "stop")

    def save(self, slot: int, name: str) -> bool:
        self.saved.append((slot, name))
        return self.saving_works

    def restore(self, slot: int, name: str) -> bool:
        self.restored.append((slot, name))
        return True


def test_requests_that_begin_alike_stand_together_the_longest_first() -> None:
    line = in_order([ask("a", 5), ask("b", 9, OTHER), ask("c", 50), ask("d", 7, OTHER), ask("e", 20)])
    assert [request.index for request in line] == [2, 4, 0, 1, 3]
    assert line[0].shared == line[2].shared != line[3].shared == line[4].shared


def test_a_short_or_lonely_beginning_is_not_shared() -> None:
    assert [one.shared for one in in_order([ask("a"), ask("b", head=OTHER)])] == [None, None]
    assert [one.shared for one in in_order([ask("a", head=None), ask("b", head=None)])] == [
        None,
        None,
    ]


def test_a_beginning_inside_the_only_message_is_shared_too() -> None:
    queued = in_order([ask("x" * 500 + end, head=None) for end in "ab"])
    assert queued[0].shared is not None
    assert queued[0].shared.endswith("x" * 500)


def test_what_is_private_is_never_shared_because_sharing_writes_it_to_the_disk() -> None:
    private = [replace(ask(content), private=True) for content in "ab"]
    assert [one.shared for one in in_order(private)] == [None, None]
    assert not any(request.shared for request in in_order([*private, ask("c"), ask("d")]))


def test_private_requests_with_the_same_prompt_go_to_one_slot_whose_memory_holds_it(tmp_path: Path) -> None:
    server = Server()
    private = [replace(ask(f"record {n // 3}"), private=True, seed=n) for n in range(12)]
    landed = dict(SlotScheduler([server], 2, PrefixCache(tmp_path)).work(private))
    assert len(landed) == 12
    slots = {
        record: {slot for slot, r in server.asked if r.messages[-1].content == record}
        for record in {r.messages[-1].content for r in private}
    }
    assert all(len(used) == 1 for used in slots.values())
    assert server.saved == []


def test_one_prompt_does_not_keep_all_slots_but_one_waiting() -> None:
    queued = in_order([replace(ask("the same"), private=True, seed=n) for n in range(8)])
    assert [len(batch) for batch in batches(queued, most=2)] == [2, 2, 2, 2]
    public = in_order([ask("the same") for _ in range(4)])
    assert [len(batch) for batch in batches(public, most=4)] == [1, 1, 1, 1]


def test_a_slot_that_wrote_something_else_meanwhile_reads_the_beginning_again(tmp_path: Path) -> None:
    server = Server()
    scheduler = SlotScheduler([server], 1, PrefixCache(tmp_path))
    shared, private = [ask("a"), ask("b")], [replace(ask("secret"), private=True)]
    for requests in (shared, private, shared):
        list(scheduler.work(requests))
    assert (len(server.saved), len(server.restored)) == (1, 1)


def test_all_replies_come_back_with_their_index(tmp_path: Path) -> None:
    servers = [Server(), Server()]
    requests = [ask(str(number), tokens=number + 1) for number in range(20)]
    landed = dict(SlotScheduler(servers, 3, PrefixCache(tmp_path)).work(requests))
    assert {index: reply.text for index, reply in landed.items()} == {n: str(n) for n in range(20)}


def test_a_shared_beginning_is_computed_once_and_read_by_every_other_slot(tmp_path: Path) -> None:
    servers = [Server(), Server()]
    everybody = threading.Barrier(4)

    class Slow(Server):
        def reply(self, request: Request, slot: int, stopped: Callable[[], bool]) -> Reply:
            reply = super().reply(request, slot, stopped)
            if request.max_tokens > 1:
                everybody.wait(10)
            return reply

    servers = [Slow(), Slow()]
    list(SlotScheduler(servers, 2, PrefixCache(tmp_path)).work([ask(str(n)) for n in range(4)]))
    assert sum(len(server.saved) for server in servers) == 1
    assert sum(len(server.restored) for server in servers) == 3
    first_tokens = [request for server in servers for _, request in server.asked if request.max_tokens == 1]
    assert len(first_tokens) == 1


def test_a_slot_that_holds_the_beginning_does_not_read_it_again(tmp_path: Path) -> None:
    server = Server()
    scheduler = SlotScheduler([server], 1, PrefixCache(tmp_path))
    list(scheduler.work([ask(str(n)) for n in range(5)]))
    list(scheduler.work([ask(str(n)) for n in range(5)]))
    assert (len(server.saved), len(server.restored)) == (1, 0)


def test_a_beginning_that_could_not_be_saved_is_computed_in_each_slot(tmp_path: Path) -> None:
    server = Server()
    server.saving_works = False
    replies = dict(SlotScheduler([server], 2, PrefixCache(tmp_path)).work([ask(str(n)) for n in range(6)]))
    assert len(replies) == 6
    assert server.restored == []


def test_old_beginnings_are_forgotten_and_their_files_removed(tmp_path: Path) -> None:
    server = Server()
    heads = [Message("system", f"{number} " * 300) for number in range(18)]
    list(
        SlotScheduler([server], 1, PrefixCache(tmp_path)).work([ask(c, head=h) for h in heads for c in "ab"])
    )
    assert len({name for _, name in server.saved}) == 18


def test_a_lost_server_is_an_error_not_a_reply(tmp_path: Path) -> None:
    with pytest.raises(ServerGoneError):
        list(SlotScheduler([Server()], 2, PrefixCache(tmp_path)).work([ask("a"), ask("die"), ask("b")]))


def test_leaving_early_stops_the_others_at_their_next_token(tmp_path: Path) -> None:
    seen = threading.Event()

    class Endless(Server):
        def reply(self, request: Request, slot: int, stopped: Callable[[], bool]) -> Reply:
            if request.messages[-1].content != "quick":
                while not stopped():
                    threading.Event().wait(0.001)
                seen.set()
            return Reply("x", "stop")

    work = SlotScheduler([Endless()], 3, PrefixCache(tmp_path)).work(
        [ask("quick", head=None), ask("slow", head=None)]
    )
    next(work)
    work.close()  # type: ignore[attr-defined]  # it is a generator
    assert seen.is_set()
