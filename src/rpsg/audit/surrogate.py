"""Small language models of the synthetic corpus and of references, and what they say of private texts.

Each is an interpolated Kneser-Ney trigram model of words and marks (Chen & Goodman 1999), the one that
``rpsg evaluate`` tests. Private texts are read in blocks, so that memory does not grow with their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.subject import PARTS, NotRunError
from rpsg.evaluation.inputs import UnavailableError
from rpsg.evaluation.metrics.language_model import fit, foretell
from rpsg.stages.rng import stream
from rpsg.textstats.words import Tokens, word_marks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rpsg.audit.subject import Subject
    from rpsg.evaluation.metrics.language_model import Order

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BLOCK = 5000
#: Neighbours of a text, and the share of words that differ in each.
NEIGHBOURS, CHANGED = 4, 0.2
#: What a word must be likelier under the corpus than under the reference, in nats, for a passage to grow.
DRIFT = 0.5


@dataclass(frozen=True)
class Surrogate:
    """A trained model; words that it never saw share one number."""

    numbers: dict[str, int]
    orders: tuple[Order, ...]
    common: Ints

    @classmethod
    def of(cls, texts: Sequence[str]) -> Surrogate:
        """The model of some texts; NotRunError where they hold no word, or too many different ones."""
        rows = [word_marks(text) for text in texts]
        numbers = numbers_of(rows)
        if not numbers:
            raise NotRunError("There are no words to make a language model of.")
        tokens = numbered(rows, numbers)
        try:
            orders = fit(tokens)
        except UnavailableError as error:
            raise NotRunError(error.message) from None
        return cls(numbers, orders, tokens.codes)

    def tokens(self, rows: Sequence[Sequence[str]]) -> Tokens:
        """Texts in the numbers of this model."""
        return numbered(rows, self.numbers)

    def log_chances(self, tokens: Tokens) -> Floats:
        """The natural-log probability of each word of each text, given the two before it."""
        if not len(tokens.codes):
            return np.zeros(0)
        return np.log(foretell(self.orders, tokens)[0])


def numbers_of(rows: Iterable[Iterable[str]]) -> dict[str, int]:
    """A number for each word, in the order in which they appear."""
    return {word: place for place, word in enumerate(dict.fromkeys(chain.from_iterable(rows)))}


def numbered(rows: Sequence[Sequence[str]], numbers: Mapping[str, int]) -> Tokens:
    """Texts in given numbers; all words that have none share the number after the last."""
    get, unknown = numbers.get, len(numbers)
    lengths = np.array([len(row) for row in rows], np.int64)
    codes = np.fromiter((get(word, unknown) for row in rows for word in row), np.int64, int(lengths.sum()))
    return Tokens(codes, lengths, unknown + 1)


@dataclass(frozen=True)
class Signals:
    """For each private text: number of words, and sums over its words of log-chances; shape (texts,).

    ``under_corpus`` under the model of the synthetic corpus; ``under_reference`` under the mixture of the
    references that do not hold the text; ``under_each``, shape (texts, PARTS), under each of them, NaN for
    those that may hold it. ``neighbours`` is the mean of ``under_corpus`` over neighbours of the text.
    ``passage`` is the largest sum over words in a row of how much likelier they are under the corpus.
    """

    words: Floats
    under_corpus: Floats
    under_reference: Floats
    under_each: Floats
    neighbours: Floats
    passage: Floats


def signals(subject: Subject) -> Signals:
    """What the models say of every private text, computed once for all attacks that ask."""
    return subject.memory.once("signals", lambda: _signals(subject))


def _signals(subject: Subject) -> Signals:
    corpus = Surrogate.of(subject.synthetic)
    references = [Surrogate.of(texts) for texts in subject.references]
    parts = [
        _of_block(subject, corpus, references, place, rows) for place, rows in _blocks(subject)
    ]
    return Signals(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _blocks(subject: Subject) -> Iterator[tuple[slice, list[list[str]]]]:
    for start in range(0, len(subject.texts), BLOCK):
        place = slice(start, min(start + BLOCK, len(subject.texts)))
        yield place, [word_marks(text) for text in subject.texts[place]]


def _of_block(
    subject: Subject,
    corpus: Surrogate,
    references: Sequence[Surrogate],
    place: slice,
    rows: list[list[str]],
) -> tuple[Floats, ...]:
    tokens = corpus.tokens(rows)
    own = corpus.log_chances(tokens)
    each = np.stack([model.log_chances(model.tokens(rows)) for model in references], axis=1)
    if not subject.reference:
        each[subject.part[place][tokens.owner][:, None] == np.arange(PARTS)] = np.nan
    mixed = np.log(np.nanmean(np.exp(each), axis=1)) if len(each) else np.zeros(0)

    def summed(values: Floats) -> Floats:
        return np.bincount(tokens.owner, weights=values, minlength=len(rows))

    return (
        tokens.lengths.astype(np.float64),
        summed(own),
        summed(mixed),
        np.stack([summed(column) for column in each.T], axis=1),
        summed(_neighbours(corpus, tokens, stream(subject.seed, "audit neighbours", place.start))),
        best_passages(own - mixed - DRIFT, tokens),
    )


def _neighbours(corpus: Surrogate, tokens: Tokens, draw: np.random.Generator) -> Floats:
    """The mean log-chance at each place over copies of the texts with a fifth of the words exchanged.

    The words come from the synthetic corpus, as often as it has them.
    """
    total = np.zeros(len(tokens.codes))
    for _ in range(NEIGHBOURS):
        other = draw.choice(corpus.common, len(tokens.codes))
        codes = np.where(draw.random(len(tokens.codes)) < CHANGED, other, tokens.codes)
        total += corpus.log_chances(Tokens(codes, tokens.lengths, tokens.size))
    return total / NEIGHBOURS


def best_passages(gains: Floats, tokens: Tokens) -> Floats:
    """The largest sum over places in a row within each text, 0 at least: the rise of its running sum.

    With S the running sum, max over i <= j of S_j - S_i (Page 1954). The running minimum starts anew with
    each text because every text is lowered below all that came before it.
    """
    if not len(gains):
        return np.zeros(len(tokens.lengths))
    sums = np.cumsum(gains)
    before = sums - gains  # the sum before each place
    step = float(max(sums.max(), 0.0) - min(before.min(), 0.0)) + 1.0
    lowered = np.minimum.accumulate(before - step * tokens.owner) + step * tokens.owner
    found = np.zeros(len(tokens.lengths))
    np.maximum.at(found, tokens.owner, sums - lowered)
    return found
