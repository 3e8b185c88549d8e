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
from rpsg.audit.surrogate import BLOCK, Words, numbered, numbers_of
from rpsg.textstats.repeats import hashed_runs
from rpsg.textstats.words import words

if TYPE_CHECKING:
    from collections.abc import Sequence

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
#: A passage that more people wrote is a form that everybody uses, or a common phrase.
FEW_HOLDERS = 5
#: Pairs of a run and a person that are sorted at a time, at least.
AT_ONCE = 1 << 20


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
    if not with_public:
        starts = range(0, len(subject.reference), BLOCK)
        public = ([words(text) for text in subject.reference[start : start + BLOCK]] for start in starts)
        known = known[~seen(known, (hashed_runs(numbered(each, numbers), length)[0] for each in public))]
    blocks = Words.of(subject, words).tokens(numbers)
    return known, ((part.start, *hashed_runs(tokens, length)) for part, (tokens,) in blocks)


def hit_by_own_runs(subject: Subject, known: Hashes, private: Runs) -> npt.NDArray[np.bool_]:
    """For each person, whether a run of words that is in ``known`` is in their texts and in nobody else's."""
    _, people, holders = holders_of(subject, known, private)
    hit = np.zeros(subject.people, np.bool_)
    hit[people[holders == 1]] = True
    return hit


def holders_of(subject: Subject, known: Hashes, private: Runs) -> tuple[Hashes, Ints, Ints]:
    """For each person and each known run of theirs: the run, the person, and how many people have the run.

    Runs that more than ``FEW_HOLDERS`` people have are left out: no rule looks at them. They are dropped as
    soon as so many people were seen, so memory grows with the corpus and not with the private texts.
    """
    held: tuple[Hashes, Ints, Ints] = (np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64))
    waiting: list[tuple[Hashes, Ints]] = []
    for start, runs, owner in private:
        kept = is_among(runs, known)
        waiting.append((runs[kept], subject.owner[start + owner[kept]]))
        if sum(len(runs) for runs, _ in waiting) > AT_ONCE + len(held[0]):
            known, held = _merged(known, [held[:2], *waiting])
            waiting = []
    return _merged(known, [held[:2], *waiting])[1]


def _merged(known: Hashes, found: Sequence[tuple[Hashes, Ints]]) -> tuple[Hashes, tuple[Hashes, Ints, Ints]]:
    """The runs and people, each pair once, with the number of people of each run, and the runs that are still
    looked for.
    """
    runs, people = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((people, runs))
    runs, people = runs[order], people[order]
    first = np.append(True, (runs[1:] != runs[:-1]) | (people[1:] != people[:-1]))[: len(runs)]
    runs, people = runs[first], people[first]
    different, index, counts = np.unique(runs, return_inverse=True, return_counts=True)
    few = counts[index] <= FEW_HOLDERS
    known = np.setdiff1d(known, different[counts > FEW_HOLDERS], assume_unique=True)
    return known, (runs[few], people[few], counts[index][few])


def seen(known: Hashes, found: Iterable[Hashes]) -> npt.NDArray[np.bool_]:
    """Which of the runs in ``known``, which is sorted, are among those found."""
    were = np.zeros(len(known), np.bool_)
    if len(known):
        for runs in found:
            were[np.searchsorted(known, runs[is_among(runs, known)])] = True
    return were


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
