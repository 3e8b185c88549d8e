"""What to do about a server that gives no text: one hint for each cause."""

from __future__ import annotations

import re

_KEY = (
    "Check the credentials that [server] names: the key in the variable of key_env, headers, and the "
    "certificate of certificate_env. Then test them with: rpsg doctor."
)
_NAME = "Check the name after openai: against the models that the server lists (GET /v1/models)."
_THINKS = (
    "Switch the model's thinking off (many servers do so with --extra-body "
    """'{"chat_template_kwargs": {"enable_thinking": false}}'), or use another model."""
)
_CUT = (
    "Check --base-url: the port, and whether the address begins with http or https. A server that asks for a "
    "certificate of its clients also cuts the connection: name yours with [server] certificate_env."
)
_ADDRESS = (
    "Check --base-url: it is the address of a web page, perhaps of a sign-in page. Most addresses end in /v1."
)
_ENDS = "Check --base-url: this address accepts no requests for texts. Most addresses end in /v1."
#: Patterns of reasons, each with its hint; the first pattern that matches a reason counts.
_HINTS: tuple[tuple[str, str], ...] = (
    ("cut while thinking|only thoughts|does not end to think", _THINKS),
    ("a web page|redirect", _ADDRESS),
    ("a stream", "Switch streaming off in the server or gateway: RPSG expects one complete answer."),
    ("call of a tool", "Switch tools off for this model, or use another one."),
    ("content filter|the model refused", "Say with --about what the texts are, or use another --writer."),
    (r"HTTP 40[13]|api.?key|unauthori[sz]ed|authentication|credential", _KEY),
    (r"model.{0,60}not (found|in|exist|available|loaded)", _NAME),
    (r"model.{0,60}(unknown|invalid)|(invalid|unknown|no such) model", _NAME),
    (
        "longer than the context|context length|maximum context|too many tokens",
        "Start the server with a longer context.",
    ),
    (
        r"\broles?\b|template|jinja",
        (
            "The chat template of this model fails: give the server another template, or set [server] api = "
            '"completions".'
        ),
    ),
    (
        "through the proxy",
        "Check the address in HTTPS_PROXY. If this server needs no proxy, name its host in NO_PROXY.",
    ),
    (
        "no TLS connection",
        (
            "Nothing at this address answers over https. Most servers on the same machine need http in "
            "--base-url."
        ),
    ),
    (
        "is compressed in a way",
        "The server or a gateway compresses its answers, although RPSG asks for none: switch that off.",
    ),
    ("HTTP 405|HTTP 410", _ENDS),
    (
        "HTTP 413|request entity too large|payload too large",
        "The server or its gateway accepts no request of this size: raise its limit.",
    ),
    ("no connection", "Check that the server runs and that --base-url is its address: rpsg doctor."),
    ("connection was cut", _CUT),
    ("no answer in time", "Raise [server] timeout, or lower [server] concurrency."),
    (r"HTTP 429", "Lower [server] concurrency, or wait."),
    (r"HTTP 5\d\d", "The server itself fails: read its log."),
    ("an error in place", "The server reports an error with status 200: read its log."),
    (
        "not JSON|as the API says|without choices",
        "Check that --base-url is the address of an OpenAI-compatible server.",
    ),
    (
        "an empty text|^empty$",
        "The model gives empty answers: test it without RPSG, or use another --writer.",
    ),
)
_OTHER = "Test the server with: rpsg doctor; read its log; or use another --writer."


def hint_for(reason: str) -> str:
    """What to do about a request that got no text for this reason, which may quote the server."""
    return next((hint for sign, hint in _HINTS if re.search(sign, reason, re.IGNORECASE)), _OTHER)
