"""Sentiment by a lexicon, and which classifier a name chooses."""

from __future__ import annotations

import numpy as np
import pytest

from rpsg import registry
from rpsg.errors import MissingExtraError, UsageError
from rpsg.models.fake import FakeEmbedder
from rpsg.models.sentiment import NearestSentiment

NONE = np.zeros((3, 0), np.float32)


def test_the_lexicon_reads_praise_and_complaint() -> None:
    pytest.importorskip("vaderSentiment", reason="needs the extra vader")
    sentiment = registry.sentiment(FakeEmbedder(), "vader")
    texts = ["I love it, it is excellent!", "Terrible, I hate it.", "It came in a box."]
    assert sentiment.classify(texts, NONE) == ["positive", "negative", "mixed"]
    assert sentiment.name.startswith("vader@")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vaderSentiment", None)
    with pytest.raises(MissingExtraError, match="vader") as caught:
        registry.sentiment(FakeEmbedder(), "vader")
    assert caught.value.hint == "Install it with: pip install 'rpsg[vader]'"


def test_no_name_chooses_what_fits_the_embedder() -> None:
    assert isinstance(registry.sentiment(FakeEmbedder()), NearestSentiment)
    assert isinstance(registry.sentiment(FakeEmbedder(), "sentiment"), NearestSentiment)


def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    with pytest.raises(UsageError, match=r"no classifier 'mood'[\s\S]*vader, transformers:NAME"):
        registry.sentiment(FakeEmbedder(), "mood")
    with pytest.raises(UsageError, match=r"no scorer 'gpt'[\s\S]*smollm2-135m"):
        registry.scorer("gpt")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: registry.writer("transformers:some/model"),
        lambda: registry.scorer("smollm2-135m"),
        lambda: registry.sentiment(FakeEmbedder(), "transformers:some/model"),
    ],
)
def test_without_torch_the_extra_is_named(ask: object) -> None:
    # Given back before the test ends: plugins of pytest that seed torch would miss it otherwise.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "torch", None)
        with pytest.raises(MissingExtraError, match="torch") as caught:
            ask()  # type: ignore[operator]  # one of the three above
    assert "rpsg[hf]" in caught.value.hint
