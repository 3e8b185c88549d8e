"""Answers as gateways and servers of many makers give them: a text, or the cause with a hint of its own."""

from __future__ import annotations

import socketserver
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.models.openai.asks import ASK, says, written
from tests.models.openai.faulty import FaultyServer, answer

from rpsg.errors import ModelError
from rpsg.models.openai.endpoint import parse_address
from rpsg.models.openai.writer import ServerWriter
from rpsg.models.server_hints import hint_for
from rpsg.plan import ServerSection

if TYPE_CHECKING:
    from rpsg.protocols import Reply

CALL = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
PARTS: dict[str, list[Any]] = {
    "one part": [{"type": "text", "text": "A fine text."}],
    "parts without a type": [{"text": "A fine "}, {"text": "text."}],
    "parts that are texts": ["A fine ", "text."],
    "an image beside the text": [
        {"type": "image_url", "image_url": {}},
        {"type": "text", "text": "A fine text."},
    ],
    "thoughts before the text": [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
        {"type": "text", "text": "A fine text."},
    ],
    "reasons before the text": [
        {"type": "reasoning", "text": "Hm."},
        {"type": "text", "text": "A fine text."},
    ],
    "a part of OpenAI's newer API": [{"type": "output_text", "text": "A fine text.", "annotations": []}],
}


@pytest.mark.parametrize("what", PARTS)
def test_of_a_message_in_parts_the_text_is_taken_without_thoughts(what: str) -> None:
    reply = says(answer(PARTS[what]))  # type: ignore[arg-type]  # the point of this test
    assert (reply.text, reply.finish) == ("A fine text.", "stop")


def choice(**fields: Any) -> dict[str, Any]:
    """An answer whose only choice has these fields."""
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": None}, **fields}]}


BROKEN: dict[str, tuple[Any, str, str]] = {
    "a call of a tool, said to be a stop": (
        answer("", tool_calls=CALL),
        "a call of a tool in place of a text",
        "Switch tools off",
    ),
    "a call of a function, as it was": (
        answer("", function_call={"name": "f", "arguments": "{}"}),
        "a call of a tool in place of a text",
        "Switch tools off",
    ),
    "no content and no reason": (choice(finish_reason="stop"), "an empty text", "gives empty answers"),
    "no message": (
        {"choices": [{"index": 0, "finish_reason": "stop"}]},
        "not as the API says",
        "OpenAI-compatible",
    ),
    "a choice that is nothing": ({"choices": [None]}, "not as the API says", "OpenAI-compatible"),
    "a choice with an error": (
        choice(finish_reason="error", error={"code": 502, "message": "Provider returned error"}),
        'an error in place of an answer: "Provider returned error"',
        "read its log",
    ),
    "no choices beside an error": (
        {"choices": [], "error": {"message": "no worker is free"}},
        'an error in place of an answer: "no worker is free"',
        "read its log",
    ),
    "null choices beside an error": (
        {"choices": None, "error": {"message": "no worker is free"}},
        'an error in place of an answer: "no worker is free"',
        "read its log",
    ),
    "an error that calls itself one": (
        {"object": "error", "message": "the engine is dead", "code": 500},
        'an error in place of an answer: "the engine is dead"',
        "read its log",
    ),
    "a filter of another maker": (choice(finish_reason="SAFETY"), "the server's content filter", "--about"),
    "a filter against recitation": (
        choice(finish_reason="RECITATION"),
        "the server's content filter",
        "--about",
    ),
    "a refusal with a text": (answer("A text.", refusal="I cannot."), "the model refused", "--about"),
    "thoughts in parts alone": (
        answer([{"type": "thinking", "thinking": "Hm."}]),  # type: ignore[arg-type]  # as above
        "only thoughts and no text",
        "thinking off",
    ),
    "a request that is too large": ((413, "Request Entity Too Large"), "HTTP 413", "raise its limit"),
    "a path that takes no requests": ((405, {"detail": "Method Not Allowed"}), "HTTP 405", "--base-url"),
    "a model that is gone": ((410, {"error": {"message": "retired"}}), 'HTTP 410: "retired"', "--base-url"),
    "fields that are not valid": (
        (422, {"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}),
        'HTTP 422: "field required"',
        "rpsg doctor",
    ),
    "an overloaded server": (
        (529, {"error": {"message": "Overloaded"}}),
        'HTTP 529: "Overloaded"',
        "its log",
    ),
    "a gateway without its server": ((502, "<html>Bad Gateway</html>"), "HTTP 502", "its log"),
    "a page of a content network": (
        (520, "<html>Web server is returning an unknown error"),
        "HTTP 520",
        "its log",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_text_has_its_cause_and_a_hint_for_it(what: str) -> None:
    said, reason, hint = BROKEN[what]
    reply: Reply = says(said)
    assert (reply.finish, reply.text) == ("error", "")
    assert reason in reply.error
    assert hint in hint_for(reply.error)


@pytest.mark.parametrize("begins", ["", "My order"])
def test_a_text_far_beyond_the_maximum_of_tokens_is_cut_after_as_many_words(begins: str) -> None:
    """Some servers ignore max_tokens, so that a card for a short text got one of thousands of words."""
    words = [f"word{n}" for n in range(3_000)]
    most = ASK.max_tokens + len(begins.split())
    reply = says(answer(" ".join(words)), replace(ASK, begins=begins))
    assert (reply.text, reply.finish) == (" ".join(words[:most]), "length")
    reply = says(answer(" ".join(words[:most])), replace(ASK, begins=begins))
    assert (reply.text, reply.finish) == (" ".join(words[:most]), "stop")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_because_the_key_would_go_with_it(status: int) -> None:
    with FaultyServer(lambda _: (status, {}, "Location: https://elsewhere.example/v1")) as server:
        with pytest.raises(ModelError, match=f"redirects to another address .HTTP {status}.") as stopped:
            written(server)
        assert len(server.asked) == 1
    assert "final address" in stopped.value.hint


DATE = "Sun, 22 Nov 2026 05:00:00 GMT"
WAITS = {
    "seconds": "Retry-After: 0",
    "a fraction of a second": "Retry-After: 0.01",
    "milliseconds": "Retry-After-Ms: 10",
    "a date that is over": f"Retry-After: {DATE}\r\nDate: {DATE}",
    "a date without a clock to compare": f"Retry-After: {DATE}",
    "words": "Retry-After: soon",
    "less than nothing": "Retry-After: -5",
}


@pytest.mark.parametrize("status", [429, 503, 529])
@pytest.mark.parametrize("wait", WAITS)
def test_whatever_a_busy_server_says_of_the_wait_the_request_is_answered_later(
    status: int, wait: str
) -> None:
    acts: list[Any] = [(status, {"error": {"message": "later"}}, WAITS[wait]), "ok"]
    with FaultyServer(lambda _: acts.pop(0)) as server:
        assert written(server).finish == "stop"
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("pasted", "root"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000/", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/chat/completions", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/completions", "http://localhost:8000/v1"),
        ("http://localhost:11434/v1/models/", "http://localhost:11434/v1"),
        ("https://llm.example.org/openai/v1/embeddings", "https://llm.example.org/openai/v1"),
        ("https://llm.example.org/chat/completions", "https://llm.example.org/v1"),
    ],
)
def test_an_address_as_a_manual_shows_it_is_the_address_of_the_server(pasted: str, root: str) -> None:
    assert parse_address(pasted).root == root


class Plain(socketserver.BaseRequestHandler):
    """What a server of plain http says to the first bytes of TLS."""

    def handle(self) -> None:
        self.request.recv(1000)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def test_https_to_a_server_that_speaks_http_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rpsg.models.openai.retry.NEVER_CAME", 0.2)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Plain) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"https://127.0.0.1:{server.server_address[1]}/v1"
        writer = ServerWriter("m", ServerSection(base_url=address, retries=9), first_pause=0.01)
        with pytest.raises(ModelError, match="no TLS connection") as stopped:
            writer.write([ASK])
        server.shutdown()
    assert "need http in --base-url" in stopped.value.hint
