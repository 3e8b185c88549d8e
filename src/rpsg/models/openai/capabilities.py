"""What a server cannot do, learned from its refusals and never from the name of a model.

A refusal suggests a change of the request. The change is tried with that request, and kept for all later ones
only if it is then answered: a refusal that merely quotes a word does not remove a parameter for good.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LIMIT = "max_completion_tokens in place of max_tokens"
NO_SYSTEM = "system message within the first user message"
QUIET = "thinking switched off"
ROOM = "a higher token limit, which leaves room for thinking"
#: Additional tokens for a model that thinks before it writes.
THOUGHTS = 4096
_LEAVABLE = ("seed", "stop", "top_p", "temperature", "chat_template_kwargs", "encoding_format")
# A chat template without system messages says so in many ways: "Conversation roles must alternate",
# "Only user and assistant roles are supported", "Jinja Exception: System role not supported".
_ABOUT_ROLES = re.compile(r"\broles?\b|system (?:message|prompt)|jinja|chat.?template|template error")
_REFUSAL = re.compile(
    r"unsupported|n[o']t support|unrecogni[sz]ed|unknown|not permitted|unexpected|not allowed|forbidden"
    r"|only the default|extra input|both|deprecated|invalid (?:parameter|argument|field)"
)


def without(parameter: str) -> str:
    """The change that leaves a parameter out."""
    return f"no {parameter}"


def fit(question: dict[str, Any], changes: Collection[str]) -> dict[str, Any]:
    """The request with the changes."""
    fitted = dict(question)
    if ROOM in changes:
        fitted["max_tokens"] += THOUGHTS
    if QUIET in changes:
        fitted["chat_template_kwargs"] = {"enable_thinking": False}
    if LIMIT in changes:
        fitted["max_completion_tokens"] = fitted.pop("max_tokens")
    if NO_SYSTEM in changes:
        fitted["messages"] = _joined(fitted["messages"])
    for parameter in _LEAVABLE:
        if without(parameter) in changes:
            fitted.pop(parameter, None)
    return fitted


def _joined(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """The messages with system messages moved into the first user message, and with alternating roles."""
    system = [m["content"] for m in messages if m["role"] == "system"]
    others = [dict(m) for m in messages if m["role"] != "system"]
    first = next((m for m in others if m["role"] == "user"), None)
    if first is None:
        return [{"role": "user", "content": "\n\n".join(system)}, *others]
    first["content"] = "\n\n".join([*system, first["content"]])
    joined = others[:1]
    for message in others[1:]:
        if message["role"] == joined[-1]["role"]:
            joined[-1]["content"] += f"\n\n{message['content']}"
        else:
            joined.append(message)
    return joined


class Capabilities:
    """The changes that this server was found to need."""

    def __init__(self) -> None:
        self._kept: set[str] = set()

    @property
    def kept(self) -> frozenset[str]:
        return frozenset(self._kept)

    def keep(self, changes: Iterable[str]) -> None:
        """Record that a request with these changes was answered."""
        self._kept.update(changes)

    def without_system(
        self, refusal: bytes, question: dict[str, Any], changes: Collection[str]
    ) -> str | None:
        """NO_SYSTEM if the system message may have caused the failure, whatever the status; else None."""
        has_system = any(message["role"] == "system" for message in question.get("messages", ()))
        if has_system and NO_SYSTEM not in changes and _ABOUT_ROLES.search(_complaint(refusal)[1]):
            return NO_SYSTEM
        return None

    def suggested(self, refusal: bytes, question: dict[str, Any], changes: Collection[str]) -> str | None:
        """The next change to try after a refusal of ``question`` with ``changes``; None if there is none."""
        named, words = _complaint(refusal)
        for candidate, parameter in _options(question) if _REFUSAL.search(words) else ():
            if candidate not in changes and (named == parameter or (not named and _names(words, parameter))):
                return candidate
        return self.without_system(refusal, question, changes)

    def after_thoughts(self, question: dict[str, Any], changes: Collection[str]) -> str | None:
        """What to change when the answer was cut while thinking: first disable it, then add tokens."""
        if "messages" in question and QUIET not in changes:
            return QUIET
        return ROOM if ROOM not in changes and "messages" in question else None


def _options(question: dict[str, Any]) -> list[tuple[str, str]]:
    """(change, parameter) for each parameter of the request that a refusal may be about."""
    limits = [(LIMIT, "max_tokens")] if "max_tokens" in question else []
    return limits + [(without(name), name) for name in _LEAVABLE if name in question]


def _names(words: str, parameter: str) -> bool:
    return re.search(rf"(?<![a-z_]){parameter}(?![a-z_])", words) is not None


def _complaint(refusal: bytes) -> tuple[str, str]:
    """(the parameter that the server names, the whole message in lower case)."""
    try:
        value = json.loads(refusal)
    except (ValueError, RecursionError):
        return "", refusal[:20_000].decode(errors="replace").lower()
    error = value.get("error", value) if isinstance(value, dict) else value
    parameter = error.get("param") if isinstance(error, dict) else None
    named = parameter if isinstance(parameter, str) else ""
    return named if named in {"max_tokens", *_LEAVABLE} else "", json.dumps(value)[:20_000].lower()
