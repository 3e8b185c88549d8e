"""What the oracles are asked about: random texts and real reviews, as metrics see them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg import registry
from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.models import EvaluationModels
from rpsg.models.download import locate
from rpsg.models.fake import FakeEmbedder
from rpsg.release.coverage import NoisyCounts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KINDS = ["random", pytest.param("reviews", marks=pytest.mark.weights)]
#: The texts of both sides; not as many, so that whoever takes one for the other is found out.
FEW = (80, 60)
MANY = (240, 160)
SHORT = 30
WORDS = [f"{begin}{end}" for begin in ("tea", "cup", "mo", "Ra", "be'", "o_") for end in "abcdefghijk"]
MARKS = (". ", ", ", "! ", "... ", " - ", "'s ", "? ", " ", " ", " ", " ", " ", "\n")


@dataclass(frozen=True)
class Sides:
    """A corpus, the real texts it is compared with, and what a metric says of them."""

    inputs: Inputs

    @property
    def corpus(self) -> Texts:
        return self.inputs.corpus

    @property
    def real(self) -> Texts:
        return self.inputs.real

    @property
    def rows(self) -> tuple[Any, Any]:
        """The embeddings of both in double precision."""
        return np.asarray(self.corpus.vectors, np.float64), np.asarray(self.real.vectors, np.float64)

    def value(self, name: str) -> float:
        found = registry.find("metrics", name)(self.inputs).value
        assert found is not None
        return float(found)


@cache
def sides_of(kind: str, counts: tuple[int, int] = FEW) -> Sides:
    """Texts of a kind with labels, cards and noisy counts; all of them the same at every call."""
    models = EvaluationModels("minilm") if kind == "reviews" else EvaluationModels(FakeEmbedder())
    made = [
        _reviews(kind_of, n) if kind == "reviews" else _random(kind_of, n) for kind_of, n in _both(counts)
    ]
    (texts, labels), (real, real_labels) = made
    cards = [{"label": label, "length": length_of(text)} for text, label in zip(texts, labels, strict=True)]
    theirs = [
        {"label": label, "length": length_of(text)} for text, label in zip(real, real_labels, strict=True)
    ]
    corpus = Texts(texts, models, labels=labels, cards=cards)
    return Sides(
        Inputs(corpus, Texts(real, models, labels=real_labels), models, seed=3, counts=noisy(theirs))
    )


def _both(counts: tuple[int, int]) -> list[tuple[str, int]]:
    return list(zip(("train", "test"), counts, strict=True))


def _reviews(name: str, count: int) -> tuple[list[str], list[str]]:
    """The first short reviews of a public file."""
    lines = (locate("amazon-reviews") / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines[:4000]) if len(row["text"].split()) <= SHORT][:count]
    assert len(rows) == count
    return [row["text"] for row in rows], [row["label"] for row in rows]


def _random(name: str, count: int) -> tuple[list[str], list[str]]:
    """Words drawn with Zipf's shares, a different order of them for each label, and marks between."""
    rng = random.Random(name)
    labels = rng.choices(["sweet", "sour", "salt"], weights=[5, 3, 1], k=count)
    texts = []
    for label in labels:
        shuffled = random.Random(label).sample(WORDS, len(WORDS))
        drawn = rng.choices(
            shuffled, weights=[1 / (i + 1) for i in range(len(WORDS))], k=rng.randint(1, SHORT)
        )
        texts.append("".join(word + rng.choice(MARKS) for word in drawn))
    return texts, labels


def length_of(text: str) -> str:
    """A value of an attribute; the longest of the real texts have one that no short corpus has."""
    return str(min(len(text.split()) // 5, 6))


def noisy(cards: Sequence[Mapping[str, str]]) -> NoisyCounts:
    """Counts of the cards' values with noise of deviation 4, some of them below zero."""
    rng = random.Random(8)
    values = {name: sorted({card[name] for card in cards} | {"rare"}) for name in cards[0]}
    return NoisyCounts(
        {
            name: {v: sum(card[name] == v for card in cards) + rng.gauss(0, 4) for v in its} | {"none": -5.0}
            for name, its in values.items()
        },
        dict.fromkeys(values, 4.0),
    )
