"""When asking ends: what no request survives, Ctrl-C, and how much may be under way."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.models.openai.asks import ASK, says
from tests.models.openai.faulty import Asked, FaultyServer, answer, until

from rpsg.errors import ModelError
from rpsg.models.openai.writer import ServerWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.protocols import Reply


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "OPENAI_API_KEY"),
        (403, "rpsg doctor"),
        (404, "no model m at this address"),
        (402, "payment first"),
        (501, "does not support"),
    ],
)
@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
def test_what_no_request_can_survive_stops_at_once(status: int, words: str, *, private: bool) -> None:
    """What the server says of it is shown, but not where it may quote a private text."""
    with FaultyServer(lambda _: (status, {"error": {"message": "Write. is what you said"}})) as server:
        writer = ServerWriter("m", server.settings(concurrency=2))
        with pytest.raises(ModelError, match=words) as stopped:
            writer.write([replace(ASK, seed=seed, private=private) for seed in range(50)])
    assert len(server.asked) <= 4
    assert ("what you said" in str(stopped.value)) is not private


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("settings", "sent", "not_sent"),
    [
        ({}, ["RPSG sent no credentials", "OPENAI_API_KEY is not set", "--extra-header"], ["Check that"]),
        ({"key_env": "KEY"}, ["RPSG sent the key in KEY. Check"], ["is not set", "OPENAI_API_KEY"]),
        (
            {"headers": ("X-Team=TEAM",), "project": "p"},
            ["RPSG sent the header X-Team from TEAM, project p.", "OPENAI_API_KEY is not set"],
            ["no credentials"],
        ),
        (
            {"headers": ("Authorization=TEAM",), "key_env": "KEY"},
            ["RPSG sent the header Authorization from TEAM. Check"],
            ["KEY", "is not set"],
        ),
    ],
)
def test_a_server_that_refuses_a_client_is_told_with_where_its_credentials_come_from(
    status: int,
    settings: dict[str, Any],
    sent: list[str],
    not_sent: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("KEY", "s3same-open")
    monkeypatch.setenv("TEAM", "blue-wh4le")
    with FaultyServer(lambda _: (status, {"error": "no"})) as server:
        writer = ServerWriter("m", server.settings(concurrency=2).model_copy(update=settings))
        with pytest.raises(ModelError, match="credentials") as stopped:
            writer.write([ASK])
    hint = stopped.value.hint
    assert all(words in hint for words in sent), hint
    assert not any(words in hint for words in (*not_sent, "s3same-open", "blue-wh4le")), hint
    assert hint.endswith("rpsg doctor")


def test_an_empty_account_stops_at_once() -> None:
    with pytest.raises(ModelError, match="no quota left"):
        says((429, {"error": {"code": "insufficient_quota", "message": "x"}}))


def test_a_wait_of_hours_is_told_and_not_waited() -> None:
    with pytest.raises(ModelError, match="asks for a wait of 60 minutes") as stopped:
        says((429, {}, "Retry-After: 3600"))
    assert "All answers so far" not in stopped.value.hint, "there are none"
    assert "what it answered before is kept" in stopped.value.hint
    with pytest.raises(ModelError, match="asks for a wait of 24 hours"):
        says((429, {}, "Retry-After: 86400"))
    with pytest.raises(ModelError, match="asks for a wait of 31 days"):
        says((429, {}, f"Retry-After: {86400 * 31}"))
    with pytest.raises(ModelError, match="asks for a wait of more than a year"):
        says((429, {}, "Retry-After: " + "9" * 400))


def test_a_server_that_gives_nobody_a_text_is_not_asked_forever() -> None:
    with FaultyServer(lambda _: answer("")) as server:
        writer = ServerWriter("m", server.settings(concurrency=2))
        with pytest.raises(ModelError, match=r"no text for any of the first 20 requests \(an empty text"):
            writer.write([replace(ASK, seed=seed) for seed in range(500)])
    assert len(server.asked) < 45, "each of them twice"


def test_a_server_that_is_not_there_ends_with_an_error_after_some_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rpsg.models.openai.retry.NEVER_CAME", 0.2)
    told: list[str] = []
    with FaultyServer() as server:
        gone = server.settings(timeout=0.1)
    writer = ServerWriter("m", gone, first_pause=0.001)
    writer.tell_trouble(told.append)
    with pytest.raises(ModelError, match=r"gave no text in[\s\S]*rpsg doctor"):
        writer.write([replace(ASK, seed=seed) for seed in range(40)])
    assert len(told) == 1, "the first failure is told at once, and only that one"
    assert "gives no text (no connection)" in told[0]


def test_a_server_that_answered_before_is_waited_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rpsg.models.openai.client.MIN_PATIENCE", 0.2)
    monkeypatch.setattr("rpsg.models.openai.retry.NEVER_CAME", 0.0)
    acts = iter(["ok"])
    with FaultyServer(lambda _: next(acts, "500")) as server:
        writer = ServerWriter("m", server.settings(timeout=0.1, concurrency=1), first_pause=0.001)
        with pytest.raises(ModelError, match=r"answered nothing for[\s\S]*same call again"):
            writer.write([replace(ASK, seed=seed) for seed in range(40)])


def once_lost(seeds: set[int]) -> Callable[[Asked], str]:
    """The first request with each of these seeds is never answered; all others are."""
    lost = set(seeds)

    def behave(asked: Asked) -> str:
        seed = asked.body["seed"]
        if seed not in lost:
            return "ok"
        lost.remove(seed)
        return "hang"

    return behave


def test_a_request_that_the_server_lost_does_not_hold_up_the_run_until_its_timeout() -> None:
    with FaultyServer(once_lost({2, 50, 99})) as server:
        writer = ServerWriter("m", server.settings(concurrency=8, timeout=60), first_pause=0.001)
        began = time.monotonic()
        replies = writer.write([replace(ASK, seed=seed) for seed in range(100)])
    assert [reply.text for reply in replies] == [f"reply to {seed}" for seed in range(100)]
    assert len(server.asked) == 103
    assert time.monotonic() - began < 15


def test_a_lost_request_is_sent_again_as_soon_after_other_failures_as_before_them() -> None:
    """Only an attempt without an answer in time gives the next one more time."""
    fates = ["cut", "500", "cut", "hang"]

    def behave(asked: Asked) -> str:
        return fates.pop(0) if asked.body["seed"] == 39 and fates else "ok"

    with FaultyServer(behave, latency=0.5) as server:
        writer = ServerWriter("m", server.settings(concurrency=8, timeout=60), first_pause=0.001)
        began = time.monotonic()
        replies = writer.write([replace(ASK, seed=seed) for seed in range(40)])
    assert all(reply.text for reply in replies)
    assert len(server.asked) == 44
    assert time.monotonic() - began < 14  # 16 seconds pass for the lost attempt alone if all failures count


def test_a_server_that_stands_still_for_a_while_is_not_sent_the_same_again() -> None:
    """Nobody is answered, so the requests are not lost; sending them again would double its work."""

    def behave(asked: Asked) -> str:
        server.latency = 5.0 if asked.body["seed"] >= 300 else 0.01
        return "ok"

    with FaultyServer(behave) as server:
        writer = ServerWriter("m", server.settings(concurrency=32, timeout=60), first_pause=0.001)
        replies = writer.write([replace(ASK, seed=seed) for seed in range(332)])
    assert len(server.asked) == 332
    assert all(reply.text for reply in replies)


def test_a_long_text_that_takes_longer_than_short_ones_is_not_sent_again() -> None:
    """Drafts are asked for in groups of one length; whoever is paid for each request would be paid twice."""

    def behave(asked: Asked) -> str:
        server.latency = 4.0 if asked.body["max_tokens"] == 400 else 0.2
        return "ok"

    asks = [replace(ASK, seed=seed, max_tokens=40 if seed < 40 else 400) for seed in range(44)]
    with FaultyServer(behave) as server:
        replies = ServerWriter("m", server.settings(concurrency=4, timeout=60)).write(asks)
    assert len(server.asked) == 44
    assert all(reply.text for reply in replies)


def test_the_last_attempt_has_the_whole_timeout() -> None:
    with FaultyServer(once_lost({50})) as server:
        writer = ServerWriter("m", server.settings(concurrency=8, timeout=5, retries=0))
        began = time.monotonic()
        replies = writer.write([replace(ASK, seed=seed) for seed in range(60)])
    assert replies[50].error == "no answer in time"
    assert time.monotonic() - began > 5


@pytest.mark.usefixtures("listens_to_ctrl_c")
def test_ctrl_c_stops_at_once_and_leaves_nothing_behind() -> None:
    with FaultyServer(lambda asked: "ok" if asked.body["seed"] < 3 else "hang") as server:
        writer = ServerWriter("m", server.settings(concurrency=8))

        def interrupt() -> None:
            reached.append(until(lambda: server.under_way >= 7))
            os.kill(os.getpid(), signal.SIGINT)

        reached: list[bool] = []
        threading.Thread(target=interrupt).start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            writer.write([replace(ASK, seed=seed) for seed in range(40)])
        assert reached == [True]
        assert time.monotonic() - began < 15, "hanging requests are not waited for: they would take 20 s"
        assert not [t for t in threading.enumerate() if t.name == "rpsg-server"]
        assert writer.write([replace(ASK, seed=1)])[0].text == "reply to 1"


def test_never_more_are_under_way_than_the_plan_allows() -> None:
    with FaultyServer(latency=0.01) as server:
        ServerWriter("m", server.settings(concurrency=5)).write([replace(ASK, seed=s) for s in range(100)])
    assert server.most_under_way == 5


def test_a_slow_listener_keeps_no_more_waiting_than_may_be_under_way() -> None:
    lost: list[int] = []
    with FaultyServer() as server:

        def listen(index: int, reply: Reply) -> None:
            threading.Event().wait(0.005)
            lost.append(server.answered.total() - len(lost))

        ServerWriter("m", server.settings(concurrency=4)).write(
            [replace(ASK, seed=s) for s in range(60)], listen
        )
    assert max(lost) <= 4 + 1


def test_a_listener_that_raises_leaves_nothing_behind() -> None:
    def refuse(index: int, reply: Reply) -> None:
        raise RuntimeError("enough")

    with FaultyServer(latency=0.01) as server:
        writer = ServerWriter("m", server.settings(concurrency=8))
        try:
            writer.write([replace(ASK, seed=seed) for seed in range(400)], refuse)
        except RuntimeError:
            assert not [t for t in threading.enumerate() if t.name == "rpsg-server"]
        else:
            pytest.fail("it went on")
