"""A writer and an embedder whose work is done by the workers of a Ray cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from rpsg.engines.dispatch import Workers
from rpsg.errors import ModelError, PrivacyError
from rpsg.privacy.egress import through_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rpsg.plan import Plan
    from rpsg.protocols import Embedder, Endpoint, OnReply, Reply, Request

#: Requests, and texts to embed, that a worker is given at a time.
_REQUESTS, _TEXTS = 256, 64


class RayWriter:
    """The plan's writer on many workers: the same name, requests and texts as in one process.

    It is on this machine if the cluster was started here and the workers' model is too. Raises PrivacyError
    for requests with private text; none is sent.
    """

    def __init__(self, plan: Plan, workers: Workers | None = None) -> None:
        self._elsewhere = plan.engine.is_elsewhere
        self.workers = workers or Workers(plan)

    @property
    def name(self) -> str:
        return self.workers.model_of("writer").name

    @property
    def endpoint(self) -> Endpoint:
        endpoint = self.workers.model_of("writer").endpoint
        return "remote_llm" if self._elsewhere else cast("Endpoint", endpoint)

    @property
    def host(self) -> str:
        """Where requests go, as egress tables name it."""
        host = self.workers.model_of("writer").host
        return through_cluster(host) if self._elsewhere else host

    @property
    def at_once(self) -> int:
        """Half a batch per worker: ``CachedWriter`` doubles this number, and if this process dies, at most
        one batch per worker is charged but not stored.

        Workers continue to write until Ray notices that this process is gone.
        """
        return self.workers.number * _REQUESTS // 2

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        if any(request.private for request in requests):
            raise PrivacyError(
                "A prompt with private text was about to be sent to a Ray worker. Nothing was sent.",
                hint="Run such a method on this machine alone: --engine local",
            )
        replies: dict[int, Reply] = {}

        def keep(index: int, reply: Reply) -> None:
            replies[index] = reply
            if on_reply is not None:
                on_reply(index, reply)

        if requests:
            self.workers.distribute("writer", requests, keep, _REQUESTS)
        return [replies[index] for index in range(len(requests))]


class RayEmbedder:
    """The rows of public texts, computed by workers. ``here`` is the same embedder in this process."""

    def __init__(self, here: Embedder, workers: Workers) -> None:
        self._here, self._workers = here, workers

    @property
    def name(self) -> str:
        return self._here.name

    @property
    def endpoint(self) -> Endpoint:
        return self._here.endpoint

    @property
    def dim(self) -> int:
        return self._here.dim

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Rows as ``Embedder`` has them; ModelError if the workers have another model."""
        theirs = self._workers.model_of("embedder")
        if theirs.name != self.name:
            raise ModelError(
                f"The Ray workers embed with {theirs.name}, and this process with {self.name}.",
                hint="Put the same weights on every node.",
            )
        rows = np.zeros((len(texts), self.dim), np.float32)

        def keep(index: int, row: Any) -> None:
            rows[index] = row

        if texts:
            self._workers.distribute("embedder", texts, keep, _TEXTS)
        return rows
