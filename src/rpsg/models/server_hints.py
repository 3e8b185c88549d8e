"""What to do about a server that gives no text: one hint for each cause."""

from __future__ import annotations

import re

_KEY = "Set the variable that [server] key_env names to a valid key, then try it with: rpsg doctor."
_NAME = "Check the name after openai: against the models that the server lists (GET /v1/models)."
_ADDRESS = "Check --base-url: it leads to a page for people, or to a sign-in. Most addresses end in /v1."
#: The first pattern that a reason matches has the hint.
_HINTS: tuple[tuple[str, str], ...] = (
    ("cut while thinking|only thoughts", "Switch the model's thinking off, or take another model."),
    ("a web page|redirect", _ADDRESS),
    ("a stream", "Switch streaming off in the server or gateway: one whole answer is expected."),
    ("call of a tool", "Switch tools off for this model, or take another one."),
    ("content filter|the model refused", "Say with --about what the texts are, or take another --writer."),
    (r"HTTP 40[13]|api.?key|unauthori[sz]ed|authentication|credential", _KEY),
    (
        r"model.{0,60}(not found|not exist|unknown|invalid|not loaded)|(invalid|unknown|no such) model",
        _NAME,
    ),
    ("longer than the context|context length|maximum context|too many tokens", "Raise the server's context."),
    (
        r"\broles?\b|template|jinja",
        'This model\'s chat template fails: give the server another, or set [server] api = "completions".',
    ),
    ("no connection", "See that the server runs, and that --base-url leads to it: rpsg doctor."),
    ("no answer in time", "Raise [server] timeout, or lower [server] concurrency."),
    (r"HTTP 429", "Lower [server] concurrency, or wait."),
    (r"HTTP 5\d\d", "The server itself fails: read its log."),
    ("an error in place", "The server itself fails, with a status of success: read its log."),
    ("not JSON|as the API says|without choices", "See that --base-url leads to an OpenAI-compatible server."),
    ("an empty text", "Try the model by hand: it answers with nothing. Take another --writer."),
)
_OTHER = "Try it with: rpsg doctor; or take another --writer."


def hint_for(reason: str) -> str:
    """What to do about a request that got no text for this reason, which may quote the server."""
    return next((hint for sign, hint in _HINTS if re.search(sign, reason, re.IGNORECASE)), _OTHER)
