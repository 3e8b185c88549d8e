"""The page about a gateway inside a cluster leads to a verified release, as it is typed."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.docs.ways import GATEWAY, blocks, type_all
from tests.models.openai.faulty import Asked, FaultyServer, answer

import rpsg
from rpsg.cli import main
from rpsg.models.fake import FakeWriter
from rpsg.protocols import Message, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST, PORT, PLAIN_PORT = "gateway.llm.svc.cluster.local", 8443, 4000


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, and the gateway's certificate and key, which the authority signed."""
    there = tmp_path_factory.mktemp("authority")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=there)

    new = ("-newkey", "rsa:2048", "-nodes")
    openssl("req", "-x509", *new, "-days", "2", "-subj", "/CN=Own CA", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *new, "-subj", f"/CN={HOST}", "-keyout", "gateway.key", "-out", "gateway.csr")
    (there / "names").write_text(f"subjectAltName=DNS:{HOST}")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl("x509", "-req", "-in", "gateway.csr", *signed, "-out", "gateway.pem")
    return there


class Gateway:
    """Answers like a model, refuses every fifth request, and knows whom it serves."""

    def __init__(self) -> None:
        self.writer, self.asked, self.wrong = FakeWriter(), 0, 0

    def __call__(self, asked: Asked) -> Any:
        self.asked += 1
        known = ("Bearer sesame", "research", "team-chat-large")
        if (asked.headers.get("authorization"), asked.headers.get("x-team"), asked.body["model"]) != known:
            self.wrong += 1
            return (401, {"error": {"message": "who are you?"}})
        if self.asked % 5 == 0:
            return (429, {"error": {"message": "busy"}}, "Retry-After: 0")
        messages = tuple(Message(m["role"], m["content"]) for m in asked.body["messages"])
        seed = asked.body.get("seed", self.asked)
        (reply,) = self.writer.write([Request(messages, asked.body.get("max_tokens", 100), seed)])
        return answer(reply.text, name=f"id-{self.asked}")


@pytest.fixture
def gateway(
    request: pytest.FixtureRequest, authority: Path, in_a_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Gateway]:
    """The page's folder, environment and gateway, which has its name, and is on this machine."""
    plain = getattr(request, "param", "") == "plain"
    first, section = blocks(GATEWAY, "toml")
    if plain:
        first = first.partition("[server]")[0] + section
    (in_a_folder / "rpsg.toml").write_text(first, encoding="utf-8")
    rows = [
        f"c{i % 350},The meter of {i} shows {7 * i} litres and nobody came to read it." for i in range(700)
    ]
    (in_a_folder / "tickets.csv").write_text("\n".join(["customer,message", *rows]), encoding="utf-8")
    values = {"GATEWAY_TOKEN": "sesame", "SSL_CERT_FILE": str(authority / "ca.pem")}
    for name, shown in re.findall(r"^export (\w+)=(\S+)$", "".join(blocks(GATEWAY, "sh")), re.MULTILINE):
        monkeypatch.setenv(name, values.get(name, shown))
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    secure = None
    if not plain:
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(authority / "gateway.pem", authority / "gateway.key")
    behave, found = Gateway(), socket.getaddrinfo
    with FaultyServer(behave, secure=secure) as server:

        def cluster_dns(host: Any, port: Any, *more: Any, **how: Any) -> Any:
            if host in (HOST, HOST.encode()) and int(port) == (PLAIN_PORT if plain else PORT):
                host, port = "127.0.0.1", server.port
            return found(host, port, *more, **how)

        monkeypatch.setattr(socket, "getaddrinfo", cluster_dns)
        yield behave


@pytest.mark.parametrize("gateway", ["tls", "plain"], indirect=True)
def test_a_cluster_gets_through_its_gateway_to_a_verified_release(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    type_all(GATEWAY, capsys)
    run = rpsg.read_run(Path("run"))
    assert len(run.texts) == 100
    assert gateway.wrong == 0
    assert gateway.asked > 250, "and one in five was refused"
    for file in Path("run").rglob("*"):
        assert not file.is_file() or b"sesame" not in file.read_bytes(), file


@pytest.mark.parametrize("gateway", ["plain"], indirect=True)
@pytest.mark.usefixtures("gateway")
def test_the_plan_says_who_can_read_what_goes_over_plain_http(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan"]) == 0
    assert "can read every prompt" in " ".join(capsys.readouterr().out.split())


def test_what_the_page_says_one_sees_is_what_one_sees(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each row of the last table, brought about; and the right setting after it is enough."""

    def seen(**environment: str) -> str:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            assert main(["run", "-o", "run"]) in {2, 6}
            return " ".join(capsys.readouterr().err.split())

    assert "does not accept the credentials" in seen(GATEWAY_TOKEN="old")
    assert "The certificate of" in seen(SSL_CERT_FILE="/dev/null")
    assert "read every text" in seen(RPSG_SERVER__BASE_URL=f"http://{HOST}:{PLAIN_PORT}/v1")
    assert gateway.wrong == 1
    assert main(["run", "-o", "run"]) == 0
