"""The metrics that ship and need no weights keep the laws of metrics, and one that breaks one is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rpsg.evaluation.runner import find_metric
from rpsg.testing.laws import MetricLaws

if TYPE_CHECKING:
    from rpsg.evaluation.inputs import Inputs, Metric
    from rpsg.measures import Measure


class OwnMetric(MetricLaws):
    """A metric of the table."""

    @pytest.fixture
    def metric(self) -> Metric:
        return find_metric(self.name)


class TestFrechet(OwnMetric):
    name, needs_real = "fid", True


class TestMauve(OwnMetric):
    name, needs_real = "mauve", True


class TestRecall(OwnMetric):
    name, needs_real = "knn_recall", True


class TestSinkhorn(OwnMetric):
    name, needs_real = "sinkhorn", True


class TestWordDistance(OwnMetric):
    name, needs_real = "word_distance", True


class TestNextWordAccuracy(OwnMetric):
    name, needs_real = "next_word_accuracy", True


class TestSelfBleu(OwnMetric):
    name = "self_bleu"


class TestDistinct(OwnMetric):
    name = "distinct_2"


class TestVocabulary(OwnMetric):
    name = "vocabulary"


class TestReadability(OwnMetric):
    name = "readability"


class Careless(MetricLaws):
    name = "careless"


def test_a_metric_that_fails_on_an_empty_corpus_is_found() -> None:
    def careless(inputs: Inputs) -> Measure:
        return inputs.measured("careless", 1 / len(inputs.corpus), better=None, real=False)

    Careless().test_it_measures_a_corpus_beside_real_texts(careless)
    with pytest.raises(AssertionError):
        Careless().test_a_corpus_with_little_in_it_gives_a_value_or_says_why_not(careless, [])


def test_a_metric_that_reads_real_texts_and_does_not_say_so_is_found() -> None:
    def sly(inputs: Inputs) -> Measure:
        return inputs.measured("careless", len(inputs.real), better=None, real=False)

    with pytest.raises(AssertionError):
        Careless().test_only_a_metric_that_compares_reads_real_texts(sly)
