"""Tokenisation, and the n-grams of a whole corpus at once.

Texts in ASCII have words between spaces and marks. In others a letter keeps its combining marks, composed and
decomposed forms of a word are one word, and in scripts without spaces (Chinese, Japanese, Thai, Khmer, ...)
each letter counts as a word: this needs no dictionary, and runs of words become runs of letters.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.textstats.numbering import numbered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Ints = npt.NDArray[np.int64]
WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
WORD_OR_MARK = re.compile(WORD.pattern + r"|[^\w\s]")
#: The scripts without spaces between words, for a class of characters in a pattern.
SPACELESS = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua980-\ua9ff\uaa60-\uaadf"
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
#: Combining marks that belong to emoji and symbols, not to letters.
_NO_LETTER_S = frozenset(map(chr, (*range(0x20D0, 0x2100), *range(0xFE00, 0xFE10))))
#: More marks than a letter has in any language, and the bound of the stream-safe form of Unicode.
MOST_MARKS = 30
#: Parts of Korean letters: they are no marks, and become one letter when they are composed.
_JAMO = "\u1100-\u11ff"
_SPACELESS_LETTER = re.compile(rf"[{SPACELESS}]")


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    text = text.lower()
    return WORD.findall(text) if is_simple(text) else _patterns().word.findall(composed(text))


def word_marks(text: str) -> list[str]:
    """The words of a text in lower case and its punctuation marks, in order."""
    text = text.lower()
    return WORD_OR_MARK.findall(text) if is_simple(text) else _patterns().marked.findall(composed(text))


def pieces(text: str) -> list[str]:
    """What is between spaces; in scripts without spaces, each letter with the marks that follow it."""
    return text.split() if is_simple(text) else _patterns().piece.findall(composed(text))


def piece_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each of the ``pieces`` in the text as it is written."""
    return [match.span() for match in _patterns().piece.finditer(text)]


def word_count(text: str) -> int:
    """How long a text is: its number of ``pieces``."""
    return len(pieces(text))


def is_simple(text: str) -> bool:
    """Whether words are simply what is between spaces and marks: no combining marks, no spaceless script."""
    return text.isascii() or not _patterns().special.search(text)


def is_spaceless(word: str) -> bool:
    """Whether a word begins in a script without spaces between words."""
    return _SPACELESS_LETTER.match(word) is not None


def composed(text: str) -> str:
    """The text in the form in which a letter and its accent are one character, if such a character exists
    (NFC). Of marks in a row only the first ``MOST_MARKS`` are kept, because the form sorts them in quadratic
    time.
    """
    if any(map(unicodedata.combining, text[MOST_MARKS :: MOST_MARKS + 1])):  # else no run is longer
        text = _piled().sub(r"\1", text)
    return unicodedata.normalize("NFC", text)


@cache
def _piled() -> re.Pattern[str]:
    """More than ``MOST_MARKS`` marks in a row, of those that are sorted; the first ones are a group."""
    mark = f"[{''.join(sign for sign in map(chr, range(0x300, 0x20000)) if unicodedata.combining(sign))}]"
    return re.compile(rf"({mark}{{{MOST_MARKS}}}){mark}+")


@dataclass(frozen=True, slots=True)
class _Patterns:
    word: re.Pattern[str]
    marked: re.Pattern[str]
    piece: re.Pattern[str]
    special: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    """The patterns are made when the first text needs them, because finding all combining marks takes a
    moment.
    """
    marks = "".join(
        sign
        for sign in map(chr, range(0x300, 0x10000))
        if unicodedata.category(sign)[0] == "M" and sign not in _NO_LETTER_S
    )
    letter, own = rf"[^\W{SPACELESS}]", rf"(?![{marks}])[{SPACELESS}][{marks}]*"
    parted = rf"{letter}+(?:[{marks}]+{letter}*)*"
    # A punctuation mark of a script without spaces is not one of its letters.
    word = rf"(?=\w){own}|{parted}(?:['\u2019]{parted})*"
    return _Patterns(
        word=re.compile(word),
        marked=re.compile(rf"{word}|[^\w\s]"),
        piece=re.compile(rf"[{SPACELESS}][{marks}]*[^\w\s{SPACELESS}]*|[^\s{SPACELESS}]+"),
        special=re.compile(rf"[{SPACELESS}{_JAMO}{marks}]"),
    )


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
            grams = np.zeros_like(self.codes)
            grams[starts], firsts = numbered(keys)
            count = len(firsts)
        return grams[starts], self.owner[starts], count

    def split(self, texts: int) -> tuple[Tokens, Tokens]:
        """The first ``texts`` texts and the others, with the same numbering of words."""
        end = int(self.lengths[:texts].sum())
        return (
            Tokens(self.codes[:end], self.lengths[:texts], self.size),
            Tokens(self.codes[end:], self.lengths[texts:], self.size),
        )

    def parts(self, most: int) -> Iterator[tuple[int, Tokens]]:
        """The texts in parts of about ``most`` tokens: for each part the index of its first text, and its
        texts.
        """
        ends = np.cumsum(self.lengths)
        first = 0
        while first < len(ends):
            start = int(ends[first] - self.lengths[first])
            last = max(first + 1, int(np.searchsorted(ends, start + most, side="right")))
            yield first, Tokens(self.codes[start : int(ends[last - 1])], self.lengths[first:last], self.size)
            first = last

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
