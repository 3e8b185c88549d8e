"""A server's answer, read: exactly one text, or the reason why there is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from rpsg.protocols import Reply

if TYPE_CHECKING:
    from rpsg.protocols import Request

#: The answer ended before the model had done thinking.
CUT_WHILE_THINKING = "cut while thinking"
#: What the server reports although its status says that all is well.
AN_ERROR = "an error in place of an answer"
_OPENED, _CLOSED = ("<think>", "<thinking>"), ("</think>", "</thinking>")


class UnusableError(Exception):
    """An answer that holds no text; the reason is never made of what it holds."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``; UnusableError when there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise UnusableError(_no_json(body)) from None
    if not isinstance(value, dict):
        raise UnusableError("the answer is not as the API says")
    return value


def _no_json(body: bytes) -> str:
    """What stands there instead, by how it begins."""
    start = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page in place of an answer: base_url leads elsewhere"
    if start.startswith((b"data:", b"event:", b": ")):
        return "a stream in place of one answer"
    return "the answer is not JSON"


def read_reply(answer: dict[str, Any], request: Request, *, continues: bool, cuts: bool) -> Reply:
    """The reply in an answer of either API.

    ``continues``: the server was asked to go on from ``request.begins``; some then repeat these words and
    some do not, the reply holds them once. ``cuts``: the server knows no stop sequences, so they are
    applied here.
    """
    choice = _choice(answer)
    finish = choice.get("finish_reason")
    said = _said(choice)
    text = without_thoughts(said)
    if not text.strip():
        raise UnusableError(_why_empty(answer, choice, said, str(finish)))
    if continues and request.begins:
        text = _begun(text, request.begins)
    ended: Literal["stop", "length"] = "length" if finish == "length" else "stop"
    if cuts:
        text, ended = _cut(text, request, ended)
    prompt, completion = _usage(answer)
    return Reply(text, ended, prompt, completion)


def _choice(answer: dict[str, Any]) -> dict[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list):
        raise UnusableError(AN_ERROR if "error" in answer else _WRONG)
    if not choices:
        raise UnusableError("an answer without choices")
    choice = choices[0]
    if not isinstance(choice, dict):
        raise UnusableError(_WRONG)
    if choice.get("finish_reason") == "content_filter":
        raise UnusableError("the server's content filter")
    if choice.get("finish_reason") in {"tool_calls", "function_call"}:
        raise UnusableError("a call of a tool in place of a text")
    return choice


_WRONG = "the answer is not as the API says"


def _said(choice: dict[str, Any]) -> str:
    """The text of a choice as it came."""
    if "message" not in choice:
        if not isinstance(choice.get("text"), str):
            raise UnusableError(_WRONG)
        return str(choice["text"])
    message = choice["message"]
    if not isinstance(message, dict):
        raise UnusableError(_WRONG)
    if message.get("refusal"):
        raise UnusableError("the model refused")
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(
            p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str)
        )
    if content is not None and not isinstance(content, str):
        raise UnusableError(_WRONG)
    return content or ""


def without_thoughts(text: str) -> str:
    """The text without what a reasoning model thought aloud before it, closed or not."""
    for mark in _CLOSED:
        if mark in text:
            text = text.rpartition(mark)[2].lstrip()
    for mark in _OPENED:
        if mark in text:
            text = text.partition(mark)[0].rstrip()
    return text


def _why_empty(answer: dict[str, Any], choice: dict[str, Any], said: str, finish: str) -> str:
    usage = answer.get("usage")
    details = usage.get("completion_tokens_details") if isinstance(usage, dict) else None
    counted = isinstance(details, dict) and bool(details.get("reasoning_tokens"))
    message = choice.get("message")
    apart = isinstance(message, dict) and bool(message.get("reasoning_content") or message.get("reasoning"))
    thought = counted or apart or any(mark in said for mark in _OPENED)
    if thought and (finish == "length" or said.strip()):
        return CUT_WHILE_THINKING
    return "only thoughts and no text" if thought else "an empty text"


def _begun(text: str, begins: str) -> str:
    repeated = text.lstrip()
    return repeated if repeated.startswith(begins.lstrip()) else begins + text


def _cut(
    text: str, request: Request, finish: Literal["stop", "length"]
) -> tuple[str, Literal["stop", "length"]]:
    start = len(request.begins) if text.startswith(request.begins) else 0
    places = [place for mark in request.stop if mark and (place := text.find(mark, start)) >= 0]
    return (text[: min(places)], "stop") if places else (text, finish)


def _usage(answer: dict[str, Any]) -> tuple[int, int]:
    """(prompt tokens, completion tokens) as the server counted them; 0 where it does not say."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return 0, 0
    said = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    prompt, completion = (value if type(value) is int and value > 0 else 0 for value in said)
    return prompt, completion
