"""Which common words a text uses, as numbers: the square roots of their shares.

The squares of a text's numbers are shares of its words, so their sum is at most 1 and the vector is never
longer than 1, however long the text is. The words are those that the most drafts use: public, and found anew
for each run, so any language with blanks between words will do.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How many words are looked at. The commonest 256 make up three quarters of what English texts say.
WORDS = 256
#: A word that fewer drafts use is chance.
LEAST_DRAFTS = 3
WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")


def words_in(text: str) -> list[str]:
    """The words of a text in small letters, without numbers and marks."""
    return WORD.findall(text.lower())


def common_words(drafts: Sequence[str], most: int = WORDS) -> tuple[str, ...]:
    """The words that the most drafts use, commonest first; of equally common ones by the alphabet."""
    used = Counter(word for text in drafts for word in set(words_in(text)))
    known = [word for word, count in used.items() if count >= LEAST_DRAFTS]
    return tuple(sorted(known, key=lambda word: (-used[word], word))[:most])


def word_roots(texts: Sequence[str], words: Sequence[str]) -> npt.NDArray[np.float64]:
    """The root of each word's share of a text, shape (texts, words); each row from its text alone."""
    place = {word: i for i, word in enumerate(words)}
    roots = np.zeros((len(texts), len(words)))
    for row, text in zip(roots, texts, strict=True):
        said = words_in(text)
        for word, count in Counter(said).items():
            if word in place:
                row[place[word]] = (count / len(said)) ** 0.5
    return roots
