"""No limit is ever passed, whatever the writer does and however the process ends."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.storage.shop import REQUESTS, Shop, ask, limited

from rpsg.errors import LimitError, ModelError
from rpsg.plan import LimitsSection
from rpsg.storage.cached_writer import CachedWriter
from rpsg.storage.call_store import CallStore
from rpsg.storage.call_tables import Used
from rpsg.storage.limits import Meter, Price, most_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rpsg.protocols import OnReply, Reply, Request


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CallStore]:
    with CallStore(tmp_path / "calls.sqlite") as opened:
        yield opened


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
        meter = Meter(LimitsSection(requests=15), [public, private])
        CachedWriter(Shop(), private, meter=meter).write(REQUESTS[:10])
        with pytest.raises(LimitError):
            CachedWriter(Shop(), public, meter=meter).write(REQUESTS)
        assert meter.used().requests == 15


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def timed(shop: Shop, store: CallStore, clock: Clock, seconds: float) -> CachedWriter:
    return CachedWriter(shop, store, meter=Meter(LimitsSection(seconds=seconds), [store]), clock=clock)


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
