"""Corpora that learnt nothing from data in which chance looks like a leak, and leaks that look like chance.

Whoever is in is drawn at random, so that every alarm is false.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.audit.alarms import raises_alarm

from rpsg.audit.run import find_attacks
from rpsg.audit.subject import subject_of
from rpsg.testing.planted import WORDS, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.audit.subject import Subject

CHEAP = ("ppl", "refer", "lira", "passage", "zlib", "echo-pairs", "phantom", "copies", "near-copies")
CASES, MOST = 120, 6


def _sides(draw: np.random.Generator, rows: list[str], units: list[int], corpus: list[str]) -> Subject:
    """Half of the people are drawn to be members; the corpus never saw who."""
    people = np.unique(units)
    chosen = set(draw.permutation(people)[: len(people) // 2].tolist())
    sides = [
        [(t, str(u)) for t, u in zip(rows, units, strict=True) if (u in chosen) == s] for s in (True, False)
    ]
    (used, own), (held, other) = (map(list, zip(*side, strict=True)) for side in sides)
    return subject_of(
        corpus, used, held, member_units=own, nonmember_units=other, seed=int(draw.integers(1 << 30))
    )


def heavy_tails(draw: np.random.Generator) -> Subject:
    """Most texts have a few words, and some have hundreds; the corpus too."""

    def some(count: int) -> list[str]:
        lengths = np.minimum(1 + draw.pareto(1.0, count) * 8, 600).astype(int)
        return [" ".join(np.array(WORDS)[draw.zipf(1.3, n) % len(WORDS)]) for n in lengths]

    rows = some(120)
    return _sides(draw, rows, list(range(120)), some(40))


def forms(draw: np.random.Generator) -> Subject:
    """Few forms with few blanks: many texts are nearly the same, on both sides and in the corpus."""
    begins = texts(4, int(draw.integers(1 << 30)))

    def some(count: int) -> list[str]:
        blanks = draw.integers(1000, size=(count, 2))
        return [f"{begins[a % 4]} value {a} of {b}" for a, b in blanks.tolist()]

    return _sides(draw, some(120), list(range(120)), some(30))


def prolific(draw: np.random.Generator) -> Subject:
    """Some people wrote a dozen texts in words of their own, most wrote one; the corpus has such words."""
    counts = np.minimum(draw.zipf(1.5, 60), 12)
    own = [draw.permutation(len(WORDS))[:40] for _ in range(60)]

    def of(person: int) -> str:
        return " ".join(np.array(WORDS)[draw.choice(own[person], 25)])

    units = np.repeat(np.arange(60), counts).tolist()
    return _sides(draw, [of(u) for u in units], units, [of(int(u)) for u in draw.integers(60, size=30)])


def of_people_held_out(draw: np.random.Generator) -> Subject:
    """The corpus copies people at random, whether they are members or not: a public source has both."""
    rows = texts(150, int(draw.integers(1 << 30)))
    return _sides(draw, rows[:120], list(range(120)), [*rows[120:], *rows[:15]])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("made", [heavy_tails, forms, prolific, of_people_held_out])
def test_chance_that_looks_like_a_leak_raises_five_alarms_in_a_hundred_at_most(
    made: Callable[[np.random.Generator], Subject],
) -> None:
    attacks, alarms = find_attacks(CHEAP), 0
    for seed in range(CASES):
        case = replace(made(np.random.default_rng(seed)), level=0.05 / len(attacks))
        alarms += raises_alarm(case, attacks, least=4)
    assert alarms <= MOST, alarms
