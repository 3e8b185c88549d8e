"""One HTTP request with a deadline and a maximum size of the answer.

A request that takes far longer than all others, while these are answered, has probably been lost by the
server or a gateway. It ends before its timeout, so that it can be sent again. A request without an answer
raises ``LostError`` with a short reason. Messages of the libraries used are not passed on, because they may
quote the request.
"""

from __future__ import annotations

import asyncio
import math
import zlib
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Self

from rpsg.errors import ModelError, needed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from rpsg.models.openai.concurrency import Overload
    from rpsg.models.openai.endpoint import Address
    from rpsg.models.openai.transport import Connection, Destination

#: Statuses of an answer. Some gateways answer every POST with "created" (201), or say that they have changed
#: the answer of the server behind them (203).
ANSWERED = frozenset({200, 201, 203})
_CONNECT_SECONDS = 15.0
# A request is overdue after ``_LONGER`` times the duration of the slowest of the last ``_ANSWERS`` answers,
# if there were at least ``_ENOUGH``, but never before ``_SOONEST`` seconds. A request for a longer answer
# gets proportionally more time.
_LONGER, _ANSWERS, _ENOUGH, _SOONEST = 4.0, 100, 20, 3.0
# A smaller factor for the end of a batch, when at most this share of the connections is in use: then
# everything waits for the last requests.
_LONGER_AT_THE_END, _END = 2.0, 0.25
# Seconds between two checks whether a request is overdue.
_LOOK_SECONDS = 1.0
# If later requests get no answer either, the server may just be slow, so a request is then not overdue. The
# exception is when at most this many requests are under way.
_FEW = 8


class LostError(Exception):
    """No answer came. ``overload``: whether the server may be overloaded. ``final``: whether to give up."""

    def __init__(self, reason: str, *, overload: Overload | None = None, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.overload = overload
        self.final = final


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP response; ``wait`` is the number of seconds that the server asks us to wait."""

    status: int
    body: bytes
    wait: float | None = None


class HttpClient:
    """Connections to ``url``, open within ``async with``. ``timeout``: seconds for a whole request.

    ``certificate``: the path of this client's certificate and key, for a server that asks for one.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        address: Address,
        *,
        timeout: float,
        certificate: str = "",
    ) -> None:
        with needed("server", "h11"):
            from rpsg.models.openai import transport
        self._library = transport
        try:
            # A proxy from the environment must not see what is meant for this machine.
            self._target: Destination = self._library.target(
                url, headers, proxies=not address.is_local, certificate=certificate
            )
        except OSError:  # an SSLError too
            raise ModelError(
                "The certificate of this client cannot be used.",
                hint="The variable that certificate_env names must hold the path of a PEM file with the "
                "certificate and its key. The key must have no passphrase; to remove it: openssl pkey -in "
                "KEY.pem -out PLAIN.pem",
            ) from None
        self._shows_certificate = bool(certificate)
        self._host = address.host
        self._timeout = timeout
        self._connections: list[Connection] = []
        self._free: list[Connection] = []
        # Seconds and size of the last answers.
        self._took: deque[tuple[float, float]] = deque(maxlen=_ANSWERS)
        self._newest = -math.inf  # when the newest of the answered requests was sent

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()
        await asyncio.sleep(0)  # the sockets are closed in the next iteration of the event loop

    async def post(self, body: bytes, *, patience: float = math.inf, size: float = 1.0) -> HttpResponse:
        """The answer to ``body``, whatever its status.

        ``patience``: a factor for the time after which the request is overdue; if it is infinite, only
        ``timeout`` ends the request. ``size``: how much is asked for, in any positive unit that all requests
        have in common.

        Raises:
            LostError: no complete answer came.
            ModelError: the certificate of the server is not trusted, or the server does not accept the
                certificate of this client.
        """
        connection = self._free.pop() if self._free else self._connect()
        try:
            async with self._deadline(patience, size):
                began = asyncio.get_running_loop().time()
                status, headers, received = await connection.ask(body)
        except TimeoutError:
            raise LostError("no answer in time", overload="late") from None
        except self._library.UnreachableError as error:
            if error.distrusted:
                raise _distrusted(self._host, error.distrusted) from None
            reason = "no TLS connection" if error.plain else "no connection"
            if self._target.proxy is not None:
                reason += " through the proxy that HTTPS_PROXY names"
            raise LostError(reason, overload="late") from None
        except self._library.UnidentifiedError:
            raise _unidentified(self._host, shown=self._shows_certificate) from None
        except self._library.CutError:
            raise LostError("the connection was cut") from None
        except self._library.TooLongError:
            raise LostError(_too_long(self._library.MOST_BYTES), final=True) from None
        finally:
            self._free.append(connection)
        answered = status in ANSWERED
        if answered:
            self._took.append((asyncio.get_running_loop().time() - began, size))
            self._newest = max(self._newest, began)
        unpacked = self._unpacked(received, headers)
        if answered and unpacked.lstrip().startswith(b"{") and not unpacked.rstrip().endswith(b"}"):
            # Some proxies end an answer in the middle as if that were its end.
            raise LostError("the connection was cut")
        return HttpResponse(status, unpacked, _wait(headers))

    @asynccontextmanager
    async def _deadline(self, patience: float, size: float) -> AsyncIterator[None]:
        """TimeoutError after ``timeout``, or as soon as the request is overdue."""
        loop = asyncio.get_running_loop()
        began = loop.time()

        def look() -> None:
            late = loop.time() - began > self._overdue_after(patience, size)
            if late and self._is_lost(began) and not limit.expired():
                limit.reschedule(loop.time())
            timers.append(loop.call_later(_LOOK_SECONDS, look))

        timers = deque([loop.call_later(_SOONEST, look)], maxlen=1)
        try:
            async with asyncio.timeout(self._timeout) as limit:
                yield
        finally:
            timers[-1].cancel()

    def _is_lost(self, sent_at: float) -> bool:
        """Whether a request that was sent later has been answered, or hardly any requests are under way."""
        return self._newest > sent_at or self._in_use() <= _FEW

    def _in_use(self) -> int:
        return len(self._connections) - len(self._free)

    def _overdue_after(self, patience: float, size: float) -> float:
        """Seconds after which a request is overdue; infinite until enough answers have shown how long they
        take.
        """
        if len(self._took) < _ENOUGH:
            return math.inf
        longest = max(seconds * max(1.0, size / of_size) for seconds, of_size in self._took)
        is_end = self._in_use() <= _END * len(self._connections)
        return max(_SOONEST, patience * (_LONGER_AT_THE_END if is_end else _LONGER) * longest)

    def _unpacked(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The body, unpacked if a gateway compressed it with gzip although the request asked for no
        compression.
        """
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding in {"", "identity"}:
            return body
        most = self._library.MOST_BYTES
        unpacking = zlib.decompressobj(wbits=47)  # gzip or zlib
        try:
            unpacked = unpacking.decompress(body, most + 1)
        except zlib.error:
            raise LostError("the answer is compressed in a way that RPSG does not read", final=True) from None
        if len(unpacked) > most:
            raise LostError(_too_long(most), final=True)
        return unpacked

    def _connect(self) -> Connection:
        seconds = min(_CONNECT_SECONDS, self._timeout)
        connection: Connection = self._library.Connection(self._target, seconds)
        self._connections.append(connection)
        return connection


def _too_long(most: int) -> str:
    return f"the answer is longer than {most // 10**6} MB"


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait from the headers, which have milliseconds, seconds, or a date on the server's clock."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        said = headers.get(name, "").strip()
        if said.isascii() and said.replace(".", "", 1).isdigit():
            return float(said) / unit
    try:
        until = parsedate_to_datetime(headers["retry-after"])
        return max(0.0, (until - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def wait_in_words(seconds: float) -> str:
    """``seconds`` as minutes, as hours from two hours on, or as days from two days on."""
    if seconds > 86400 * 366:
        return "more than a year"
    if seconds >= 86400 * 2:
        return f"{seconds / 86400:.0f} days"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"


def _distrusted(host: str, why: str) -> ModelError:
    return ModelError(
        f"The certificate of {host} {why}.",
        hint="Check base_url. If the server has its own certificate authority, set SSL_CERT_FILE to the "
        "path of the authority's certificate."
        if "trusted" in why
        else "Check base_url and the clock of this machine; the server may need a new certificate.",
    )


def _unidentified(host: str, *, shown: bool) -> ModelError:
    """``shown``: whether the server was shown a certificate."""
    if shown:
        return ModelError(
            f"{host} does not accept the certificate of this client.",
            hint="It may have expired, or be from an authority that this server does not trust. To look at "
            "it: openssl x509 -in FILE -noout -subject -issuer -enddate",
        )
    return ModelError(
        f"{host} requires a client certificate, but got none that it accepts.",
        hint="Set an environment variable to the path of a PEM file with your certificate and its key, and "
        'name that variable in the plan: [server] certificate_env = "CLIENT_PEM".',
    )
