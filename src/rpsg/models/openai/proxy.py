"""The proxy that the environment names, and the tunnel through it (CONNECT of RFC 9110).

A message never quotes the address of the proxy, because it may hold a password.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import h11

from rpsg.errors import ModelError

if TYPE_CHECKING:
    import asyncio

# Statuses of a proxy that may be different a moment later.
_LATER = {408, 425, 429}


class NoTunnelError(Exception):
    """The proxy gives no tunnel now, but may give one later."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where the proxy is, and the header with its password, if it has one."""

    host: str
    port: int
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def proxy_for(host: str, port: int) -> Proxy | None:
    """The proxy for https to this server; None if there is none, or NO_PROXY names the server.

    Raises:
        ModelError: the address of the proxy cannot be used.
    """
    named = getproxies().get("https", "")
    if not named or proxy_bypass(f"{host}:{port}"):
        return None
    try:
        parts = urlsplit(named if "//" in named else f"//{named}")
        where = parts.hostname if parts.scheme in {"", "http"} else None
        proxy_port = parts.port or 80
    except ValueError:
        where, proxy_port = None, 0
    if not where:
        raise ModelError(
            "The environment variable HTTPS_PROXY does not hold the address of a proxy that RPSG can use.",
            hint="Write it as http://HOST:PORT. SOCKS proxies and https:// proxies are not supported. "
            f"{_without(host)}",
        )
    if not parts.username:
        return Proxy(where, proxy_port)
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    secret = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(where, proxy_port, (("Proxy-Authorization", secret),))


async def pass_through(
    proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
) -> None:
    """Ask the proxy for a tunnel to the server. The TLS connection through it is with the server itself.

    Raises:
        NoTunnelError: there is none now.
        ModelError: the proxy refuses, and would refuse again.
    """
    to = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    http = h11.Connection(h11.CLIENT)
    head = h11.Request(method="CONNECT", target=to, headers=[("Host", to), *proxy.headers])
    writer.write(http.send(head) or b"")
    while (event := http.next_event()) is h11.NEED_DATA or isinstance(event, h11.InformationalResponse):
        http.receive_data(await reader.read(1 << 16))
    status = event.status_code if isinstance(event, h11.Response) else 0
    if status == 200:
        if http.trailing_data[0]:  # sent before the TLS connection, so not by the server
            raise NoTunnelError
        return
    if status in _LATER or not 400 <= status < 500:
        raise NoTunnelError
    raise ModelError(
        f"The proxy that HTTPS_PROXY names does not connect to {to} (HTTP {status}).",
        hint="The proxy asks for a name and a password: write them as http://NAME:PASSWORD@HOST:PORT."
        if status == 407
        else f"Let the proxy's administrator allow this host. {_without(host)}",
    )


def _without(host: str) -> str:
    return f"If no proxy is needed for this server: export NO_PROXY={host}"
