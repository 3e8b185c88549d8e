"""Laws for every classifier. Subclass ``ClassifierLaws``; give it a classifier and an embedder."""

from __future__ import annotations

import pytest

from rpsg.protocols import Classifier, Embedder

TEXTS = [
    "I love this tea, it is excellent and I will buy it again!",
    "Terrible. It arrived broken and tastes awful, I want my money back.",
    "It is okay, the taste is good but the price is too high.",
    "",
    "Zoë 🙂 日本",
]


class ClassifierLaws:
    @pytest.fixture
    def embedder(self) -> Embedder:
        raise NotImplementedError

    @pytest.fixture
    def classifier(self, embedder: Embedder) -> Classifier:
        raise NotImplementedError

    def test_it_is_a_classifier_with_a_name_and_two_values_or_more(self, classifier: Classifier) -> None:
        assert isinstance(classifier, Classifier)
        assert classifier.name
        assert len(set(classifier.values)) == len(classifier.values) >= 2

    def test_every_text_gets_one_of_the_values(self, classifier: Classifier, embedder: Embedder) -> None:
        said = classifier.classify(TEXTS, embedder.embed(TEXTS))
        assert len(said) == len(TEXTS)
        assert set(said) <= set(classifier.values)

    def test_no_text_gives_no_value(self, classifier: Classifier, embedder: Embedder) -> None:
        assert classifier.classify([], embedder.embed([])) == []

    def test_a_value_depends_on_its_own_text_only(self, classifier: Classifier, embedder: Embedder) -> None:
        rows = embedder.embed(TEXTS)
        together = classifier.classify(TEXTS, rows)
        for index, text in enumerate(TEXTS):
            assert classifier.classify([text], rows[index : index + 1]) == [together[index]]
        assert classifier.classify(TEXTS[::-1], rows[::-1])[::-1] == together


class SentimentLaws(ClassifierLaws):
    """For classifiers that really detect sentiment."""

    def test_clear_praise_and_clear_complaint_are_told_apart(
        self, classifier: Classifier, embedder: Embedder
    ) -> None:
        assert classifier.classify(TEXTS[:2], embedder.embed(TEXTS[:2])) == ["positive", "negative"]
