"""What every scorer must keep. To join, subclass ScorerLaws and give it a scorer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from rpsg.models.download import locate
from rpsg.models.fake import FakeScorer
from rpsg.models.scorer_check import check_scorer
from rpsg.models.transformers.scorer import TransformersScorer
from rpsg.protocols import Scorer

if TYPE_CHECKING:
    from collections.abc import Iterator

FLUENT = "we bought it again after a week because it was really good and fresh"
GIBBERISH = "zxq wvv ploof grrkt xyzzy bnm qqq wertz uiop asdfg hjkl yxcvb tgz rfv"


class ScorerLaws:
    @pytest.fixture
    def scorer(self) -> Scorer:
        raise NotImplementedError

    def test_it_is_a_scorer_with_a_name(self, scorer: Scorer) -> None:
        assert isinstance(scorer, Scorer)
        assert scorer.name

    def test_every_token_gets_a_log_probability(self, scorer: Scorer) -> None:
        for tokens in scorer.score([FLUENT, GIBBERISH]):
            assert len(tokens) >= 10
            assert all(math.isfinite(value) and value <= 0 for value in tokens)

    def test_a_longer_text_gets_more_numbers(self, scorer: Scorer) -> None:
        one, two = scorer.score([FLUENT, f"{FLUENT}. {FLUENT}."])
        assert len(two) > 1.5 * len(one)

    def test_fluent_text_is_likelier_than_gibberish(self, scorer: Scorer) -> None:
        """A scorer that fails here gives numbers that have nothing to do with the text."""
        fluent, gibberish = scorer.score([FLUENT, GIBBERISH])
        assert sum(fluent) / len(fluent) > sum(gibberish) / len(gibberish)

    def test_scores_depend_on_their_own_text_only(self, scorer: Scorer) -> None:
        together = scorer.score([FLUENT, GIBBERISH, ""])
        assert [scorer.score([text])[0] for text in (FLUENT, GIBBERISH, "")] == together

    def test_an_empty_text_has_no_tokens_to_score(self, scorer: Scorer) -> None:
        assert scorer.score([""]) == [[]]
        assert scorer.score([]) == []


class TestFakeScorer(ScorerLaws):
    @pytest.fixture
    def scorer(self) -> Scorer:
        return FakeScorer()


class ContextLaws(ScorerLaws):
    """For those that read a token in the light of those before it."""

    def test_it_passes_the_trial_that_every_scorer_goes_through_before_it_is_used(
        self, scorer: Scorer
    ) -> None:
        check_scorer(scorer)


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
