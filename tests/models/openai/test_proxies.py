"""A proxy that refuses, or that the environment names wrongly, is what the message is about."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.models.openai.asks import ASK

from rpsg.errors import ModelError
from rpsg.models.openai.proxy import Proxy, proxy_for
from rpsg.models.openai.writer import ServerWriter
from rpsg.models.server_hints import hint_for
from rpsg.plan import ServerSection

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "api.example.org"


@pytest.fixture(autouse=True)
def without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def proxy(status: int) -> Iterator[int]:
    """The port of a proxy that answers every CONNECT with this status."""
    ready, leave, ports = threading.Event(), asyncio.Event(), []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d Status\r\nContent-Length: 0\r\n\r\n" % status)
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        async with server:
            await leave.wait()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join()
        loop.close()


def asked() -> str:
    """Why a request to a server behind the proxy got no text."""
    server = ServerSection(base_url=f"https://{HOST}/v1", retries=0)
    return ServerWriter("m", server).write([ASK])[0].error or ""


@pytest.mark.parametrize(
    ("status", "hint"), [(407, "http://NAME:PASSWORD@HOST:PORT"), (403, f"export NO_PROXY={HOST}")]
)
def test_a_proxy_that_refuses_ends_the_run_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, status: int, hint: str
) -> None:
    with proxy(status) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:passing-word@127.0.0.1:{port}")
        with pytest.raises(ModelError, match=f"proxy.*{HOST}:443.*HTTP {status}") as refused:
            asked()
    assert hint in refused.value.hint
    assert "passing-word" not in str(refused.value)


def test_a_proxy_that_fails_or_is_not_there_is_named_as_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy(502) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        reason = asked()
    assert "through the proxy" in reason
    assert asked() == reason, "nothing listens on this port any more"
    assert "HTTPS_PROXY" in hint_for(reason)


@pytest.mark.parametrize(
    "named",
    ["http://me:passing-word@h:port", "socks5://h:1080", "https://me:passing-word@h:443", "http://", "//["],
)
def test_an_address_that_is_none_of_a_proxy_is_refused_without_being_quoted(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", named)
    with pytest.raises(ModelError, match="HTTPS_PROXY") as refused:
        asked()
    assert "passing-word" not in str(refused.value)
    monkeypatch.setenv("NO_PROXY", HOST)
    assert proxy_for(HOST, 443) is None, "it is not needed"


def test_a_host_in_no_proxy_may_have_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "127.0.0.1:3128")
    assert proxy_for(HOST, 8443) == Proxy("127.0.0.1", 3128)
    monkeypatch.setenv("NO_PROXY", f"{HOST}:8443")
    assert proxy_for(HOST, 8443) is None
    assert proxy_for(HOST, 443) is not None


def test_the_password_of_a_proxy_is_in_no_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:passing%20word@127.0.0.1:3128")
    found = proxy_for(HOST, 443)
    assert found is not None
    assert found.headers == (("Proxy-Authorization", "Basic bWU6cGFzc2luZyB3b3Jk"),)
    assert "bWU6" not in repr(found)
