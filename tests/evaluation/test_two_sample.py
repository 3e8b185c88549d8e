"""The two-sample AUC: one half where nothing tells the two apart, one where everything does."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from tests.evaluation.conftest import GARDEN, HARBOUR, Measured, inputs_of, sentences

from rpsg.evaluation.metrics.two_sample import FOLDS, WIDER, C, folds, grams_of, two_sample_auc, wins


def test_texts_of_one_kind_cannot_be_told_apart(measured: Measured) -> None:
    found = measured("two_sample_auc", sentences(150, seed=1), sentences(150, seed=2))
    assert found.value == pytest.approx(0.5, abs=0.12)
    assert found.interval is not None
    assert found.interval[0] < 0.5 < found.interval[1]
    assert found.internal


def test_texts_of_other_words_are_always_told_apart(measured: Measured) -> None:
    found = measured("two_sample_auc", sentences(60), sentences(60, HARBOUR))
    assert found.value == pytest.approx(1.0)
    assert found.higher_is_better is False


def test_the_more_foreign_text_the_higher(measured: Measured) -> None:
    mixed = [
        measured(
            "two_sample_auc",
            [*sentences(100 - k, seed=1), *sentences(k, HARBOUR, seed=2)],
            sentences(100, GARDEN, seed=3),
        ).value
        or 0
        for k in (0, 40, 80)
    ]
    assert mixed == sorted(mixed)


def test_order_of_words_alone_is_enough(measured: Measured) -> None:
    straight = [" ".join(GARDEN[i % 12] for i in range(start, start + 8)) for start in range(60)]
    back = [" ".join(text.split()[::-1]) for text in straight]
    assert measured("two_sample_auc", straight, back).value == pytest.approx(1.0)


def test_a_text_is_never_recognised_by_its_twin() -> None:
    texts = [f"text {i % 30} of  Many" if i % 2 else f"Text {i % 30} of many" for i in range(90)]
    fold = folds(texts, seed=3)
    for number in range(30):
        assert len({fold[i] for i in range(90) if i % 30 == number}) == 1
    assert set(fold) == set(range(FOLDS))


def test_the_larger_side_gives_only_as_many_texts() -> None:
    found = two_sample_auc(inputs_of(sentences(40, seed=1), sentences(90, seed=2)))
    assert found.details["texts of each side"] == 40


def test_too_few_texts_are_a_reason() -> None:
    with pytest.raises(Exception, match="too few texts"):
        two_sample_auc(inputs_of(sentences(9), sentences(40)))


def test_texts_that_are_all_one_are_a_reason() -> None:
    with pytest.raises(Exception, match="so alike"):
        two_sample_auc(inputs_of(["the same words"] * 20, ["the same words"] * 20))


def test_scikit_learn_says_the_same() -> None:
    corpus = [*sentences(40, seed=1), *sentences(20, HARBOUR, seed=4)]
    real = sentences(60, seed=2)
    found = two_sample_auc(inputs_of(corpus, real))
    matched = _as_matched(corpus, real)
    grams, fold = grams_of(matched), folds(matched, 0)
    table = np.zeros((120, grams.cells.max() + 1))
    table[np.repeat(np.arange(120), grams.lengths), grams.cells] = grams.values
    assert np.linalg.norm(table, axis=1) == pytest.approx(np.ones(120))
    table = table[:, table.any(axis=0)]
    is_real = np.arange(120) >= 60
    areas = []
    for own in range(FOLDS):
        model = LogisticRegression(C=C, max_iter=5000, tol=1e-8).fit(table[fold != own], is_real[fold != own])
        areas.append(roc_auc_score(is_real[fold == own], model.decision_function(table[fold == own])))
    assert found.value == pytest.approx(fmean(areas), abs=0.01)
    assert 0.5 < fmean(areas) < 1


def _as_matched(corpus: list[str], real: list[str]) -> list[str]:
    """Sides of the same size are kept as they are."""
    return [*corpus, *real]


def test_wins_are_those_of_comparing_each_pair() -> None:
    rng = np.random.default_rng(0)
    real, corpus = rng.integers(0, 9, 40).astype(np.float64), rng.integers(0, 7, 30).astype(np.float64)
    pairs = (real[:, None] > corpus) + 0.5 * (real[:, None] == corpus)
    first, second = wins(real, corpus)
    assert first == pytest.approx(pairs.mean(axis=1))
    assert second == pytest.approx(pairs.mean(axis=0))
    is_real = np.arange(70) < 40
    assert first.mean() == pytest.approx(roc_auc_score(is_real, np.concatenate([real, corpus])))


def test_the_error_is_wider_than_that_of_independent_folds() -> None:
    assert pytest.approx(1.5) == WIDER
