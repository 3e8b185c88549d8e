"""What a status means: ask again, give up this request, or stop the run because no request can succeed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rpsg.errors import ModelError
from rpsg.models.openai.error_text import with_words

if TYPE_CHECKING:
    from rpsg.models.openai.http_request import Answer

#: Statuses that are about the moment, not about the request.
_LATER = {408, 409, 425}
_STOPS: dict[int, tuple[str, str]] = {
    401: (
        "does not accept the key",
        "Set the environment variable {key_env} to a valid key; see: rpsg doctor",
    ),
    402: (
        "wants to be paid first",
        "See to the account, then run the same command again; it goes on from here.",
    ),
    403: (
        "does not let this key use the model {model}",
        "Check {key_env}, organization and project in the section [server] of the plan; see: rpsg doctor",
    ),
    404: (
        "has no model {model} at this address",
        "Check the name of the model and that base_url ends like the server's own, often in /v1.",
    ),
    501: (
        "cannot do what is asked of the model {model}",
        "Start it with this function, or take another model.",
    ),
}


@dataclass(frozen=True, slots=True)
class Asker:
    """What a message may say about who was asked."""

    host: str
    model: str
    key_env: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``answered``: read the body. ``busy``: 429. ``broken``: ask again. ``refused``: perhaps another way.
    ``dropped``: this request has no answer. ``reason`` is made of the status, and of the server's own words
    where the request was public.
    """

    kind: Literal["answered", "busy", "broken", "refused", "dropped"]
    reason: str = ""
    overload: bool = False


def judge(answer: Answer, asker: Asker, said: str = "") -> Verdict:
    """What is to be done after this answer. ``said``: the server's words, if they may be shown.

    Raises:
        ModelError: the same would happen to every request.
    """
    status = answer.status
    reason = with_words(f"the server answered with HTTP {status}", said)
    if status == 200:
        return Verdict("answered")
    if 300 <= status < 400:
        raise ModelError(
            f"{asker.host} sends us on to another address (HTTP {status}); nothing was sent there.",
            hint="Write the address where the server really is as base_url into the section [server].",
        )
    if status in _STOPS:
        raise stopped(status, asker, said)
    if status == 429:
        _check_quota(answer, asker)
        return Verdict("busy", reason)
    if status == 503 and answer.wait is not None:
        return Verdict("busy", reason)
    if status in _LATER or status >= 500:
        return Verdict("broken", reason, overload=status in {503, 504, 529})
    if status in {400, 422}:
        return _refused(answer, reason)
    return Verdict("dropped", reason)


def stopped(status: int, asker: Asker, said: str = "") -> ModelError:
    """The error for a status that ends everything."""
    what, hint = _STOPS[status]
    words = {"model": asker.model, "key_env": asker.key_env}
    says = f' It says: "{said}"' if said else ""
    return ModelError(
        f"{asker.host} {what.format(**words)} (HTTP {status}).{says}", hint=hint.format(**words)
    )


def _check_quota(answer: Answer, asker: Asker) -> None:
    if _code(answer.body) in {"insufficient_quota", "billing_hard_limit_reached"}:
        raise ModelError(
            f"The account at {asker.host} has no quota left.",
            hint="See to the account, then run the same command again; it goes on from here.",
        )


def _refused(answer: Answer, reason: str) -> Verdict:
    """A refusal for the content or the length is final; one for a parameter may be met with another way."""
    code = _code(answer.body)
    if code in {"content_filter", "content_policy_violation", "moderation_blocked"}:
        return Verdict("dropped", "the server's content filter")
    if code in {"context_length_exceeded", "exceed_context_size_error"}:
        return Verdict("dropped", "longer than the context of the model")
    return Verdict("refused", reason)


def _code(body: bytes) -> str:
    """The word by which a server names its error; "" when there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict):
        return ""
    words = [error.get("code"), error.get("type")]
    return next((word for word in words if isinstance(word, str)), "")
