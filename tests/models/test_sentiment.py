"""The probe and its stand-in, beyond what their laws say."""

from __future__ import annotations

import numpy as np
import pytest

from rpsg.errors import UsageError
from rpsg.models.fake import FakeEmbedder
from rpsg.models.sentiment import VALUES, EmbeddingSentiment, NearestClassifier, NearestSentiment


def test_the_probe_says_what_it_was_trained_on_and_how_good_it_is() -> None:
    probe = EmbeddingSentiment()
    assert probe.values == VALUES
    assert probe.facts["rows"] > 10_000
    assert probe.facts["probe"]["auc"] > probe.facts["lexicon"]["auc"]


def test_the_probe_fits_only_the_weights_it_was_trained_on() -> None:
    assert EmbeddingSentiment.fits(FakeEmbedder(name="onnx:any-folder@29615d2a3683"))
    assert not EmbeddingSentiment.fits(FakeEmbedder())


def test_rows_of_another_width_or_number_are_refused() -> None:
    probe = EmbeddingSentiment()
    with pytest.raises(UsageError, match="384 numbers"):
        probe.classify(["a"], np.zeros((1, 32), np.float32))
    with pytest.raises(UsageError, match="one row"):
        probe.classify(["a", "b"], np.zeros((1, 384), np.float32))


def test_nearest_descriptions_classify_anything() -> None:
    embedder = FakeEmbedder(dim=256)
    topics = NearestClassifier(embedder, {"tea": ["green tea leaves"], "dogs": ["dog treats for dogs"]})
    texts = ["this green tea", "my dogs and their treats"]
    assert topics.classify(texts, embedder.embed(texts)) == ["tea", "dogs"]


def test_one_value_or_a_value_without_a_description_is_refused() -> None:
    for descriptions in ({"tea": ["x"]}, {"tea": ["x"], "dogs": []}):
        with pytest.raises(UsageError, match="two values"):
            NearestClassifier(FakeEmbedder(), descriptions)


def test_the_name_changes_with_the_descriptions_and_the_embedder() -> None:
    assert NearestSentiment(FakeEmbedder(8)).name == NearestSentiment(FakeEmbedder(8)).name
    assert NearestSentiment(FakeEmbedder(name="other")).name != NearestSentiment(FakeEmbedder()).name
