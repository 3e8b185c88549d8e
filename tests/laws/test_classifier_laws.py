"""What every classifier must keep. To join, subclass ClassifierLaws; give it a classifier and an embedder."""

from __future__ import annotations

import pytest
from tests.models.local.tiny import classifier_folder

from rpsg.models.download import locate
from rpsg.models.fake import FakeClassifier, FakeEmbedder
from rpsg.models.onnx.embedder import OnnxEmbedder
from rpsg.models.sentiment import EmbeddingSentiment, NearestSentiment, VaderSentiment
from rpsg.models.transformers.classifier import TransformersSentiment
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


class TestFakeClassifier(ClassifierLaws):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return FakeEmbedder()

    @pytest.fixture
    def classifier(self, embedder: Embedder) -> Classifier:
        return FakeClassifier()


class TestNearestSentimentOverAnyEmbedder(ClassifierLaws):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return FakeEmbedder(dim=128)

    @pytest.fixture
    def classifier(self, embedder: Embedder) -> Classifier:
        return NearestSentiment(embedder)


class SentimentLaws(ClassifierLaws):
    """For those that truly read the mood of a text."""

    def test_clear_praise_and_clear_complaint_are_told_apart(
        self, classifier: Classifier, embedder: Embedder
    ) -> None:
        assert classifier.classify(TEXTS[:2], embedder.embed(TEXTS[:2])) == ["positive", "negative"]


@pytest.fixture(scope="module")
def minilm() -> OnnxEmbedder:
    return OnnxEmbedder(locate("minilm-onnx"))


@pytest.mark.weights
class TestEmbeddingSentiment(SentimentLaws):
    @pytest.fixture
    def embedder(self, minilm: OnnxEmbedder) -> Embedder:
        return minilm

    @pytest.fixture
    def classifier(self, embedder: Embedder) -> Classifier:
        assert EmbeddingSentiment.fits(embedder)
        return EmbeddingSentiment()


@pytest.mark.weights
class TestNearestSentiment(SentimentLaws):
    @pytest.fixture
    def embedder(self, minilm: OnnxEmbedder) -> Embedder:
        return minilm

    @pytest.fixture
    def classifier(self, embedder: Embedder) -> Classifier:
        return NearestSentiment(embedder)


class TestVaderSentiment(SentimentLaws):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return FakeEmbedder()

    @pytest.fixture
    def classifier(self) -> Classifier:
        pytest.importorskip("vaderSentiment", reason="needs the extra vader")
        return VaderSentiment()


@pytest.fixture(scope="module")
def tiny_transformer(tmp_path_factory: pytest.TempPathFactory) -> TransformersSentiment:
    pytest.importorskip("transformers", reason="needs the extra hf")
    return TransformersSentiment(classifier_folder(tmp_path_factory.mktemp("tiny")))


class TestTransformersSentiment(ClassifierLaws):
    """With random weights: what it says means nothing, all else is as with real ones."""

    @pytest.fixture
    def embedder(self) -> Embedder:
        return FakeEmbedder()

    @pytest.fixture
    def classifier(self, tiny_transformer: TransformersSentiment) -> Classifier:
        return tiny_transformer
