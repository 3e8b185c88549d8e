"""Short texts that several people wrote: a leak of them has no verdict, and chance does not look like one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rpsg.audit import audit
from rpsg.audit.aside import FEWEST_WORDS, copied_whole, hashed
from rpsg.audit.subject import Subject, subject_of
from rpsg.testing.planted import texts

ROWS = texts(1300, 4)
SHORT = [" ".join(row.split()[:5]) for row in ROWS[:200]]
SOME = ("refer", "copies", "near-copies", "phantom")
RATED = ("great", "good", "nice", "very good", "lovely", "bad", "poor", "excellent", "okay", "tasty")
SOLD = ("coffee", "tea", "product", "snack", "value", "taste", "price", "service", "quality", "gift")
ENDED = (
    *("will buy again", "highly recommended", "my dog loves it", "not for me", "arrived on time"),
    *("thank you very much", "as described", "would not buy it", "five stars", "my kids like it"),
)


def hidden_leak(among: str) -> Subject:
    """A hundred short texts of members are in the corpus; others are made to have them too."""
    assert max(map(len, SHORT)) < 50
    leaked, others = SHORT[:100], SHORT[100:]
    sides = {
        "members": ([*leaked, *leaked], [*others, *others]),
        "people held out": (leaked, leaked),
        "the reference": (leaked, others),
    }
    used, held = sides[among]
    more = [*leaked, *others, *ROWS[1100:]] if among == "the reference" else None
    corpus = [*leaked, *ROWS[800:1100]]
    return subject_of(corpus, [*used, *ROWS[200:500]], [*held, *ROWS[500:800]], reference=more)


def copied(case: Subject) -> int:
    return copied_whole(case.aside, case.synthetic, 1 - case.prior)


@pytest.mark.parametrize("among", ["members", "people held out", "the reference"])
def test_a_leak_of_short_texts_cannot_be_hidden(among: str) -> None:
    assert copied(hidden_leak(among)) == 100


@pytest.mark.parametrize("claim", [{}, {"epsilon": 2.0, "delta": 1e-6}])
def test_it_has_no_verdict(claim: dict[str, Any]) -> None:
    used, held = [*SHORT[:100] * 2, *ROWS[200:500]], [*SHORT[100:] * 2, *ROWS[500:800]]
    report = audit([*SHORT[:100], *ROWS[800:1100]], used, held, attacks=SOME, **claim)
    assert report.verdict == "not run"
    assert "has 100 of the texts that the audit leaves out" in report.reason


def reviews(draw: np.random.Generator, count: int) -> list[str]:
    """Short reviews of common words: many are the same by chance, word for word."""

    def common(said: tuple[str, ...]) -> str:
        return said[min(int(draw.zipf(1.3)) - 1, len(said) - 1)]

    return [f"{common(RATED)} {common(SOLD)}, {common(ENDED)}" for _ in range(count)]


@pytest.mark.parametrize("held_out", [0.5, 0.2])
def test_short_reviews_that_are_in_an_honest_corpus_by_chance_are_no_leak(held_out: float) -> None:
    """All forty corpora have at least five such texts, most of them by two to five people."""
    void, fewest, by_few = 0, [], 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        rows = draw.permutation([*reviews(draw, 700), *texts(300, seed)]).tolist()
        corpus = [*reviews(draw, 150), *texts(250, 100 + seed)]
        first = round(1000 * (1 - held_out))
        case = subject_of(corpus, rows[:first], rows[first:], seed=seed)
        known = set(map(hashed, corpus))
        here = [each for each in case.aside if hashed(each.text) in known]
        fewest.append(sum(len(each.text.split()) >= FEWEST_WORDS for each in here))
        by_few += sum(len(each.people) <= 5 for each in here)
        void += copied(case) > 0
    assert min(fewest) >= 5
    assert by_few > 40 * 10
    assert void <= 2


def test_one_person_who_shares_short_texts_with_many_is_counted_once() -> None:
    """All that somebody wrote is on one side, so their texts are no independent evidence."""
    used, held = [*SHORT[:40], *SHORT[:40], *ROWS[200:500]], ROWS[500:800]
    units = [*["one"] * 40, *map(str, range(340))]
    case = subject_of(
        [*SHORT[:40], *ROWS[800:1100]],
        used,
        held,
        member_units=units,
        nonmember_units=[f"held out {i}" for i in range(300)],
    )
    assert len(case.aside) == 40
    assert copied(case) == 0


def test_texts_of_a_few_words_do_not_count() -> None:
    tiny = [" ".join(text.split()[: FEWEST_WORDS - 1]) for text in SHORT[:100]]
    case = subject_of([*tiny, *ROWS[800:1100]], [*tiny * 2, *ROWS[200:500]], ROWS[500:800])
    assert len(case.aside) > 50
    assert copied(case) == 0
