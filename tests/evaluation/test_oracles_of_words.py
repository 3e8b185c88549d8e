"""Metrics that read words say what scikit-learn, scipy, NLTK and counting by hand say.

Nothing of the package is used here but the metrics themselves: words are found sign by sign.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from scipy.spatial.distance import cityblock
from sklearn.feature_extraction.text import CountVectorizer
from tests.evaluation.conftest import inputs_of
from tests.evaluation.sides import FEW, KINDS, MANY, Sides, sides_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: What no file of short reviews need hold: nothing, marks alone, other alphabets, other apostrophes.
ODD = [
    "",
    "?!",
    "It\u2019s dogs' 'tea' o''clock, isn't it",
    "Zoë's 3 çays_a b",
    "Tee 好吃。 Und Æ\u3002",
    "a\n\nb.\tc",
]


@pytest.fixture(scope="module", params=KINDS)
def sides(request: pytest.FixtureRequest) -> Sides:
    return sides_of(request.param, MANY)


@pytest.fixture
def odd() -> Sides:
    return Sides(inputs_of(ODD * 2, ODD[3:]))


CHINESE = re.compile("([\u4e00-\u9fff])")


def length_of(text: str) -> int:
    """What stands between spaces, and each Chinese letter."""
    return len(CHINESE.sub(r" \1", text).split())


def is_letter(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


def words_of(text: str) -> list[str]:
    """Runs of letters, digits and underscores in lower case; an apostrophe within stays.

    A Chinese letter is a word.
    """
    low = " " + CHINESE.sub(r" \1 ", text.lower()) + " "
    kept = [
        is_letter(sign) or (sign in "'\u2019" and is_letter(before) and is_letter(after))
        for before, sign, after in zip(low, low[1:], low[2:], strict=False)
    ]
    runs = groupby(zip(low[1:], kept, strict=False), key=lambda pair: pair[1])
    return ["".join(sign for sign, _ in run) for inside, run in runs if inside]


def counted(texts: Sequence[str], n: int = 1) -> Any:
    """How often each run of ``n`` words stands in each text, shape (texts, runs)."""
    counter = CountVectorizer(tokenizer=words_of, token_pattern=None, ngram_range=(n, n))
    return counter.fit_transform(texts).toarray()


def distinct(n: int) -> Callable[[Sides], float]:
    def share(sides: Sides) -> float:
        table = counted(sides.corpus.texts, n)
        return float(table.shape[1] / table.sum())

    return share


def type_token_ratio(sides: Sides) -> float:
    table = counted(sides.corpus.texts)
    table = table[table.sum(axis=1) > 0]
    return float(np.mean((table > 0).sum(axis=1) / table.sum(axis=1)))


def word_distance(sides: Sides) -> float:
    table = counted([*sides.corpus.texts, *sides.real.texts])
    first, second = table[: len(sides.corpus)].sum(axis=0), table[len(sides.corpus) :].sum(axis=0)
    return float(cityblock(first / first.sum(), second / second.sum()) / 2)


def readability(sides: Sides) -> float:
    """206.835 - 1.015 words a sentence - 84.6 syllables a word, mean over the texts that have words."""
    scores = []
    for text in sides.corpus.texts:
        words = words_of(text)
        ends = sum(a in ".!?\u3002" and b.isspace() for a, b in zip(text, f"{text} "[1:], strict=True))
        if words:
            syllables = sum(map(syllables_of, words)) / len(words)
            scores.append(206.835 - 1.015 * len(words) / max(ends, 1) - 84.6 * syllables)
    return fmean(scores)


def syllables_of(word: str) -> int:
    """Groups of vowels; an e at the end is silent unless it is all there is, or ends -le or -ee."""
    groups = [inside for inside, _ in groupby(word, key=lambda sign: sign in "aeiouy") if inside]
    silent = word[-1] == "e" and word[-2:] not in {"le", "ee"}
    return max(1, len(groups) - silent)


def length_mean(sides: Sides) -> float:
    return fmean(map(length_of, sides.corpus.texts))


def length_distance(sides: Sides) -> float:
    last_of_each = (5, 10, 15, 20, 30, 40, 55, 75, 100, 135, 180, 240, 320, 430, 580, 780, 1050)
    walls = [-1, *(edge + 0.5 for edge in last_of_each), 10**9]
    shares = [
        np.histogram([length_of(text) for text in side.texts], walls)[0] / len(side)
        for side in (sides.corpus, sides.real)
    ]
    return float(cityblock(*shares) / 2)


def attribute_coverage(sides: Sides) -> float:
    """Of the counts above zero, the share of those whose value some card has."""
    return fmean(
        sum(counts[value] for value in counts if counts[value] > 0 and value in had)
        / sum(count for count in counts.values() if count > 0)
        for counts, had in tables(sides)
    )


def attribute_distance(sides: Sides) -> float:
    distances = []
    for counts, had in tables(sides):
        noisy = np.clip(list(counts.values()), 0, None)
        shares = np.array([had[value] for value in counts]) / had.total()
        distances.append(cityblock(noisy / noisy.sum(), shares) / 2)
    return fmean(distances)


def tables(sides: Sides) -> list[tuple[dict[str, float], Counter[str]]]:
    """For each attribute the noisy counts and how many cards have each value."""
    assert sides.inputs.counts is not None
    cards = sides.corpus.cards or ()
    return [
        (dict(counts), Counter(card[name] for card in cards))
        for name, counts in sides.inputs.counts.counts.items()
    ]


def self_bleu(sides: Sides) -> float:
    tokens = [text.split() for text in sides.corpus.texts]
    smoothed = SmoothingFunction().method1
    return fmean(
        sentence_bleu([*tokens[:i], *tokens[i + 1 :]], tokens[i], smoothing_function=smoothed)
        for i in range(len(tokens))
    )


ORACLES: dict[str, Callable[[Sides], float]] = {
    "distinct_1": distinct(1),
    "distinct_2": distinct(2),
    "distinct_3": distinct(3),
    "vocabulary": lambda sides: counted(sides.corpus.texts).shape[1],
    "type_token_ratio": type_token_ratio,
    "word_distance": word_distance,
    "readability": readability,
    "length_mean": length_mean,
    "length_distance": length_distance,
}
PUBLIC = {"attribute_coverage": attribute_coverage, "attribute_distance": attribute_distance}


@pytest.mark.parametrize("name", [*ORACLES, *PUBLIC])
def test_a_figure_of_words_is_the_one_that_is_counted_otherwise(name: str, sides: Sides) -> None:
    wanted = {**ORACLES, **PUBLIC}[name](sides)
    assert sides.value(name) == pytest.approx(wanted, rel=1e-12)
    assert wanted not in {0.0, 1.0}, "such texts tell nothing"


@pytest.mark.parametrize("name", ORACLES)
def test_of_odd_texts_too(name: str, odd: Sides) -> None:
    assert odd.value(name) == pytest.approx(ORACLES[name](odd), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_self_bleu_is_nltk_s(kind: str) -> None:
    sides = sides_of(kind, FEW)
    assert sides.value("self_bleu") == pytest.approx(self_bleu(sides), abs=1e-9, rel=0)
