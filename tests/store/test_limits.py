"""No limit is ever passed, whatever the writer does and however the process ends."""

from __future__ import annotations

import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpsg.errors import LimitError, ModelError, PrivacyError
from rpsg.plan import Limits
from rpsg.protocols import Message, Reply, Request
from rpsg.store.call_tables import Used
from rpsg.store.calls import CallStore, request_key
from rpsg.store.limits import Meter, Price, most_of
from rpsg.store.writers import CachedWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rpsg.protocols import OnReply


def ask(n: int, words: int = 5) -> Request:
    return Request((Message("user", f"Number {n} " + "word " * words),), max_tokens=30, seed=n)


class Shop:
    """A server that counts what it sells. ``takes`` gives the tokens of a request; None is a failure."""

    name = "shop"
    endpoint: Literal["local_model", "remote_llm"] = "remote_llm"
    at_once = 4

    def __init__(self, takes: Callable[[Request], tuple[int, int] | None] = lambda _: (10, 20)) -> None:
        self.takes = takes
        self.sold: list[int] = []
        self.batches: list[int] = []
        self.tokens = 0
        self.dies_after: int | None = None
        self.tells = True

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        self.batches.append(len(requests))
        replies = []
        for index, request in enumerate(requests):
            if self.dies_after == len(self.sold):
                raise KeyboardInterrupt
            self.sold.append(request.seed)
            replies.append(self._reply(request))
            if on_reply is not None:
                on_reply(index, replies[-1])
        return replies

    def _reply(self, request: Request) -> Reply:
        taken = self.takes(request)
        if taken is None:
            return Reply("", "error", error="busy")
        self.tokens += sum(taken)
        return Reply(f"text {request.seed}", "stop", *(taken if self.tells else (0, 0)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CallStore]:
    with CallStore(tmp_path / "calls.sqlite") as opened:
        yield opened


def limited(shop: Any, store: CallStore, price: Price | None = None, **caps: Any) -> CachedWriter:
    return CachedWriter(shop, store, meter=Meter(Limits(**caps), [store], price))


REQUESTS = [ask(n) for n in range(40)]


def test_without_a_limit_everything_is_sent_at_once(store: CallStore) -> None:
    shop = Shop()
    assert len(limited(shop, store).write(REQUESTS)) == 40
    assert shop.batches == [40]


def test_a_limit_of_requests_is_used_to_the_last_one(store: CallStore) -> None:
    shop = Shop()
    with pytest.raises(LimitError, match="limit of 25 requests") as stopped:
        limited(shop, store, requests=25).write(REQUESTS)
    assert shop.sold == list(range(25))
    assert "--max-requests 40" in stopped.value.hint
    assert stopped.value.exit_code == 11


def test_what_came_back_before_the_limit_is_not_asked_again_after_it(store: CallStore) -> None:
    first, second = Shop(), Shop()
    with pytest.raises(LimitError):
        limited(first, store, tokens=700).write(REQUESTS)
    replies = limited(second, store, tokens=100_000).write(REQUESTS)
    assert [reply.text for reply in replies] == [f"text {n}" for n in range(40)]
    assert sorted(first.sold + second.sold) == list(range(40))
    assert 0 < len(first.sold) < 40


def test_the_number_in_the_hint_is_enough(store: CallStore) -> None:
    with pytest.raises(LimitError) as stopped:
        limited(Shop(), store, tokens=700).write(REQUESTS)
    named = re.search(r"--max-tokens (\d+)", stopped.value.hint)
    assert named is not None
    assert len(limited(Shop(), store, tokens=int(named[1])).write(REQUESTS)) == 40


def test_a_limit_below_the_first_request_sends_nothing(store: CallStore) -> None:
    shop = Shop()
    with pytest.raises(LimitError):
        limited(shop, store, tokens=most_of(REQUESTS[0]).tokens - 1).write(REQUESTS)
    assert shop.batches == []


@settings(max_examples=60, deadline=None)
@given(
    cap=st.integers(1, 4000),
    takes=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), min_size=30, max_size=30),
    cost=st.booleans(),
)
def test_no_limit_is_passed_whatever_the_replies_take(
    tmp_path_factory: pytest.TempPathFactory, cap: int, takes: list[tuple[int, int]], cost: bool
) -> None:
    shop = Shop(lambda request: takes[request.seed])
    caps: dict[str, Any] = {"cost": cap / 1e6} if cost else {"tokens": cap}
    with CallStore(tmp_path_factory.mktemp("run") / "calls.sqlite") as store:
        try:
            limited(shop, store, Price(1.0, 1.0), **caps).write(REQUESTS[:30])
        except LimitError:
            assert len(shop.sold) < 30
    assert shop.tokens <= cap


def test_a_limit_of_money_weighs_prompts_and_texts(store: CallStore) -> None:
    shop = Shop(lambda _: (100, 10))
    with pytest.raises(LimitError, match="of cost") as stopped:
        limited(shop, store, Price(1.0, 10.0), cost=0.003).write(REQUESTS)
    assert 10 <= len(shop.sold) <= 15  # 0.0002 each
    assert "--max-cost" in stopped.value.hint


def test_a_reply_that_does_not_tell_its_tokens_is_charged_the_most_it_can_have_taken(
    store: CallStore,
) -> None:
    shop = Shop()
    shop.tells = False
    most = most_of(REQUESTS[0]).tokens
    with pytest.raises(LimitError):
        limited(shop, store, tokens=5 * most + 10).write(REQUESTS)
    assert len(shop.sold) == 5


def test_a_failure_far_away_may_have_been_charged_and_one_on_this_machine_was_not(tmp_path: Path) -> None:
    unsure = []
    for endpoint in ("remote_llm", "local_model"):
        shop = Shop(lambda _: None)
        shop.endpoint = endpoint  # both of its values
        with CallStore(tmp_path / f"{endpoint}.sqlite") as store:
            limited(shop, store).write(REQUESTS[:3])
            unsure.append(store.used().unsure_prompt)
    assert unsure == [sum(most_of(r).prompt for r in REQUESTS[:3]), 0]


def test_a_writer_that_takes_more_than_was_thought_possible_is_expected_to_do_it_again(
    store: CallStore,
) -> None:
    def greedy(request: Request) -> tuple[int, int]:
        return 2 * most_of(request).prompt, 2 * request.max_tokens

    limited(Shop(greedy), store, tokens=10**6).write(REQUESTS[:1])
    used, shop = store.used(), Shop(greedy)
    most = most_of(REQUESTS[1]).tokens
    spent = used.prompt_tokens + used.completion_tokens
    with pytest.raises(LimitError):
        limited(shop, store, tokens=spent + 2 * most - 1).write([REQUESTS[1]])
    assert shop.sold == []


def test_what_was_on_the_way_when_a_process_died_counts_from_then_on(store: CallStore) -> None:
    shop = Shop()
    shop.dies_after = 6
    with pytest.raises(KeyboardInterrupt):
        limited(shop, store).write(REQUESTS)
    used = store.used()
    most = most_of(ask(39))
    assert (used.requests, used.lost) == (6, 8)  # four on the way, and four that may just have arrived
    assert (used.unsure_prompt, used.unsure_completion) == (8 * most.prompt, 8 * most.completion)


def test_a_writer_that_cannot_succeed_at_all_leaves_nothing_on_the_way(store: CallStore) -> None:
    class Refusing(Shop):
        def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
            raise ModelError("The key is not accepted.")

    with pytest.raises(ModelError):
        limited(Refusing(), store).write(REQUESTS)
    assert store.used() == Used()


def test_several_stores_are_one_bill(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    with (
        CallStore(tmp_path / "calls.sqlite") as public,
        CallStore(tmp_path / "private" / "calls.sqlite", key=b"k" * 32) as private,
    ):
        meter = Meter(Limits(requests=15), [public, private])
        CachedWriter(Shop(), private, meter=meter).write(REQUESTS[:10])
        with pytest.raises(LimitError):
            CachedWriter(Shop(), public, meter=meter).write(REQUESTS)
        assert meter.used().requests == 15


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def timed(shop: Shop, store: CallStore, clock: Clock, seconds: float) -> CachedWriter:
    return CachedWriter(shop, store, meter=Meter(Limits(seconds=seconds), [store]), clock=clock)


def test_a_limit_of_time_is_kept_and_goes_on_with_a_larger_one(store: CallStore) -> None:
    clock = Clock()

    def slow(_: Request) -> tuple[int, int]:
        clock.now += 1.0
        return 10, 20

    first, second = Shop(slow), Shop(slow)
    with pytest.raises(LimitError, match="30 seconds of writing") as stopped:
        timed(first, store, clock, 30).write(REQUESTS)
    assert 20 <= len(first.sold) <= 30
    assert "--max-seconds 60" in stopped.value.hint
    timed(second, store, clock, 60).write(REQUESTS)
    assert sorted(first.sold + second.sold) == list(range(40))


def test_a_batch_that_is_slower_than_thought_is_cut_at_the_limit_and_keeps_what_came(
    store: CallStore,
) -> None:
    clock = Clock()

    def slower_and_slower(request: Request) -> tuple[int, int]:
        clock.now += 0.1 if request.seed < 16 else 5.0
        return 10, 20

    shop = Shop(slower_and_slower)
    with pytest.raises(LimitError):
        timed(shop, store, clock, 20).write(REQUESTS)
    assert clock.now < 25
    assert store.used().requests == len(shop.sold)


def test_texts_of_an_earlier_version_are_on_the_bill(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TABLE replies (key TEXT PRIMARY KEY, text TEXT NOT NULL, finish TEXT NOT NULL,"
        " prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL) STRICT"
    )
    connection.execute("INSERT INTO replies VALUES ('k', 'x', 'stop', 7, 9)")
    connection.execute("PRAGMA user_version=1")
    connection.commit()
    connection.close()
    for _ in range(2):  # brought up to date once, not each time
        with CallStore(path) as store:
            used = store.used()
            assert (used.requests, used.prompt_tokens, used.completion_tokens) == (1, 7, 9)


# -- requests that hold private text -----------------------------------------------------------------------


def test_a_private_store_keeps_no_prompt_no_time_and_no_key_that_can_be_guessed(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    secret = ask(1)
    told: list[tuple[str, int | None]] = []
    with CallStore(tmp_path / "private" / "calls.sqlite", key=b"k" * 32) as store:
        writer = CachedWriter(
            Shop(lambda r: None if r.seed == 2 else (1, 1)),
            store,
            sending=lambda stage, requests: told.append((stage, requests)),
        )
        writer.write([secret, ask(2)])
        assert writer.write([secret])[0].text == "text 1"
        assert store.key_of("shop", secret) != request_key("shop", secret)
        with pytest.raises(PrivacyError):
            store.export_jsonl(tmp_path / "out.jsonl")
        kept = store._connection.execute("SELECT key, at, prompt, reason FROM calls").fetchall()
    assert told == [("", None)]
    assert [row[1:] for row in kept] == [("", "", "")] * 2
    assert request_key("shop", secret) not in {row[0] for row in kept}
    assert not (tmp_path / "out.jsonl").exists()


def test_another_run_has_other_keys_for_the_same_private_request(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    stores = [CallStore(tmp_path / "private" / f"{k.hex()}.sqlite", key=k) for k in (b"a" * 32, b"b" * 32)]
    assert len({store.key_of("shop", ask(1)) for store in stores}) == 2
    for store in stores:
        store.close()


def test_an_error_at_a_limit_tells_no_figure_that_private_texts_have_a_part_in(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    with CallStore(tmp_path / "private" / "calls.sqlite", key=b"k" * 32) as store:
        with pytest.raises(LimitError) as stopped:
            limited(Shop(lambda _: (123, 45)), store, tokens=1000).write(REQUESTS)
        assert set(re.findall(r"[\d,]*\d", str(stopped.value))) == {"1,000"}


def test_a_private_store_outside_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError):
        CallStore(tmp_path / "calls.sqlite", key=b"k" * 32)
    assert list(tmp_path.iterdir()) == []


# -- kill -9 -----------------------------------------------------------------------------------------------

SCRIPT = r"""
import os, queue, signal, sys, threading
from pathlib import Path
from test_limits import Shop, ask
from rpsg.plan import Limits
from rpsg.protocols import Reply
from rpsg.store.calls import CallStore, request_key
from rpsg.store.limits import Meter
from rpsg.store.writers import CachedWriter

folder, die_after, cap = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
log = os.open(folder / "answered", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
left = threading.Semaphore(die_after)


class Slots(Shop):
    '''Four slots answer at the same time; one line in the log is one request that is charged for.'''

    def write(self, requests, on_reply=None):
        waiting, landed = queue.SimpleQueue(), queue.SimpleQueue()
        for index in range(len(requests)):
            waiting.put(index)
        threads = [threading.Thread(target=self.slot, args=(requests, waiting, landed), daemon=True)
                   for _ in range(self.at_once)]
        for thread in threads:
            thread.start()
        replies = {}
        for _ in requests:
            index, reply, taken = landed.get()
            replies[index] = reply
            on_reply(index, reply)
            taken.set()
        return [replies[index] for index in range(len(requests))]

    def slot(self, requests, waiting, landed):
        free = threading.Event()
        while True:
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            free.wait(0.002)
            if not left.acquire(blocking=False):
                os.kill(os.getpid(), signal.SIGKILL)
            os.write(log, f"{requests[index].seed}\n".encode())
            taken = threading.Event()
            landed.put((index, Reply("text", "stop", 40, 20), taken))
            taken.wait()  # one reply a slot is on the way, or not yet written down


with CallStore(folder / "calls.sqlite") as store:
    meter = Meter(Limits(tokens=cap), [store])
    CachedWriter(Slots(), store, meter=meter).write([ask(n) for n in range(150)])
"""


def run_until_it_is_killed(folder: Path, die_after: int, cap: int) -> int:
    command = [sys.executable, "-c", SCRIPT, str(folder), str(die_after), str(cap)]
    return subprocess.run(command, cwd=Path(__file__).parent, check=False, capture_output=True).returncode


def answered(folder: Path) -> list[str]:
    return (folder / "answered").read_text().split()


def bill(folder: Path) -> Used:
    with CallStore(folder / "calls.sqlite") as store:
        return store.used()


@pytest.mark.slow
def test_after_kill_9_twenty_times_the_bill_is_right_and_the_limit_holds(tmp_path: Path) -> None:
    draw = random.Random(5)  # the sizes of pieces, in a test
    for kills in range(1, 21):
        assert run_until_it_is_killed(tmp_path, draw.randrange(1, 7), 10**6) == -signal.SIGKILL
        used, sold = bill(tmp_path), len(answered(tmp_path))
        assert used.requests <= sold <= used.requests + Shop.at_once * kills
        assert sold <= used.requests + used.lost
        assert used.prompt_tokens + used.completion_tokens == 60 * used.requests
        assert 60 * sold <= 60 * used.requests + used.unsure_prompt + used.unsure_completion
    cap = 60 * used.requests + used.unsure_prompt + used.unsure_completion + 2000
    assert run_until_it_is_killed(tmp_path, 1000, cap) == 1  # the limit
    assert sold < len(answered(tmp_path)) < 150
    assert 60 * len(answered(tmp_path)) <= cap
    assert run_until_it_is_killed(tmp_path, 1000, 10**6) == 0
    assert bill(tmp_path).requests == 150
    again = Counter(answered(tmp_path))
    assert set(again) == {str(n) for n in range(150)}
    assert sum(again.values()) - 150 <= Shop.at_once * 20


def test_the_store_of_a_killed_run_opens_only_for_its_owner(tmp_path: Path) -> None:
    assert run_until_it_is_killed(tmp_path, 3, 10**6) == -signal.SIGKILL
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("calls.sqlite*")} == {0o600}
