"""Invented texts for audits, and corpora that know some of their members word for word.

The frequencies of the words, and which words follow each other, are roughly like those of a language.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rpsg.audit.attacks import ATTACKS
from rpsg.audit.run import level_of
from rpsg.audit.subject import subject_of
from rpsg.stages.canaries import word_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.audit.aids import Aids
    from rpsg.audit.claim import Claim
    from rpsg.audit.subject import Subject
    from rpsg.stages.canaries import Canaries

WORDS = word_list()[:1500]


def texts(count: int, seed: int, words: Sequence[str] = WORDS) -> list[str]:
    """``count`` texts of 20 to 40 words; every second word depends on the one before it."""
    draw = np.random.default_rng(seed)
    chances = 1 / np.arange(2, len(words) + 2)
    chances /= chances.sum()
    made = []
    for length in draw.integers(20, 41, count):
        codes = draw.choice(len(words), length, p=chances)
        follows = draw.random(length - 1) < 0.5
        codes[1:] = np.where(follows, (codes[:-1] * 7 + codes[1:] % 5) % len(words), codes[1:])
        made.append(" ".join(words[code] for code in codes) + ".")
    return made


def subject(
    *,
    people: int = 100,
    size: int = 100,
    leak: int = 0,
    seed: int = 0,
    reference: int = 0,
    claim: Claim | None = None,
    canaries: Canaries | None = None,
    aids: Aids | None = None,
) -> Subject:
    """A corpus that knows ``leak`` of its members word for word, and nothing of the others."""
    rows = texts(2 * people + size + reference, seed)
    members, others = rows[:people], rows[people : 2 * people]
    corpus = [*members[:leak], *rows[2 * people + leak : 2 * people + size]]
    made = subject_of(
        corpus,
        members,
        others,
        reference=rows[2 * people + size :],
        claim=claim,
        canaries=canaries,
        aids=aids,
        seed=seed,
    )
    return replace(made, level=level_of(ATTACKS, made.given | {"canaries"}))
