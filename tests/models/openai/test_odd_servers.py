"""Servers as people meet them: what each lacks is done without, and what is wrong is said in its words."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.models.openai.asks import ASK, says, written
from tests.models.openai.faulty import Asked, FaultyServer, answer

from rpsg.errors import ModelError, UsageError
from rpsg.models.openai.endpoint import certificate_of, headers_of, parse_address
from rpsg.models.openai.response_class import server_words
from rpsg.models.openai.writer import ServerWriter
from rpsg.models.server_hints import hint_for
from rpsg.plan import ServerSection, resolve
from rpsg.protocols import Message, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FEW_SHOTS = Request(
    (
        Message("system", "Be brief."),
        Message("user", "Write."),
        Message("assistant", "Done."),
        Message("user", "Again."),
        Message("user", "And shorter."),
    ),
    40,
    1,
    0.7,
    0.9,
)
NO_SYSTEM = [
    (
        400,
        {
            "object": "error",
            "message": "Conversation roles must alternate user/assistant/...",
            "code": 400,
        },
    ),
    (400, {"error": {"message": "Only user and assistant roles are supported!"}}),
    (
        422,
        {"error": "Template error: invalid operation: System role not supported", "error_type": "x"},
    ),
    (500, {"error": {"code": 500, "message": "Jinja Exception: System role not supported"}}),
    (500, {"detail": "Conversation roles must alternate"}),
]


@pytest.mark.parametrize("refusal", NO_SYSTEM, ids=[str(number) for number in range(len(NO_SYSTEM))])
def test_a_template_without_a_system_role_gets_alternating_messages(refusal: tuple[int, Any]) -> None:
    def behave(asked: Asked) -> Any:
        roles = [message["role"] for message in asked.body["messages"]]
        alternates = roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
        return "ok" if alternates else refusal

    with FaultyServer(behave) as server:
        assert written(server, FEW_SHOTS).finish == "stop"
        first = server.asked[-1].body["messages"]
        assert [message["content"] for message in first] == [
            "Be brief.\n\nWrite.",
            "Done.",
            "Again.\n\nAnd shorter.",
        ]


def test_what_a_server_cannot_do_is_learned_once() -> None:
    def behave(asked: Asked) -> Any:
        return NO_SYSTEM[3] if asked.body["messages"][0]["role"] == "system" else "ok"

    with FaultyServer(behave) as server:
        writer = ServerWriter("m", server.settings(concurrency=1))
        writer.write([replace(ASK, seed=seed) for seed in range(5)])
        assert len(server.asked) == 6


AGAIN = ["not-json", "schema", "no-choices", "empty"]


@pytest.mark.parametrize("fault", AGAIN)
def test_an_answer_without_a_text_is_asked_for_once_more(fault: str) -> None:
    acts: Iterator[str] = iter((fault, "ok"))
    with FaultyServer(lambda _: next(acts)) as server:
        assert written(server).finish == "stop"


def test_a_decision_of_the_server_is_not_asked_for_again() -> None:
    decisions = ["filter", answer("", refusal="I cannot."), answer("x", finish="tool_calls")]
    acts: Iterator[Any] = iter(decisions)
    with FaultyServer(lambda _: next(acts)) as server:
        assert [written(server).finish for _ in decisions] == ["error"] * 3
        assert len(server.asked) == 3


CAUSES: dict[str, tuple[Any, str, str]] = {
    "an invalid model": (
        (400, {"error": {"message": "/chat/completions: Invalid model name passed in model=nosuch."}}),
        "Invalid model name passed",
        "name after openai:",
    ),
    "a login page": ("not-json", "a web page", "--base-url"),
    "an error with 200": ((200, {"error": "model 'm' not found, try pulling it first"}), "not found", "name"),
    "an internal error with 200": ((200, {"error": {"message": "internal"}}), "internal", "its log"),
    "thoughts alone": (answer("", reasoning="It stands here."), "only thoughts", "thinking off"),
    "thoughts that were cut": (
        answer("", reasoning_content="Let me", finish="length"),
        "cut while thinking",
        "thinking off",
    ),
    "an unknown compression": (
        (200, {}, "Content-Encoding: br"),
        "compressed in a way that RPSG does not read",
        "switch that off",
    ),
    "no choices": ("no-choices", "without choices", "OpenAI-compatible"),
    "a refusal": (answer("", refusal="I cannot."), "the model refused", "--about"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_the_words_of_the_server_and_a_hint_of_its_own(cause: str) -> None:
    said, words, hint = CAUSES[cause]
    with FaultyServer(lambda _: said) as server:
        writer = ServerWriter("m", server.settings(concurrency=4, retries=0), first_pause=0.001)
        with pytest.raises(ModelError) as stopped:
            writer.write([replace(ASK, seed=seed) for seed in range(40)])
    assert words in stopped.value.message
    assert hint in stopped.value.hint


def test_a_stream_that_nobody_asked_for_has_its_hint() -> None:
    assert "streaming" in hint_for("a stream in place of one answer")
    assert "after openai:" in hint_for('the server answered with HTTP 400: "model m is not in the list"')


def test_hints_differ_by_cause() -> None:
    reasons = [
        "the server answered with HTTP 500",
        "the server answered with HTTP 401",
        'the server answered with HTTP 400: "Conversation roles must alternate"',
        "no connection",
        "no answer in time",
        "an empty text",
        "something else",
    ]
    assert len({hint_for(reason) for reason in reasons}) == len(reasons)


def test_a_server_that_fails_for_ever_is_told_of_at_once_and_given_up_in_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though it knows the probe for continuing an answer, which is an answer, too."""
    monkeypatch.setattr("rpsg.models.openai.retry.NEVER_CAME", 0.3)
    told: list[tuple[float, str]] = []

    def behave(asked: Asked) -> Any:
        return (
            (400, {"error": {"message": "Extra inputs"}})
            if len(server.asked) == 1
            else (500, "out of memory")
        )

    began = time.monotonic()
    with FaultyServer(behave) as server:
        writer = ServerWriter("m", server.settings(), first_pause=0.001)
        writer.tell_trouble(lambda line: told.append((time.monotonic() - began, line)))
        with pytest.raises(ModelError, match=r'gave no text in[\s\S]*"out of memory"') as stopped:
            writer.write([replace(ASK, seed=seed, begins="Good") for seed in range(200)])
    assert "read its log" in stopped.value.hint
    assert "answered is kept" not in stopped.value.hint
    ((when, line),) = told
    assert "out of memory" in line
    assert when < 5


def test_an_outage_in_the_middle_is_told_of_and_its_end_makes_room_for_the_next() -> None:
    acts = iter(["ok", *["reset"] * 11, "ok", *["reset"] * 11, *["ok"] * 20])
    told: list[str] = []
    with FaultyServer(lambda _: next(acts)) as server:
        writer = ServerWriter("m", server.settings(concurrency=1, retries=30), first_pause=0.001)
        writer.tell_trouble(told.append)
        replies = writer.write([replace(ASK, seed=seed) for seed in range(4)])
    assert [reply.finish for reply in replies] == ["stop"] * 4
    assert len(told) == 2
    assert "for up to 5 minutes" in told[0]


def test_headers_of_the_plan_have_the_values_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM", "blue team")
    server = ServerSection(headers=("X-Team=TEAM",))
    assert headers_of("openai", server)["X-Team"] == "blue team"
    with FaultyServer() as open_server:
        written(open_server, headers=("X-Team=TEAM",))
        assert open_server.asked[0].headers["x-team"] == "blue team"
    monkeypatch.setenv("TEAM", "two\nlines")
    with pytest.raises(ModelError, match="does not hold a valid value of a header"):
        headers_of("openai", server)
    monkeypatch.delenv("TEAM")
    with pytest.raises(ModelError, match="TEAM, for the header X-Team, is not set"):
        headers_of("openai", server)


@pytest.mark.parametrize("echo", ["Bearer gw-53cr3t-t0k3n", "gw-53cr3t-t0k3n"])
@pytest.mark.parametrize("status", [401, 400, 500])
def test_a_server_that_repeats_a_header_is_not_quoted_with_its_value(
    status: int, echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway says which token it refuses, and what a server says ends up in files and logs."""
    monkeypatch.setenv("GATEWAY", "Bearer gw-53cr3t-t0k3n")
    told: list[str] = []
    with FaultyServer(lambda _: (status, {"error": {"message": f"refused: {echo}"}})) as server:
        settings = server.settings(headers=("X-Gateway=GATEWAY",), retries=1, concurrency=1)
        writer = ServerWriter("m", settings, first_pause=0.001)
        writer.tell_trouble(told.append)
        try:
            told += [str(reply.error) for reply in writer.write([ASK])]
        except ModelError as error:
            told.append(f"{error} {error.hint}")
    assert "refused: (the key)" in " ".join(told)
    assert "53cr3t" not in " ".join(told)


def test_a_placeholder_as_the_key_leaves_the_words_of_a_server_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "k")
    said = server_words(b'{"error": "max_tokens of key k must be at most 16"}', "KEY")
    assert said == "max_tokens of key (the key) must be at most 16"


@pytest.mark.parametrize("header", ["X-Key: secret", "X-Key=sk-1 2", "Host=HOST", "=A", "content-type=A"])
def test_a_header_is_never_a_value(header: str) -> None:
    with pytest.raises(UsageError) as refused:
        resolve({"server": {"headers": [header]}})
    assert "sk-1" not in str(refused.value)


def test_a_header_named_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="a header is named twice"):
        resolve({"server": {"headers": ["X-Team=A", "x-team=B"]}})


def test_fields_of_the_plan_are_in_each_request() -> None:
    with FaultyServer() as server:
        written(server, body='{"top_k": 20, "provider": {"order": ["a"]}}')
        sent = server.asked[0].body
    assert (sent["top_k"], sent["provider"]) == (20, {"order": ["a"]})
    assert sent["model"] == "m"


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{",
        '{"a": NaN}',
        '{"a": 1, "a": 2}',
        "20",
        '{"seed": 1}',
        '{"messages": []}',
        '{"stream": true}',
    ],
)
def test_fields_that_the_plan_decides_are_refused(body: str) -> None:
    with pytest.raises(UsageError):
        resolve({"server": {"body": body}})


def test_fields_are_part_of_a_run_s_identity_and_the_way_to_the_server_is_not() -> None:
    def fingerprint(**server: Any) -> str:
        return resolve({"server": server}).fingerprint()

    assert fingerprint() == fingerprint(headers=["A=B"], plain_http=True, certificate_env="C")
    assert fingerprint() != fingerprint(body='{"top_k": 20}')


def test_plain_http_to_another_machine_is_a_word_of_the_operator() -> None:
    with pytest.raises(UsageError, match="Plain http to vllm:8000") as refused:
        parse_address("http://vllm:8000/v1")
    assert "--plain-http" in refused.value.hint
    found = parse_address("http://vllm:8000/v1", plain_http=True)
    assert (found.host, found.is_local, found.endpoint) == ("vllm:8000", False, "remote_llm")


def test_a_certificate_of_this_client_is_a_file_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ServerSection(base_url="https://127.0.0.1:1/v1", certificate_env="CLIENT", timeout=1)
    with pytest.raises(ModelError, match="CLIENT names no file"):
        certificate_of(server)
    pem = tmp_path / "client.pem"
    pem.write_text("nonsense")
    monkeypatch.setenv("CLIENT", str(pem))
    with pytest.raises(ModelError, match="certificate of this client cannot be used"):
        ServerWriter("m", server).write([ASK])


@pytest.mark.parametrize(
    ("newest", "or_cut"),
    [
        ("TLSv1_2", ""),
        # A server of TLS 1.3 may cut the connection before its reason can be read.
        ("TLSv1_3", "|the connection was cut"),
    ],
)
def test_a_server_that_asks_for_a_certificate_gets_it(
    newest: str,
    or_cut: str,
    tmp_path: Path,
    certified: Callable[[str], tuple[Path, Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import http.server
    import ssl
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            body = json.dumps(answer("the server knows this client")).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    (its, its_key), (ours, our_key) = certified("server"), certified("client")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion[newest]
    context.load_cert_chain(its, its_key)
    context.load_verify_locations(ours)
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    both = tmp_path / "both.pem"
    both.write_bytes(ours.read_bytes() + our_key.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(its))
    monkeypatch.setenv("CLIENT", str(both))
    address = f"https://127.0.0.1:{server.server_address[1]}/v1"
    try:
        settings = ServerSection(base_url=address, certificate_env="CLIENT", retries=0, timeout=20)
        assert ServerWriter("m", settings).write([ASK])[0].text == "the server knows this client"
        monkeypatch.setattr("rpsg.models.openai.retry.NEVER_CAME", 0.3)
        without = ServerSection(base_url=address, retries=8, timeout=20)
        with pytest.raises(ModelError, match=f"requires a client certificate{or_cut}") as refused:
            ServerWriter("m", without, first_pause=0.01).write([ASK])
        assert "certificate_env" in refused.value.hint
        both.write_bytes(its.read_bytes() + its_key.read_bytes())
        with pytest.raises(ModelError, match=f"does not accept the certificate of this client{or_cut}"):
            ServerWriter("m", settings.model_copy(update={"retries": 8}), first_pause=0.01).write([ASK])
    finally:
        server.shutdown()
        server.server_close()


def test_a_server_on_another_port_of_this_machine_is_the_same_writer_of_the_same_run() -> None:
    ports = [ServerSection(base_url=f"http://127.0.0.1:{port}/v1") for port in (8000, 8123)]
    names = {ServerWriter("m", server).name for server in ports}
    assert names == {"openai:m@127.0.0.1"}
    plans = [resolve({"server": {"base_url": server.base_url}}) for server in ports]
    assert len({plan.fingerprint(writer="openai:m@127.0.0.1") for plan in plans}) == 1
    other = [parse_address(f"https://llm.example.org:{port}/v1").host_as_name for port in (8000, 8123)]
    assert len(set(other)) == 2, "on another machine another port may be another server"


def test_a_reply_s_reason_is_not_asked_of_a_model_that_thinks_without_an_end() -> None:
    assert says(answer("", reasoning="long", finish="length")).error == "cut while thinking"
