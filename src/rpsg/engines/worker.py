"""What runs in a worker process on a node that writes or embeds: its own models, and nothing else.

Such a worker stores nothing, writes no file and knows no private data; ``pipeline.shards.on_ray`` has those
that count. Its methods never raise: Ray would write the error, with what it quotes, into its logs. They
return ``WorkerFailure`` instead.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rpsg import registry
from rpsg.errors import RpsgError
from rpsg.plan import resolve
from rpsg.privacy.private import place_of
from rpsg.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rpsg.protocols import Reply, Request

#: A counter counts shards of the private texts (``rpsg.pipeline.shards.on_ray``).
Role = Literal["writer", "embedder", "counter"]


@dataclass(frozen=True, slots=True)
class WorkerModel:
    """A worker's description of a model and of its own program."""

    version: str
    name: str
    endpoint: str
    host: str = ""


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """Why a worker cannot work, without any text of the data."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """Results for the items of a batch from ``start`` on."""

    start: int
    results: Sequence[Any]


class RayWorker:
    """The models of a plan, built when they are first asked for. ``settings`` are sections of that plan."""

    def __init__(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        self.plan = resolve(settings)
        self._models: dict[Role, Any] = {}

    def describe(self, role: Role) -> WorkerModel | WorkerFailure:
        """Which model a role has here."""
        try:
            model = self.model(role)
            return WorkerModel(
                VERSION,
                str(model.name),
                str(model.endpoint),
                str(getattr(model, "host", "") or ""),
            )
        except BaseException as error:  # noqa: BLE001  # see the top of this file
            return failure_of(error)

    def work(self, role: Role, items: Sequence[Any]) -> Iterator[Results | WorkerFailure]:
        """Results as they arrive, each once; a ``WorkerFailure`` is the last."""
        try:
            if role == "writer":
                yield from _written(self.model("writer"), items)
            else:
                yield Results(0, self.model("embedder").embed(items))
        except BaseException as error:  # noqa: BLE001  # see the top of this file
            yield failure_of(error)

    def model(self, role: Role) -> Any:
        """The writer or the embedder of the plan."""
        if role not in self._models:
            models, server = self.plan.models, self.plan.server
            if role == "writer":
                self._models[role] = registry.writer(
                    models.writer,
                    slots=models.slots,
                    threads=models.threads,
                    context=models.context,
                    form=models.form,
                    server=server,
                )
            else:
                self._models[role] = registry.embedder(models.embedder, threads=models.threads, server=server)
        return self._models[role]


def _written(writer: Any, requests: Sequence[Request]) -> Iterator[Results]:
    """Replies as they arrive. The writer has a separate thread, because it returns only at the end."""
    arrived: queue.SimpleQueue[Results | BaseException | None] = queue.SimpleQueue()

    def write() -> None:
        returned: set[int] = set()

        def on_reply(index: int, reply: Reply) -> None:
            returned.add(index)
            arrived.put(Results(index, [reply]))

        try:
            replies = writer.write(requests, on_reply)
            for index, reply in enumerate(replies):
                if index not in returned:  # a writer may call back only at the end
                    arrived.put(Results(index, [reply]))
        except BaseException as error:  # noqa: BLE001  # raised again by the thread that waits
            arrived.put(error)
        else:
            arrived.put(None)

    threading.Thread(target=write, daemon=True).start()
    while (found := arrived.get()) is not None:
        if isinstance(found, BaseException):
            raise found
        yield found


def failure_of(error: BaseException) -> WorkerFailure:
    """The message of an error of RPSG. For any other error its type and line, because its message may quote a
    text.
    """
    if isinstance(error, RpsgError):
        return WorkerFailure(error.message, error.hint)
    return WorkerFailure(f"A model failed ({place_of(error)}).", "Please report that line.")
