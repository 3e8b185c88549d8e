"""Models without weights, for tests of RPSG and of its users.

They pass the same tests as real models (``rpsg.testing.laws``): the same request gives the same text, and the
row of a text depends on that text alone.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rpsg.errors import RunError
from rpsg.protocols import Reply, Request
from rpsg.textstats.languages import ENGLISH, language_of
from rpsg.textstats.words import words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from rpsg.protocols import Endpoint, OnReply

WORD = re.compile(r"[a-z']+")
#: A line of a conversation.
TURN = re.compile(r"([A-Z][a-z]+): \S")
FORM = re.compile(r"Answer with JSON: (\{.+\})\s*\Z")
FILLER: tuple[str, ...] = (
    *("the", "a", "it", "we", "they", "bought", "tried", "found", "liked", "kept", "again", "really"),
    *("quite", "never", "always", "good", "poor", "fresh", "plain", "quick", "slow", "small", "large"),
    *("and", "but", "so", "because", "with", "without", "after", "before", "morning", "evening"),
    *("week", "friend"),
)


def _number(*parts: object) -> int:
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big")


class FakeWriter:
    """Writes words of the last message and filler, as a function of the whole request.

    If the last message ends with "Answer with JSON:" and a form, the form is filled in.

    ``answer`` replaces that function; ``fails`` says which requests end in an error. ``requests`` has all
    requests, in order.
    """

    endpoint: Endpoint = "local_model"

    def __init__(
        self,
        answer: Callable[[Request], str] | None = None,
        *,
        fails: Callable[[Request], bool] = lambda _: False,
        name: str = "fake-writer",
    ) -> None:
        self.name = name
        self.requests: list[Request] = []
        self._answer = answer or _words
        self._fails = fails

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        replies = [self._reply(request) for request in requests]
        for index, reply in enumerate(replies):
            if on_reply is not None:
                on_reply(index, reply)
        return replies

    def _reply(self, request: Request) -> Reply:
        self.requests.append(request)
        if self._fails(request):
            return Reply("", "error", error="the fake was told to fail")
        text = _filled_in(request) if self._answer is _words else ""
        text = text or f"{request.begins} {self._answer(request)}".lstrip()
        if self._answer is _words:
            text += _answered(request, text)
        return Reply(text, "stop", sum(len(m.content) // 4 for m in request.messages), len(text) // 4)


def _answered(request: Request, text: str) -> str:
    """A turn of the other speaker if the examples of the prompt are conversations, else nothing."""
    examples = [message.content for message in request.messages if message.role == "assistant"]
    turns = [TURN.match(line) for example in examples for line in example.splitlines()]
    names = dict.fromkeys(turn[1] for turn in turns if turn is not None)
    others = [name for name in names if not text.startswith(f"{name}: ")]
    if not all(turns) or len(names) < 2:
        return ""
    return f"\n{others[0]}: {_words(replace(request, seed=request.seed + 1))}"


def _filled_in(request: Request) -> str:
    """The JSON form at the end of the last message, filled in; empty if there is none."""
    form = FORM.search(request.messages[-1].content)
    if form is None:
        return ""

    def value(asked: Any, path: str) -> Any:
        if isinstance(asked, dict):
            return {name: value(one, f"{path} {name}") for name, one in asked.items()}
        if isinstance(asked, list):
            return [value(one, f"{path} {i}") for i, one in enumerate(asked)]
        draw = _number(request.seed, request.messages[-1].content, path)
        if isinstance(asked, int):
            return draw % 101
        choices = asked.split(" or ")
        if len(choices) > 1:
            return choices[draw % len(choices)]
        return _words(request) if path.endswith(" text") else FILLER[draw % len(FILLER)]

    return json.dumps(value(json.loads(form[1].replace(": NUMBER", ": 0")), ""))


def _words(request: Request) -> str:
    subject = [w for w in WORD.findall(request.messages[-1].content.lower()) if len(w) > 3] or ["thing"]
    filler = _filler(tuple(m.content for m in request.messages if m.role == "assistant"))
    chosen = []
    begun = hashlib.sha256(f"{request.seed}\0{request.messages[-1].content}\0".encode())
    for i in range(max(8, min(request.max_tokens // 2, 40))):
        hashed = begun.copy()
        hashed.update(str(i).encode())
        draw = int.from_bytes(hashed.digest()[:8], "big")
        words = subject if draw % 3 == 0 else filler
        chosen.append(words[(draw // 3) % len(words)])
    return " ".join(chosen).capitalize() + "."


@lru_cache(maxsize=64)
def _filler(examples: tuple[str, ...]) -> tuple[str, ...]:
    """Filler between the words of the subject, in the language of the examples (without any, English)."""
    shown = " ".join(examples)
    if language_of(shown) in ENGLISH:
        return FILLER
    return tuple(dict.fromkeys(words(shown)))


class FakeEmbedder:
    """Each word has a fixed random vector; a text's row is the unit mean of its words."""

    endpoint: Endpoint = "local_model"

    def __init__(self, dim: int = 32, *, name: str = "fake-embedder") -> None:
        self.name = name
        self.dim = dim

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        import numpy as np  # so that importing the fakes is quick

        rows = np.zeros((len(texts), self.dim), np.float32)
        for i, text in enumerate(texts):
            total = np.zeros(self.dim)
            for word in WORD.findall(text.lower()):
                total += _word_vector(word, self.dim)
            norm = float(np.linalg.norm(total))
            if norm > 0:
                rows[i] = total / norm
        return rows


@lru_cache(maxsize=4096)
def _word_vector(word: str, dim: int) -> npt.NDArray[np.float64]:
    import numpy as np

    return np.random.Generator(np.random.PCG64(_number("word", word))).standard_normal(dim)


class FakeClassifier:
    """One of three values, as a function of the text."""

    endpoint: Endpoint = "local_model"

    def __init__(
        self, values: tuple[str, ...] = ("positive", "mixed", "negative"), *, name: str = "fake-classifier"
    ) -> None:
        self.name = name
        self.values = values

    def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:  # noqa: ARG002  # the protocol's signature; this one reads the text
        return [self.values[_number("class", text) % len(self.values)] for text in texts]


class FakeScorer:
    """Log-probabilities from the word frequencies of ``public``, with add-one smoothing."""

    endpoint: Endpoint = "local_model"

    def __init__(self, public: str = " ".join(FILLER), *, name: str = "fake-scorer") -> None:
        self.name = name
        self._counts = Counter(WORD.findall(public.lower()))
        self._total = sum(self._counts.values()) + len(self._counts) + 1

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        return [
            [math.log((self._counts[word] + 1) / self._total) for word in WORD.findall(text.lower())]
            for text in texts
        ]


class FakeLogits:
    """Logits for the words of ``FILLER``. A word is more likely after some words than after others, and more
    likely still if the text of the prompt has it. ``broken`` says for which texts the logits are not numbers.
    """

    endpoint: Endpoint = "local_model"

    def __init__(self, *, name: str = "fake-logits", broken: Callable[[str], bool] = lambda _: False) -> None:
        self.name = name
        self.pieces: tuple[str | None, ...] = ("", None, "\n", *(f" {word}" for word in FILLER))
        self.broken = broken

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:  # noqa: ARG002  # refused
        raise RunError("This model gives logits and writes no texts.")

    def begin(
        self,
        before: str,
        texts: Sequence[str],
        after: str,  # noqa: ARG002  # the same for all
        *,
        most: int,
        room: int,  # noqa: ARG002  # memory does not matter here
        least: int = 1,  # noqa: ARG002  # nor does time
    ) -> FakeContexts:
        return FakeContexts(self, before, [WORD.findall(text.lower())[:most] for text in texts])


class FakeContexts:
    """Prompts of a ``FakeLogits``."""

    def __init__(self, source: FakeLogits, before: str, texts: Sequence[Sequence[str]]) -> None:
        self._source, self._texts, self._written = source, texts, [before]

    def append(self, token: int) -> None:
        self._written.append(str(token))

    def scores(self, tokens: Sequence[int] | None = None) -> npt.NDArray[np.float32]:
        import numpy as np  # so that importing the fakes is quick

        chosen = range(len(self._source.pieces)) if tokens is None else tokens
        rows = [[self._logit(text, token) for token in chosen] for text in self._texts]
        return np.array(rows, np.float32).reshape(len(self._texts), len(chosen))

    def _logit(self, text: Sequence[str], token: int) -> float:
        if self._source.broken(" ".join(text)):
            return math.nan
        common = _number(self._written[-1], len(self._written), token) % 1000 / 250
        return common + 2.0 * ((self._source.pieces[token] or "").strip() in text) - 2.0 * (token == 0)
