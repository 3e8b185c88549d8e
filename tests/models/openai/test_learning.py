"""What a server cannot do is learned from its refusals; what it adds to a text is taken off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.models.openai.faulty import Asked, FaultyServer, answer

from rpsg.models.openai.writer import ServerWriter
from rpsg.protocols import Message, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

from tests.models.openai.asks import ASK, says, written


def picky(*rules: tuple[str, Callable[[dict[str, Any]], bool], str]) -> Callable[[Asked], Any]:
    """A server that refuses what a rule says, with its message; otherwise it answers."""

    def behave(asked: Asked) -> Any:
        for parameter, is_wrong, message in rules:
            if is_wrong(asked.body):
                return 400, {
                    "error": {"message": message, "param": parameter, "type": "invalid_request_error"}
                }
        return "ok"

    return behave


def test_parameters_that_a_server_refuses_are_left_out_from_then_on() -> None:
    rules = [
        (
            "max_tokens",
            lambda b: "max_tokens" in b,
            "'max_tokens' is not supported. Use 'max_completion_tokens'.",
        ),
        (
            "temperature",
            lambda b: "temperature" in b,
            "'temperature' does not support 0.7, only the default (1).",
        ),
        ("stop", lambda b: "stop" in b, "Unsupported parameter: 'stop' is not supported with this model."),
    ]
    with FaultyServer(picky(*rules)) as server:
        writer = ServerWriter("m", server.settings(concurrency=1))
        assert writer.write([ASK])[0].finish == "stop"
        assert len(server.asked) == 4
        writer.write([replace(ASK, seed=seed) for seed in range(5)])
        assert len(server.asked) == 9, "and nothing is refused any more"
    assert server.asked[-1].body["max_completion_tokens"] == 40
    assert {"max_tokens", "temperature", "stop"} & server.asked[-1].body.keys() == set()
    assert writer.learned == ("max_completion_tokens in place of max_tokens", "no stop", "no temperature")


@pytest.mark.parametrize(
    "message",
    [
        "Unrecognized request argument supplied: seed",
        "[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Extra inputs are not permitted'}]",
        "property 'seed' is unsupported",
        'Invalid JSON payload received. Unknown name "seed": Cannot find field.',
    ],
)
def test_a_refusal_is_understood_in_many_words(message: str) -> None:
    def behave(asked: Asked) -> Any:
        return (422, {"detail": message}) if "seed" in asked.body else answer("good")

    with FaultyServer(behave) as server:
        assert written(server).text == "good"


def test_a_parameter_is_not_given_up_for_a_refusal_that_only_quotes_it() -> None:
    def behave(asked: Asked) -> Any:
        text = asked.body["messages"][-1]["content"]
        return (400, {"error": {"message": f"not supported: {text}"}}) if "seed" in text else answer("good")

    quoting = replace(ASK, messages=(Message("user", "the seed of a plant"),), private=True)
    with FaultyServer(behave) as server:
        writer = ServerWriter("m", server.settings(concurrency=1))
        first, second = writer.write([quoting, ASK])
    assert (first.finish, first.error) == ("error", "the server answered with HTTP 400")
    assert second.text == "good"
    assert writer.learned == ()
    assert "seed" in server.asked[-1].body


def test_a_model_without_a_system_role_is_told_by_the_user() -> None:
    def behave(asked: Asked) -> Any:
        roles = [m["role"] for m in asked.body["messages"]]
        return (400, {"error": {"message": "System role not supported"}}) if "system" in roles else "ok"

    with FaultyServer(behave) as server:
        assert written(server).finish == "stop"
    assert server.asked[-1].body["messages"] == [{"role": "user", "content": "Be brief.\n\nWrite."}]


def test_a_stop_that_the_server_does_not_know_is_applied_here() -> None:
    def behave(asked: Asked) -> Any:
        if "stop" in asked.body:
            return 400, {"error": {"message": "stop is not supported", "param": "stop"}}
        return answer("one\n\ntwo", finish="length")

    with FaultyServer(behave) as server:
        assert written(server) == Reply("one", "stop", 7, 5)


def continuing(repeats: bool) -> Callable[[Asked], Any]:
    """A server that goes on from an answer that has begun, with or without the words that it began with."""

    def behave(asked: Asked) -> Any:
        body = asked.body
        if body.get("continue_final_message") and body.get("add_generation_prompt"):
            return 400, {
                "error": "Cannot set both `continue_final_message` and `add_generation_prompt` to True."
            }
        if body["messages"][-1]["role"] == "assistant" and body.get("continue_final_message"):
            return answer(f"{body['messages'][-1]['content'] if repeats else ''} tea is good.")
        return answer("Something else.")

    return behave


@pytest.mark.parametrize("repeats", [True, False])
def test_a_server_that_can_goes_on_from_the_beginning_and_nothing_is_doubled(repeats: bool) -> None:
    with FaultyServer(continuing(repeats)) as server:
        writer = ServerWriter("m", server.settings())
        replies = writer.write([replace(ASK, begins="The green"), ASK])
        writer.write([replace(ASK, begins="The green", seed=4)])
    assert [reply.text for reply in replies] == ["The green tea is good.", "Something else."]
    assert len(server.asked) == 4, "it is found out once"


def test_the_reply_of_a_server_that_cannot_is_taken_as_it_is() -> None:
    def behave(asked: Asked) -> Any:
        if "continue_final_message" in asked.body:
            return 400, {"error": {"message": "Unrecognized request arguments: continue_final_message"}}
        return answer("The green tea is good.")

    with FaultyServer(behave) as server:
        assert written(server, replace(ASK, begins="The green")).text == "The green tea is good."
    assert [m["role"] for m in server.asked[-1].body["messages"]] == ["system", "user"]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("<think>hm, hm</think>\n\nA text.", "A text."),
        ("hm, hm</think>A text.", "A text."),
        ("[THINK]hm, hm[/THINK]A text.", "A text."),
        ("A text.<think>was that", "A text."),
        ("<thinking>a</thinking><think>b</think>A text.", "A text."),
    ],
)
def test_thoughts_are_no_part_of_a_text(said: str, text: str) -> None:
    assert says(answer(said)).text == text


def test_a_model_that_is_cut_while_thinking_is_asked_not_to_and_then_given_room() -> None:
    def behave(asked: Asked) -> Any:
        if "chat_template_kwargs" in asked.body:
            return 400, {"error": {"message": "Unknown parameter", "param": "chat_template_kwargs"}}
        if asked.body["max_tokens"] < 1000:
            return answer("<think>I should", finish="length")
        return answer("<think>I should.</think>A text.")

    with FaultyServer(behave) as server:
        assert written(server).text == "A text."
