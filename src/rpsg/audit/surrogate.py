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
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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

    def log_chances(self, tokens: Tokens) -> Floats:
        """The natural-log probability of each word of each text, given the two before it."""
        if not len(tokens.codes):
            return np.zeros(0)
        return np.log(foretell(self.orders, tokens)[0])


def numbers_of(rows: Iterable[Iterable[str]]) -> dict[str, int]:
    """A number for each word, in the order in which they appear."""
    return {word: place for place, word in enumerate(dict.fromkeys(chain.from_iterable(rows)))}


@dataclass(frozen=True)
class Words:
    """The words of all private texts, numbered once; ``tokens`` gives them in the numbers of a model."""

    numbers: dict[str, int]
    all: Tokens

    @classmethod
    def of(cls, subject: Subject, read: Callable[[str], list[str]]) -> Words:
        """The words that ``read`` finds, kept with the subject."""

        def made() -> Words:
            known: dict[str, int] = {}
            lengths, blocks = [], []
            for start in range(0, len(subject.texts), BLOCK):
                rows = [read(text) for text in subject.texts[start : start + BLOCK]]
                lengths += [len(row) for row in rows]
                codes = (known.setdefault(word, len(known)) for row in rows for word in row)
                blocks.append(np.fromiter(codes, np.int32))
            return cls(known, Tokens(np.concatenate(blocks), np.array(lengths, np.int64), len(known)))

        return subject.of_private.once(f"words {read.__name__}", made)

    def tokens(self, numbers: Mapping[str, int]) -> Iterator[tuple[slice, Tokens]]:
        """Block by block the place of its texts and their words in other numbers.

        Words that have none there share the number after the last.
        """
        known = np.fromiter((numbers.get(word, len(numbers)) for word in self.numbers), np.int64)
        ends = np.concatenate([[0], np.cumsum(self.all.lengths)])
        for start in range(0, len(self.all.lengths), BLOCK):
            place = slice(start, min(start + BLOCK, len(self.all.lengths)))
            codes = known[self.all.codes[ends[place.start] : ends[place.stop]]]
            yield place, Tokens(codes, self.all.lengths[place], len(numbers) + 1)


def numbered(rows: Sequence[Sequence[str]], numbers: Mapping[str, int]) -> Tokens:
    """Texts in given numbers; all words that have none share the number after the last."""
    get, unknown = numbers.get, len(numbers)
    lengths = np.array([len(row) for row in rows], np.int64)
    codes = np.fromiter((get(word, unknown) for row in rows for word in row), np.int64, int(lengths.sum()))
    return Tokens(codes, lengths, unknown + 1)


@dataclass(frozen=True)
class Expected:
    """What the references make of the private texts.

    ``each`` holds for each text the sum of log-chances under each reference, NaN for those that may hold
    the text; shape (texts, PARTS). ``words`` holds the log-chance of each word under the mixture of the
    others.
    """

    each: Floats
    words: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Signals:
    """For each private text: number of words, and sums over its words of log-chances; shape (texts,).

    ``under_corpus`` under the model of the synthetic corpus; ``under_reference`` under the mixture of the
    references that do not hold the text, ``under_each`` as in ``Expected``. ``neighbours`` is the mean of
    ``under_corpus`` over neighbours of the text. ``passage`` is the largest sum over words in a row of how
    much likelier they are under the corpus.
    """

    words: Floats
    under_corpus: Floats
    under_reference: Floats
    neighbours: Floats
    passage: Floats
    under_each: Floats


def signals(subject: Subject) -> Signals:
    """What the models say of every private text, computed once for all attacks that ask."""
    return subject.memory.once("signals", lambda: _signals(subject))


def _signals(subject: Subject) -> Signals:
    corpus = Surrogate.of(subject.synthetic)
    expected = subject.of_private.once(f"expected {len(subject.synthetic)}", lambda: _expected(subject))
    parts, at = [], 0
    for place, tokens in Words.of(subject, word_marks).tokens(corpus.numbers):
        own = corpus.log_chances(tokens)
        mixed = expected.words[at : at + len(own)].astype(np.float64)
        at += len(own)
        draw = stream(subject.seed, "audit neighbours", place.start)
        values = (own, mixed, _neighbours(corpus, tokens, draw))
        sums = (np.bincount(tokens.owner, weights=v, minlength=len(tokens.lengths)) for v in values)
        parts.append((tokens.lengths.astype(np.float64), *sums, best_passages(own - mixed - DRIFT, tokens)))
    length, under, reference, changed, passage = (np.concatenate(c) for c in zip(*parts, strict=True))
    return Signals(length, under, reference, changed, passage, expected.each)


def _expected(subject: Subject) -> Expected:
    """What each reference says, and their mixture, without those that may hold the text."""
    references = [Surrogate.of(texts) for texts in subject.references]
    private = Words.of(subject, word_marks)
    sums, mixtures = [], []
    for blocks in zip(*(private.tokens(model.numbers) for model in references), strict=True):
        place, first = blocks[0]
        each = np.stack(
            [model.log_chances(t) for model, (_, t) in zip(references, blocks, strict=True)], axis=1
        )
        if not subject.reference:
            each[subject.part[place][first.owner][:, None] == np.arange(PARTS)] = np.nan
        size = len(first.lengths)
        sums.append([np.bincount(first.owner, weights=column, minlength=size) for column in each.T])
        mixtures.append(np.log(np.nanmean(np.exp(each), axis=1)) if len(each) else np.zeros(0))
    return Expected(np.concatenate(sums, axis=1).T, np.concatenate(mixtures).astype(np.float32))


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
