"""Self-BLEU is NLTK's, without comparing any pair of texts."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from rpsg.textstats import numbering
from rpsg.textstats.self_bleu import scores_without, self_bleu_scores

WORDS = st.sampled_from(["the", "a", "tea", "cup", "was", "is", "good", "bad", "cold", "hot"])
TEXTS = st.lists(st.lists(WORDS, max_size=14).map(" ".join), min_size=2, max_size=9)


def nltk_scores(texts: list[str]) -> list[float]:
    tokens = [text.split() for text in texts]
    smoothed = SmoothingFunction().method1
    return [
        float(sentence_bleu([*tokens[:i], *tokens[i + 1 :]], tokens[i], smoothing_function=smoothed))
        for i in range(len(tokens))
    ]


@given(TEXTS)
@settings(max_examples=150, deadline=None)
def test_every_text_has_nltk_s_score(texts: list[str]) -> None:
    assert self_bleu_scores(texts) == pytest.approx(nltk_scores(texts), abs=1e-9, rel=0)


def test_a_corpus_of_sentences_has_nltk_s_scores() -> None:
    rng = random.Random(3)
    words = [f"w{int(rng.paretovariate(1.1))}" for _ in range(2000)]
    texts = [" ".join(rng.choices(words, k=rng.randint(1, 60))) for _ in range(60)]
    assert self_bleu_scores(texts) == pytest.approx(nltk_scores(texts), abs=1e-9, rel=0)


def test_one_text_repeated_is_foretold_wholly() -> None:
    assert self_bleu_scores(["we had tea and cake today"] * 5) == pytest.approx(np.ones(5))


def test_texts_that_share_no_word_score_zero() -> None:
    assert self_bleu_scores(["one two three four", "five six seven eight"]).tolist() == [0.0, 0.0]


def test_an_empty_text_scores_zero() -> None:
    assert self_bleu_scores(["", "tea is good"])[0] == 0.0


def test_of_two_lengths_equally_near_the_shorter_one_counts() -> None:
    texts = ["a b c d", "a b c d e f g h", "a b c d e f"]
    assert self_bleu_scores(texts) == pytest.approx(nltk_scores(texts), abs=1e-12)


@given(st.lists(st.tuples(st.lists(WORDS, max_size=14), st.integers(0, 3)), min_size=3, max_size=12))
@settings(max_examples=200, deadline=None)
def test_scores_without_a_group_are_those_of_the_texts_that_are_left(
    rows: list[tuple[list[str], int]],
) -> None:
    texts, group = [" ".join(words) for words, _ in rows], np.array([number for _, number in rows])
    found = scores_without(texts, group)
    assert found[0].tolist() == self_bleu_scores(texts).tolist()
    for g in range(int(group.max()) + 1):
        left = [text for text, number in zip(texts, group, strict=True) if number != g]
        if len(left) > 1:
            assert found[g + 1, group != g] == pytest.approx(self_bleu_scores(left), abs=1e-12)


@given(st.lists(st.tuples(st.lists(WORDS, max_size=14), st.integers(0, 3)), min_size=3, max_size=12))
@settings(max_examples=100, deadline=None)
def test_scores_do_not_depend_on_the_number_of_word_runs_that_are_sorted_together(
    rows: list[tuple[list[str], int]],
) -> None:
    texts, group = [" ".join(words) for words, _ in rows], np.array([number for _, number in rows])
    together = scores_without(texts, group)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbering, "TOGETHER", 3)
        assert scores_without(texts, group).tolist() == together.tolist()
