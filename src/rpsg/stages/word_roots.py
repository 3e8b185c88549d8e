"""Word features of a text: the square roots of the shares of common words.

The squares are shares of its words, so the vector is never longer than 1, however long the text is. The words
are those that most drafts use: public, and found for each run, so any language works.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.textstats.words import is_simple
from rpsg.textstats.words import words as all_words

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The commonest 256 words make up three quarters of English text.
WORDS = 256
#: Words in fewer drafts are ignored.
LEAST_DRAFTS = 3
WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")


def words_in(text: str) -> list[str]:
    """The words of a text in lower case, without numbers and punctuation."""
    if is_simple(text):
        return WORD.findall(text.lower())
    return [word for word in all_words(text) if not any(sign.isdigit() or sign == "_" for sign in word)]


def common_words(drafts: Sequence[str], most: int = WORDS) -> tuple[str, ...]:
    """The words in the most drafts, commonest first; ties in alphabetical order."""
    used = Counter(word for text in drafts for word in set(words_in(text)))
    known = [word for word, count in used.items() if count >= LEAST_DRAFTS]
    return tuple(sorted(known, key=lambda word: (-used[word], word))[:most])


def word_roots(texts: Sequence[str], words: Sequence[str]) -> npt.NDArray[np.float64]:
    """The square root of each word's share of a text, shape (texts, words); each row from its text alone."""
    index = {word: i for i, word in enumerate(words)}
    roots = np.zeros((len(texts), len(words)))
    for row, text in zip(roots, texts, strict=True):
        said = words_in(text)
        for word, count in Counter(said).items():
            if word in index:
                row[index[word]] = (count / len(said)) ** 0.5
    return roots
