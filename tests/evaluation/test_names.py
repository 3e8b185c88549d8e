"""A name that means nothing is a wrong use, told before anything is read; what is missing is a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import rpsg
from rpsg.errors import UsageError
from rpsg.evaluation import evaluate as evaluation
from rpsg.evaluation.models import check_names
from rpsg.models.catalog import CATALOGUE
from rpsg.models.fake import FakeEmbedder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["nosuch", "such:model", "gguf:", "no/such/folder", "data.onnx"])
def test_an_unknown_embedder_is_answered_with_those_there_are(name: str) -> None:
    with pytest.raises(UsageError, match=r"no (embedder|folder)[\s\S]*minilm, int8"):
        check_names(name, "ngram")


@pytest.mark.parametrize("name", ["nosuch", "", "nosuch.gguf", "./nosuch", "vader-snippets"])
def test_an_unknown_language_model_is_answered_with_those_there_are(name: str) -> None:
    with pytest.raises(UsageError, match=r"no language model[\s\S]*ngram, .*smollm2-135m"):
        check_names(None, name)


def test_what_has_a_meaning_passes(tmp_path: Path) -> None:
    weights = tmp_path / "model.gguf"
    weights.touch()
    folder = str(tmp_path)
    for embedder in ("minilm", "fake", "int8:x", "st:owner/name", "gguf:file.gguf", "openai:model", folder):
        check_names(embedder, "ngram")
    assert "minilm-torch" in CATALOGUE
    for model in ("ngram", "minilm-torch", "owner/name", "hf:owner/name@main", str(weights), folder):
        check_names(None, model)
    check_names(FakeEmbedder(), "ngram")
    check_names(None, "hf:owner/name/file.gguf")


@pytest.mark.parametrize("name", [{"embedder": "nosuch"}, {"language_model": "nosuch"}])
def test_nothing_is_read_for_an_unknown_name(
    name: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(evaluation, "load_corpora", never)
    with pytest.raises(UsageError, match="nosuch"):
        rpsg.evaluate(tmp_path / "corpus.jsonl", tmp_path / "real.jsonl", **name)  # type: ignore[arg-type]
