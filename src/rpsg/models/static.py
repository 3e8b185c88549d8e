"""Embeddings from a table of word vectors: the unit mean over a text's tokens. For millions of texts.

Several hundred times faster than a transformer and less exact: the order of words does not count. The table
is read from a folder as model2vec writes it, and ``distilling`` makes one from any embedder.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.errors import MissingExtraError, ModelError
from rpsg.models.files import file_digest
from rpsg.models.tokens import open_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from rpsg.protocols import Endpoint

TABLE, TOKENIZER = "model.safetensors", "tokenizer.json"
# Texts whose word vectors are held at once: about 25 MB for texts of 100 words.
_CHUNK = 256


class StaticEmbedder:
    """Rows from ``model.safetensors`` and ``tokenizer.json`` in ``folder``.

    The table has a tensor ``embeddings``, one row a token, and as model2vec has it perhaps ``weights``, a
    factor a token, and ``mapping``, from tokens to rows. Tokens that the tokenizer does not know are left
    out; a text without any known token is a zero row.

    Raises MissingExtraError without the packages, ModelError when files are missing or damaged.
    """

    endpoint: Endpoint = "local_model"

    def __init__(self, folder: str | Path) -> None:
        place = Path(folder)
        for name in (TABLE, TOKENIZER):
            if not (place / name).is_file():
                raise ModelError(
                    f"The static embedder's file {name} is not in {place}.",
                    hint="Take --embedder static, which makes its own table, or a folder of model2vec.",
                )
        self._vectors = _read_table(place / TABLE)
        self._tokenizer, self._unknown = _open_tokenizer(place / TOKENIZER)
        digest = sha256((file_digest(place / TABLE) + file_digest(place / TOKENIZER)).encode()).hexdigest()
        self._name = f"static:{place.name}@{digest[:12]}"

    @property
    def name(self) -> str:
        return self._name

    @property
    def dim(self) -> int:
        return int(self._vectors.shape[1])

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit-length float32 rows, shape (len(texts), dim); each a function of its own text only."""
        import numpy as np  # noqa: PLC0415 - late, so that the command line starts without it

        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), _CHUNK):
            self._fill(rows[start : start + _CHUNK], texts[start : start + _CHUNK])
        return rows

    def _fill(self, rows: npt.NDArray[np.float32], texts: Sequence[str]) -> None:
        import numpy as np  # noqa: PLC0415 - late, so that the command line starts without it

        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        tokens = [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]
        known = [ids[(ids != self._unknown) & (ids < len(self._vectors))] for ids in tokens]
        full = np.array([len(ids) > 0 for ids in known])
        if not full.any():
            return
        ends = np.cumsum([len(ids) for ids in known if len(ids)])
        starts = np.concatenate([[0], ends[:-1]])
        # Sums each text's rows one after the other: no sum depends on the texts beside it.
        sums = np.add.reduceat(self._vectors[np.concatenate(known)], starts, axis=0, dtype=np.float64)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        rows[full] = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)


def _read_table(file: Path) -> npt.NDArray[np.float32]:
    import numpy as np  # noqa: PLC0415 - late, so that the command line starts without it

    try:
        from safetensors import SafetensorError  # noqa: PLC0415 - optional package
        from safetensors.numpy import load_file  # noqa: PLC0415 - optional package
    except ImportError:
        raise MissingExtraError("static", "safetensors") from None
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
    """The tokenizer, and the number of the token that stands for what it does not know (-1: none)."""
    tokenizer = open_tokenizer(file, extra="static", damaged=_damaged)
    unknown = getattr(tokenizer.model, "unk_token", None)
    number = None if unknown is None else tokenizer.token_to_id(unknown)
    return tokenizer, -1 if number is None else number


def _damaged(file: Path) -> ModelError:
    return ModelError(
        f"The static embedder's file {file.name} is damaged.",
        hint="Delete its folder; --embedder static makes it anew.",
    )
