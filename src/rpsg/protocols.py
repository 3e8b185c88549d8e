"""The plug-in points. Anything with these methods fits; nothing needs to be inherited.

Models are on this page; ``rpsg.registry`` finds those of other packages by their entry points. Other plug-in
points are declared next to the code that uses them: a method is a ``rpsg.methods.base.Method``, a metric a
function as in ``rpsg.evaluation.metrics``, a domain pack a folder (``rpsg.domains.pack``), an attack a
function as in ``rpsg.audit``.

Each model takes a batch and hides its own concurrency. Its ``name`` identifies it in plans, ledgers and
caches: the same name must mean the same weights and the same behaviour. Its ``endpoint`` says whether the
texts it is given remain on this machine or go to a server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    import numpy.typing as npt


Reads = Literal["nothing", "noisy_answers", "donors", "records"]


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One text to be written. The same request gives the same text, alone or in any batch.

    ``begins`` is how the answer should begin. A writer that can continue a given beginning does so, and its
    reply contains these words; for a writer that cannot, the last message asks for them. ``private`` says
    that the messages contain private text, so the writer must keep them only in memory.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    seed: int
    temperature: float = 1.0
    top_p: float = 0.95
    stop: tuple[str, ...] = ()
    begins: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. ``finish`` is "stop" (complete), "length" (cut) or "error" (``text`` is empty)."""

    text: str
    finish: Literal["stop", "length", "error"]
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str = ""


OnReply = Callable[[int, Reply], None]

Endpoint = Literal["local_model", "remote_llm"]


class Model(Protocol):
    """What every model says about itself; its name identifies the weights, and is in every release."""

    @property
    def name(self) -> str: ...

    @property
    def endpoint(self) -> Endpoint: ...


@runtime_checkable
class Writer(Model, Protocol):
    """A generative model."""

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        """Replies in the order of the requests; ``on_reply(index, reply)`` is called when one arrives."""
        ...


@runtime_checkable
class TellsTrouble(Protocol):
    """A writer that reports at once when the first request fails, instead of retrying silently."""

    def tell_trouble(self, note: Callable[[str], None]) -> None:
        """Call ``note`` with a sentence, once, when a public request fails before any was answered."""
        ...


class Contexts(Protocol):
    """Several prompts. The same token is appended to all of them, one token at a time."""

    def scores(self, tokens: Sequence[int] | None = None) -> npt.NDArray[np.float32]:
        """The logits of the next token, shape (prompts, tokens); by default of the whole vocabulary."""
        ...

    def append(self, token: int) -> None:
        """Continue every prompt by this token."""
        ...


@runtime_checkable
class LogitSource(Model, Protocol):
    """A language model that shows its logits. The texts it is given may be private."""

    @property
    def pieces(self) -> Sequence[str | None]:
        """The bytes of each token, as text of one character for each byte.

        "" stands for a token that ends a text, None for a token that never occurs in a text.
        """
        ...

    def begin(
        self, before: str, texts: Sequence[str], after: str, *, most: int, room: int, least: int = 1
    ) -> Contexts:
        """A prompt for each text: the words before it, its first ``most`` tokens, the words after it.

        ``room`` is how many tokens will be appended. A batch of fewer than ``least`` prompts is filled up to
        this number. The logits of a prompt depend, bit for bit, only on that prompt and on these numbers, and
        not on the other prompts or on how many there are. A text without tokens gets a prompt like any other.
        """
        ...


@runtime_checkable
class Scorer(Model, Protocol):
    """A language model that scores given text."""

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        """For each text the natural-log probability of each token given those before it."""
        ...


@runtime_checkable
class CountingScorer(Scorer, Protocol):
    """A scorer whose tokenizer alone can say how many scores a text has."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]: ...


@runtime_checkable
class Embedder(Model, Protocol):
    @property
    def dim(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit-length rows, shape (len(texts), dim), finite; a text that cannot be embedded is a zero row."""
        ...


@runtime_checkable
class Classifier(Model, Protocol):
    """Gives each text one of ``values``, which depends on that text and on public parameters alone."""

    @property
    def values(self) -> tuple[str, ...]: ...

    def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:
        """A value for each text, from the text or from its row of ``embeddings``."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text, ``text[start:end]``, and its kind, e.g. "email"."""

    start: int
    end: int
    kind: str


@runtime_checkable
class Recognizer(Model, Protocol):
    """Finds what may point to a person."""

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """For each text its spans, in order of their start, not empty, none overlapping another."""
        ...


@runtime_checkable
class NoiseSource(Protocol):
    """Integer Gaussian noise. No implementation takes a seed."""

    @property
    def name(self) -> str: ...

    def draw(self, sigma: float, size: int) -> npt.NDArray[np.int64]: ...


class Progress(Protocol):
    """Receives reports of what a run does, and may show them. It never receives private counts."""

    def start(self, stage: str, total: int | None = None) -> None: ...

    def advance(self, n: int = 1, *, tokens: int = 0) -> None: ...

    def note(self, message: str) -> None: ...

    def done(self, **facts: object) -> None: ...


class Silent:
    """Progress that shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def start(self, stage: str, total: int | None = None) -> None: ...

    def advance(self, n: int = 1, *, tokens: int = 0) -> None: ...

    def note(self, message: str) -> None: ...

    def done(self, **facts: object) -> None: ...


class Tenths:
    """The progress of a stage that reads private texts: ten equal steps, however many there are.

    With one step for each text, or for each block of texts, the size of a step would reveal their number.
    """

    def __init__(self, progress: Progress, stage: str) -> None:
        self._progress, self._shown = progress, 0
        progress.start(stage, 100)

    def reached(self, share: float) -> None:
        """Say that this share of the work, from 0 to 1, is done."""
        while self._shown < min(int(10 * share), 10):
            self._shown += 1
            self._progress.advance(10)
