"""``openai:MODEL`` and ``azure:DEPLOYMENT`` become a writer or an embedder. Found by the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.errors import UsageError
from rpsg.models.openai.writer import ServerWriter
from rpsg.plan import Server

if TYPE_CHECKING:
    from rpsg.models.openai.embedder import ServerEmbedder
    from rpsg.models.openai.endpoint import Kind


def writer(name: str, server: Server | None) -> ServerWriter:
    """The writer called ``name`` on ``server``; without one, on the usual server of that name."""
    kind, model = split(name)
    return ServerWriter(model, server or Server(), kind=kind)


def embedder(name: str, server: Server | None) -> ServerEmbedder:
    """The embedder called ``name`` on ``server``; without one, on the usual server of that name."""
    from rpsg.models.openai.embedder import ServerEmbedder  # noqa: PLC0415 - numpy

    kind, model = split(name)
    return ServerEmbedder(model, server or Server(), kind=kind)


def split(name: str) -> tuple[Kind, str]:
    """(kind of server, the server's own name of the model); UsageError when no model is named."""
    kind, _, model = name.partition(":")
    if not model or model in {"MODEL", "DEPLOYMENT"}:
        raise UsageError(
            f"{name} names no model.", hint=f"Put the name that the server has for it after {kind}: instead."
        )
    return ("azure" if kind == "azure" else "openai"), model
