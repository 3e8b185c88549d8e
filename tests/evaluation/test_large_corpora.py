"""What takes quadratic time reads a sample of a large corpus, and says so; a small one is read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.metrics import intervals, optimal_transport
from rpsg.evaluation.metrics.divergence import mauve
from rpsg.evaluation.metrics.intervals import GROUPS, some_rows
from rpsg.evaluation.metrics.knn import coverage, density, knn_f1, knn_precision, knn_recall
from rpsg.evaluation.metrics.optimal_transport import sliced
from rpsg.evaluation.models import EvaluationModels
from rpsg.models.fake import FILLER, FakeEmbedder

if TYPE_CHECKING:
    from rpsg.evaluation.inputs import Metric
    from rpsg.measures import Measure

KNN = [knn_precision, knn_recall, knn_f1, density, coverage]
#: The metrics, and what their samples of a corpus and of real texts are drawn for.
SAMPLED = [(metric, ("balls of the corpus", "balls of real texts")) for metric in KNN]
SAMPLED.append((mauve, ("buckets of the corpus", "buckets of real texts")))


def texts(count: int, seed: int) -> list[str]:
    draw = np.random.default_rng(seed)
    return [" ".join(draw.choice(FILLER, size=12)) for _ in range(count)]


def measured(metric: Metric, *sides: list[str]) -> Measure:
    models = EvaluationModels(FakeEmbedder())
    corpus, real = (Texts(side, models) for side in sides)
    return metric(Inputs(corpus, real, models))


@pytest.mark.parametrize(("metric", "purposes"), SAMPLED)
def test_value_and_interval_are_those_of_a_corpus_of_as_many_texts_and_the_measure_says_so(
    metric: Metric, purposes: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intervals, "MOST_ROWS", 100)
    sides = texts(300, 1), texts(300, 2)
    drawn = [some_rows(np.arange(300), 0, purpose) for purpose in purposes]
    few = [[side[i] for i in rows] for side, rows in zip(sides, drawn, strict=True)]
    some, same = measured(metric, *sides), measured(metric, *few)
    assert (some.value, some.interval) == (same.value, same.interval)
    assert some.model == f"{same.model}, 100 x 100 texts"


def test_rows_of_a_small_corpus_are_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(40.0).reshape(20, 2)
    assert some_rows(rows, 0, "a") is rows
    monkeypatch.setattr(intervals, "MOST_ROWS", 5)
    found = some_rows(rows, 0, "a")
    assert len(found) == 5
    assert (np.diff(found[:, 0]) > 0).all()
    assert not np.array_equal(found, some_rows(rows, 1, "a"))


def test_a_direction_is_sorted_once_and_the_distances_without_a_group_are_those_of_the_rest() -> None:
    draw = np.random.default_rng(3)
    first, second = draw.normal(size=(300, 20)), draw.normal(size=(171, 20))
    first[5] = first[6]  # equal numbers, of texts in two groups
    left, right = (np.arange(len(side)) % GROUPS for side in (first, second))
    gone = [(-1, -1), (3, -1), (-1, 7)]
    found = optimal_transport._distances(first, second, left, right, gone)
    rest = sliced(first, second), sliced(first[left != 3], second), sliced(first, second[right != 7])
    assert found.tolist() == list(rest)
