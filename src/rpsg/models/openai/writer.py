"""A writer behind an OpenAI-compatible server: vLLM, llama.cpp, Ollama, LM Studio, Azure, OpenAI."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from rpsg.models.openai.chat import ChatRequests, ContinuationProbe
from rpsg.models.openai.client import ServerClient, ServerModel
from rpsg.models.openai.retry import Dropped
from rpsg.protocols import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpsg.models.openai.endpoint import Kind
    from rpsg.plan import ServerSection
    from rpsg.protocols import OnReply, Request


class ServerWriter(ServerModel):
    """Texts from ``model`` on the server that the plan's section ``[server]`` describes.

    kind: "openai" for every server with that API, "azure" if ``model`` is a deployment on Azure.
    first_pause: seconds before the first retry of a failed request.

    Nothing is sent before the first ``write``. Raises UsageError for an address that cannot be used.
    """

    def __init__(
        self, model: str, server: ServerSection, *, kind: Kind = "openai", first_pause: float = 0.5
    ) -> None:
        self._model = model
        self._api = server.api
        self._more = server.body
        #: The maximum of requests in flight, which are paid for and lost when the process is killed.
        self.at_once = server.concurrency
        self._client = ServerClient(model, server, kind, first_pause)
        self._continues: bool | None = True if server.api == "completions" else None

    def tell_trouble(self, note: Callable[[str], None]) -> None:
        """As ``rpsg.protocols.TellsTrouble`` says; ``note`` is called from another thread."""
        self._client.tell_trouble(note)

    def hurry(self, seconds: float) -> None:
        """Give up after ``seconds`` without a text, even if the server only asks to wait."""
        self._client.hurry(seconds)

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        """Replies in the order of the requests; ``on_reply`` runs in the calling thread as each is done.

        A request without an answer gives a Reply with finish "error" and a reason that quotes nothing.

        Raises:
            ModelError: no request can succeed (key, model, address), or the server is down.
            MissingExtraError: h11 or truststore is not installed.
        """
        replies = [Reply("", "error", error="not written")] * len(requests)
        if not requests:
            return replies
        if self._continues is None and any(request.begins for request in requests):
            probe = self._client.batch(ContinuationProbe(self._model), "chat/completions", 1)
            self._continues = [landed is True for _, landed in probe.results()] == [True]
        chat = ChatRequests(
            requests, self._model, self._api, continues=bool(self._continues), more=self._more
        )
        task = "chat/completions" if self._api == "chat" else "completions"
        with closing(self._client.batch(chat, task, len(requests)).results()) as results:
            for index, landed in results:
                replies[index] = (
                    Reply("", "error", error=landed.reason) if isinstance(landed, Dropped) else landed
                )
                if on_reply is not None:
                    on_reply(index, replies[index])
        return replies
