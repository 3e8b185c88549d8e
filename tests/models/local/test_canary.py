"""A scorer whose numbers have nothing to do with the text is found out before it is used."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from rpsg import registry
from rpsg.errors import ModelError
from rpsg.models.scorer_check import FLUENT, check_scorer, shuffled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpsg.protocols import Endpoint


class Pairs:
    """A good scorer in small: pairs of words that stand in the sentences are likely, others are not."""

    name = "pairs"
    endpoint: Endpoint = "local_model"
    known = frozenset(pair for text in FLUENT for pair in pairwise(text.split()))

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        return [self.one(text.split()) for text in texts]

    def one(self, words: list[str]) -> list[float]:
        return [-1.0, *(-1.0 if p in self.known else -5.0 for p in pairwise(words))]


class Echoless(Pairs):
    """Scores what it would have written itself: one number, whatever the text."""

    def one(self, words: list[str]) -> list[float]:
        return [-0.5]


class Unmoved(Pairs):
    def one(self, words: list[str]) -> list[float]:
        return [-2.0] * len(words)


class Positive(Pairs):
    def one(self, words: list[str]) -> list[float]:
        return [value + 2 for value in super().one(words)]


class Endless(Pairs):
    def one(self, words: list[str]) -> list[float]:
        return [float("nan"), *super().one(words)[1:]]


class Padded(Pairs):
    """Counts the padding of its batch."""

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        longest = max(len(text.split()) for text in texts)
        return [[value - longest / 100 for value in self.one(text.split())] for text in texts]


class Forgetful(Pairs):
    def score(self, texts: Sequence[str]) -> list[list[float]]:
        return super().score(texts)[:1]


class Miscounting(Pairs):
    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) + 1 for text in texts]


def test_a_good_scorer_passes() -> None:
    check_scorer(Pairs())


@pytest.mark.parametrize(
    ("scorer", "fault"),
    [
        (Echoless, "one score for each token"),
        (Miscounting, "one score for each token"),
        (Forgetful, "one list of scores for each text"),
        (Unmoved, "shuffled words as likely"),
        (Positive, "no log-probabilities"),
        (Endless, "no log-probabilities"),
        (Padded, "differently alone and in a batch"),
    ],
)
def test_a_broken_scorer_is_told_what_it_breaks(scorer: Callable[[], Pairs], fault: str) -> None:
    with pytest.raises(ModelError, match=fault) as caught:
        check_scorer(scorer())
    assert "rpsg list scorers" in caught.value.hint


def test_shuffled_words_are_the_same_words_in_another_order() -> None:
    for text in FLUENT:
        assert sorted(shuffled(text).split()) == sorted(text.split())
        assert shuffled(text) != text


def test_a_scorer_had_by_name_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rpsg.models.build.transformers_scorer", lambda name, **_: Unmoved())
    with pytest.raises(ModelError, match="shuffled words"):
        registry.scorer("transformers:some/model")
