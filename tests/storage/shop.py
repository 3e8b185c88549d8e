"""A writer that counts what it sells, and limits on what it may sell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rpsg.plan import LimitsSection
from rpsg.protocols import Message, Reply, Request
from rpsg.storage.cached_writer import CachedWriter, write_replies
from rpsg.storage.limits import Meter, Price

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rpsg.protocols import OnReply
    from rpsg.storage.call_store import CallStore


def ask(n: int, words: int = 5) -> Request:
    return Request((Message("user", f"Number {n} " + "word " * words),), max_tokens=30, seed=n)


class Shop:
    """A server that counts what it sells. ``takes`` gives the tokens of a request; None is a failure."""

    name = "shop"
    endpoint: Literal["local_model", "remote_llm"] = "remote_llm"
    at_once = 4

    def __init__(self, takes: Callable[[Request], tuple[int, int] | None] = lambda _: (10, 20)) -> None:
        self.takes = takes
        self.sold: list[int] = []
        self.batches: list[int] = []
        self.tokens = 0
        self.dies_after: int | None = None
        self.tells = True

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        self.batches.append(len(requests))
        replies = []
        for index, request in enumerate(requests):
            if self.dies_after == len(self.sold):
                raise KeyboardInterrupt
            self.sold.append(request.seed)
            replies.append(self._reply(request))
            if on_reply is not None:
                on_reply(index, replies[-1])
        return replies

    def _reply(self, request: Request) -> Reply:
        taken = self.takes(request)
        if taken is None:
            return Reply("", "error", error="busy")
        self.tokens += sum(taken)
        return Reply(f"text {request.seed}", "stop", *(taken if self.tells else (0, 0)))


def limited(shop: Any, store: CallStore, price: Price | None = None, **caps: Any) -> CachedWriter:
    return CachedWriter(shop, store, meter=Meter(LimitsSection(**caps), [store], price))


REQUESTS = [ask(n) for n in range(40)]


def exported(store: CallStore, path: Path) -> str:
    """Write all replies of the store as a release has them; gives the SHA-256 of the file."""
    keys = [key for (key,) in store._connection.execute("SELECT key FROM replies")]
    return write_replies(path, store.replies(keys))
