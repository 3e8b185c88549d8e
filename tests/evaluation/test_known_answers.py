"""What every metric must say of corpora whose answer is known without computing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.evaluation.conftest import GARDEN, HARBOUR, inputs_of, sentences

from rpsg import registry
from rpsg.evaluation.diversity import reading_ease

if TYPE_CHECKING:
    from tests.evaluation.conftest import Measured

    from rpsg.evaluation.measure import Measure

NOTHING_BETWEEN = ("fid", "kl", "tv", "wasserstein", "sliced_wasserstein", "sinkhorn", "word_distance")
DISTANCES = (*NOTHING_BETWEEN, "length_distance", "sentiment_distance")
SHARES = ("knn_precision", "knn_recall", "knn_f1", "coverage", "mauve")
SAME = sentences(80, seed=1)


@pytest.mark.parametrize("name", DISTANCES)
def test_a_corpus_is_at_no_distance_from_itself(name: str, measured: Measured) -> None:
    assert measured(name, SAME, SAME).value == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("name", SHARES)
def test_a_corpus_is_wholly_like_itself(name: str, measured: Measured) -> None:
    assert measured(name, SAME, SAME).value == pytest.approx(1.0, abs=1e-6)


def test_corpora_without_a_common_word_are_as_far_apart_as_can_be(measured: Measured) -> None:
    garden, harbour = sentences(80, GARDEN), sentences(80, HARBOUR, seed=2)
    assert measured("word_distance", garden, harbour).value == pytest.approx(1.0)
    assert measured("mauve", garden, harbour).value == pytest.approx(0.0, abs=0.06)
    assert measured("tv", garden, harbour).value == pytest.approx(1.0, abs=0.1)
    assert measured("next_word_accuracy", garden, harbour).value == pytest.approx(0.0, abs=0.2)


def test_one_text_repeated_has_no_diversity(measured: Measured) -> None:
    repeated = ["The rose and the tulip and the fern."] * 60
    assert measured("self_bleu", repeated).value == pytest.approx(1.0)
    assert measured("self_similarity", repeated).value == pytest.approx(1.0, abs=1e-5)
    assert measured("vocabulary", repeated).value == 5
    assert measured("distinct_1", repeated).value == pytest.approx(5 / (8 * 60))
    assert measured("distinct_2", repeated).value == pytest.approx(6 / (7 * 60))
    assert measured("distinct_3", repeated).value == pytest.approx(6 / (6 * 60))
    assert measured("type_token_ratio", repeated).value == pytest.approx(5 / 8)
    assert measured("knn_recall", repeated, sentences(60, HARBOUR)).value == 0.0


def test_lengths_are_counted_in_words(measured: Measured) -> None:
    assert measured("length_mean", ["one two three", "one"]).value == 2.0
    assert measured("length_distance", ["a b c"] * 4, ["a " * 50] * 4).value == 1.0
    assert measured("length_distance", ["a b c"] * 4, ["a b c", "a " * 50] * 2).value == 0.5


def test_reading_ease_is_flesch_s() -> None:
    assert reading_ease("The cat sat.") == pytest.approx(206.835 - 1.015 * 3 - 84.6)
    assert reading_ease("...") is None


MONOTONE = {
    "fid": -1,
    "mauve": 1,
    "knn_precision": 1,
    "coverage": 1,
    "tv": -1,
    "sliced_wasserstein": -1,
    "sinkhorn": -1,
    "word_distance": -1,
    "next_word_accuracy": 1,
    "perplexity": -1,
}


@pytest.mark.parametrize("name", MONOTONE)
def test_more_floor_text_among_real_text_is_worse(name: str, measured: Measured) -> None:
    real, fresh, floor = sentences(240, seed=1), sentences(240, seed=2), sentences(240, HARBOUR, seed=3)
    mixed = [[*fresh[: 240 - k], *floor[:k]] for k in (0, 60, 120, 180, 240)]
    values = [MONOTONE[name] * (measured(name, corpus, real).value or 0.0) for corpus in mixed]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1]


def labelled(name: str, corpus: list[str], labels: list[str], real: list[str], truth: list[str]) -> Measure:
    found: Measure = registry.find("metrics", name)(inputs_of(corpus, real, labels=labels, real_labels=truth))
    return found


def test_a_classifier_learns_labels_that_words_tell() -> None:
    corpus = [*sentences(60, GARDEN, seed=1), *sentences(60, HARBOUR, seed=2)]
    real = [*sentences(40, GARDEN, seed=3), *sentences(40, HARBOUR, seed=4)]
    labels, truth = ["garden"] * 60 + ["harbour"] * 60, ["garden"] * 40 + ["harbour"] * 40
    assert labelled("downstream_accuracy", corpus, labels, real, truth).value == 1.0
    wrong = ["harbour"] * 60 + ["garden"] * 60
    assert labelled("downstream_f1", corpus, wrong, real, truth).value == 0.0


def test_a_label_that_the_corpus_lacks_costs_its_f1() -> None:
    corpus = [*sentences(60, GARDEN, seed=1), *sentences(60, HARBOUR, seed=2)]
    real = [*corpus[:30], *corpus[60:90], "sand dune sand"]
    truth = ["garden"] * 30 + ["harbour"] * 30 + ["desert"]
    found = labelled("downstream_f1", corpus, ["garden"] * 60 + ["harbour"] * 60, real, truth)
    assert found.details["by label"]["desert"] == 0.0
    assert found.value is not None
    assert 0.6 < found.value < 0.67


def test_agreement_is_the_share_of_texts_with_the_sentiment_asked_for() -> None:
    texts = sentences(20)
    inputs = inputs_of(texts)
    said = inputs.corpus.sentiments
    right = inputs_of(texts, cards=[{"sentiment": s} for s in said])
    metric = registry.find("metrics", "sentiment_agreement")
    assert metric(right).value == 1.0
    half = [{"sentiment": s if i % 2 else _other(s)} for i, s in enumerate(said)]
    assert metric(inputs_of(texts, cards=half)).value == 0.5


def _other(sentiment: str) -> str:
    return "negative" if sentiment == "positive" else "positive"
