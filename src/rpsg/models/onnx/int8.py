"""The default embedder with 8-bit integer matrix products: over twice as fast on a CPU.

Builds an ONNX graph from a BERT with floating-point weights. Activations are quantised to 256 steps between
their minimum and maximum, and weights per channel (dynamic quantization, as in Wu et al., "Integer
quantization for deep learning inference", 2020, sections 3 and 4). Attention, norms and sums remain floating
point. Each text is a separate run of the graph, so its quantisation depends on no other text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.errors import ModelError, needed
from rpsg.models.onnx.embedder import OnnxEmbedder
from rpsg.models.onnx.session import open_session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

CONFIG, WEIGHTS = "config.json", "model.safetensors"
# Only seven of eight bits are used: processors without VNNI add two products in 16 bits, and products of
# eight bits would overflow them.
_STEPS = 63
_FUSED = "com.microsoft"
_OPSET = 18
_ATTENTION = ("query", "key", "value")


def int8_model(folder: Path) -> tuple[bytes, int]:
    """The graph from ``config.json`` and ``model.safetensors`` of ``folder``, and its maximum number of
    tokens.

    Input: ``input_ids``, integers of shape (1, tokens). Output: the last states, (1, tokens, hidden size).

    Raises MissingExtraError without the packages; ModelError for damaged files or another kind of model.
    """
    settings, weights = _settings(folder / CONFIG), _weights(folder / WEIGHTS)
    graph = _Graph(weights, float(settings.get("layer_norm_eps", 1e-12)))
    try:
        states = graph.embeddings()
        for layer in range(settings["num_hidden_layers"]):
            states = graph.layer(f"encoder.layer.{layer}.", states, settings["num_attention_heads"])
        return graph.model(states, settings["hidden_size"]), settings["max_position_embeddings"]
    except (KeyError, ValueError) as error:
        raise _damaged(folder / WEIGHTS) from error


class _Graph:
    """Collects nodes and weights; each method adds some and gives the name of their output."""

    def __init__(self, weights: Mapping[str, npt.NDArray[np.float32]], epsilon: float) -> None:
        with needed("int8", "onnx"):
            import onnx
        self._onnx = onnx
        self._weights = weights
        self._epsilon = epsilon
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def embeddings(self) -> str:
        """Word, position and segment embeddings, summed and normalised."""
        words = self._constant(self._weights["embeddings.word_embeddings.weight"])
        positions = (
            self._weights["embeddings.position_embeddings.weight"]
            + self._weights["embeddings.token_type_embeddings.weight"][0]
        )
        zero = self._constant(np.array([0]))
        length = self._node("Shape", "input_ids", start=1, end=2)
        cut = self._node("Slice", self._constant(positions), zero, length, zero)
        both = self._node("Add", self._node("Gather", words, "input_ids"), cut)
        return self._normed("embeddings.", both)

    def layer(self, name: str, states: str, heads: int) -> str:
        """Attention and the feed-forward layers, each with residual connection and layer norm."""
        asked = [self._dense_weights(f"{name}attention.self.{part}.") for part in _ATTENTION]
        together = self._product(
            states, np.concatenate([w for w, _ in asked]), np.concatenate([b for _, b in asked])
        )
        parts = self._split(together)
        seen = self._node("MultiHeadAttention", *parts, domain=_FUSED, num_heads=heads)
        states = self._added(
            f"{name}attention.output.", self._dense(f"{name}attention.output.", seen), states
        )
        wide = self._node("Gelu", self._dense(f"{name}intermediate.", states), domain=_FUSED)
        return self._added(f"{name}output.", self._dense(f"{name}output.", wide), states)

    def model(self, states: str, hidden: int) -> bytes:
        """The serialised model with the output ``states``."""
        helper, kinds = self._onnx.helper, self._onnx.TensorProto
        taken = helper.make_tensor_value_info("input_ids", kinds.INT64, [1, "tokens"])
        given = helper.make_tensor_value_info(states, kinds.FLOAT, [1, "tokens", hidden])
        graph = helper.make_graph(self._nodes, "bert", [taken], [given], self._constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)]
        made: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
        return made

    def _dense_weights(self, name: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        return self._weights[f"{name}weight"], self._weights[f"{name}bias"]

    def _dense(self, name: str, states: str) -> str:
        return self._product(states, *self._dense_weights(f"{name}dense."))

    def _product(self, states: str, weight: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> str:
        """``states`` times the transposed ``weight``, plus ``bias``, with an integer matrix product."""
        largest = np.abs(weight).max(axis=1)
        step = np.where(largest > 0, largest, 1).astype(np.float32) / np.float32(_STEPS)
        whole = np.rint(weight / step[:, None]).astype(np.int8).T
        none = np.zeros(len(step), dtype=np.int8)
        constants = (self._constant(each) for each in (whole, step, none, bias))
        return self._node("DynamicQuantizeMatMul", states, *constants, domain=_FUSED)

    def _added(self, name: str, new: str, old: str) -> str:
        return self._normed(name, self._node("Add", new, old))

    def _normed(self, name: str, states: str) -> str:
        parts = (self._constant(self._weights[f"{name}LayerNorm.{part}"]) for part in ("weight", "bias"))
        return self._node("LayerNormalization", states, *parts, axis=-1, epsilon=self._epsilon)

    def _constant(self, values: npt.NDArray[Any]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _split(self, together: str) -> list[str]:
        names = [f"{together}_{part}" for part in _ATTENTION]
        node = self._onnx.helper.make_node("Split", [together], names, axis=2, num_outputs=len(names))
        self._nodes.append(node)
        return names

    def _node(self, kind: str, *inputs: str, domain: str = "", **settings: Any) -> str:
        name = f"states_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [name], domain=domain, **settings))
        return name


def _settings(file: Path) -> dict[str, Any]:
    """The settings of the model; ModelError if it is not a BERT of the supported form."""
    try:
        settings: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        fits = (
            settings["model_type"] == "bert"
            and settings.get("hidden_act", "gelu") == "gelu"
            and settings.get("position_embedding_type", "absolute") == "absolute"
        )
        for name in ("num_hidden_layers", "num_attention_heads", "hidden_size", "max_position_embeddings"):
            settings[name] = int(settings[name])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(file) from error
    if not fits:
        raise ModelError(
            f"The model in {file.parent} is not a BERT that int8 can compute.",
            hint="Use one whose config.json says model_type bert and hidden_act gelu, or st:FOLDER.",
        )
    return settings


def _weights(file: Path) -> dict[str, npt.NDArray[np.float32]]:
    """All tensors by their names in a BERT without a head."""
    with needed("int8", "safetensors"):
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    try:
        read = load_file(file)
    except (OSError, SafetensorError, TypeError, KeyError) as error:
        raise _damaged(file) from error
    floats = {name: values for name, values in read.items() if np.issubdtype(values.dtype, np.floating)}
    return {name.removeprefix("bert."): values.astype(np.float32) for name, values in floats.items()}


def _damaged(file: Path) -> ModelError:
    return ModelError(
        f"The embedder's file {file.name} is damaged or not that of a BERT.",
        hint="Download the default embedder's weights again with: rpsg models pull minilm-torch",
    )


class Int8Embedder(OnnxEmbedder):
    """Rows of a BERT in ``folder`` whose sentence vector is the mean over tokens, e.g. all-MiniLM-L6-v2.

    The folder has ``model.safetensors``, ``tokenizer.json`` and ``config.json``. The rows are close to those
    of ``OnnxEmbedder`` but not equal (cosine .99), so results with one are not comparable to results with the
    other.

    Raises MissingExtraError without the packages, ModelError when files are missing, damaged or of another
    kind of model.
    """

    _kind = "int8"
    _files = (WEIGHTS, "tokenizer.json", CONFIG)
    _asset = "minilm-torch"

    def _open(self, max_tokens: int) -> tuple[Any, int]:
        _refuse_other_pooling(self._folder)
        graph, most = int8_model(self._folder)
        damaged = ModelError(
            f"onnxruntime cannot compute the graph made of {self._folder.name}.",
            hint="Use --embedder minilm, or: pip install --upgrade onnxruntime",
        )
        return open_session(graph, damaged=damaged), min(max_tokens, most)


def _refuse_other_pooling(folder: Path) -> None:
    """Raise ModelError if the folder's settings name any pooling other than the mean over tokens."""
    file = folder / "1_Pooling" / "config.json"
    if file.is_file() and '"pooling_mode_mean_tokens": true' not in file.read_text(encoding="utf-8"):
        raise ModelError(
            f"The model in {folder} does not pool by the mean over tokens, which is the only pooling that "
            "int8 supports.",
            hint=f"Use --embedder st:{folder}",
        )
