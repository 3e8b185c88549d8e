"""Identifiers of people in the corpus: whose they are, or whether the writer made them up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rpsg.audit.finding import of_hits
from rpsg.audit.subject import NotRunError
from rpsg.models.pii import PatternRecognizer
from rpsg.textstats.words import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject
    from rpsg.protocols import Recognizer

    #: Makes an identifier from the kind and the characters of a span; None if the attack does not look for
    #: it.
    Keying = Callable[[str, str], "Key | None"]

BLOCK = 1000
#: Kinds that are compared by their digits and letters alone, however they are written.
SPACED = frozenset({"phone", "card", "iban", "id"})
#: What recognisers call the name of a person.
PERSONS = frozenset({"person", "name", "per"})
#: An identifier as it is compared: its kind and its characters.
Key = tuple[str, str]
TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof"})
NOTHING = {
    "identities": "The corpus contains no e-mail address, number or account in a form that RPSG recognizes.",
    "names": "The recognizer found no names of people in the corpus.",
}


def identities(subject: Subject) -> Finding:
    """People whose e-mail address, telephone, account or other number is in the corpus.

    Found by shape, without names. Identifiers that several people have, or that are in the reference, point
    to nobody and are left out of the guesses. Each identifier in the corpus is counted as that of a member,
    of somebody held out, of both, of the public reference, or as invented by the writer.
    """
    return _of_identifiers("identities", subject, PatternRecognizer(), _compared)


def names(subject: Subject) -> Finding:
    """People whose texts name a person whom nobody else names, if the corpus has this name too.

    Found by the recogniser that was given, for example Presidio with a spaCy model. Compared without case,
    titles and marks. Counted and left out as in ``identities``: a writer invents most of the names that it
    uses.
    """
    if subject.aids.recogniser is None:
        raise NotRunError(
            "This attack needs a recognizer that finds names of people: --with-recogniser, or `aids` in "
            "Python."
        )
    return _of_identifiers("names", subject, subject.aids.recogniser, _as_name)


def _of_identifiers(name: str, subject: Subject, recogniser: Recognizer, key: Keying) -> Finding:
    synthetic = {found for _, found in _placed(subject.synthetic, recogniser, key)}
    if not synthetic:
        raise NotRunError(NOTHING[name])
    public = synthetic & {found for _, found in _placed(subject.reference, recogniser, key)}
    private = subject.of_private.once(name, lambda: list(_placed(subject.texts, recogniser, key)))
    holders: dict[Key, set[int]] = {}
    for index, found in private:
        if found in synthetic:
            holders.setdefault(found, set()).add(int(subject.owner[index]))
    counts = dict.fromkeys(("members", "held out", "both", "public", "invented"), 0)
    hit = np.zeros(subject.people, np.bool_)
    for found in synthetic:
        people = np.array(sorted(holders.get(found, ())), np.int64)
        inside = subject.is_in[people]
        if found in public:
            counts["public"] += 1
        elif not len(people):
            counts["invented"] += 1
        else:
            counts["members" if inside.all() else "both" if inside.any() else "held out"] += 1
            if len(people) == 1:
                hit[people] = True
    return of_hits(name, subject, hit, details={"identifiers in the corpus": counts})


def _placed(texts: Sequence[str], recogniser: Recognizer, key: Keying) -> Iterator[tuple[int, Key]]:
    """Each identifier, in the form that is compared, and the text that contains it."""
    for start in range(0, len(texts), BLOCK):
        block = texts[start : start + BLOCK]
        for index, spans in enumerate(recogniser.find(block)):
            for span in spans:
                found = key(span.kind, block[index][span.start : span.end])
                if found is not None:
                    yield start + index, found


def _compared(kind: str, found: str) -> Key:
    return kind, "".join(filter(str.isalnum, found)).lower() if kind in SPACED else found.lower()


def _as_name(kind: str, found: str) -> Key | None:
    """The words of a name of a person; None for anything else."""
    row = [word for word in words(found) if word not in TITLES]
    return ("person", " ".join(row)) if row and kind in PERSONS else None
