"""What a writer and an embedder of one server share: where it is, how fast it goes, what it cannot do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from rpsg.models.openai.concurrency import Pace
from rpsg.models.openai.endpoint import address_of, headers_of, url_of
from rpsg.models.openai.exchange import Exchange
from rpsg.models.openai.http_request import Client
from rpsg.models.openai.response_class import Asker
from rpsg.models.openai.retry import Asking, Memory, Terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.models.openai.endpoint import Kind
    from rpsg.models.openai.retry import Questions
    from rpsg.plan import Server
    from rpsg.protocols import Endpoint

Read = TypeVar("Read")

MIN_PATIENCE = 300.0


class Connection:
    """One model on one server; kept for as long as it is asked. Errors as ``address_of``."""

    def __init__(
        self, model: str, server: Server, kind: Kind, first_pause: float, concurrency: int | None = None
    ) -> None:
        self.address = address_of(kind, server)
        self.name = f"{kind}:{model}@{self.address.host_as_name}"
        self._model = model
        self._server = server
        self._kind = kind
        self._concurrency = concurrency or server.concurrency
        patience = max(MIN_PATIENCE, 2 * server.timeout)
        self._terms = Terms(server.retries, patience, first_pause)
        self._memory = Memory(Pace(self._concurrency, time.monotonic))

    @property
    def learned(self) -> tuple[str, ...]:
        return tuple(sorted(self._memory.capabilities.kept))

    def tell_trouble(self, note: Callable[[str], None]) -> None:
        """Have ``note`` told, once, of the first failure of a server that has not answered yet."""
        self._memory.note = note

    def exchange(self, questions: Questions[Read], task: str, count: int) -> Exchange[Read]:
        """A batch of ``count`` questions for ``task``, as in "chat/completions"."""
        asker = Asker(self.address.host, self._model, self._server.key_env)
        asking = Asking(questions, lambda: self._client(task), asker, self._terms, self._memory)
        return Exchange(asking, count, self._concurrency)

    def _client(self, task: str) -> Client:
        return Client(
            url_of(self._kind, self.address, self._server, self._model, task),
            headers_of(self._kind, self._server),
            self.address,
            timeout=self._server.timeout,
        )


class Served:
    """What is known of a model behind a server: its name, where it is, who sees what it is asked."""

    _connection: Connection

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"

    @property
    def name(self) -> str:
        return self._connection.name

    @property
    def endpoint(self) -> Endpoint:
        return self._connection.address.endpoint

    @property
    def host(self) -> str:
        """Who sees the texts: the host, with its port if the address names one."""
        return self._connection.address.host

    @property
    def learned(self) -> tuple[str, ...]:
        """How requests are changed because the server refused them as they were."""
        return self._connection.learned
