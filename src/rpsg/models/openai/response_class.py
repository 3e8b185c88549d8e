"""What a status means: try again, give up this request, or stop the run because no request can succeed.

A server's error message is shown only if the request was public, because it may quote the request: shortened,
on one line, without the key.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rpsg.display import printable
from rpsg.errors import ModelError
from rpsg.models.openai.http_request import ANSWERED

if TYPE_CHECKING:
    from rpsg.models.openai.concurrency import Overload
    from rpsg.models.openai.http_request import HttpResponse

# The maximum length of a quoted message, and its usual keys in the body of an error.
_MAX_LENGTH = 200
_NAMES = ("message", "detail", "error", "msg", "error_description", "choices")
#: Temporary statuses, which do not depend on the request.
_LATER = {408, 409, 425}
_OVERLOAD: dict[int, Overload] = {408: "late", 504: "late", 503: "rejected", 529: "rejected"}
_STOPS: dict[int, tuple[str, str]] = {
    401: ("does not accept the credentials", "{credentials}"),
    402: (
        "asks for a payment first",
        "Pay the provider, then run the same command again; it continues where it stopped.",
    ),
    403: ("does not let these credentials use the model {model}", "{credentials}"),
    404: (
        "has no model {model} at this address",
        "Check the name of the model, and that base_url has the path of the server's API, often /v1.",
    ),
    501: (
        "does not support what is asked of the model {model}",
        "Start the server with this feature switched on, or use another model.",
    ),
}


#: A word of at least this many characters, within the value of a header, may be a secret by itself.
_LEAST_SECRET = 8


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a message may say about the server. ``variables`` are environment variables with values of
    headers, which a message must not show; ``credentials`` says what to check if the server refuses them.
    """

    host: str
    model: str
    key_env: str
    variables: tuple[str, ...] = ()
    credentials: str = ""


@dataclass(frozen=True, slots=True)
class ResponseClass:
    """``answered``: read the body. ``busy``: 429. ``broken``: try again. ``refused``: change the request.
    ``dropped``: this request has no answer. ``reason`` has the status, and the server's message if the
    request was public.
    """

    kind: Literal["answered", "busy", "broken", "refused", "dropped"]
    reason: str = ""
    overload: Overload | None = None


def classify_response(answer: HttpResponse, context: RequestContext, said: str = "") -> ResponseClass:
    """What to do after this answer. ``said``: the server's message, if it may be shown.

    Raises:
        ModelError: the same would happen to every request.
    """
    status = answer.status
    reason = with_words(f"the server answered with HTTP {status}", said)
    if status in ANSWERED:
        return ResponseClass("answered")
    if 300 <= status < 400:
        raise ModelError(
            f"{context.host} redirects to another address (HTTP {status}); nothing was sent there.",
            hint="Write the final address of the server as base_url into the section [server].",
        )
    if status in _STOPS:
        what, hint = _STOPS[status]
        words = {"model": context.model, "credentials": context.credentials}
        says = f' It says: "{said}"' if said else ""
        raise ModelError(
            f"{context.host} {what.format(**words)} (HTTP {status}).{says}", hint=hint.format(**words)
        )
    if status == 429:
        if _code(answer.body) in {"insufficient_quota", "billing_hard_limit_reached"}:
            raise ModelError(
                f"The account at {context.host} has no quota left.",
                hint="Add quota to the account, then run the same command again; it continues where it "
                "stopped.",
            )
        return ResponseClass("busy", reason)
    if status == 503 and answer.wait is not None:
        return ResponseClass("busy", reason)
    if status in _LATER or status >= 500:
        return ResponseClass("broken", reason, overload=_OVERLOAD.get(status))
    if status in {400, 422}:
        return _refused(answer, reason)
    return ResponseClass("dropped", reason)


def _refused(answer: HttpResponse, reason: str) -> ResponseClass:
    """Refusals for content or length are final; after other refusals the request may be changed."""
    code = _code(answer.body)
    if code in {"content_filter", "content_policy_violation", "moderation_blocked"}:
        return ResponseClass("dropped", "the server's content filter")
    if code in {"context_length_exceeded", "exceed_context_size_error"}:
        return ResponseClass("dropped", "longer than the context of the model")
    return ResponseClass("refused", reason)


def _code(body: bytes) -> str:
    """The error code in the body; "" if there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict):
        return ""
    words = [error.get("code"), error.get("type")]
    return next((word for word in words if isinstance(word, str)), "")


def server_words(body: bytes, *secret: str) -> str:
    """The server's message in the body of an error; "" if there is none that can be shown.

    ``secret`` are names of environment variables. Their values are not shown, nor any word of a value, such
    as the key after "Bearer".
    """
    try:
        said = _message(json.loads(body))
    except (ValueError, RecursionError):
        return ""
    line = " ".join(printable(said).split())
    held = [os.environ.get(variable, "").strip() for variable in secret]
    words = [word for value in held for word in value.split() if len(word) >= _LEAST_SECRET]
    for word in sorted({*filter(None, held), *words}, key=len, reverse=True):
        # The key may be a short placeholder such as "x" if the server needs none. A short one is hidden only
        # as a whole word, because it also occurs inside other words.
        whole = re.escape(word) if len(word) >= _LEAST_SECRET else rf"(?<!\w){re.escape(word)}(?!\w)"
        line = re.sub(whole, "(the key)", line)
    return line if len(line) <= _MAX_LENGTH else f"{line[:_MAX_LENGTH].rstrip()} ..."


def with_words(reason: str, words: str) -> str:
    """A reason with the server's message, if there is one."""
    return f'{reason}: "{words}"' if words else reason


def _message(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and depth < len(_NAMES):
        return _message(value[0], depth + 1)
    if isinstance(value, dict) and depth < len(_NAMES):
        found = (_message(value[name], depth + 1) for name in _NAMES if name in value)
        return next(filter(None, found), "")
    return ""
