"""One question over HTTP: sent whole, answered whole, within one deadline and one size.

What is not an answer is a ``LostError`` with a short reason. No message of the libraries below is passed on,
for it may hold what was sent.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import cycle
from typing import TYPE_CHECKING, Any, Self

from rpsg.errors import MissingExtraError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from rpsg.models.server.address import Address

#: An answer longer than this is cut off while it comes in.
MOST_BYTES = 10_000_000
_CONNECT_SECONDS = 15.0
# Searching a pool for a free connection takes longer the larger it is; many small ones stay fast.
_CONNECTIONS_A_POOL = 64


class LostError(Exception):
    """No answer came. ``overload`` says that the server may have too much to do."""

    def __init__(self, reason: str, *, overload: bool = False, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.overload = overload
        self.final = final


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``wait`` is how many seconds the server asked us to wait."""

    status: int
    body: bytes
    wait: float | None = None


class Client:
    """Connections to ``url``, open within ``async with``. ``timeout``: seconds for one whole question."""

    def __init__(
        self, url: str, headers: Mapping[str, str], address: Address, *, timeout: float, connections: int
    ) -> None:
        self._url = url
        self._headers = headers
        self._address = address
        self._timeout = timeout
        self._connections = connections
        self._stack = AsyncExitStack()
        self._pools: Iterator[Any] = iter(())

    async def __aenter__(self) -> Self:
        httpx = _library()
        pools = -(-self._connections // _CONNECTIONS_A_POOL)
        proxies = not self._address.is_local  # a proxy of the environment must not see what stays here
        context = httpx.create_ssl_context(trust_env=proxies) if self._url.startswith("https") else True
        limits = httpx.Limits(
            max_connections=None, max_keepalive_connections=_CONNECTIONS_A_POOL, keepalive_expiry=4.0
        )
        settings = {"verify": context, "limits": limits, "trust_env": proxies, "follow_redirects": False}
        patience = httpx.Timeout(self._timeout, connect=min(_CONNECT_SECONDS, self._timeout))
        made = [httpx.AsyncClient(timeout=patience, headers=self._own(), **settings) for _ in range(pools)]
        for pool in made:
            await self._stack.enter_async_context(pool)
        self._pools = cycle(made)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _own(self) -> dict[str, str]:
        # Uncompressed, so that a small body cannot become a large one here.
        return {"Content-Type": "application/json", "Accept-Encoding": "identity", **self._headers}

    async def post(self, body: bytes) -> Answer:
        """The answer to ``body``, whatever its status.

        Raises:
            LostError: none came whole.
            ModelError: the server could not show that it is who it should be.
        """
        httpx = _library()
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(body)
        except (TimeoutError, httpx.TimeoutException):
            raise LostError("no answer in time", overload=True) from None
        except httpx.ConnectError as error:
            if _is_distrust(error):
                raise _distrusted(self._address.host) from None
            raise LostError("no connection", overload=True) from None
        except httpx.TransportError:
            raise LostError("the connection was cut") from None
        except httpx.DecodingError:
            raise LostError("the answer cannot be decoded", final=True) from None

    async def _post(self, body: bytes) -> Answer:
        async with next(self._pools).stream("POST", self._url, content=body) as response:
            received = bytearray()
            async for piece in response.aiter_bytes():
                received += piece
                if len(received) > MOST_BYTES:
                    raise LostError(f"the answer is longer than {MOST_BYTES // 10**6} MB", final=True)
            return Answer(response.status_code, bytes(received), _wait(response.headers))


def _library() -> Any:
    try:
        import httpx2  # noqa: PLC0415 - optional package
    except ImportError:
        raise MissingExtraError("server", "httpx2") from None
    return httpx2


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the server said it: milliseconds, seconds, or a date on its own clock."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        said = headers.get(name, "")
        if said.replace(".", "", 1).isascii() and said.replace(".", "", 1).isdigit():
            return float(said) / unit
    try:
        until = parsedate_to_datetime(headers["retry-after"])
        return max(0.0, (until - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def _is_distrust(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _distrusted(host: str) -> ModelError:
    return ModelError(
        f"The certificate of {host} is not trusted by this machine.",
        hint="Check base_url; for a server with its own authority, point SSL_CERT_FILE to the certificate.",
    )
