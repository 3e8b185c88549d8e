"""Labels of any classifier become positive, mixed or negative."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra hf")

from tests.models.local.tiny import classifier_folder

from rpsg import registry
from rpsg.errors import ModelError, UsageError
from rpsg.models.fake import FakeEmbedder
from rpsg.models.transformers.classifier import TransformersSentiment

if TYPE_CHECKING:
    from pathlib import Path

NONE = np.zeros((1, 0), np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return classifier_folder(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize(
    ("labels", "logits", "value"),
    [
        (("NEGATIVE", "POSITIVE"), (0.0, 3.0), "positive"),
        (("NEGATIVE", "POSITIVE"), (3.0, 0.0), "negative"),
        (("NEGATIVE", "POSITIVE"), (1.0, 0.0), "mixed"),
        (("NEGATIVE", "POSITIVE"), (0.0, 1.0), "mixed"),
        (("negative", "neutral", "positive"), (0.0, 5.0, 4.0), "mixed"),
        (("negative", "neutral", "positive"), (0.0, 3.0, 5.0), "positive"),
        (("1 star", "2 stars", "3 stars", "4 stars", "5 stars"), (2.0, 2.0, 2.5, 0.0, 0.0), "negative"),
        (("1 star", "2 stars", "3 stars", "4 stars", "5 stars"), (2.0, 1.0, 0.0, 1.0, 2.0), "mixed"),
    ],
)
def test_probabilities_become_a_value(
    folder: Path, labels: tuple[str, ...], logits: tuple[float, ...], value: str
) -> None:
    import torch

    sentiment = TransformersSentiment(folder)
    meanings = [sentiment._meaning(label) for label in labels]
    found, confidence = sentiment._value(torch.tensor(logits), meanings)
    assert found == value
    assert 0 <= confidence <= 1


def test_labels_without_a_meaning_are_asked_for(tmp_path: Path) -> None:
    folder = classifier_folder(tmp_path, ("LABEL_0", "LABEL_1"))
    with pytest.raises(ModelError, match="LABEL_0"):
        TransformersSentiment(folder).classify(["tea"], NONE)
    told = TransformersSentiment(folder, labels={"LABEL_0": "negative", "LABEL_1": "positive"})
    assert told.classify(["tea"], NONE)[0] in told.values
    assert told.name != TransformersSentiment(folder).name


def test_a_text_longer_than_the_model_can_read_is_cut(folder: Path) -> None:
    sentiment = TransformersSentiment(folder)
    long = "good tea " * 300
    assert sentiment.classify([long, long[:510] + "x" * 900], NONE) == sentiment.classify(
        [long[:510]] * 2, NONE
    )


def test_a_certainty_that_means_nothing_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="certainty"):
        TransformersSentiment(folder, certainty=0.3)


def test_it_is_had_by_name(folder: Path) -> None:
    assert (
        registry.sentiment(FakeEmbedder(), f"transformers:{folder}").name
        == TransformersSentiment(folder).name
    )
