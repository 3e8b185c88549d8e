"""Identifiers of people in the corpus: whose they are, or whether the writer made them up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rpsg.audit.finding import of_hits
from rpsg.audit.subject import NotRunError
from rpsg.models.pii import PatternRecognizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject

BLOCK = 1000
#: Kinds that are compared by their digits and letters alone, however they are written.
SPACED = frozenset({"phone", "card", "iban", "id"})


def identities(subject: Subject) -> Finding:
    """People whose e-mail address, telephone, account or other number stands in the corpus.

    Found by shape, without names. Identifiers that several people or the reference have point to nobody and
    are left out of the guesses. Each that the corpus holds is counted as one of a member, of somebody held
    out, of both, of the public reference, or invented by the writer.
    """
    synthetic = set(_found(subject.synthetic))
    if not synthetic:
        raise NotRunError("The corpus holds no e-mail address, number or account that has a known shape.")
    public = synthetic & set(_found(subject.reference))
    holders: dict[tuple[str, str], set[int]] = {}
    for place, key in subject.of_private.once("identifiers", lambda: list(_placed(subject.texts))):
        if key in synthetic:
            holders.setdefault(key, set()).add(int(subject.owner[place]))
    counts = dict.fromkeys(("members", "held out", "both", "public", "invented"), 0)
    hit = np.zeros(subject.people, np.bool_)
    for key in synthetic:
        people = np.array(sorted(holders.get(key, ())), np.int64)
        inside = subject.is_in[people]
        if key in public:
            counts["public"] += 1
        elif not len(people):
            counts["invented"] += 1
        else:
            counts["members" if inside.all() else "both" if inside.any() else "held out"] += 1
            if len(people) == 1:
                hit[people] = True
    return of_hits("identities", subject, hit, details={"identifiers in the corpus": counts})


def _found(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    return (key for _, key in _placed(texts))


def _placed(texts: Sequence[str]) -> Iterator[tuple[int, tuple[str, str]]]:
    """Each identifier, as it is compared, and the text that it stands in."""
    recogniser = PatternRecognizer()
    for start in range(0, len(texts), BLOCK):
        block = texts[start : start + BLOCK]
        for place, spans in enumerate(recogniser.find(block)):
            for span in spans:
                yield start + place, (span.kind, _compared(span.kind, block[place][span.start : span.end]))


def _compared(kind: str, found: str) -> str:
    return "".join(filter(str.isalnum, found)).lower() if kind in SPACED else found.lower()
