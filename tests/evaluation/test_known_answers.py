"""What every metric must say of corpora whose answer is known without computing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.evaluation.conftest import GARDEN, HARBOUR, inputs_of, sentences

from rpsg import registry
from rpsg.evaluation.metrics.divergence import heights_distance
from rpsg.evaluation.metrics.diversity import reading_ease

if TYPE_CHECKING:
    from tests.evaluation.conftest import Measured

    from rpsg.measures import Measure

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
    without_stops = [[text.rstrip(".") for text in texts] for texts in (garden, harbour)]
    assert measured("next_word_accuracy", *without_stops).value == 0.0


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
    "kl": -1,
    "mauve": 1,
    "knn_precision": 1,
    "knn_f1": 1,
    "density": 1,
    "coverage": 1,
    "length_distance": -1,
    "sentiment_distance": -1,
    "tv": -1,
    "sliced_wasserstein": -1,
    "sinkhorn": -1,
    "word_distance": -1,
    "next_word_accuracy": 1,
    "perplexity": -1,
}


@pytest.mark.parametrize("name", MONOTONE)
def test_more_floor_text_among_real_text_is_worse(name: str, measured: Measured) -> None:
    """The floor's texts have other words, other lengths and other sentiments than the real ones.

    Not here: ``knn_recall`` and ``wasserstein`` (below), and what has no better side or reads no real text:
    ``self_bleu`` falls first, since two languages are more diverse than one.
    """
    values = [MONOTONE[name] * value for value in steps(name, measured)]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1]


def steps(name: str, measured: Measured) -> list[float]:
    """The metric while real text is replaced by floor text, a quarter at a time."""
    real, fresh = sentences(240, seed=1), sentences(240, seed=2)
    floor = sentences(240, HARBOUR, seed=3, most=60)
    mixed = [[*fresh[: 240 - k], *floor[:k]] for k in (0, 60, 120, 180, 240)]
    found = [measured(name, corpus, real).value for corpus in mixed]
    assert None not in found
    return [value for value in found if value is not None]


def test_recall_tells_the_floor_from_real_text_but_not_the_steps_between(measured: Measured) -> None:
    """By nature: the fewer real texts a corpus has, the farther apart they are and the larger their balls."""
    values = steps("knn_recall", measured)
    assert values[0] > 0.9
    assert values[-1] == 0.0
    assert min(values[:-1]) > 0.8


def test_the_published_wasserstein_does_not_see_which_bucket_is_which(measured: Measured) -> None:
    """By nature not monotone: only sorted heights are compared, so a corpus in other buckets can be near."""
    values = steps("wasserstein", measured)
    assert values[0] == min(values)
    assert heights_distance(np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.7, 0.2])) == 0.0


@pytest.mark.parametrize("name", ["downstream_accuracy", "downstream_f1"])
def test_more_floor_text_with_careless_labels_teaches_a_classifier_less(name: str) -> None:
    kinds = (GARDEN, HARBOUR) * 120
    fresh = [sentences(1, kind, seed=i)[0] for i, kind in enumerate(kinds)]
    floor = [sentences(1, kind, seed=1000 + i)[0] for i, kind in enumerate(kinds)]
    real = [sentences(1, kind, seed=2000 + i)[0] for i, kind in enumerate(kinds)]
    truth, careless = ["garden", "harbour"] * 120, ["garden", "harbour", "harbour", "garden"] * 60
    values = []
    for k in (0, 60, 120, 180, 240):
        corpus, labels = [*fresh[: 240 - k], *floor[:k]], [*truth[: 240 - k], *careless[:k]]
        values.append(labelled(name, corpus, labels, real, truth).value or 0.0)
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.95
    assert values[-1] < 0.7


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
