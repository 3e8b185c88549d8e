"""An embedder behind an OpenAI-compatible server (``/embeddings``).

A server on this machine may receive private texts, and a record's vote must be a function of that record
alone. On many servers a row depends slightly on the batch, so a local server gets one text at a time. Other
servers get many at once.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rpsg.errors import ModelError
from rpsg.models.openai.chat import Questions, UnusableError
from rpsg.models.openai.client import ServerClient, ServerModel
from rpsg.models.openai.retry import Dropped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.models.openai.endpoint import Kind
    from rpsg.plan import ServerSection

Rows = npt.NDArray[np.float32]
_BATCH = 64


class ServerEmbedder(ServerModel):
    """Rows from ``model`` on the server that the plan's section ``[server]`` describes.

    batch: texts in one request (default: 1 on this machine, otherwise 64).
    concurrency: requests at once (default: 1 on this machine, otherwise as the plan says).

    Nothing is sent before the first ``embed`` or ``dim``. Raises UsageError for an unusable address.
    """

    def __init__(
        self,
        model: str,
        server: ServerSection,
        *,
        kind: Kind = "openai",
        batch: int | None = None,
        concurrency: int | None = None,
        first_pause: float = 0.5,
    ) -> None:
        probe = ServerClient(model, server, kind, first_pause)
        alone = 1 if probe.address.is_local else None
        self._model = model
        self._batch = batch or alone or _BATCH
        self._client = ServerClient(model, server, kind, first_pause, concurrency or alone)
        self._dim = 0

    @property
    def dim(self) -> int:
        if not self._dim:
            self._dim = len(self._probe())
        return self._dim

    def embed(self, texts: Sequence[str]) -> Rows:
        """Unit-length rows, shape (len(texts), dim); zero for an empty text or one without an answer.

        Raises:
            ModelError: the server fails, or gives no row for a plain word.
            MissingExtraError: h11 or truststore is not installed.
        """
        rows = np.zeros((len(texts), self.dim), np.float32)
        full = [index for index, text in enumerate(texts) if text.strip()]
        for index, row in zip(full, self._rows([texts[index] for index in full]), strict=True):
            if row is not None and row.shape == (self.dim,):
                rows[index] = row
        return rows

    def _probe(self) -> Rows:
        """The row of a public word; ModelError if the server has none even for that."""
        rows: list[Rows | None] = [None]
        self._ask(["dimension"], [range(1)], rows)
        if rows[0] is None:
            raise ModelError(
                f"{self.host} gave no embedding, not even of one plain word.",
                hint="Check that the model is an embedding model, then run the same command again.",
            )
        return rows[0]

    def _rows(self, texts: Sequence[str]) -> list[Rows | None]:
        """One row for each text; None if the server gives none even for the text alone.

        That is no error: whether a run continues must not depend on one record. A public word shows whether
        the server itself works.
        """
        rows: list[Rows | None] = [None] * len(texts)
        batches = [
            range(start, min(start + self._batch, len(texts))) for start in range(0, len(texts), self._batch)
        ]
        declined = self._ask(texts, batches, rows)
        alone = [range(index, index + 1) for batch in declined if len(batch) > 1 for index in batch]
        self._ask(texts, alone, rows)
        if declined:
            self._probe()
        return rows

    def _ask(self, texts: Sequence[str], batches: Sequence[range], rows: list[Rows | None]) -> list[range]:
        """Fill in ``rows``; returns the batches without an answer."""
        if not batches:
            return []
        declined = []
        questions = _Embedding(texts, batches, self._model)
        sent = self._client.batch(questions, "embeddings", len(batches))
        with closing(sent.results()) as results:
            for number, landed in results:
                if isinstance(landed, Dropped):
                    declined.append(batches[number])
                    continue
                for index, row in zip(batches[number], landed, strict=True):
                    rows[index] = row
        return declined


class _Embedding(Questions[list[Rows]]):
    """The requests, one for each batch of texts, which may be private."""

    def __init__(self, texts: Sequence[str], batches: Sequence[range], model: str) -> None:
        self._texts = texts
        self._batches = batches
        self._model = model

    def ask(self, index: int) -> dict[str, Any]:
        texts = [self._texts[position] for position in self._batches[index]]
        return {"model": self._model, "input": texts, "encoding_format": "float"}

    def read(self, index: int, answer: dict[str, Any], changes: frozenset[str]) -> list[Rows]:  # noqa: ARG002 - rows are read alike
        data = answer.get("data")
        count = len(self._batches[index])
        if not isinstance(data, list) or len(data) != count:
            raise UnusableError("not one row for each text")
        rows: dict[int, Rows] = {}
        for position, item in enumerate(data):
            if not isinstance(item, dict):
                raise UnusableError("the answer is not as the API says")
            number = item.get("index", position)
            rows[number if isinstance(number, int) else position] = _unit(item.get("embedding"))
        if sorted(rows) != list(range(count)):
            raise UnusableError("not one row for each text")
        return [rows[position] for position in range(count)]


def _unit(values: object) -> Rows:
    """The values as a unit row."""
    try:
        row = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise UnusableError("the answer is not as the API says") from None
    length = float(np.linalg.norm(row)) if row.ndim == 1 and row.size else 0.0
    if not np.isfinite(length) or length == 0:
        raise UnusableError("a row without a direction")
    return (row / length).astype(np.float32)
