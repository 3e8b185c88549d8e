"""One HTTP/1.1 connection for successive requests.

h11 implements the protocol, asyncio's streams carry the bytes. A client library around these two takes five
times as long for a request; at hundreds of requests per second that would be a whole core.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import h11
import truststore

from rpsg.models.openai.proxy import NoTunnelError, Proxy, pass_through, proxy_for

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Longer answers are abandoned while they arrive.
MOST_BYTES = 10_000_000
# Many servers close a connection after five idle seconds.
_KEPT_SECONDS = 4.0
_PIECE = 1 << 16
#: OpenSSL's names for the alerts by which a server rejects the client's certificate. With TLS 1.2 a server
#: that got none sends the last one.
_UNIDENTIFIED = tuple(
    f"ALERT_{name}" for name in ("CERTIFICATE_", "BAD_CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE")
)
#: OpenSSL's numbers for what is wrong with a server's certificate.
_DISTRUST = {10: "has expired", 9: "is not valid yet", 62: "is for another host", 64: "is for another host"}


class TooLongError(Exception):
    """The answer is longer than MOST_BYTES."""


class CutError(Exception):
    """The connection ended early, or the answer is not HTTP."""


class UnreachableError(Exception):
    """No connection. ``distrusted``: what is wrong with the server's certificate. ``plain``: no TLS there."""

    def __init__(self, *, distrusted: str = "", plain: bool = False) -> None:
        super().__init__("no connection")
        self.distrusted = distrusted
        self.plain = plain


class UnidentifiedError(Exception):
    """The server asks for a certificate of this client, and got none or does not accept it."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The address of the requests, their headers, and the proxy, if any."""

    host: str
    port: int
    path: str
    headers: tuple[tuple[str, str], ...]
    secure: ssl.SSLContext | None
    proxy: Proxy | None = None


def target(url: str, headers: Mapping[str, str], *, proxies: bool, certificate: str = "") -> Destination:
    """The target for ``url``; ``proxies``: whether to use a proxy from the environment.

    ``certificate`` is the path of the client's own, for https.

    Raises:
        OSError: the certificate cannot be used.
        ModelError: the proxy cannot be used.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    # Uncompressed, so that a small body cannot expand to a large one.
    always = {"Host": parts.netloc, "Content-Type": "application/json", "Accept-Encoding": "identity"}
    port = parts.port or (443 if secure else 80)
    return Destination(
        host,
        port,
        path,
        tuple({**always, **headers}.items()),
        _trusting(certificate) if secure else None,
        proxy_for(host, port) if proxies and secure else None,
    )


def _trusting(certificate: str) -> ssl.SSLContext:
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if certificate:
        # With an encrypted key this fails; without a password OpenSSL would ask for one.
        context.load_cert_chain(certificate, password="")
    return context


def _is_about_this_client(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLError) and any(name in str(error.reason) for name in _UNIDENTIFIED)


class Connection:
    """Opened at the first request, and again after it was closed; for one request at a time."""

    def __init__(self, where: Destination, connect_seconds: float) -> None:
        self._where = where
        self._connect_seconds = connect_seconds
        self._http: h11.Connection | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._used = 0.0

    async def ask(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """(status, headers in lower case, body). Any error closes the connection.

        Raises:
            UnreachableError: there is no connection, or none that can be trusted.
            UnidentifiedError: the server does not accept the certificate of this client, or there is none.
            ModelError: the proxy refuses to connect to this server.
            CutError: it ended before the answer did.
            TooLongError: the answer is too long.
        """
        try:
            http = await self._opened()
            await self._send(http, body)
            answer = await self._receive(http)
        except BaseException as error:
            self.close()
            if _is_about_this_client(error):
                raise UnidentifiedError from None
            if isinstance(error, (OSError, h11.ProtocolError)) and not isinstance(error, TimeoutError):
                raise CutError from None
            raise
        self._used = time.monotonic()
        if http.our_state is h11.DONE and http.their_state is h11.DONE:
            http.start_next_cycle()
        else:
            self.close()
        return answer

    def close(self) -> None:
        """End the connection at once, if there is one."""
        if self._http is not None:
            self._http = None
            self._writer.transport.abort()

    async def _opened(self) -> h11.Connection:
        idle = time.monotonic() - self._used
        if self._http is not None and (idle > _KEPT_SECONDS or self._reader.at_eof()):
            self.close()
        if self._http is None:
            try:
                async with asyncio.timeout(self._connect_seconds):
                    await self._open()
            except ssl.SSLCertVerificationError as error:
                raise UnreachableError(
                    distrusted=_DISTRUST.get(error.verify_code, "is not trusted by this machine")
                ) from None
            except ssl.SSLError as error:
                if _is_about_this_client(error):
                    raise UnidentifiedError from None
                raise UnreachableError(plain=True) from None
            except (OSError, h11.ProtocolError, NoTunnelError):
                raise UnreachableError from None
            self._http = h11.Connection(h11.CLIENT)
        return self._http

    async def _open(self) -> None:
        where = self._where
        if where.proxy is None or where.secure is None:  # a proxy is only used for https
            self._reader, self._writer = await asyncio.open_connection(
                where.host, where.port, ssl=where.secure, limit=_PIECE
            )
            return
        # Kept: when this writer is collected, it closes the connection.
        reader, self._tunnel = await asyncio.open_connection(where.proxy.host, where.proxy.port, limit=_PIECE)
        loop, plain = asyncio.get_running_loop(), self._tunnel.transport
        try:
            await pass_through(where.proxy, reader, self._tunnel, where.host, where.port)
            # A new reader, because the old one may hold bytes that the proxy sent without encryption. They
            # would be read as an answer of the server.
            self._reader = asyncio.StreamReader(limit=_PIECE)
            protocol = asyncio.StreamReaderProtocol(self._reader)
            secured = await loop.start_tls(plain, protocol, where.secure, server_hostname=where.host)
        except BaseException:
            plain.abort()
            raise
        if secured is None:  # the connection was lost meanwhile
            raise NoTunnelError
        protocol.connection_made(secured)
        self._writer = asyncio.StreamWriter(secured, protocol, self._reader, loop)

    async def _send(self, http: h11.Connection, body: bytes) -> None:
        headers = [*self._where.headers, ("Content-Length", str(len(body)))]
        head = h11.Request(method="POST", target=self._where.path, headers=headers)
        parts = (http.send(head), http.send(h11.Data(data=body)), http.send(h11.EndOfMessage()))
        self._writer.write(b"".join(part for part in parts if part))
        await self._writer.drain()

    async def _receive(self, http: h11.Connection) -> tuple[int, Mapping[str, str], bytes]:
        status, headers, received = 0, {}, bytearray()
        while not isinstance(event := http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                http.receive_data(await self._reader.read(_PIECE))
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                received += event.data
                if len(received) > MOST_BYTES:
                    raise TooLongError
            elif isinstance(event, h11.ConnectionClosed):
                raise CutError
        return status, headers, bytes(received)
