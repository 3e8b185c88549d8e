"""The sentiment guard: texts that miss the sentiment of their seed are written again, up to four times.

A long text is classified by windows of 512 characters with a stride of 400. It gets the majority sentiment of
its windows, with their mean confidence. All texts that are still to be written go to the writer as one batch
for each attempt.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from rpsg.protocols import Classifier, Embedder

WINDOW, STRIDE = 512, 400


@runtime_checkable
class Confident(Protocol):
    """A classifier that also gives confidences."""

    def confidences(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[float]:
        """The probability of the value that ``classify`` gives, for each text."""
        ...


@dataclass(frozen=True, slots=True)
class Sentiment:
    """The sentiment of a text, and the confidence in it (0 to 1)."""

    value: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One text for one position; ``problem`` says why it cannot be used."""

    text: str
    problem: str = ""


def windows(text: str, width: int = WINDOW, stride: int = STRIDE) -> list[str]:
    """Overlapping windows that cover the text; a short text is one window."""
    last = max(len(text) - width, 0)
    starts = [*range(0, last, stride), last] if last else [0]
    return [text[start : start + width] for start in starts]


def judge(texts: Sequence[str], classifier: Classifier, embedder: Embedder) -> list[Sentiment]:
    """The sentiment of each text; in a tie between windows, the first in ``classifier.values``."""
    if not texts:
        return []
    parts = [(i, part) for i, text in enumerate(texts) for part in windows(text)]
    pieces = [part for _, part in parts]
    vectors = embedder.embed(pieces)
    values = classifier.classify(pieces, vectors)
    sure = classifier.confidences(pieces, vectors) if isinstance(classifier, Confident) else None
    by_text: list[list[Sentiment]] = [[] for _ in texts]
    for index, (i, _) in enumerate(parts):
        by_text[i].append(Sentiment(values[index], sure[index] if sure is not None else -1.0))
    return [_majority(found, classifier.values) for found in by_text]


def _majority(found: Sequence[Sentiment], order: Sequence[str]) -> Sentiment:
    """If windows have no confidences, the confidence is the share of windows that agree."""
    counts = Counter(sentiment.value for sentiment in found)
    rank = {value: index for index, value in enumerate(order)}
    value = min(counts, key=lambda v: (-counts[v], rank.get(v, len(rank))))
    told = [sentiment.confidence for sentiment in found if sentiment.value == value]
    share = counts[value] / len(found)
    return Sentiment(value, float(np.mean(told)) if told[0] >= 0 else share)


def guarded(
    targets: Sequence[str],
    write: Callable[[Sequence[int], int], Sequence[Attempt]],
    sentiments: Callable[[Sequence[str]], Sequence[Sentiment]],
    attempts: int,
) -> list[tuple[Attempt, Sentiment | None]]:
    """For each position the most confident text with the wanted sentiment, else the most confident of any.

    Args:
        targets: the sentiment wanted at each position; "" for any, so that the first usable text is taken.
        write: ``write(indices, attempt)`` gives a new text for each of these indices.
        sentiments: classifies texts.
        attempts: the maximum number of attempts for one position.
    """
    best: list[tuple[Attempt, Sentiment | None]] = [(Attempt("", "not written"), None)] * len(targets)
    open_positions = list(range(len(targets)))
    for attempt in range(attempts):
        if not open_positions:
            break
        new = write(open_positions, attempt)
        usable = [i for i, made in enumerate(new) if not made.problem]
        found = dict(zip(usable, sentiments([new[i].text for i in usable]), strict=True))
        for i, index in enumerate(open_positions):
            best[index] = _better(best[index], (new[i], found.get(i)), targets[index])
        open_positions = [index for index in open_positions if not _settled(best[index], targets[index])]
    return best


def _settled(made: tuple[Attempt, Sentiment | None], target: str) -> bool:
    sentiment = made[1]
    return sentiment is not None and (not target or sentiment.value == target)


def _better(
    old: tuple[Attempt, Sentiment | None], new: tuple[Attempt, Sentiment | None], target: str
) -> tuple[Attempt, Sentiment | None]:
    def rank(made: tuple[Attempt, Sentiment | None]) -> tuple[bool, bool, float]:
        sentiment = made[1]
        return sentiment is not None, _settled(made, target), sentiment.confidence if sentiment else 0.0

    if old[0].problem == "not written":
        return new
    return new if rank(new) > rank(old) else old
