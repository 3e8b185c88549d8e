"""The ONNX embedder without its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rpsg.errors import ModelError
from rpsg.models.onnx.embedder import OnnxEmbedder

if TYPE_CHECKING:
    from pathlib import Path


def test_missing_files_are_told_with_the_command_that_brings_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.onnx") as caught:
        OnnxEmbedder(tmp_path)
    assert "rpsg models pull minilm-onnx" in caught.value.hint


def test_damaged_files_are_told(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json is damaged"):
        OnnxEmbedder(tmp_path)
