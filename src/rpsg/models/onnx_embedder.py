"""A sentence embedder that needs onnxruntime and tokenizers only: mean-pooled transformer states.

Privacy needs more of an embedder than speed: a record's row must depend on that record alone, else one
person's text moves another person's vote and the sensitivity of the count is wrong. So each text is a
session run of its own, with no padding and no neighbours, and cores are used by running several texts
at once. On a CPU that is also the fastest way (measured: 33 reviews per core-second alone, 31 in batches
of 8 of like length, 25 in batches of 32).

The rows are the same bits each time on one machine. Another processor generation may round the last bits
in another way; a release keeps its noisy counts, so that is never drawn twice.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.errors import MissingExtraError, ModelError
from rpsg.models.files import file_digest
from rpsg.models.machine import cores
from rpsg.models.tokens import open_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from rpsg.protocols import Endpoint

_CHUNK = 4096


class OnnxEmbedder:
    """Rows of ``model.onnx`` and ``tokenizer.json`` in ``folder``, e.g. all-MiniLM-L6-v2.

    A text is cut at ``max_tokens`` tokens; a text without any token of its own is a zero row.

    Raises MissingExtraError without the packages, ModelError when files are missing or damaged.
    """

    endpoint: Endpoint = "local_model"

    def __init__(self, folder: str | Path, *, threads: int | None = None, max_tokens: int = 256) -> None:
        self._folder = Path(folder)
        self._threads = threads or cores()
        model, tokenizer = self._folder / "model.onnx", self._folder / "tokenizer.json"
        for file in (model, tokenizer):
            if not file.is_file():
                raise ModelError(
                    f"The embedder's file {file.name} is not in {self._folder}.",
                    hint="Bring the default embedder with: rpsg models pull minilm-onnx",
                )
        self._tokenizer = open_tokenizer(tokenizer, extra="local", damaged=_damaged)
        self._tokenizer.enable_truncation(max_tokens)
        self._session = _open_session(model)
        self._inputs = {node.name for node in self._session.get_inputs()}
        self._dim = int(self._session.get_outputs()[0].shape[-1])
        digest = sha256((file_digest(model) + file_digest(tokenizer) + str(max_tokens)).encode()).hexdigest()
        self._name = f"onnx:{self._folder.name}@{digest[:12]}"

    @property
    def name(self) -> str:
        return self._name

    @property
    def dim(self) -> int:
        return self._dim

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit-length float32 rows, shape (len(texts), dim); each a function of its own text only."""
        import numpy as np  # noqa: PLC0415 - late, so that the command line starts without it

        rows = np.zeros((len(texts), self._dim), dtype=np.float32)
        start = 0
        for block in self.embed_stream(texts):
            rows[start : start + len(block)] = block
            start += len(block)
        return rows

    def embed_stream(self, texts: Iterable[str], chunk: int = _CHUNK) -> Iterator[npt.NDArray[np.float32]]:
        """The same rows in blocks of ``chunk`` texts, for more texts than memory should hold."""
        import numpy as np  # noqa: PLC0415 - late, so that the command line starts without it

        with ThreadPoolExecutor(self._threads) as pool:
            for block in _batches(texts, chunk):
                encodings = self._tokenizer.encode_batch(block)
                yield np.stack(list(pool.map(self._row, [encoding.ids for encoding in encodings])))

    def _row(self, ids: list[int]) -> npt.NDArray[np.float32]:
        import numpy as np  # noqa: PLC0415 - late, so that the command line starts without it

        row = np.zeros(self._dim, dtype=np.float32)
        if len(ids) <= 2:  # only the two marks that the tokenizer puts around every text
            return row
        tokens = np.array([ids], dtype=np.int64)
        feed = {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(tokens)
        states = self._session.run(None, feed)[0][0]
        mean = states.astype(np.float64).mean(axis=0)
        norm = float(np.linalg.norm(mean))
        if np.isfinite(norm) and norm > 0:
            row[:] = mean / norm
        return row


def _batches(texts: Iterable[str], chunk: int) -> Iterator[list[str]]:
    iterator = iter(texts)
    for first in iterator:
        yield list(chain([first], (text for _, text in zip(range(chunk - 1), iterator, strict=False))))


def _open_session(file: Path) -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - optional package
    except ImportError:
        raise MissingExtraError("local", "onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no base class but Exception
        raise _damaged(file) from error


def _damaged(file: Path) -> ModelError:
    return ModelError(
        f"The embedder's file {file.name} is damaged.",
        hint="Check it with: rpsg models check minilm-onnx",
    )
