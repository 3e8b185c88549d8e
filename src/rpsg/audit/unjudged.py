"""What the corpus repeats but the audit does not judge, in sentences of the report.

Passages of the reference count as public, texts that several people wrote are left out, and all texts of a
person count once. Somebody could hide a leak in this way, so the report says how much there is of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rpsg.audit.aside import hashed
from rpsg.audit.copies import FEW_COPIES, blocks_of, runs_of_corpus
from rpsg.audit.phantom import is_among, seen
from rpsg.audit.report import OF_HELD_OUT, OF_MEMBERS
from rpsg.display import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.audit.subject import Subject


def unjudged(subject: Subject) -> Iterator[str]:
    """A sentence for each kind of text that is in the corpus and was not judged."""
    if count := _of_reference(subject):
        yield (
            f"The corpus and the reference both have passages of fifty characters by {count:,} of the "
            "people. They count as public, so the audit did not test whether they came from these people."
        )
    if count := _left_out(subject):
        yield (
            f"The corpus has {count:,} of the texts that were left out, word for word. Whether they leaked "
            "was not tested."
        )
    copied = _copied(subject)
    people = len(np.unique(subject.owner[copied]))
    if len(copied) >= FEW_COPIES and people < len(copied):
        by = counted(people, "person", "people")
        yield (
            f"The {len(copied):,} private texts that the corpus has word for word are by {by}. The audit "
            "counts people, so it does not detect a leak of a few people, however many texts they wrote. "
            "Check that the column of people is right."
        )


def word_for_word(subject: Subject) -> dict[str, int]:
    """How many texts of each side are whole texts of the corpus; nothing if there is none."""
    copied = _copied(subject)
    members = int(subject.is_in[subject.owner[copied]].sum())
    return {OF_MEMBERS: members, OF_HELD_OUT: len(copied) - members} if copied else {}


def _of_reference(subject: Subject) -> int:
    """How many people have a passage of fifty characters that both the corpus and the reference have."""
    if not subject.reference:
        return 0
    known = runs_of_corpus(subject)
    known = known[seen(known, (runs for _, runs, _ in blocks_of(subject.reference)))]
    if not len(known):
        return 0
    found = (start + owner[is_among(runs, known)] for start, runs, owner in blocks_of(subject.texts))
    return len(np.unique(subject.owner[np.concatenate(list(map(np.unique, found)))]))


def _left_out(subject: Subject) -> int:
    """How many of the texts that the audit leaves out are whole texts of the corpus, of any length."""
    corpus = set(map(hashed, subject.synthetic))
    return sum(hashed(each.text) in corpus for each in subject.aside)


def _copied(subject: Subject) -> list[int]:
    """The positions of the private texts that are whole texts of the corpus, of any length."""
    corpus = set(map(hashed, subject.synthetic))
    return [i for i, text in enumerate(subject.texts) if hashed(text) in corpus]
