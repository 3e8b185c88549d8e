"""Requests for texts in the formats of the two APIs, how answers are parsed, and a probe for continuation.

An answer has exactly one text, or there is a reason why it has none.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from rpsg.models.documents import document_of
from rpsg.models.openai.capabilities import without
from rpsg.models.thoughts import split_thoughts
from rpsg.protocols import Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.protocols import Request

#: The answer ended before the model had finished thinking.
CUT_WHILE_THINKING = "cut while thinking"
#: The server reports an error with a status of success.
AN_ERROR = "an error in place of an answer"
_MALFORMED = "the answer is not as the API says"
_A_CALL = "a call of a tool in place of a text"
#: The types of the parts of a message that are thoughts.
_THOUGHTS = frozenset({"thinking", "reasoning"})
#: How servers of several makers say that their filter ended an answer.
_FILTERED = frozenset({"content_filter", "safety", "recitation", "prohibited_content", "blocklist"})
# What every server accepts as a seed: a positive 32-bit number.
_SEEDS = 2**31 - 1
_WORD = re.compile(r"\S+")
# OpenAI refuses a request with more stop sequences than this; RPSG applies the rest to the answer itself.
_MAX_STOPS = 4
# The number of answers remembered to detect repeated ones.
_REMEMBERED = 10_000


Told_co = TypeVar("Told_co", covariant=True)


class UnusableError(Exception):
    """An answer without a usable text. The reason never quotes the answer.

    ``decided``: the server or the model refused to give a text, so asking again is useless.
    """

    def __init__(self, reason: str, *, decided: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.decided = decided


class Questions(Protocol[Told_co]):
    """The requests by index, and how an answer is parsed (UnusableError: it has no usable result)."""

    def ask(self, index: int) -> dict[str, Any]: ...

    def read(self, index: int, answer: dict[str, Any], changes: frozenset[str]) -> Told_co: ...

    def declined(self, index: int, refusal: bytes) -> Told_co | None:  # noqa: ARG002 - most refusals are no result
        """The result, if this refusal is an answer in itself; else None."""
        return None

    def is_public(self, index: int) -> bool:  # noqa: ARG002 - private, unless it is known
        """Whether a request has no private text, so that the server's messages about it may be shown."""
        return False


class ChatRequests(Questions[Reply]):
    """The requests of one batch.

    ``continues``: the server can continue a prefilled answer. ``more``: fields of every request, as JSON.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        model: str,
        api: Literal["chat", "completions"],
        *,
        continues: bool,
        more: str = "",
    ) -> None:
        # The completions API gets documents: a prompt, and the stop sequences of that form.
        self._requests = requests if api == "chat" else [document_of(request) for request in requests]
        self._model = model
        self._api = api
        self._continues = continues
        self._more: dict[str, Any] = json.loads(more or "{}")
        self._seen: dict[bytes, Request] = {}
        self._order: deque[bytes] = deque()

    def ask(self, index: int) -> dict[str, Any]:
        request = self._requests[index]
        question: dict[str, Any] = {
            **self._more,
            "model": self._model,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed % _SEEDS,
        }
        if request.stop:
            question["stop"] = list(request.stop[:_MAX_STOPS])
        if self._api == "completions":
            return {**question, "prompt": request.messages[0].content}
        messages = [{"role": m.role, "content": m.content} for m in request.messages]
        if self._continues and request.begins:
            messages.append({"role": "assistant", "content": request.begins})
            question |= {"add_generation_prompt": False, "continue_final_message": True}
        return {**question, "messages": messages}

    def read(self, index: int, answer: dict[str, Any], changes: frozenset[str]) -> Reply:
        request = self._requests[index]
        cuts = without("stop") in changes or len(request.stop) > _MAX_STOPS
        reply = read_reply(answer, request, continues=self._continues, cuts=cuts)
        self._refuse_repeated(answer.get("id"), reply.text, request)
        return reply

    def is_public(self, index: int) -> bool:
        return not self._requests[index].private

    def _refuse_repeated(self, name: object, text: str, request: Request) -> None:
        """Raise UnusableError for the answer to another request: the same id and the same text.

        The id alone proves nothing: some servers draw it from only a thousand numbers.
        """
        if not isinstance(name, str) or not name:
            return
        key = hashlib.sha256(f"{name}\0{text}".encode(errors="surrogatepass")).digest()
        if self._seen.setdefault(key, request) != request:
            raise UnusableError("the answer to another request, given again")
        self._order.append(key)
        if len(self._order) > _REMEMBERED:
            self._seen.pop(self._order.popleft(), None)


class ContinuationProbe(Questions[bool]):
    """One request that shows whether a server can continue a prefilled answer.

    Such a server has two options that exclude each other: begin a new answer, continue the last one. It
    refuses a request with both before it generates anything. Other servers refuse them as unknown, or ignore
    them and generate one token.
    """

    def __init__(self, model: str) -> None:
        self._model = model

    def ask(self, index: int) -> dict[str, Any]:  # noqa: ARG002 - the only request
        return {
            "model": self._model,
            "messages": [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Good"}],
            "max_tokens": 1,
            "add_generation_prompt": True,
            "continue_final_message": True,
        }

    def read(self, index: int, answer: dict[str, Any], changes: frozenset[str]) -> bool:  # noqa: ARG002 - any answer says no
        return False

    def declined(self, index: int, refusal: bytes) -> bool | None:  # noqa: ARG002 - the only request
        """True when the server knows both options; None if the refusal was about something else."""
        words = json.dumps(refusal.decode(errors="replace")).lower()
        known = all(word in words for word in ("add_generation_prompt", "continue_final_message", "both"))
        return True if known else None

    def is_public(self, index: int) -> bool:  # noqa: ARG002 - the only request
        return True


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``; UnusableError if there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        start = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        if start.startswith((b"<!doctype", b"<html", b"<?xml")):
            reason = "a web page in place of an answer: base_url leads elsewhere"
        elif start.startswith((b"data:", b"event:", b": ")):
            reason = "a stream in place of one answer"
        else:
            reason = "the answer is not JSON"
        raise UnusableError(reason) from None
    if not isinstance(value, dict):
        raise UnusableError(_MALFORMED)
    return value


def read_reply(answer: dict[str, Any], request: Request, *, continues: bool, cuts: bool) -> Reply:
    """The reply in an answer of either API; UnusableError if there is none.

    ``continues``: the server was to continue ``request.begins``; some servers repeat these words, but the
    reply has them once. ``cuts``: the server has no stop sequences, so they are applied here. A server may
    also ignore the maximum of tokens: then the text is cut after as many words.
    """
    choice = _choice(answer)
    finish = choice.get("finish_reason")
    said = _text_of(choice)
    text, _ = split_thoughts(said)
    if text != said:
        text = text.strip()
    if not text.strip():
        raise UnusableError(_why_empty(answer, choice, said, str(finish)))
    if continues and request.begins:
        repeated = text.lstrip()
        text = repeated if repeated.startswith(request.begins.lstrip()) else request.begins + text
    ended: Literal["stop", "length"] = "length" if finish == "length" else "stop"
    start = len(request.begins) if text.startswith(request.begins) else 0
    stops = [at for mark in request.stop if cuts and mark and (at := text.find(mark, start)) >= 0]
    if stops:
        text, ended = text[: min(stops)], "stop"
    most = request.max_tokens + len(request.begins.split())
    if (end := next(islice(_WORD.finditer(text), most, None), None)) is not None:
        text, ended = text[: end.start()].rstrip(), "length"  # a word is at least one token
    usage = answer.get("usage")
    counts = (
        (usage.get(name) for name in ("prompt_tokens", "completion_tokens"))
        if isinstance(usage, dict)
        else (0, 0)
    )
    prompt, completion = (count if type(count) is int and count > 0 else 0 for count in counts)
    return Reply(text, ended, prompt, completion)


def _choice(answer: dict[str, Any]) -> dict[str, Any]:
    choices = answer.get("choices")
    if not choices and (answer.get("error") or answer.get("object") == "error"):
        raise UnusableError(AN_ERROR)
    if not isinstance(choices, list):
        raise UnusableError(_MALFORMED)
    if not choices:
        raise UnusableError("an answer without choices")
    choice = choices[0]
    if not isinstance(choice, dict):
        raise UnusableError(_MALFORMED)
    finish = str(choice.get("finish_reason")).lower()
    if choice.get("error") or finish == "error":  # a gateway reports a failed server like this
        raise UnusableError(AN_ERROR)
    if finish in _FILTERED:
        raise UnusableError("the server's content filter", decided=True)
    if finish in {"tool_calls", "function_call"}:
        raise UnusableError(_A_CALL, decided=True)
    return choice


def _text_of(choice: dict[str, Any]) -> str:
    """The unprocessed text of a choice."""
    if "message" not in choice:
        if not isinstance(choice.get("text"), str):
            raise UnusableError(_MALFORMED)
        return str(choice["text"])
    message = choice["message"]
    if not isinstance(message, dict):
        raise UnusableError(_MALFORMED)
    if message.get("refusal"):
        raise UnusableError("the model refused", decided=True)
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(map(_text_of_part, content))
    if not content and (message.get("tool_calls") or message.get("function_call")):
        raise UnusableError(_A_CALL, decided=True)
    if content is not None and not isinstance(content, str):
        raise UnusableError(_MALFORMED)
    return content or ""


def _text_of_part(part: object) -> str:
    """The text in a part of a message; "" for an image, and for thoughts."""
    if isinstance(part, dict):
        part = part.get("text") if part.get("type") not in _THOUGHTS else ""
    return part if isinstance(part, str) else ""


def _why_empty(answer: dict[str, Any], choice: dict[str, Any], said: str, finish: str) -> str:
    usage = answer.get("usage")
    details = usage.get("completion_tokens_details") if isinstance(usage, dict) else None
    counted = isinstance(details, dict) and bool(details.get("reasoning_tokens"))
    message = choice.get("message")
    apart = isinstance(message, dict) and (
        bool(message.get("reasoning_content") or message.get("reasoning"))
        or any(isinstance(p, dict) and p.get("type") in _THOUGHTS for p in message.get("content") or ())
    )
    thought = counted or apart or split_thoughts(said)[0] != said
    if thought and (finish == "length" or said.strip()):
        return CUT_WHILE_THINKING
    return "only thoughts and no text" if thought else "an empty text"
