"""The default embedder from its own weights, computed in whole numbers: over twice as fast on a processor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.errors import ModelError
from rpsg.models.onnx.embedder import OnnxEmbedder
from rpsg.models.onnx.int8 import CONFIG, WEIGHTS, int8_model
from rpsg.models.onnx.session import open_session

if TYPE_CHECKING:
    from pathlib import Path


class Int8Embedder(OnnxEmbedder):
    """Rows of a BERT in ``folder`` whose sentence vector is the mean over tokens, e.g. all-MiniLM-L6-v2.

    The folder has ``model.safetensors``, ``tokenizer.json`` and ``config.json``. The rows are not those of
    ``OnnxEmbedder`` but near them (cosine .99), so compare no figure of the one with one of the other.

    Raises MissingExtraError without the packages, ModelError when files are missing, damaged or of a model
    of another form.
    """

    _kind = "int8"
    _files = (WEIGHTS, "tokenizer.json", CONFIG)
    _asset = "minilm-torch"

    def _open(self, max_tokens: int) -> tuple[Any, int]:
        _refuse_other_pooling(self._folder)
        graph, most = int8_model(self._folder)
        damaged = ModelError(
            f"onnxruntime cannot compute the graph made of {self._folder.name}.",
            hint="Take --embedder minilm, or: pip install --upgrade onnxruntime",
        )
        return open_session(graph, damaged=damaged), min(max_tokens, most)


def _refuse_other_pooling(folder: Path) -> None:
    """ModelError when the folder says that a sentence is something else than the mean over its tokens."""
    file = folder / "1_Pooling" / "config.json"
    if file.is_file() and '"pooling_mode_mean_tokens": true' not in file.read_text(encoding="utf-8"):
        raise ModelError(
            f"The model in {folder} does not take the mean over tokens, which int8 does.",
            hint=f"Take --embedder st:{folder}",
        )
