"""A request in the words of the two APIs, and the check whether a server goes on from a beginning."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from typing import TYPE_CHECKING, Any, Literal

from rpsg.models.documents import document_of
from rpsg.models.openai.capabilities import without
from rpsg.models.openai.replies import UnusableError, read_reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.protocols import Reply, Request

# What every server can take as a seed: a positive 32-bit number.
_SEEDS = 2**31 - 1
# More stop sequences are refused by OpenAI; those left out are applied to what comes back.
_MOST_STOPS = 4
# How many answers are remembered to see one that is given twice.
_REMEMBERED = 10_000


class Writing:
    """The questions of one batch; ``continues``: the server goes on from an answer that has begun."""

    def __init__(
        self,
        requests: Sequence[Request],
        model: str,
        api: Literal["chat", "completions"],
        *,
        continues: bool,
    ) -> None:
        # Of the completions API, documents: a prompt, and the stops that its form needs.
        self._requests = requests if api == "chat" else [document_of(request) for request in requests]
        self._model = model
        self._api = api
        self._continues = continues
        self._seen: dict[bytes, Request] = {}
        self._order: deque[bytes] = deque()

    def ask(self, index: int) -> dict[str, Any]:
        request = self._requests[index]
        question: dict[str, Any] = {
            "model": self._model,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed % _SEEDS,
        }
        if request.stop:
            question["stop"] = list(request.stop[:_MOST_STOPS])
        if self._api == "completions":
            return {**question, "prompt": request.messages[0].content}
        messages = [{"role": m.role, "content": m.content} for m in request.messages]
        if self._continues and request.begins:
            messages.append({"role": "assistant", "content": request.begins})
            question |= {"add_generation_prompt": False, "continue_final_message": True}
        return {**question, "messages": messages}

    def read(self, index: int, answer: dict[str, Any], changes: frozenset[str]) -> Reply:
        request = self._requests[index]
        cuts = without("stop") in changes or len(request.stop) > _MOST_STOPS
        reply = read_reply(answer, request, continues=self._continues, cuts=cuts)
        self._refuse_again(answer.get("id"), reply.text, request)
        return reply

    def declined(self, index: int, refusal: bytes) -> Reply | None:  # noqa: ARG002 - a refusal is no reply
        return None

    def is_public(self, index: int) -> bool:
        return not self._requests[index].private

    def _refuse_again(self, name: object, text: str, request: Request) -> None:
        """An answer to another request, under its own id and word for word, is not an answer to this one.

        The id alone shows nothing: some servers draw it from a thousand numbers.
        """
        if not isinstance(name, str) or not name:
            return
        key = hashlib.sha256(f"{name}\0{text}".encode(errors="surrogatepass")).digest()
        if self._seen.setdefault(key, request) != request:
            raise UnusableError("the answer to another request, given again")
        self._order.append(key)
        if len(self._order) > _REMEMBERED:
            self._seen.pop(self._order.popleft(), None)


class Probe:
    """One question that only a server refuses which can go on from the beginning of an answer.

    Such a server knows two switches that exclude each other: begin a new answer, go on with the last one.
    Asked for both, it says so, before anything is generated. Others do not know them, and refuse them as
    unknown or answer with the one token that is asked for.
    """

    def __init__(self, model: str) -> None:
        self._model = model

    def ask(self, index: int) -> dict[str, Any]:  # noqa: ARG002 - there is one
        return {
            "model": self._model,
            "messages": [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Good"}],
            "max_tokens": 1,
            "add_generation_prompt": True,
            "continue_final_message": True,
        }

    def read(self, index: int, answer: dict[str, Any], changes: frozenset[str]) -> bool:  # noqa: ARG002 - any answer says no
        return False

    def declined(self, index: int, refusal: bytes) -> bool | None:  # noqa: ARG002 - there is one
        """True when the server knows the switches; None: it was about something else."""
        words = json.dumps(refusal.decode(errors="replace")).lower()
        known = all(word in words for word in ("add_generation_prompt", "continue_final_message", "both"))
        return True if known else None

    def is_public(self, index: int) -> bool:  # noqa: ARG002 - there is one
        return True
