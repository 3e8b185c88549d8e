"""What is sent to a server, and where."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.models.openai.asks import ASK, written
from tests.models.openai.faulty import FaultyServer

from rpsg import registry
from rpsg.errors import ModelError, UsageError
from rpsg.models.openai.embedder import ServerEmbedder
from rpsg.models.openai.endpoint import address_of, headers_of, parse_address, url_of
from rpsg.models.openai.writer import ServerWriter
from rpsg.plan import ServerSection
from rpsg.protocols import Reply


def test_a_chat_is_asked_for_with_every_parameter() -> None:
    with FaultyServer() as server:
        assert written(server) == Reply(f"reply to {2**62 % (2**31 - 1)}", "stop", 7, 5)
    (asked,) = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.body == {
        "model": "m",
        "max_tokens": 40,
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": 2**62 % (2**31 - 1),
        "stop": ["\n\n"],
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Write."}],
    }


def test_a_completion_goes_on_from_the_messages_and_the_beginning() -> None:
    ask = replace(ASK, begins="It was")
    said = {"choices": [{"text": " good.", "finish_reason": "length"}]}
    with FaultyServer(lambda _: said) as server:
        assert written(server, ask, api="completions") == Reply("It was good.", "length")
    assert server.asked[0].path == "/v1/completions"
    assert server.asked[0].body["prompt"] == "Be brief.\n\nWrite.\n\nIt was"


def test_the_key_and_the_names_of_the_account_go_into_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", " sk-secret-1 \n")
    with FaultyServer() as server:
        settings = server.settings(key_env="SOME_KEY", organization="org", project="proj")
        writer = ServerWriter("m", settings)
        writer.write([ASK])
    headers = server.asked[0].headers
    assert headers["authorization"] == "Bearer sk-secret-1"
    assert (headers["openai-organization"], headers["openai-project"]) == ("org", "proj")
    assert "sk-secret" not in repr(writer) + writer.name + repr(vars(writer))


def test_azure_has_its_own_paths_and_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "azure-1")
    server = ServerSection(
        base_url="https://res.openai.azure.com/", key_env="SOME_KEY", api_version="2024-10-21"
    )
    place = address_of("azure", server)
    assert (
        url_of("azure", place, server, "my dep", "chat/completions")
        == "https://res.openai.azure.com/openai/deployments/my%20dep/chat/completions?api-version=2024-10-21"
    )
    assert headers_of("azure", server) == {"api-key": "azure-1"}
    newer = server.model_copy(update={"api_version": ""})
    assert url_of("azure", place, newer, "d", "embeddings") == (
        "https://res.openai.azure.com/openai/v1/embeddings"
    )
    assert ServerWriter("dep", server, kind="azure").name == "azure:dep@res.openai.azure.com"


def test_what_cannot_be_a_key_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "two words\nand lines")
    with FaultyServer() as server, pytest.raises(ModelError, match="SOME_KEY is not a key") as refused:
        written(server, key_env="SOME_KEY")
    assert "two" not in str(refused.value)
    assert server.asked == []


def test_addresses_are_read_with_their_host_and_port() -> None:
    assert parse_address("http://localhost:8000/v1/").root == "http://localhost:8000/v1"
    assert parse_address("http://[::1]:8080").root == "http://[::1]:8080/v1"
    assert parse_address("https://api.example.org/openai/v1").host == "api.example.org"
    assert address_of("openai", ServerSection()).root == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "localhost:8000",
        "ftp://localhost",
        "http://gpu-box:8000/v1",
        "http://10.0.0.1",
        "http://localhost:x",
    ],
)
def test_an_address_that_cannot_be_used_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError):
        parse_address(wrong)


def test_a_key_within_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(UsageError) as refused:
        parse_address("https://me:sk-secret@example.org/v1")
    assert "secret" not in str(refused.value)


def test_this_machine_is_local_and_every_other_is_not() -> None:
    here = ("localhost", "LocalHost", "127.0.0.1", "127.8.8.8:9", "[::1]", "[0:0:0:0:0:0:0:1]:9")
    away = (
        "localhost.example.org",
        "10.0.0.1",
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "127.1",
        "[::1%25lo]",
    )
    assert [parse_address(f"https://{n}").is_local for n in here] == [True] * len(here)
    assert [parse_address(f"https://{n}").is_local for n in away] == [False] * len(away)
    declared = ServerSection(base_url="http://127.0.0.1:9", this_machine=True)
    assert ServerWriter("m", declared).endpoint == "local_model"
    elsewhere = ServerSection(base_url="https://10.0.0.1", this_machine=True)
    assert ServerWriter("m", elsewhere).endpoint == "remote_llm", "saying so does not move a server"
    writer = ServerWriter("m", ServerSection())
    assert (writer.endpoint, writer.host, writer.name) == (
        "remote_llm",
        "api.openai.com",
        "openai:m@api.openai.com",
    )


def test_an_address_of_this_machine_is_no_proof_that_the_server_is_here() -> None:
    assert ServerWriter("m", ServerSection(base_url="http://127.0.0.1:9")).endpoint == "remote_llm"


def test_a_redirect_is_not_followed() -> None:
    with FaultyServer() as other:
        elsewhere: Any = (307, {}, f"Location: {other.url}/chat/completions")
        with FaultyServer(lambda _: elsewhere) as server, pytest.raises(ModelError, match="another address"):
            written(server)
    assert other.asked == []


def test_a_proxy_of_the_environment_does_not_see_what_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultyServer() as proxy, FaultyServer() as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        assert written(server).finish == "stop"
    assert proxy.asked == []


def test_names_lead_to_models_on_the_server_of_the_plan() -> None:
    server = ServerSection(base_url="https://res.openai.azure.com")
    assert (
        registry.writer("openai:meta/llama-3", server=server).name
        == "openai:meta/llama-3@res.openai.azure.com"
    )
    assert registry.writer("azure:d", server=server).name == "azure:d@res.openai.azure.com"
    assert isinstance(registry.embedder("openai:e", server=server), ServerEmbedder)
    for nameless in ("openai", "openai:", "openai:MODEL", "azure:DEPLOYMENT"):
        with pytest.raises(UsageError, match="names no model"):
            registry.writer(nameless, server=server)
