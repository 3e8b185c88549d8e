"""Embeddings from a table of word vectors: the unit mean over a text's tokens. For millions of texts.

Several hundred times faster than a transformer and less accurate, because the order of words is ignored. The
table is read from a folder in the format of model2vec; ``distilled`` makes one from any embedder, once, and
stores it in the models folder.

After model2vec (Tulkens and van Dongen, 2024): each token of the vocabulary is embedded as a text, the rows
are centred and projected onto their principal axes, and each is multiplied by a / (a + p), the smooth inverse
frequency of Arora, Liang and Ma (2017). Vocabularies are sorted by frequency, so p comes from the rank by
Zipf's law and no corpus is needed.

Two things differ from model2vec. Vocabularies begin with single characters of all scripts, which would make
"the" the 2,000th token with a weight near one, so characters beyond ASCII are ranked last. And the axes are
divided by the fourth root of their variance, so that the first few do not dominate. On food reviews this
raised the rank correlation with the cosines of the embedder from 0.23 to 0.50, and the overlap of the ten
nearest texts from 0.15 to 0.29.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.errors import ModelError, needed
from rpsg.models.download import file_digest
from rpsg.models.onnx.embedder import open_tokenizer
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rpsg.protocols import Embedder, Endpoint, Progress

TABLE, TOKENIZER = "model.safetensors", "tokenizer.json"
# Texts whose word vectors are in memory at once: about 25 MB for texts of 100 words.
_CHUNK = 256
DIM = 256
# The constant a of the weights, and the power of the standard deviation by which each axis is divided.
_SMOOTH = 3e-5
_SHRINK = 0.5
_BLOCK = 1024
_VERSION = 1


class StaticEmbedder:
    """Rows from ``model.safetensors`` and ``tokenizer.json`` in ``folder``.

    The table has a tensor ``embeddings`` with one row for each token. As in model2vec, it may also have
    ``weights`` (one factor for each token) and ``mapping`` (from tokens to rows). Unknown tokens are left
    out; a text without any known token is a zero row.

    Raises MissingExtraError without the packages, ModelError when files are missing or damaged.
    """

    endpoint: Endpoint = "local_model"

    def __init__(self, folder: str | Path) -> None:
        path = Path(folder)
        for name in (TABLE, TOKENIZER):
            if not (path / name).is_file():
                raise ModelError(
                    f"The static embedder's file {name} is not in {path}.",
                    hint="Use --embedder static, which makes its own table, or give a folder in the format "
                    "of model2vec.",
                )
        self._vectors = _read_table(path / TABLE)
        self._tokenizer, self._unknown = _open_tokenizer(path / TOKENIZER)
        digest = sha256((file_digest(path / TABLE) + file_digest(path / TOKENIZER)).encode()).hexdigest()
        self.name = f"static:{path.name}@{digest[:12]}"

    @property
    def dim(self) -> int:
        return int(self._vectors.shape[1])

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit-length float32 rows, shape (len(texts), dim); each a function of its own text only."""
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), _CHUNK):
            self._fill(rows[start : start + _CHUNK], texts[start : start + _CHUNK])
        return rows

    def _fill(self, rows: npt.NDArray[np.float32], texts: Sequence[str]) -> None:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        tokens = [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]
        known = [ids[(ids != self._unknown) & (ids < len(self._vectors))] for ids in tokens]
        full = np.array([len(ids) > 0 for ids in known])
        if not full.any():
            return
        ends = np.cumsum([len(ids) for ids in known if len(ids)])
        starts = np.concatenate([[0], ends[:-1]])
        # Sums each text's rows separately, so no sum depends on the other texts.
        sums = np.add.reduceat(self._vectors[np.concatenate(known)], starts, axis=0, dtype=np.float64)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        rows[full] = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)


def _read_table(file: Path) -> npt.NDArray[np.float32]:
    with needed("static", "safetensors"):
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    try:
        tensors = load_file(file)
        vectors = np.asarray(tensors["embeddings"], dtype=np.float32)
        if "mapping" in tensors:
            vectors = vectors[tensors["mapping"]]
        if "weights" in tensors:
            vectors = vectors * np.asarray(tensors["weights"], dtype=np.float32)[:, None]
    except (SafetensorError, KeyError, ValueError, IndexError) as error:
        raise _damaged(file) from error
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise _damaged(file)
    return vectors


def _open_tokenizer(file: Path) -> tuple[Any, int]:
    """The tokenizer, and the id of its unknown token (-1: none)."""
    tokenizer = open_tokenizer(file, extra="static", damaged=_damaged)
    unknown = getattr(tokenizer.model, "unk_token", None)
    number = None if unknown is None else tokenizer.token_to_id(unknown)
    return tokenizer, -1 if number is None else number


def _damaged(file: Path) -> ModelError:
    return ModelError(
        f"The static embedder's file {file.name} is damaged.",
        hint="Delete its folder; --embedder static makes it again.",
    )


def distilled(embedder: Embedder, tokenizer: Path, home: Path, progress: Progress | None = None) -> Path:
    """The folder of the table made from ``embedder``, with the vocabulary of a ``tokenizer.json``.

    It is made at the first call, which for 30,000 tokens takes a few minutes. Raises ModelError when
    it cannot be written, MissingExtraError without the packages.
    """
    vocabulary = sha256(tokenizer.read_bytes()).hexdigest()
    made_of = f"{_VERSION} {embedder.name} {DIM} {_SMOOTH} {_SHRINK} {vocabulary}"
    folder = home / f"static-{sha256(made_of.encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        _make(embedder, tokenizer, folder, progress or Silent())
    return folder


def _make(embedder: Embedder, tokenizer: Path, folder: Path, progress: Progress) -> None:
    tokens = _tokens(tokenizer)
    vectors = weighed(on_principal_axes(_embedded(embedder, tokens, progress), DIM), ranks(tokens))
    settings = {"model_type": "model2vec", "normalize": True, "distilled_from": embedder.name}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".static-", dir=folder.parent) as temporary:
            half = Path(temporary) / "made"
            half.mkdir()
            _save(vectors, half / TABLE)
            shutil.copyfile(tokenizer, half / TOKENIZER)
            (half / "config.json").write_text(json.dumps(settings), encoding="utf-8")
            if not folder.is_dir():
                half.rename(folder)
    except OSError as error:
        raise ModelError(
            f"The folder of models cannot be written: {error.strerror}.",
            hint="Free some space there, or choose another folder with: export RPSG_HOME=FOLDER",
        ) from error


def _unreadable(tokenizer: Path) -> ModelError:
    return ModelError(
        f"The embedder's {tokenizer.name} is damaged.",
        hint="Download it again with: rpsg models pull minilm-onnx",
    )


def _tokens(tokenizer: Path) -> list[str]:
    """The vocabulary by token id, each token as it is written in a text."""
    known = open_tokenizer(tokenizer, extra="static", damaged=_unreadable)
    size = known.get_vocab_size(with_added_tokens=True)
    marks = {mark.content for mark in known.get_added_tokens_decoder().values()}
    names = [known.id_to_token(number) or "" for number in range(size)]
    # Special tokens, and the marks of word pieces and word starts, are not part of a text.
    return ["" if n in marks or n.startswith("[unused") else n.removeprefix("##").strip("▁Ġ") for n in names]


def _embedded(embedder: Embedder, tokens: list[str], progress: Progress) -> npt.NDArray[np.float32]:
    progress.start("make the table of word vectors", len(tokens))
    rows = np.zeros((len(tokens), embedder.dim), dtype=np.float32)
    for start in range(0, len(tokens), _BLOCK):
        block = tokens[start : start + _BLOCK]
        rows[start : start + _BLOCK] = embedder.embed(block)
        progress.advance(len(block))
    progress.done()
    return rows


def on_principal_axes(rows: npt.NDArray[np.float32], dim: int) -> npt.NDArray[np.float64]:
    """The centred rows along their first ``dim`` principal axes, partly whitened.

    Coordinate k is divided by the standard deviation along axis k to the power 0.5. Zero rows, of tokens
    without a text, remain zero and are ignored.
    """
    full = rows.any(axis=1)
    centred = rows[full].astype(np.float64)
    centred -= centred.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred)
    kept = min(dim, rows.shape[1], int((variances > variances[-1] * 1e-9).sum()))
    turned = np.zeros((len(rows), kept))
    scale = (variances[::-1][:kept] / variances[-1]) ** (-_SHRINK / 2)
    turned[full] = centred @ axes[:, ::-1][:, :kept] * scale
    return turned


def ranks(tokens: list[str]) -> npt.NDArray[np.int64]:
    """The frequency rank of each token, from 0: ASCII characters, then longer tokens, then the rest."""

    def group(token: str) -> int:
        return 1 if len(token) > 1 else 0 if len(token) == 1 and token.isascii() else 2

    order = sorted(range(len(tokens)), key=lambda number: group(tokens[number]))
    ranks = np.empty(len(tokens), dtype=np.int64)
    ranks[order] = np.arange(len(tokens))
    return ranks


def weighed(rows: npt.NDArray[np.float64], ranks: npt.NDArray[np.int64]) -> npt.NDArray[np.float16]:
    """Each row times a / (a + p), where p is the relative frequency of its rank by Zipf's law."""
    shares = 1 / (ranks + 2)
    shares /= shares.sum()
    return (rows * (_SMOOTH / (_SMOOTH + shares))[:, None]).astype(np.float16)


def _save(vectors: npt.NDArray[np.float16], file: Path) -> None:
    with needed("static", "safetensors"):
        from safetensors.numpy import save_file
    tensors: dict[str, Any] = {"embeddings": vectors}
    save_file(tensors, file)
