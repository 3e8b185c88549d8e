"""Who the other side of a connection is, and what comes over it in unusual ways."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest
from tests.models.openai.asks import ASK
from tests.models.openai.faulty import FaultyServer, answer
from tests.models.openai.refusing_proxy import refusing

from rpsg.errors import ModelError
from rpsg.models.openai.endpoint import Address
from rpsg.models.openai.http_request import HttpClient, LostError, _wait
from rpsg.models.openai.proxy import Proxy
from rpsg.models.openai.transport import target
from rpsg.models.openai.writer import ServerWriter
from rpsg.plan import ServerSection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

NAMES = {"host": "localhost"}
GOOD = b'{"choices": [{"message": {"content": "A text."}, "finish_reason": "stop"}]}'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(GOOD) + GOOD


def posted(talk: Talk, *, url: str = "http", secure: ssl.SSLContext | None = None, **proxy: bool) -> bytes:
    """The body that a client gets which posts to a server that talks like this."""

    async def run() -> bytes:
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=secure)
        port = server.sockets[0].getsockname()[1]
        address = Address("", f"localhost:{port}", is_local=True)
        async with server, HttpClient(f"{url}://{NAMES['host']}:{port}/v1", {}, address, timeout=5) as client:
            return (await client.post(b"{}")).body

    return asyncio.run(run())


def says(*pieces: bytes) -> Talk:
    """A server that sends these pieces for a request, and hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        writer.close()

    return talk


def test_an_answer_in_chunks_is_put_together() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert posted(says(head, b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n")) == b"abcde"


def test_an_answer_that_ends_with_the_connection_is_whole() -> None:
    assert posted(says(b"HTTP/1.0 200 OK\r\n\r\n", b"abc", b"de")) == b"abcde"


def test_what_is_sent_ahead_of_an_answer_is_passed_over() -> None:
    assert posted(says(b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE)) == GOOD


@pytest.mark.parametrize(
    "sent", [b"", b"SSH-2.0-OpenSSH\r\n", WHOLE[:30], WHOLE[:-1], b"HTTP/1.1 200 OK\r\nA\r\n\r\n"]
)
def test_what_is_no_whole_answer_is_a_cut_connection(sent: bytes) -> None:
    with pytest.raises(LostError, match="the connection was cut"):
        posted(says(sent))


def head(status: str = "200 OK", *lines: str, body: bytes | None = GOOD) -> bytes:
    """The head of an answer; without a body it says nothing of its length.

    It says that the server hangs up: a second try that comes before that is noticed would be lost.
    """
    length = [] if body is None else [f"Content-Length: {len(body)}"]
    return "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *length, *lines, "", ""]).encode()


def packed(content: bytes) -> bytes:
    body = gzip.compress(content)
    return head("200 OK", "Content-Encoding: gzip", body=body) + body


def answers(*pieces: bytes, reset: bool = False, after: float = 0.0) -> Talk:
    """Answers a whole request of a writer like this; ``reset``: and breaks the connection off."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = (
            (await reader.readuntil(b"\r\n\r\n")).lower().partition(b"content-length: ")[2].split(b"\r")[0]
        )
        await reader.readexactly(int(length))
        await asyncio.sleep(after)
        writer.write(b"".join(pieces))
        await writer.drain()
        writer.transport.abort() if reset else writer.close()

    return talk


CHUNKED = head("200 OK", "Transfer-Encoding: chunked", body=None)
TEXT_AS_PARTS = json.dumps(
    {
        "choices": [
            {"message": {"content": [{"type": "text", "text": "A "}, {"type": "text", "text": "text."}]}}
        ]
    }
).encode()
#: What a server sends, and the text or the reason that comes of it.
SENT: dict[str, tuple[Talk, str]] = {
    "packed though not asked": (answers(packed(GOOD)), "A text."),
    "packed in another way": (
        answers(head("200 OK", "Content-Encoding: br"), b"\x0b" * len(GOOD)),
        "compressed in a way",
    ),
    "packed and far too large": (answers(packed(b" " * 11_000_000)), "longer than 10 MB"),
    "another content type": (answers(head("200 OK", "Content-Type: text/html"), GOOD), "A text."),
    "a byte order mark": (answers(head(body=b"123" + GOOD), b"\xef\xbb\xbf", GOOD), "A text."),
    "UTF-16": (answers(head(body=GOOD.decode().encode("utf-16")), GOOD.decode().encode("utf-16")), "A text."),
    "parts of a text": (answers(head(body=TEXT_AS_PARTS), TEXT_AS_PARTS), "A text."),
    "a late first byte": (answers(head(), GOOD, after=0.3), "A text."),
    "chunks without an end": (answers(CHUNKED, b'5\r\n{"cho\r\n'), "the connection was cut"),
    "an end in the middle that looks like the end": (
        answers(head("200 OK", body=None), GOOD[:30]),
        "the connection was cut",
    ),
    "a reset in the middle": (answers(head(), GOOD[:20], reset=True), "the connection was cut"),
    "nothing at all": (answers(b""), "the connection was cut"),
    "an empty body": (answers(head(body=b"")), "the answer is not JSON"),
    "no content": (answers(head("204 No Content", body=None)), "HTTP 204"),
    "a page of the proxy": (answers(head("502 Bad Gateway", body=b"oops"), b"oops"), "HTTP 502"),
    "a login page": (answers(head(body=b"<html>"), b"<html>"), "a web page in place of an answer"),
}


@pytest.mark.parametrize("what", SENT)
def test_whatever_a_server_sends_is_a_text_or_a_reason(what: str) -> None:
    talk, expected = SENT[what]

    async def serve(ready: threading.Event, port: list[int], leave: asyncio.Event) -> None:
        async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
            port.append(server.sockets[0].getsockname()[1])
            ready.set()
            await leave.wait()

    loop, leave, ready, port = asyncio.new_event_loop(), asyncio.Event(), threading.Event(), list[int]()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(ready, port, leave),))
    thread.start()
    try:
        ready.wait()
        settings = ServerSection(base_url=f"http://127.0.0.1:{port[0]}/v1", retries=0, timeout=60)
        (reply,) = ServerWriter("m", settings, first_pause=0.001).write([ASK])
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join()
        loop.close()
    if expected == "A text.":
        assert (reply.text, reply.error) == (expected, "")
    else:
        assert expected in reply.error


def test_a_wait_is_read_in_every_form() -> None:
    assert _wait({"retry-after": "7"}) == 7
    assert _wait({"retry-after-ms": "1500", "retry-after": "2"}) == 1.5
    dates = {"retry-after": "Sun, 22 Nov 2026 05:00:30 GMT", "date": "Sun, 22 Nov 2026 05:00:00 GMT"}
    assert _wait(dates) == 30, "by the server's own clock"
    assert [_wait({}), _wait({"retry-after": "soon"}), _wait({"retry-after": "-1"})] == [None] * 3


@pytest.mark.parametrize("status", [200, 201, 203])
def test_an_answer_of_another_successful_status_is_an_answer(status: int) -> None:
    said = answer("A text.")
    with FaultyServer(lambda _: (status, said)) as server:
        assert ServerWriter("m", server.settings(retries=0)).write([ASK])[0].text == "A text."


def test_a_certificate_for_another_host_is_not_called_untrusted(
    secure: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setitem(NAMES, "host", "127.0.0.1")
    with pytest.raises(ModelError, match=r"certificate of localhost:\d+ is for another host"):
        posted(says(WHOLE), url="https", secure=secure)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that no authority has signed; with its key in the same file."""
    file, key = tmp_path / "both.pem", tmp_path / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    more = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(file)]
    subprocess.run([*command, *more], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + key.read_bytes())
    return file


@pytest.fixture
def secure(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_server_that_cannot_show_who_it_is_is_not_asked(secure: ssl.SSLContext) -> None:
    with pytest.raises(ModelError, match="certificate of localhost:"):
        posted(says(WHOLE), url="https", secure=secure)


def test_an_authority_of_ones_own_is_trusted_where_it_is_named(
    secure: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert posted(says(WHOLE), url="https", secure=secure) == GOOD


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A proxy that the environment names; the lines that it was asked with. It lets nobody through."""
    with refusing(403) as (port, lines):
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:word@127.0.0.1:{port}")
        yield lines


def test_a_proxy_is_asked_for_a_way_through_and_told_nothing_else(proxy: list[str]) -> None:
    server = ServerSection(base_url="https://api.example.org/v1", retries=0)
    with pytest.raises(ModelError, match="proxy"):
        ServerWriter("m", server).write([ASK])
    assert proxy[0] == "CONNECT api.example.org:443 HTTP/1.1"
    assert not [line for line in proxy if "Authorization: Bearer" in line]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "not declared"])
def test_a_proxy_of_the_environment_hears_nothing_of_a_secure_server_on_this_machine(
    proxy: list[str], host: str, declared: bool
) -> None:
    server = ServerSection(base_url=f"https://{host}:9/v1", this_machine=declared, retries=0)
    assert ServerWriter("m", server).write([ASK])[0].error == "no connection"
    assert proxy == []


def test_nothing_on_this_machine_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert target("https://localhost:1/v1", {}, proxies=False).proxy is None
    assert target("https://api.example.org/v1", {}, proxies=True).proxy == Proxy("127.0.0.1", 9)
