"""The classifiers that ship keep the laws of classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.models.local.tiny import classifier_folder

from rpsg.models.download import locate
from rpsg.models.fake import FakeClassifier, FakeEmbedder
from rpsg.models.onnx.embedder import OnnxEmbedder
from rpsg.models.sentiment import EmbeddingSentiment, NearestSentiment, VaderSentiment
from rpsg.models.transformers.classifier import TransformersSentiment
from rpsg.protocols import Classifier, Embedder
from rpsg.testing.laws import ClassifierLaws, SentimentLaws

if TYPE_CHECKING:
    from rpsg.protocols import Classifier, Embedder


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
