"""A table of word vectors is made from an embedder, once, and kept in the models folder.

After model2vec (Tulkens and van Dongen, 2024): each token of the vocabulary is embedded as a text of its
own, the rows are centred and turned onto their principal axes, and each is weighed by how rare its token is,
a / (a + p), the smooth inverse frequency of Arora, Liang and Ma (2017). Vocabularies are sorted by
frequency, so p is taken from the rank by Zipf's law and no corpus is needed.

Two things differ from model2vec. Vocabularies open with a block of single characters of all scripts: left
there, they make "the" the 2,000th token and its weight nearly one, so characters beyond ASCII are ranked
last. And the axes are shrunk by the fourth root of their variance, so that the few along which all tokens
spread do not decide alone. On food reviews this brought the rank correlation with the cosines of the
embedder from 0.23 to 0.50, and the shared part of the ten nearest texts from 0.15 to 0.29.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.errors import MissingExtraError, ModelError
from rpsg.models.static import TABLE, TOKENIZER
from rpsg.models.tokens import open_tokenizer

if TYPE_CHECKING:
    import numpy.typing as npt

    from rpsg.protocols import Embedder, Progress

DIM = 256
# The constant a of the weights, and the power of each axis's standard deviation that is divided by.
_SMOOTH = 3e-5
_SHRINK = 0.5
_BLOCK = 1024
_VERSION = 1


def distilled(embedder: Embedder, tokenizer: Path, home: Path, progress: Progress | None = None) -> Path:
    """The folder of the table made from ``embedder``, with the vocabulary of a ``tokenizer.json``.

    It is made at the first call, which for 30,000 tokens takes a few minutes. Raises ModelError when
    it cannot be written, MissingExtraError without the packages.
    """
    vocabulary = sha256(tokenizer.read_bytes()).hexdigest()
    made_of = f"{_VERSION} {embedder.name} {DIM} {_SMOOTH} {_SHRINK} {vocabulary}"
    folder = home / f"static-{sha256(made_of.encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        _make(embedder, tokenizer, folder, progress)
    return folder


def _make(embedder: Embedder, tokenizer: Path, folder: Path, progress: Progress | None) -> None:
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
            hint="Make room there, or choose another place with: export RPSG_HOME=FOLDER",
        ) from error


def _unreadable(tokenizer: Path) -> ModelError:
    return ModelError(
        f"The embedder's {tokenizer.name} is damaged.",
        hint="Bring it again with: rpsg models pull minilm-onnx",
    )


def _tokens(tokenizer: Path) -> list[str]:
    """The vocabulary in the order of its numbers, each token as it would be written."""
    known = open_tokenizer(tokenizer, extra="static", damaged=_unreadable)
    size = known.get_vocab_size(with_added_tokens=True)
    marks = {mark.content for mark in known.get_added_tokens_decoder().values()}
    names = [known.id_to_token(number) or "" for number in range(size)]
    # Marks of word pieces, word starts and unused places are no part of how a token is written.
    return ["" if n in marks or n.startswith("[unused") else n.removeprefix("##").strip("▁Ġ") for n in names]


def _embedded(embedder: Embedder, tokens: list[str], progress: Progress | None) -> npt.NDArray[np.float32]:
    if progress is not None:
        progress.start("make the table of word vectors", len(tokens))
    rows = np.zeros((len(tokens), embedder.dim), dtype=np.float32)
    for start in range(0, len(tokens), _BLOCK):
        block = tokens[start : start + _BLOCK]
        rows[start : start + _BLOCK] = embedder.embed(block)
        if progress is not None:
            progress.advance(len(block))
    if progress is not None:
        progress.done()
    return rows


def on_principal_axes(rows: npt.NDArray[np.float32], dim: int) -> npt.NDArray[np.float64]:
    """The rows without their mean, along the ``dim`` directions in which they vary most, each shrunk.

    Coordinate k is divided by the standard deviation along axis k to the power 0.5. Zero rows, of tokens
    without a text, stay zero and do not count.
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
    """The place of each token by frequency, from 0: ASCII characters, then longer tokens, then the rest."""

    def group(token: str) -> int:
        return 1 if len(token) > 1 else 0 if len(token) == 1 and token.isascii() else 2

    order = sorted(range(len(tokens)), key=lambda number: group(tokens[number]))
    places = np.empty(len(tokens), dtype=np.int64)
    places[order] = np.arange(len(tokens))
    return places


def weighed(rows: npt.NDArray[np.float64], places: npt.NDArray[np.int64]) -> npt.NDArray[np.float16]:
    """Each row times a / (a + p), p being the share of its place by Zipf's law."""
    shares = 1 / (places + 2)
    shares /= shares.sum()
    return (rows * (_SMOOTH / (_SMOOTH + shares))[:, None]).astype(np.float16)


def _save(vectors: npt.NDArray[np.float16], file: Path) -> None:
    try:
        from safetensors.numpy import save_file  # noqa: PLC0415 - optional package
    except ImportError:
        raise MissingExtraError("static", "safetensors") from None
    tensors: dict[str, Any] = {"embeddings": vectors}
    save_file(tensors, file)
