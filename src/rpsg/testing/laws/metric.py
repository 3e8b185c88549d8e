"""Laws for every metric. Subclass ``MetricLaws``; give it the metric and its name."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.models import EvaluationModels
from rpsg.evaluation.runner import measure
from rpsg.models.fake import FakeEmbedder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.evaluation.inputs import Metric
    from rpsg.measures import Measure

WORDS = ("rose", "tulip", "hedge", "spade", "bloom", "soil", "bee", "moss", "fern", "the", "a", "and", "with")


def sentences(count: int, seed: int) -> list[str]:
    """Invented texts of 4 to 18 words."""
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(4, 18))) + "." for _ in range(count)]


CORPUS, REAL = sentences(60, 0), sentences(80, 1)


class MetricLaws:
    """``name`` is the name of the metric; ``needs_real`` says whether it compares with real texts."""

    name: str
    needs_real: bool = False

    @pytest.fixture
    def metric(self) -> Metric:
        raise NotImplementedError

    def measured(self, metric: Metric, corpus: Sequence[str], real: Sequence[str] | None = None) -> Measure:
        """The metric as ``rpsg evaluate`` runs it: anything but a valid Measure becomes a reason."""
        models = EvaluationModels(FakeEmbedder())
        other = None if real is None else Texts(real, models)
        return measure(self.name, metric, Inputs(Texts(corpus, models), other, models, seed=3))

    def test_it_measures_a_corpus_beside_real_texts(self, metric: Metric) -> None:
        found = self.measured(metric, CORPUS, REAL)
        assert (found.reason, found.name) == ("", self.name)
        assert found.value is not None
        if found.interval is not None:
            low, high = found.interval
            assert low <= found.value <= high

    def test_the_same_texts_and_seed_give_the_same_answer(self, metric: Metric) -> None:
        assert self.measured(metric, CORPUS, REAL) == self.measured(metric, CORPUS, REAL)

    def test_only_a_metric_that_compares_reads_real_texts(self, metric: Metric) -> None:
        """A Measure that read them is internal and never part of a release."""
        assert self.measured(metric, CORPUS, REAL).internal is self.needs_real
        alone = self.measured(metric, CORPUS)
        assert not alone.internal
        assert (alone.value is None) is self.needs_real

    @pytest.mark.parametrize(
        "corpus", [[], ["one text"], ["", ""], ["same"] * 5], ids=["0", "1", "empty", "same"]
    )
    def test_a_corpus_with_little_in_it_gives_a_value_or_says_why_not(
        self, metric: Metric, corpus: list[str]
    ) -> None:
        found = self.measured(metric, corpus, REAL)
        assert (found.value is None) == bool(found.reason)
        assert " failed (" not in found.reason
