"""One request, and how it is put to the faulty server."""

from __future__ import annotations

from typing import Any

from tests.models.openai.faulty import FaultyServer

from rpsg.models.openai.writer import ServerWriter
from rpsg.protocols import Message, Reply, Request

ASK = Request((Message("system", "Be brief."), Message("user", "Write.")), 40, 2**62, 0.7, 0.9, ("\n\n",))


def written(server: FaultyServer, request: Request = ASK, **settings: Any) -> Reply:
    return ServerWriter("m", server.settings(**settings), first_pause=0.001).write([request])[0]


def says(said: Any, request: Request = ASK, **settings: Any) -> Reply:
    """What is made of this answer."""
    with FaultyServer(lambda _: said) as server:
        return written(server, request, retries=0, **settings)
