"""Who may see the viewer: attacks on a real server."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest
from tests.viewer.conftest import MARKER, Answer, Visitor, viewing

from rpsg.viewer.guard import CLOSED, NOT_HERE

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.viewer.server import Viewer


def test_the_token_is_traded_for_a_cookie_and_leaves_the_address(stranger: Visitor) -> None:
    path = stranger.viewer.address.partition(str(stranger.viewer.port))[2]
    answer = stranger.ask(path)
    assert (answer.status, answer.header("location"), answer.body) == (303, f"{stranger.home}/", b"")
    cookie = answer.header("set-cookie")
    token = path.partition("token=")[2]
    assert len(token) >= 43
    assert token not in cookie
    assert cookie.endswith(f"; Path={stranger.home}/; HttpOnly; SameSite=Strict")


def test_without_token_and_cookie_there_is_nothing(stranger: Visitor) -> None:
    """Not even whether an address leads anywhere."""
    answers = [
        stranger.ask(stranger.home + path) for path in ("/", "/style.css", stranger.place("strict"), "/none")
    ]
    assert {(answer.status, answer.text) for answer in answers} == {(403, CLOSED)}


@pytest.mark.parametrize(
    "cookie",
    ["", "rpsg-view=", "rpsg-view=x", "rpsg-view=é", "other=1; rpsg-view=wrong", "rpsg-view", "=;;="],
)
def test_a_wrong_cookie_opens_nothing(stranger: Visitor, cookie: str) -> None:
    assert stranger.ask(f"{stranger.home}/", cookie=cookie).status == 403


@pytest.mark.parametrize("token", ["", "x", "%00", "a" * 5000, "&token="])
def test_a_wrong_token_opens_nothing(stranger: Visitor, token: str) -> None:
    answer = stranger.ask(f"{stranger.home}/?token={token}")
    assert answer.status == 403
    assert "set-cookie" not in dict(answer.headers)


def test_a_wrong_token_beside_the_right_cookie_opens_nothing(visitor: Visitor) -> None:
    assert visitor.ask(f"{visitor.home}/?token=wrong").status == 403


def test_the_cookie_of_one_viewer_does_not_open_another(visitor: Visitor, shown: Path) -> None:
    with viewing(shown) as other:
        assert Visitor(other, visitor.cookie).ask(Visitor(other).home + "/").status == 403
        assert Visitor(other).home != visitor.home


@pytest.mark.parametrize(
    "host",
    [
        "attacker.invalid",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        "0.0.0.0",
        "",
        "127.0.0.1.attacker.invalid:{port}",
    ],
)
def test_another_name_for_this_machine_leads_nowhere(visitor: Visitor, host: str) -> None:
    """A name that its owner points to 127.0.0.1 would make our pages those of his own site."""
    answer = visitor.ask(f"{visitor.home}/", host=host.format(port=visitor.viewer.port))
    assert (answer.status, answer.text) == (403, NOT_HERE)


@pytest.mark.parametrize(
    "lines", ["Host: attacker.invalid\r\nHost: {own}", "Host: {own}\r\nHost: attacker.invalid", ""]
)
def test_two_hosts_or_none_lead_nowhere(visitor: Visitor, lines: str) -> None:
    own = f"127.0.0.1:{visitor.viewer.port}"
    with socket.create_connection(("127.0.0.1", visitor.viewer.port), timeout=30) as raw:
        head = lines.format(own=own) + "\r\n" if lines else ""
        asked = f"GET {visitor.home}/ HTTP/1.1\r\n{head}Cookie: {visitor.cookie}\r\nConnection: close\r\n\r\n"
        raw.sendall(asked.encode())
        answer = raw.makefile("rb").read()
    assert re.match(rb"HTTP/1\.1 40[03] ", answer)
    assert b"strict" not in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"])
def test_nothing_but_reading_is_allowed(visitor: Visitor, method: str) -> None:
    answer = visitor.ask(f"{visitor.home}/", method, body=b"x=1")
    assert answer.status == 405
    assert answer.header("allow") == "GET, HEAD"


def test_head_has_the_headers_of_get_and_no_body(visitor: Visitor) -> None:
    head, get = (visitor.ask(f"{visitor.home}/", method) for method in ("HEAD", "GET"))
    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") == get.header("content-length")


@pytest.mark.parametrize("path", ["/", "/none", "/run/none", "/style.css", "/follow.js", "/?token=wrong"])
def test_every_answer_forbids_what_a_page_does_not_need(visitor: Visitor, path: str) -> None:
    answer = visitor.ask(visitor.home + path)
    policy = answer.header("content-security-policy").split("; ")
    own = f"http://127.0.0.1:{visitor.viewer.port}{visitor.home}/"
    assert policy == [
        "default-src 'none'",
        f"style-src {own}style.css",
        f"script-src {own}follow.js",
        f"connect-src {own}",
        f"form-action {own}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    told = {
        name: answer.header(name) for name in ("x-content-type-options", "referrer-policy", "cache-control")
    }
    assert list(told.values()) == ["nosniff", "no-referrer", "no-store"]
    assert not answer.header("access-control-allow-origin")
    assert not answer.header("server")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_address_gets_nothing_in_the_background(visitor: Visitor, site: str) -> None:
    """A server on another port of this machine is the same site, so that a browser sends it our cookies."""
    for mode in ("no-cors", "cors", "websocket"):
        answer = visitor.ask(f"{visitor.home}/", sec_fetch_site=site, sec_fetch_mode=mode)
        assert (answer.status, answer.text) == (403, NOT_HERE)


def led(visitor: Visitor, path: str) -> Answer:
    """What a link on somebody else's page leads to."""
    return visitor.ask(visitor.home + path, sec_fetch_site="cross-site", sec_fetch_mode="navigate")


def test_a_link_from_elsewhere_works_after_one_step_of_our_own(stranger: Visitor, visitor: Visitor) -> None:
    """A browser keeps a strict cookie back until the request comes from a page of ours."""
    first = led(stranger, "/")
    assert first.status == 200
    assert f"url={stranger.home}/?once=more" in first.text
    assert "strict" not in first.text
    assert led(stranger, "/?once=more").status == 403
    assert led(visitor, "/?once=more").status == 200


ABOVE = (
    "..",
    "%2e%2e",
    "%2E%2E%2F",
    "..%2f..",
    "..%5c",
    "%252e%252e",
    "....//",
    ".%00.",
    "/etc/passwd",
    "%2fetc%2fpasswd",
)


@pytest.mark.parametrize("up", ABOVE)
@pytest.mark.parametrize("before", ["/", "/run/", "/run/{id}/", "/run/{id}/texts/", "/comparison/"])
def test_no_path_leads_to_a_file(visitor: Visitor, before: str, up: str) -> None:
    name = visitor.place("strict").rpartition("/")[2]
    for tail in ("", "/private/report.html", "/strict/private/audit.html"):
        answer = visitor.ask(visitor.home + before.format(id=name) + up + tail)
        assert answer.status in {403, 404}
        assert MARKER not in answer.text
        assert "root:" not in answer.text


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect", "/static", "/run"]
)
def test_there_are_no_pages_about_the_server(visitor: Visitor, path: str) -> None:
    assert visitor.ask(visitor.home + path).status == 404


def test_outside_its_own_path_there_is_nothing(visitor: Visitor) -> None:
    """Not even with the cookie: each viewer has a path that is drawn anew."""
    for path in ("/", "/style.css", visitor.home, f"{visitor.home}x/", visitor.place("strict")):
        assert visitor.ask(path).status == 403


def test_only_this_machine_can_reach_it(viewer: Viewer) -> None:
    assert viewer.address.startswith("http://127.0.0.1:")
    assert viewer._socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "query",
    ["page=x", "page=99999999999999999999", "page=-5", "page=1&page=2", "q=%ff%fe", "q=" + "a" * 4000],
)
def test_an_odd_query_is_answered(visitor: Visitor, query: str) -> None:
    answer = visitor.ask(f"{visitor.home}{visitor.place('strict')}/texts?{query}")
    assert answer.status in {200, 404}
    assert "Traceback" not in answer.text
