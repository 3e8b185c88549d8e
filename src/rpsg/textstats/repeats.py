"""Texts that repeat themselves, or the words of another text of the corpus.

Runs of words are hashed, and texts with the same hash are found by sorting: no pairs of texts are compared.
Texts are hashed a part of the corpus at a time, and hashes are sorted a range at a time. So time is nearly
linear in the words of the corpus, and memory is little more than that of the hashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.textstats.words import Tokens, encode, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Flags = npt.NDArray[np.bool_]
#: Consecutive words that two texts share by more than coincidence.
SHARED = 8
#: A text repeats itself when more than this share of its 4-grams occurred in it before.
OWN, MOST_OWN = 4, 0.1
#: Words that are hashed at a time, and hashes that are sorted at a time.
AT_ONCE = 1 << 19


#: Odd 64-bit multipliers for the hash: digits of the golden ratio and of pi.
_MIX, _STEP = np.uint64(0x9E3779B97F4A7C15), np.uint64(0x243F6A8885A308D3)


def repeats(texts: Sequence[str]) -> tuple[Flags, Flags]:
    """For each text whether it repeats itself, and whether it repeats another; both of shape (texts,)."""
    tokens = encode(words(text) for text in texts)
    return repeating_itself(tokens), repeating_another(tokens)


def repeating_itself(tokens: Tokens) -> Flags:
    """Whether over a tenth of a text's 4-grams occurred in it before."""
    parts = [_repeating_itself(part) for _, part in tokens.parts(AT_ONCE)]
    return np.concatenate([np.zeros(0, np.bool_), *parts])


def _repeating_itself(tokens: Tokens) -> Flags:
    runs, owner = hashed_runs(tokens, OWN)
    order = np.lexsort((runs, owner))
    runs, owner = runs[order], owner[order]
    again = owner[1:][(runs[1:] == runs[:-1]) & (owner[1:] == owner[:-1])]
    texts = len(tokens.lengths)
    before, every = (np.bincount(of, minlength=texts) for of in (again, owner))
    return np.asarray(before > MOST_OWN * every)


def repeating_another(tokens: Tokens) -> Flags:
    """Whether eight consecutive words occur in another text too; flags both texts."""
    found = np.zeros(len(tokens.lengths), np.bool_)
    for some, texts in _by_ranges(tokens):
        order = np.argsort(some, kind="stable")
        runs, owner = some[order], texts[order]
        # The sort is stable, so the numbers of texts rise within equal runs: there are several texts if the
        # last number is not the first.
        edges = np.flatnonzero(np.append(True, runs[1:] != runs[:-1]))
        ends = np.append(edges[1:], len(runs))
        shared = owner[edges] != owner[ends - 1]
        found[owner[np.repeat(shared, ends - edges)]] = True
    return found


def _by_ranges(tokens: Tokens) -> Iterator[tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]]:
    """The hashes of all runs of ``SHARED`` words with their texts, in ranges of hashes; no range is empty."""
    runs = np.empty(int(np.maximum(tokens.lengths - SHARED + 1, 0).sum()), np.uint64)
    owner, filled = np.empty(len(runs), np.int32), 0
    for first, part in tokens.parts(AT_ONCE):
        some, texts = hashed_runs(part, SHARED)
        runs[filled : filled + len(some)] = some
        owner[filled : filled + len(some)] = texts + first
        filled += len(some)
    ranges = 1 << max(0, (len(runs) // AT_ONCE).bit_length())
    step = (1 << 64) // ranges
    for start in range(0, 1 << 64, step):
        inside = np.flatnonzero((runs >= np.uint64(start)) & (runs <= np.uint64(start + step - 1)))
        if len(inside):
            yield runs[inside], owner[inside]


def hashed_runs(tokens: Tokens, length: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """A 64-bit hash and the text index of each run of ``length`` words within a text.

    The chance of any collision among ten million different runs is three in a million.
    """
    ends = np.repeat(np.cumsum(tokens.lengths), tokens.lengths)
    starts = np.flatnonzero(np.arange(len(tokens.codes)) + length <= ends)
    spread = (tokens.codes.astype(np.uint64) + np.uint64(1)) * _MIX
    spread ^= spread >> np.uint64(29)
    hashed = np.zeros(len(starts), np.uint64)
    for index in range(length):
        hashed = (hashed ^ spread[starts + index]) * _STEP
        hashed ^= hashed >> np.uint64(32)
    return hashed, tokens.owner[starts]
