"""Words of one person alone that stand in the corpus: of members, against those of people held out.

A run of words that a single person of both sides wrote, and no public reference, can stand in the corpus by
chance: a phantom. Chance is as kind to those held out as to members, so more hits of members than of others
are a leak (after Amin et al. 2026, arXiv 2606.16952). Runs of the reference are left out, for common turns
of phrase would drown everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.finding import of_hits
from rpsg.audit.surrogate import BLOCK, numbered, numbers_of
from rpsg.textstats.repeats import hashed_runs
from rpsg.textstats.words import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
#: Hashes of the runs in some texts, and the text of each.
Runs = tuple[Hashes, Ints]
#: Words in a row; each length is a test of its own.
LENGTHS = (8, 6)


def phantom(subject: Subject) -> Finding:
    """People with eight words in a row, or six, that nobody else has and that stand in the corpus."""
    rows = [words(text) for text in subject.synthetic]
    numbers = numbers_of(rows)
    found = []
    for length in LENGTHS:

        def runs_of(texts: Sequence[str], length: int = length) -> Runs:
            return hashed_runs(numbered([words(text) for text in texts], numbers), length)

        hit = hit_by_own_runs(subject, runs_of)
        members = int((hit & subject.is_in).sum())
        details = {"words": length, "members": members, "held out": int(hit.sum()) - members}
        found.append(of_hits("phantom", subject, hit, tests=len(LENGTHS), details=details))
    return max(found, key=lambda each: (each.verdict == "refuted", each.epsilon_lower or 0.0))


def hit_by_own_runs(subject: Subject, runs_of: Callable[[Sequence[str]], Runs]) -> npt.NDArray[np.bool_]:
    """The people with a run that stands in the corpus, that nobody else has, and no reference.

    The reference are the public texts; without them, what two people wrote is all that is left out. Time
    and memory grow with the corpus, not with the private texts: of these only shared runs are kept.
    """
    known = np.unique(runs_of(subject.synthetic)[0])
    public = [own for _, own, _ in _shared(subject.reference, known, runs_of)]
    if public:
        known = np.setdiff1d(known, np.concatenate(public), assume_unique=False)
    held = [(own, subject.owner[start + owner]) for start, own, owner in _shared(subject.texts, known, runs_of)]
    hit = np.zeros(subject.people, np.bool_)
    if held:
        runs, people = (np.concatenate(column) for column in zip(*held, strict=True))
        pairs = np.unique(np.stack([runs, people.astype(np.uint64)], axis=1), axis=0)
        different, counts = np.unique(pairs[:, 0], return_counts=True)
        own = counts[np.searchsorted(different, pairs[:, 0])] == 1
        hit[pairs[own, 1].astype(np.int64)] = True
    return hit


def _shared(
    texts: Sequence[str], known: Hashes, runs_of: Callable[[Sequence[str]], Runs]
) -> Iterator[tuple[int, Hashes, Ints]]:
    """Block by block: its first text, the runs that are known, and the text of each within the block."""
    for start in range(0, len(texts), BLOCK):
        runs, owner = runs_of(texts[start : start + BLOCK])
        kept = is_among(runs, known)
        if kept.any():
            yield start, runs[kept], owner[kept]


def is_among(runs: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Which of the runs are in ``known``, which is sorted."""
    if not len(known):
        return np.zeros(len(runs), np.bool_)
    place = np.minimum(np.searchsorted(known, runs), len(known) - 1)
    return np.asarray(known[place] == runs)


def texts_with(texts: Iterable[str], synthetic: Sequence[str], length: int) -> npt.NDArray[np.bool_]:
    """Which texts share a run of so many words with the corpus, common or not; shape (texts,)."""
    rows = [words(text) for text in synthetic]
    numbers = numbers_of(rows)
    known = np.unique(hashed_runs(numbered(rows, numbers), length)[0])
    private = [words(text) for text in texts]
    runs, owner = hashed_runs(numbered(private, numbers), length)
    found = np.zeros(len(private), np.bool_)
    found[owner[is_among(runs, known)]] = True
    return found
