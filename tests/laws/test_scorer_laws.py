"""The scorers that ship keep the laws of scorers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rpsg.models.download import locate
from rpsg.models.fake import FakeScorer
from rpsg.models.transformers.scorer import TransformersScorer
from rpsg.testing.laws import ContextLaws, ScorerLaws
from rpsg.testing.laws.scorer import FLUENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.protocols import Scorer


class TestFakeScorer(ScorerLaws):
    @pytest.fixture
    def scorer(self) -> Scorer:
        return FakeScorer()


@pytest.fixture(scope="module")
def smollm2() -> Iterator[TransformersScorer]:
    pytest.importorskip("transformers", reason="needs the extra hf")
    scorer = TransformersScorer(locate("smollm2-135m"))
    yield scorer
    scorer.close()


@pytest.mark.weights
@pytest.mark.slow
class TestTransformersScorer(ContextLaws):
    @pytest.fixture
    def scorer(self, smollm2: TransformersScorer) -> Scorer:
        return smollm2

    def test_a_known_token_has_the_probability_that_llama_cpp_gives_it(
        self, smollm2: TransformersScorer
    ) -> None:
        """log p(" Paris" | "The capital of France is") is -0.2589 there, with activations of 8 bits."""
        scores = smollm2.score(["The capital of France is Paris"])[0]
        assert scores[-1] == pytest.approx(-0.2589, abs=0.05)

    def test_scores_agree_in_batches_with_padding(self, smollm2: TransformersScorer) -> None:
        together = TransformersScorer(locate("smollm2-135m"), rows=3)
        together._loaded = smollm2._load()
        texts = [FLUENT, "Good tea.", f"{FLUENT}. {FLUENT}."]
        for alone, padded in zip(smollm2.score(texts), together.score(texts), strict=True):
            assert padded == pytest.approx(alone, abs=1e-4)
