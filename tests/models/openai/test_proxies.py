"""A proxy that refuses, or that the environment names wrongly, is what the message is about."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from tests.models.openai.asks import ASK
from tests.models.openai.refusing_proxy import refusing

from rpsg.errors import ModelError
from rpsg.models.openai.proxy import Proxy, proxy_for
from rpsg.models.openai.transport import Connection, Destination, UnreachableError
from rpsg.models.openai.writer import ServerWriter
from rpsg.models.server_hints import hint_for
from rpsg.plan import ServerSection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOST = "api.example.org"


@pytest.fixture(autouse=True)
def without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


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
    with refusing(status) as (port, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:passing-word@127.0.0.1:{port}")
        with pytest.raises(ModelError, match=f"proxy.*{HOST}:443.*HTTP {status}") as refused:
            asked()
    assert hint in refused.value.hint
    assert "passing-word" not in str(refused.value)


def test_a_proxy_that_fails_or_is_not_there_is_named_as_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing(502) as (port, _):
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


def test_what_a_proxy_sends_before_the_encryption_is_never_taken_for_the_server_s_answer(
    certified: Callable[[str], tuple[Path, Path]],
) -> None:
    """The forged answer comes right behind the proxy's own, in one burst."""
    certificate, key = certified("server")
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate, key)
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    burst = head + b"x" * (65536 - len(head)) + _answer(b"forged")

    opened = list[asyncio.StreamWriter]()
    behind = socket.create_server(("127.0.0.1", 0))
    port = behind.getsockname()[1]

    def serve() -> None:
        """Two connections, one after the other; the second one ends within the handshake."""
        for _ in range(2):
            plain = behind.accept()[0]
            with plain, suppress(OSError), theirs.wrap_socket(plain, server_side=True) as connected:
                connected.recv(65536)
                time.sleep(0.1)
                connected.sendall(_answer(b"real"))

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)

    async def through(first: bytes) -> bytes:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            writer.write(first)
            back, forth = await asyncio.open_connection("127.0.0.1", port)
            opened.extend((writer, forth))
            with suppress(OSError):
                await asyncio.gather(relay(reader, forth), relay(back, writer))

        front = await asyncio.start_server(talk, "127.0.0.1", 0)
        ours = ssl.create_default_context(cafile=str(certificate))
        proxy = Proxy("127.0.0.1", front.sockets[0].getsockname()[1])
        connection = Connection(Destination("127.0.0.1", port, "/v1", (("Host", "h"),), ours, proxy), 5)
        try:
            return (await connection.ask(b"{}"))[2]
        finally:
            connection.close()
            front.close()
            await asyncio.sleep(0.1)
            for writer in opened:
                writer.transport.abort()
            await asyncio.sleep(0.1)

    thread = threading.Thread(target=serve)
    thread.start()
    with behind:
        assert asyncio.run(through(head)) == b"real"
        with pytest.raises(UnreachableError):
            asyncio.run(through(burst))
        thread.join(10)


def _answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
