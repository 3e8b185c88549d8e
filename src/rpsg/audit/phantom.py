"""Runs of words that only one person wrote and that occur in the corpus: those of members, compared with
those of people held out.

A run of words that only one person of both sides wrote, and that the public reference does not have, can be
in the corpus by chance: a phantom. By chance, people held out get as many hits as members, so more hits of
members are a leak (after Amin et al. 2026, arXiv 2606.16952). Runs of the reference are left out, because
common phrases would hide everything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.finding import of_hits
from rpsg.audit.surrogate import Words, numbered, numbers_of
from rpsg.textstats.repeats import hashed_runs
from rpsg.textstats.words import words

if TYPE_CHECKING:
    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
#: For each block: its first text, the hashes of the runs in its texts, and for each run its text within the
#: block.
Runs = Iterable[tuple[int, Hashes, Ints]]
#: Consecutive words; each length is a separate test.
LENGTHS = (8, 6)
FILTER_BITS = 23


def phantom(subject: Subject) -> Finding:
    """People with eight words in a row, or six, that nobody else has and that occur in the corpus."""
    found = []
    for length in LENGTHS:
        known, private = word_runs(subject, length)
        hit = hit_by_own_runs(subject, known, private)
        members = int((hit & subject.is_in).sum())
        details = {"words": length, "members": members, "held out": int(hit.sum()) - members}
        found.append(of_hits("phantom", subject, hit, tests=len(LENGTHS), details=details))
    return max(found, key=lambda each: (each.verdict == "refuted", each.epsilon_lower or 0.0))


def word_runs(subject: Subject, length: int, *, with_public: bool = False) -> tuple[Hashes, Runs]:
    """The sorted runs of words of the corpus that the reference does not have, and those of private texts."""
    rows = [words(text) for text in subject.synthetic]
    numbers = numbers_of(rows)
    known = np.unique(hashed_runs(numbered(rows, numbers), length)[0])
    if subject.reference and not with_public:
        public = hashed_runs(numbered([words(text) for text in subject.reference], numbers), length)[0]
        known = np.setdiff1d(known, public[is_among(public, known)])
    blocks = Words.of(subject, words).tokens(numbers)
    return known, ((part.start, *hashed_runs(tokens, length)) for part, (tokens,) in blocks)


def hit_by_own_runs(subject: Subject, known: Hashes, private: Runs) -> npt.NDArray[np.bool_]:
    """The people with a known run of words that nobody else has.

    Only known ones of the private runs are kept, so memory grows with the corpus.
    """
    held = []
    for start, runs, owner in private:
        kept = is_among(runs, known)
        held.append((runs[kept], subject.owner[start + owner[kept]]))
    runs, people = (np.concatenate(column) for column in zip(*held, strict=True))
    pairs = np.unique(np.stack([runs, people.astype(np.uint64)], axis=1), axis=0)
    different, counts = np.unique(pairs[:, 0], return_counts=True)
    own = counts[np.searchsorted(different, pairs[:, 0])] == 1
    hit = np.zeros(subject.people, np.bool_)
    hit[pairs[own, 1].astype(np.int64)] = True
    return hit


def is_among(runs: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Which of the runs are in ``known``, which is sorted.

    The last bits alone rule most of them out; only the rest are looked up.
    """
    found = np.zeros(len(runs), np.bool_)
    if not len(known) or not len(runs):
        return found
    ends = np.zeros(1 << FILTER_BITS, np.bool_)
    last = np.uint64((1 << FILTER_BITS) - 1)
    ends[known & last] = True
    maybe = np.flatnonzero(ends[runs & last])
    index = np.minimum(np.searchsorted(known, runs[maybe]), len(known) - 1)
    found[maybe] = known[index] == runs[maybe]
    return found
