"""Texts that an audit leaves out, because several people wrote them or they are in the reference.

They point to nobody, so no attack looks at them. But a leak could be hidden in this way: somebody adds the
leaked texts to the other side, or to the reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.textstats.words import words

if TYPE_CHECKING:
    from collections.abc import Sequence

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
#: How many words a whole text must have to be counted. Shorter ones, such as "Thank you", are in any corpus.
FEWEST_WORDS = 4
#: So often, at most, has an honest audit no verdict because of whole texts that it leaves out.
LEVEL = 0.01


@dataclass(frozen=True, slots=True)
class Aside:
    """A text that is left out, the people who wrote it, and whether all of them were held out."""

    text: str = field(repr=False)
    people: frozenset[int] = field(repr=False)
    is_of_held_out: bool


def texts_aside(
    texts: Sequence[str], hashes: Ints, units: Ints, left_out: Ints, members: int
) -> tuple[Aside, ...]:
    """The texts at the positions ``left_out``, each once. The first ``members`` texts are of members."""
    same: dict[int, list[int]] = {}
    for position in left_out.tolist():
        if texts[position].strip():
            same.setdefault(int(hashes[position]), []).append(position)
    return tuple(
        Aside(texts[at[0]], frozenset(units[at].tolist()), at[0] >= members)  # positions rise
        for at in same.values()
    )


def copied_whole(aside: Sequence[Aside], synthetic: Sequence[str], held_out: float) -> int:
    """How many of these texts are whole texts of the corpus, if chance does not explain who wrote them.

    Short texts of several people can be in any corpus. But people were held out at random, so in an honest
    corpus the texts of people held out alone are as common as the others: if a share ``held_out`` of the
    people was held out, a text of k people is by such people alone with a probability of ``held_out`` to the
    power of k. If there are fewer than chance explains, texts of members were copied. Otherwise 0.

    Each person counts for one text: all texts of somebody who wrote many are on the same side.
    """
    corpus = set(map(hashed, synthetic))
    copied = [each for each in aside if hashed(each.text) in corpus and len(words(each.text)) >= FEWEST_WORDS]
    chances, known, counted = np.ones(1), 0, set[int]()
    for each in sorted(copied, key=lambda each: each.text):  # in an order that does not depend on the sides
        if counted.isdisjoint(each.people):
            counted |= each.people
            by_chance = held_out ** len(each.people)
            chances = np.convolve(chances, [1 - by_chance, by_chance])
            known += each.is_of_held_out
    return len(copied) if chances[: known + 1].sum() <= LEVEL else 0


def hashes_of(texts: Sequence[str]) -> Ints:
    return np.fromiter(map(hashed, texts), np.int64, len(texts))


def hashed(text: str) -> int:
    """A number that is the same for texts which differ only in case and white space."""
    return hash(" ".join(text.lower().split()))


def is_empty_or_shared(texts: Sequence[str], hashes: Ints, units: Ints) -> Flags:
    """The texts that are blank, and those that more than one person has; computed without copies of the
    texts.
    """
    order = np.lexsort((units, hashes))
    same_text = hashes[order][1:] == hashes[order][:-1]
    same_person = units[order][1:] == units[order][:-1]
    shared = np.unique(hashes[order][1:][same_text & ~same_person])
    empty = np.fromiter((not text.strip() for text in texts), np.bool_, len(texts))
    return np.asarray(empty | np.isin(hashes, shared))
