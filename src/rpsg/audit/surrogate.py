"""Small language models of the synthetic corpus and of references, and the likelihoods that they give to
private texts.

Each is an interpolated Kneser-Ney trigram model of words and marks (Chen & Goodman 1999), the one that
``rpsg evaluate`` tests. Private texts are read in blocks, so that memory does not grow with their number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
#: At most this many words of private texts, and log-probabilities of words, are kept: 32 MiB each.
MOST_KEPT = 1 << 23
#: The number of neighbours of a text, and the share of words that differ in each.
NEIGHBOURS, CHANGED = 4, 0.2
#: A passage grows by a word that is more likely under the corpus than under the reference by more than this,
#: in nats.
DRIFT = 0.5


@dataclass(frozen=True)
class Surrogate:
    """A trained model; words that it never saw share one number."""

    numbers: dict[str, int]
    orders: tuple[Order, ...]
    common: Ints

    @classmethod
    def of(cls, texts: Sequence[str]) -> Surrogate:
        """The model of some texts; NotRunError if they hold no word, or too many different ones."""
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
    """The words of all private texts, block by block; ``tokens`` gives them in the numbers of models.

    Up to ``MOST_KEPT`` words are numbered once and kept. If there are more, none is kept: the texts are read
    again each time, so that memory does not grow with them.
    """

    texts: Sequence[str] = field(repr=False)
    read: Callable[[str], list[str]]
    numbers: dict[str, int] = field(repr=False)
    kept: Tokens | None = field(repr=False)

    @classmethod
    def of(cls, subject: Subject, read: Callable[[str], list[str]]) -> Words:
        """The words that ``read`` finds, kept with the subject."""

        def made() -> Words:
            known: dict[str, int] = {}
            lengths: list[int] = []
            blocks, total = [], 0
            for rows in _blocks(subject.texts, read):
                lengths += [len(row) for row in rows]
                total += sum(map(len, rows))
                if total > MOST_KEPT:
                    return cls(subject.texts, read, {}, None)
                codes = (known.setdefault(word, len(known)) for row in rows for word in row)
                blocks.append(np.fromiter(codes, np.int32))
            kept = Tokens(np.concatenate(blocks), np.array(lengths, np.int64), len(known))
            return cls(subject.texts, read, known, kept)

        return subject.of_private.once(f"words {read.__name__}", made)

    def tokens(self, *numbers: Mapping[str, int]) -> Iterator[tuple[slice, tuple[Tokens, ...]]]:
        """For each block the positions of its texts, and their words in each of the numberings. Words that a
        numbering lacks share the number after the last.
        """
        if self.kept is None:
            start = 0
            for rows in _blocks(self.texts, self.read):
                own = numbers_of(rows)
                block = numbered(rows, own)
                yield slice(start, start + len(rows)), tuple(_renumbered(block, own, n) for n in numbers)
                start += len(rows)
            return
        known = [_places(self.numbers, of_model) for of_model in numbers]
        ends = np.concatenate([[0], np.cumsum(self.kept.lengths)])
        for start in range(0, len(self.kept.lengths), BLOCK):
            place = slice(start, min(start + BLOCK, len(self.kept.lengths)))
            codes, lengths = self.kept.codes[ends[place.start] : ends[place.stop]], self.kept.lengths[place]
            yield (
                place,
                tuple(Tokens(k[codes], lengths, len(n) + 1) for k, n in zip(known, numbers, strict=True)),
            )


def _blocks(texts: Sequence[str], read: Callable[[str], list[str]]) -> Iterator[list[list[str]]]:
    for start in range(0, len(texts), BLOCK):
        yield [read(text) for text in texts[start : start + BLOCK]]


def _places(own: Iterable[str], numbers: Mapping[str, int]) -> Ints:
    """The number of each word in ``numbers``; the number after the last for a word that is not there."""
    return np.fromiter((numbers.get(word, len(numbers)) for word in own), np.int64)


def _renumbered(tokens: Tokens, own: Mapping[str, int], numbers: Mapping[str, int]) -> Tokens:
    return Tokens(_places(own, numbers)[tokens.codes], tokens.lengths, len(numbers) + 1)


def numbered(rows: Sequence[Sequence[str]], numbers: Mapping[str, int]) -> Tokens:
    """Texts as word numbers; all words without a number share the number after the last."""
    get, unknown = numbers.get, len(numbers)
    lengths = np.array([len(row) for row in rows], np.int64)
    codes = np.fromiter((get(word, unknown) for row in rows for word in row), np.int64, int(lengths.sum()))
    return Tokens(codes, lengths, unknown + 1)


@dataclass(frozen=True)
class Expected:
    """The likelihoods of the private texts under the references.

    ``each`` holds for each text the sum of log probabilities under each reference; NaN under a reference that
    may contain the text; shape (texts, PARTS). ``words`` holds the log probability of each word under the
    mixture of the others; None if there are too many to keep, so that ``models`` compute them again.
    """

    models: tuple[Surrogate, ...]
    each: Floats
    words: npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class Signals:
    """For each private text: number of words, and sums over its words of log probabilities; shape (texts,).

    ``under_corpus`` under the model of the synthetic corpus; ``under_reference`` under the mixture of the
    references that do not hold the text, ``under_each`` as in ``Expected``. ``neighbours`` is the mean of
    ``under_corpus`` over neighbours of the text. ``passage`` is the largest sum, over words in a row, of how
    much more likely they are under the corpus.
    """

    words: Floats
    under_corpus: Floats
    under_reference: Floats
    neighbours: Floats
    passage: Floats
    under_each: Floats


def signals(subject: Subject) -> Signals:
    """The likelihoods of every private text under the models, computed once for all attacks."""
    return subject.memory.once("signals", lambda: _signals(subject))


def under_references(subject: Subject) -> Floats:
    """The mean log-probability of each private text under the references; the corpus is not used."""
    return np.asarray(np.nanmean(_kept(subject).each, axis=1))


def _kept(subject: Subject) -> Expected:
    return subject.of_private.once(f"expected {len(subject.synthetic)}", lambda: _expected(subject))


def _signals(subject: Subject) -> Signals:
    corpus = Surrogate.of(subject.synthetic)
    expected = _kept(subject)
    again = () if expected.words is not None else tuple(model.numbers for model in expected.models)
    found, at = np.empty((5, len(subject.texts))), 0
    for place, (tokens, *others) in Words.of(subject, word_marks).tokens(corpus.numbers, *again):
        own = corpus.log_chances(tokens)
        if expected.words is None:
            mixed = _mixture(_under_each(subject, expected.models, place, others))
        else:
            mixed = expected.words[at : at + len(own)]
        mixed = mixed.astype(np.float64)
        at += len(own)
        draw = stream(subject.seed, "audit neighbours", place.start)
        values = (own, mixed, _neighbours(corpus, tokens, draw))
        sums = (np.bincount(tokens.owner, weights=v, minlength=len(tokens.lengths)) for v in values)
        columns = (tokens.lengths, *sums, best_passages(own - mixed - DRIFT, tokens))
        for row, column in zip(found, columns, strict=True):
            row[place] = column
    words, under_corpus, under_reference, changed, passage = found
    return Signals(words, under_corpus, under_reference, changed, passage, expected.each)


def _expected(subject: Subject) -> Expected:
    """The score under each reference and under their mixture, leaving out those that may hold the text."""
    models = tuple(Surrogate.of(texts) for texts in subject.references)
    private = Words.of(subject, word_marks)
    sums, mixtures = np.empty((len(subject.texts), PARTS)), []
    for place, blocks in private.tokens(*(model.numbers for model in models)):
        each, first = _under_each(subject, models, place, blocks), blocks[0]
        for part, column in enumerate(each.T):
            sums[place, part] = np.bincount(first.owner, weights=column, minlength=len(first.lengths))
        if private.kept is not None:
            mixtures.append(_mixture(each))
    words = None if private.kept is None else np.concatenate(mixtures)
    return Expected(models, sums, words)


def _under_each(
    subject: Subject, models: Sequence[Surrogate], place: slice, blocks: Sequence[Tokens]
) -> Floats:
    """The log probability of each word of a block under each reference; NaN under a reference that may
    contain the text.
    """
    found = [model.log_chances(tokens) for model, tokens in zip(models, blocks, strict=True)]
    each = np.stack(found, axis=1)
    if not subject.reference:
        each[subject.part[place][blocks[0].owner][:, None] == np.arange(PARTS)] = np.nan
    return each


def _mixture(each: Floats) -> npt.NDArray[np.float32]:
    """The log probability of each word under the mixture of the references that do not hold its text."""
    mixed = np.log(np.nanmean(np.exp(each), axis=1)) if len(each) else np.zeros(0)
    return np.asarray(mixed, np.float32)


def _neighbours(corpus: Surrogate, tokens: Tokens, draw: np.random.Generator) -> Floats:
    """The mean log probability at each position, over copies of the texts in which a fifth of the words was
    exchanged.

    The new words are drawn from the synthetic corpus, in proportion to how often they occur there.
    """
    total = np.zeros(len(tokens.codes))
    for _ in range(NEIGHBOURS):
        other = draw.choice(corpus.common, len(tokens.codes))
        codes = np.where(draw.random(len(tokens.codes)) < CHANGED, other, tokens.codes)
        total += corpus.log_chances(Tokens(codes, tokens.lengths, tokens.size))
    return total / NEIGHBOURS


def best_passages(gains: Floats, tokens: Tokens) -> Floats:
    """The largest sum over successive positions within each text, at least 0: the rise of its running sum.

    With S the running sum, max over i <= j of S_j - S_i (Page 1954). The running minimum starts again with
    each text, because every text is lowered below all texts before it.
    """
    if not len(gains):
        return np.zeros(len(tokens.lengths))
    sums = np.cumsum(gains)
    before = sums - gains  # the sum before each position
    step = float(max(sums.max(), 0.0) - min(before.min(), 0.0)) + 1.0
    lowered = np.minimum.accumulate(before - step * tokens.owner) + step * tokens.owner
    found = np.zeros(len(tokens.lengths))
    np.maximum.at(found, tokens.owner, sums - lowered)
    return found
