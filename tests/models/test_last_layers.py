"""The surrogate of an audit, whose last layers alone are trained: with tiny random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is a package of gigabytes; the extra hf brings it")
pytest.importorskip("transformers", reason="as torch")

from tests.models.local.tiny import causal_folder, encoder_folder

from rpsg.errors import ModelError
from rpsg.models.transformers import last_layers
from rpsg.models.transformers.last_layers import LastLayers
from rpsg.models.transformers.scorer import TransformersScorer

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = [f"the tea of {name} was {what}" for name in ("Ada", "Bela", "Cleo") for what in ("good", "warm")]
OTHER = "a shop sells old maps"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return causal_folder(tmp_path_factory.mktemp("tiny"))


def test_an_untrained_one_scores_as_the_whole_model(folder: Path) -> None:
    """The lower layers, and then the upper ones, are the model; the scorer runs it in one piece."""
    whole = TransformersScorer(folder).score([OTHER])[0]
    assert LastLayers(folder, trained=1).train([], 0).score([OTHER])[0] == pytest.approx(whole, abs=1e-4)


@pytest.mark.parametrize("trained", [1, 2, 5])
def test_it_learns_its_texts_and_nothing_below_changes(folder: Path, trained: int) -> None:
    trainer = LastLayers(folder, trained=trained, rate=1e-2)
    before, after = trainer.train([], 0), trainer.train(KNOWN, 0)
    gains = [np.mean(a) - np.mean(b) for a, b in zip(after.score(KNOWN), before.score(KNOWN), strict=True)]
    assert min(gains) > 1.0
    assert trainer.train([], 0).score([OTHER]) == before.score([OTHER])


def test_a_score_depends_on_the_text_and_the_seed_alone(folder: Path) -> None:
    first = LastLayers(folder).train(KNOWN, 7).score([*KNOWN, OTHER, ""])
    trainer = LastLayers(folder)
    assert trainer.train(KNOWN, 8).score(KNOWN) != first[: len(KNOWN)]
    assert trainer.train(KNOWN, 7).score([OTHER]) == first[-2:-1]
    assert first[-1] == []


def test_what_does_not_fit_is_computed_again_and_is_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = LastLayers(folder).train(KNOWN, 7).score(KNOWN)
    monkeypatch.setattr(last_layers, "MOST_KEPT", 0)
    assert LastLayers(folder).train(KNOWN, 7).score(KNOWN) == kept


def test_small_corpora_are_passed_over_more_often(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a single pass it knows its texts too little for any attack: the third pitfall of the paper."""
    monkeypatch.setattr(last_layers, "KNOWN", 0.0)
    trainer, passes = LastLayers(folder), []
    for count in (4, 48, 100):
        heard: list[float] = []
        trainer.train([f"text {k}" for k in range(count)], 0, heard.append)
        assert heard == sorted(heard)
        assert heard[-1] == 1.0
        passes.append((len(heard) - count) / (count // last_layers.BATCH))
    assert passes == [10, 5, 3]


def test_it_stops_where_it_knows_its_texts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_layers, "KNOWN", 100.0)
    heard: list[float] = []
    LastLayers(folder).train(KNOWN, 0, heard.append)
    assert len(heard) == len(KNOWN) + 2, "one pass of two steps"


def test_an_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be divided"):
        LastLayers(encoder_folder(tmp_path / "bert")).train(KNOWN, 0)
