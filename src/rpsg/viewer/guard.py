"""The checks in front of the pages: who may see them, and what a browser may do with them.

A request is answered only if

- it is GET or HEAD, so that nothing can be changed;
- its Host is this address, so that nobody else's domain name can lead here (DNS rebinding);
- it has the token in its address, which is removed from there at once, or has the cookie for that token;
- no page of another address asks for it in the background.

Cookies do not keep ports apart: a browser sends them to every server on this machine. So each viewer draws a
new path, which all its pages are below, and the cookie is only for this path.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from rpsg.display import LOGGER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]
    Headers = list[tuple[bytes, bytes]]
    #: An answer: its status, its text, and its own headers.
    Refusal = tuple[int, str, Headers]

TOKEN, COOKIE = "token", "rpsg-view"
#: The name of the only script, below the path of the viewer.
SCRIPT, STYLE = "follow.js", "style.css"
CLOSED = "Open the address that rpsg view has printed: it holds the token of this viewer."
NOT_HERE = "There is no page at this address."
READ_ONLY = "The viewer is read-only: it accepts no data."
FAILED = "This page could not be made. The other pages still work."
#: For a browser that followed a link from another address: it sends its cookie only with the next request,
#: which this page makes.
_ONCE_MORE = '<!DOCTYPE html><meta http-equiv="refresh" content="0;url={home}/?once=more"><title>...</title>'


class GuardedApp:
    """An ASGI application that lets only its own browser through to ``app``, and only for reading.

    ``host`` is "127.0.0.1:PORT"; ``home`` is the path of all pages, as ``new_home`` gives it.
    """

    def __init__(self, app: App, host: str, home: str) -> None:
        self._app = app
        self._host = host.encode("ascii")
        self.home = home
        self.token = secrets.token_urlsafe(32)
        self._session = secrets.token_urlsafe(32)
        self._headers = _headers(f"http://{host}{self.home}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return  # there are no web sockets here, and nothing to start or to stop
        answer = self._refusal(scope)
        if answer is not None:
            await self._answer(send, scope, answer)
            return
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
            await send(message)

        inner = {**scope, "root_path": self.home, "headers": _without_secrets(scope["headers"])}
        try:
            await self._app(inner, receive, guarded)
        except Exception as error:  # noqa: BLE001  # one page that fails must not stop the others
            log_failure("A page could not be made", error)
            if not begun:
                await self._answer(send, scope, (500, FAILED, []))

    def _refusal(self, scope: Scope) -> Refusal | None:
        """The answer to a request that is refused; None if it is not refused."""
        if scope["method"] not in {"GET", "HEAD"}:
            return 405, READ_ONLY, [(b"allow", b"GET, HEAD")]
        if _all(scope, b"host") != [self._host] or not scope["path"].startswith(f"{self.home}/"):
            return 403, NOT_HERE, []
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if TOKEN in query:
            return self._let_in(query[TOKEN][0])
        return self._stranger(scope, is_second="once" in query)

    def _let_in(self, token: str) -> Refusal:
        """A redirect to the first page, whose address has no token, with the cookie for this browser."""
        if not _same(token, self.token):
            return 403, CLOSED, []
        cookie = f"{COOKIE}={self._session}; Path={self.home}/; HttpOnly; SameSite=Strict"
        headers = {b"location": f"{self.home}/", b"set-cookie": cookie}
        return 303, "", [(name, value.encode("ascii")) for name, value in headers.items()]

    def _stranger(self, scope: Scope, *, is_second: bool) -> Refusal | None:
        """The answer to a browser without the cookie; None if it has the cookie."""
        site, mode = (b"".join(_all(scope, b"sec-fetch-" + name)) for name in (b"site", b"mode"))
        is_led_here = site in {b"cross-site", b"same-site"}
        if is_led_here and mode != b"navigate":
            return 403, NOT_HERE, []
        if any(_same(cookie, self._session) for cookie in _cookies(scope)):
            return None
        if is_led_here and not is_second:
            page = _ONCE_MORE.format(home=self.home)
            return 200, page, [(b"content-type", b"text/html; charset=utf-8")]
        return 403, CLOSED, []

    async def _answer(self, send: Send, scope: Scope, refusal: Refusal) -> None:
        status, words, more = refusal
        body = words.encode()
        headers = [*more, (b"content-length", str(len(body)).encode("ascii")), *self._headers]
        if not any(name == b"content-type" for name, _ in headers):
            headers.append((b"content-type", b"text/plain; charset=utf-8"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def log_failure(what: str, error: Exception) -> None:
    """Log what failed, the class of the error and the line of the source; its message may quote a text."""
    (last,) = traceback.extract_tb(error.__traceback__, limit=-1)
    kind, file = type(error).__name__, Path(last.filename).name
    logging.getLogger(f"{LOGGER}.view").warning("%s: %s in %s, line %d", what, kind, file, last.lineno)


def new_home() -> str:
    """A random path that nobody can guess, without a slash at its end."""
    return f"/{secrets.token_urlsafe(9)}"


def _headers(address: str) -> Headers:
    """The headers of every answer. A page may load only the one style and the one script of this server."""
    policy = (
        f"default-src 'none'; style-src {address}/{STYLE}; script-src {address}/{SCRIPT}; "
        f"connect-src {address}/; form-action {address}/; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    told = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in told.items()]


def _all(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


def _cookies(scope: Scope) -> list[str]:
    """The values of all cookies of our name."""
    pairs = b"; ".join(_all(scope, b"cookie")).decode("latin-1").split(";")
    named = (pair.strip().partition("=") for pair in pairs)
    return [value for name, _, value in named if name == COOKIE]


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(), secret.encode())


def _without_secrets(headers: Headers) -> Headers:
    """The application needs no cookie, so it gets none."""
    return [(name, value) for name, value in headers if name != b"cookie"]
