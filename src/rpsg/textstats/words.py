"""Tokenisation, and the n-grams of a whole corpus at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Ints = npt.NDArray[np.int64]
WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
WORD_OR_MARK = re.compile(WORD.pattern + r"|[^\w\s]")


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return WORD.findall(text.lower())


def word_marks(text: str) -> list[str]:
    """The words of a text in lower case and its punctuation marks, in order."""
    return WORD_OR_MARK.findall(text.lower())


def runs_of(found: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    """All runs of ``length`` consecutive words."""
    return zip(*(found[start:] for start in range(length)), strict=False)


@dataclass(frozen=True)
class Tokens:
    """The word numbers of all tokens of a corpus, text after text.

    ``lengths`` has the number of tokens of each text, ``size`` is the number of different words.
    """

    codes: Ints
    lengths: Ints
    size: int

    @cached_property
    def owner(self) -> Ints:
        """The index of the text of each token."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def ngrams(self, n: int) -> tuple[Ints, Ints, int]:
        """(gram, text) of each n-gram in reading order, and the number of different grams."""
        grams, count, starts = self.codes, self.size, self._starts(1)
        for k in range(2, n + 1):
            starts = self._starts(k)
            keys = grams[starts] * self.size + self.codes[starts + k - 1]
            different, numbered = np.unique(keys, return_inverse=True)
            grams, count = np.zeros_like(self.codes), len(different)
            grams[starts] = numbered
        return grams[starts], self.owner[starts], count

    def split(self, texts: int) -> tuple[Tokens, Tokens]:
        """The first ``texts`` texts and the others, with the same numbering of words."""
        end = int(self.lengths[:texts].sum())
        return (
            Tokens(self.codes[:end], self.lengths[:texts], self.size),
            Tokens(self.codes[end:], self.lengths[texts:], self.size),
        )

    def _starts(self, n: int) -> Ints:
        """The indices of tokens at which an n-gram within one text begins."""
        ends = np.repeat(np.cumsum(self.lengths), self.lengths)
        return np.flatnonzero(np.arange(len(self.codes)) + n <= ends)


def encode(texts: Iterable[Sequence[str]]) -> Tokens:
    """Number the words of tokenised texts in the order in which they appear."""
    known: dict[str, int] = {}
    codes: list[int] = []
    lengths: list[int] = []
    for tokens in texts:
        lengths.append(len(tokens))
        codes.extend(known.setdefault(token, len(known)) for token in tokens)
    return Tokens(np.array(codes, np.int64), np.array(lengths, np.int64), max(len(known), 1))
