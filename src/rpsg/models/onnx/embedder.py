"""A sentence embedder that needs onnxruntime and tokenizers only: mean-pooled transformer states.

A record's row must depend on that record alone; otherwise one person's text could change another person's
vote, and the sensitivity of the count would be wrong. So each text is a separate session run without padding,
and several texts run at once on several cores. On a CPU that is also the fastest way (measured: 33 reviews
per core-second alone, 31 in batches of 8 of similar length, 25 in batches of 32).

Rows are bit-identical on one machine. Another processor generation may round the last bits differently; a
release stores its noisy counts, so these are never drawn again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.errors import ModelError, needed
from rpsg.models.download import file_digest
from rpsg.models.hardware import cores
from rpsg.models.onnx.session import open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from rpsg.protocols import Endpoint

_CHUNK = 4096


class OnnxEmbedder:
    """Rows of ``model.onnx`` and ``tokenizer.json`` in ``folder``, e.g. all-MiniLM-L6-v2.

    A text is truncated to ``max_tokens`` tokens; a text whose only tokens are the special ones is a zero row.

    Raises MissingExtraError without the packages, ModelError when files are missing or damaged.
    """

    endpoint: Endpoint = "local_model"

    _kind = "onnx"
    _files: tuple[str, ...] = ("model.onnx", "tokenizer.json")
    _asset = "minilm-onnx"

    def __init__(self, folder: str | Path, *, threads: int | None = None, max_tokens: int = 256) -> None:
        self._folder = Path(folder)
        self._threads = threads or cores()
        files = [self._folder / name for name in self._files]
        for file in files:
            if not file.is_file():
                raise ModelError(
                    f"The embedder's file {file.name} is not in {self._folder}.",
                    hint=f"Download the default embedder with: rpsg models pull {self._asset}",
                )
        self._tokenizer = open_tokenizer(files[1], extra="local", damaged=_damaged)
        self._session, most_tokens = self._open(max_tokens)
        self._tokenizer.enable_truncation(most_tokens)
        self._inputs = {node.name for node in self._session.get_inputs()}
        self.dim = int(self._session.get_outputs()[0].shape[-1])
        facts = "".join(file_digest(file) for file in files) + str(most_tokens)
        self.name = f"{self._kind}:{self._folder.name}@{sha256(facts.encode()).hexdigest()[:12]}"

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit-length float32 rows, shape (len(texts), dim); each a function of its own text only."""
        import numpy as np

        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        start = 0
        for block in self.embed_stream(texts):
            rows[start : start + len(block)] = block
            start += len(block)
        return rows

    def embed_stream(self, texts: Iterable[str], chunk: int = _CHUNK) -> Iterator[npt.NDArray[np.float32]]:
        """The rows of ``embed`` in blocks of ``chunk`` texts, for more texts than should be in memory at
        once.
        """
        import numpy as np

        with ThreadPoolExecutor(self._threads) as pool:
            for block in _batches(texts, chunk):
                encodings = self._tokenizer.encode_batch(block)
                yield np.stack(list(pool.map(self._row, [encoding.ids for encoding in encodings])))

    def _open(self, max_tokens: int) -> tuple[Any, int]:
        """The session that computes the states of a text, and the maximum number of tokens."""
        model = self._folder / "model.onnx"
        return open_session(str(model), damaged=_damaged(model)), max_tokens

    def _row(self, ids: list[int]) -> npt.NDArray[np.float32]:
        import numpy as np

        row = np.zeros(self.dim, dtype=np.float32)
        if len(ids) <= 2:  # only the two special tokens around every text
            return row
        tokens = np.array([ids], dtype=np.int64)
        all_of_it, one_segment = np.ones_like(tokens), np.zeros_like(tokens)
        feed = {"input_ids": tokens, "attention_mask": all_of_it, "token_type_ids": one_segment}
        taken = {name: feed[name] for name in feed if name in self._inputs}
        states = self._session.run(None, taken)[0][0]
        mean = states.astype(np.float64).mean(axis=0)
        norm = float(np.linalg.norm(mean))
        if np.isfinite(norm) and norm > 0:
            row[:] = mean / norm
        return row


def _batches(texts: Iterable[str], chunk: int) -> Iterator[list[str]]:
    iterator = iter(texts)
    for first in iterator:
        yield list(chain([first], (text for _, text in zip(range(chunk - 1), iterator, strict=False))))


def _damaged(file: Path) -> ModelError:
    return ModelError(
        f"The embedder's file {file.name} is damaged.",
        hint="Check it with: rpsg models check minilm-onnx",
    )


def open_tokenizer(file: Path, *, extra: str, damaged: Callable[[Path], ModelError]) -> Any:
    """The tokenizer in ``file``, without padding and truncation.

    Raises MissingExtraError, which names ``extra``, if the package is not installed, and ``damaged(file)``
    for a bad file.
    """
    with needed(extra, "tokenizers"):
        from tokenizers import Tokenizer
    try:
        tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except Exception as error:  # the package raises bare Exception for a bad file
        raise damaged(file) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
