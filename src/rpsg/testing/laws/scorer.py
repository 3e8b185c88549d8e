"""Laws for every scorer. Subclass ``ScorerLaws``, or ``ContextLaws``, and give it a scorer."""

from __future__ import annotations

import math

import pytest

from rpsg.models.scorer_check import check_scorer
from rpsg.protocols import Scorer

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


class ContextLaws(ScorerLaws):
    """For scorers whose token probabilities depend on the preceding tokens."""

    def test_it_passes_the_trial_that_every_scorer_goes_through_before_it_is_used(
        self, scorer: Scorer
    ) -> None:
        check_scorer(scorer)
