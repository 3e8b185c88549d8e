"""An embedder from a GGUF file, with llama.cpp in this process.

As with the ONNX embedder, each text is computed alone, so that a record's row is a function of that record.
There is one server for each core, with one thread and one text at a time.
"""

from __future__ import annotations

import re
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

from rpsg.errors import ModelError
from rpsg.models.download import file_digest
from rpsg.models.gguf import read_header
from rpsg.models.hardware import available_memory, cores
from rpsg.models.llamacpp.server import basic_parameters, start, stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from rpsg.protocols import Endpoint

Pooling = Literal["mean", "cls", "last"]

_MOST_SERVERS = 4
_MAX_TOKENS = 512
_WORKING_MEMORY = 200 << 20
_CACHE_BYTES = 2
_TOO_LONG = re.compile(r"input \((\d+) tokens\) is too large")


class GgufEmbedder:
    """Unit-length rows by llama.cpp from the GGUF file at ``path``, e.g. of nomic-embed-text or bge-small.

    threads: the number of cores to use (default: all this process may use).
    max_tokens: longer texts are truncated to slightly less (default: 512, or the context of the model).
    pooling: how tokens become one row (default: as in the file, else the mean).

    A text of white space only is a zero row. Raises MissingExtraError without xllamacpp; ModelError when the
    file is missing, damaged, too large for this machine, or gives no embeddings.
    """

    endpoint: Endpoint = "local_model"

    def __init__(
        self,
        path: str | Path,
        *,
        threads: int | None = None,
        max_tokens: int | None = None,
        pooling: Pooling | None = None,
    ) -> None:
        self._path = Path(path)
        header = read_header(self._path)
        self._max_tokens = max_tokens or min(_MAX_TOKENS, header.number("context_length", _MAX_TOKENS))
        self.dim = header.number("embedding_length", 0)
        told = header.number("pooling_type", 0)
        self._pooling = pooling or ("as told" if told else "mean")
        cache = header.cache_bytes_per_token(_CACHE_BYTES) * self._max_tokens
        count = _fit(self._path, cache, min(threads or cores(), _MOST_SERVERS))
        self._servers: list[Any] = [self._start() for _ in range(count)]
        self._finalizer = weakref.finalize(self, _release, self._servers)
        self._refuse_useless()

    @property
    def name(self) -> str:
        return f"gguf:{self._path.stem}@{file_digest(self._path)[:12]}:{self._pooling}:{self._max_tokens}"

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit-length float32 rows, shape (len(texts), dim); each a function of its own text only."""
        import numpy as np

        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        free: SimpleQueue[Any] = SimpleQueue()
        for server in self._servers:
            free.put(server)

        def fill(index: int) -> None:
            server = free.get()
            try:
                rows[index] = self._row(server, texts[index])
            finally:
                free.put(server)

        with ThreadPoolExecutor(len(self._servers)) as pool:
            list(pool.map(fill, range(len(texts))))
        return rows

    def close(self) -> None:
        """Free the weights for good."""
        self._finalizer()

    def _row(self, server: Any, text: str) -> npt.NDArray[np.float32]:
        import numpy as np

        if not text.strip():
            return np.zeros(self.dim, dtype=np.float32)
        answer = _ask(server, text.replace("\0", " "))
        while (tokens := _too_many(answer)) > self._max_tokens and text:
            text = text[: int(len(text) * 0.97 * self._max_tokens / tokens)]
            answer = _ask(server, text.replace("\0", " "))
        try:
            row = np.array(answer["data"][0]["embedding"], dtype=np.float64)
        except (ValueError, TypeError, KeyError, IndexError):
            row = np.zeros(0)  # handled below; the server's message may contain the text, so it is not shown
        norm = float(np.linalg.norm(row)) if row.shape == (self.dim,) else 0.0
        if not np.isfinite(norm) or norm == 0:  # not raised, because a single record must not end the run
            return np.zeros(self.dim, dtype=np.float32)
        return (row / norm).astype(np.float32)

    def _refuse_useless(self) -> None:
        """Raise ModelError if the model has no row even for a public word."""
        if not self._row(self._servers[0], "dimension").any():
            raise ModelError(
                f"llama.cpp gave no embedding with {self._path.name}.",
                hint="Use a GGUF file of an embedding model.",
            )

    def _start(self) -> Any:
        parameters = basic_parameters(self._path)
        import xllamacpp

        parameters.embedding = True
        if self._pooling != "as told":
            kind = f"LLAMA_POOLING_TYPE_{self._pooling.upper()}"
            parameters.pooling_type = getattr(xllamacpp.llama_pooling_type, kind)
        parameters.n_parallel = 1
        # A text is read in one step; otherwise its first tokens could not attend to its last ones.
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = self._max_tokens
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
        message = f"llama.cpp could not load {self._path.name} as an embedder."
        hint = "Use a GGUF file of an embedding model."
        return start(parameters, lambda _: ModelError(message, hint=hint))


def _release(servers: list[Any]) -> None:
    while servers:
        stop(servers.pop())


def _ask(server: Any, text: str) -> dict[str, Any]:
    try:
        answer = server.handle_embeddings({"input": text})
    except (ValueError, RuntimeError, TypeError):
        return {}  # handled by the caller; the server's message may contain the text, so it is not shown
    return answer if isinstance(answer, dict) else {}


def _too_many(answer: dict[str, Any]) -> int:
    """The number of tokens of a text that was refused for its length; 0 for any other answer."""
    said = _TOO_LONG.search(str(answer.get("error", "")))
    return int(said[1]) if said else 0


def _fit(path: Path, cache: int, servers: int) -> int:
    """The number of servers that fit into memory; ModelError if none does."""
    memory, each = available_memory(), path.stat().st_size + cache + _WORKING_MEMORY
    if memory is None:
        return servers
    if each > memory:
        raise ModelError(
            f"{path.name} needs about {each >> 20:,} MB of memory, but only {memory >> 20:,} MB are free on "
            "this machine.",
            hint="Use a smaller model.",
        )
    return min(servers, memory // each)
