"""Long records in passages: pages of an interview are read as pieces of about the length of a text.

A public rule cuts each text by itself: into as many passages as its length holds, each ending where a
sentence ends if one does nearby. The bound on what a person adds is then a bound on passages, so no
sensitivity changes; which passages stand for a person is drawn as rows are (``seeds``).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import pairwise

_WORD = re.compile(r"\S+")
_ENDS_SENTENCE = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u201d\u2019\u00bb)\]]*$")


def passages(text: str, words: int) -> tuple[str, ...]:
    """A text in passages of about ``words`` words, in order; a text up to half again as long stays whole.

    With ``words`` 0 nothing is cut. Every word is in exactly one passage.
    """
    if not words or len(text) < 3 * words:  # fewer than 1.5 * words words, with a blank after each
        return (text,)
    spans = [match.span() for match in _WORD.finditer(text)]
    pieces = int(len(spans) / words + 0.5)
    if pieces < 2:
        return (text,)
    ends = _sentence_ends(text, spans)
    length = len(spans) / pieces
    cuts = [0, *(_cut(ends, round(i * length), int(length / 2)) for i in range(1, pieces)), len(spans)]
    return tuple(text[spans[a][0] : spans[b - 1][1]] for a, b in pairwise(cuts) if a < b)


def _sentence_ends(text: str, spans: list[tuple[int, int]]) -> list[int]:
    """Numbers of words after which a sentence or a line ends, rising."""
    return [
        i + 1
        for i, (start, end) in enumerate(spans[:-1])
        if _ENDS_SENTENCE.search(text, start, end) or "\n" in text[end : spans[i + 1][0]]
    ]


def _cut(ends: list[int], wanted: int, reach: int) -> int:
    """The end of a sentence nearest to a place, of equals the first; the place itself if none is in reach."""
    at = bisect_left(ends, wanted)
    near = [end for end in ends[max(at - 1, 0) : at + 1] if abs(end - wanted) < reach]
    return min(near, key=lambda end: (abs(end - wanted), end), default=wanted)
