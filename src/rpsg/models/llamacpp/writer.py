"""The local writer: GGUF weights through llama.cpp, in this process, on the processor."""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rpsg.errors import ModelError, RpsgError
from rpsg.models.documents import MARK
from rpsg.models.download import file_digest
from rpsg.models.gguf import GgufHeader, read_header
from rpsg.models.hardware import available_memory, cores
from rpsg.models.llamacpp.scheduler import PrefixCache, SlotScheduler
from rpsg.models.llamacpp.server import NARROW, LlamaServer, ServerGoneError
from rpsg.protocols import Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.models.documents import Form
    from rpsg.protocols import OnReply, Request

_SLOTS_PER_SERVER = 8
_MOST_SERVERS = 4
_CONTEXT = 2048
# Bytes of one value of a BF16 cache.
_CACHE_BYTES = 2
# F32 and Q4_1, in ggml's numbering: layers of these give the same bits in a batch of any width.
_WIDE_FORMATS = {0, 3}
_WORKING_MEMORY = 200 << 20


class LlamaCppWriter:
    """Texts from the GGUF file at ``path``; the same request gives the same text, alone or in any batch.

    slots: the number of texts written at once over all servers (default: 8 for each core, 7 for weights that
        need narrow steps, see ``rpsg.models.llamacpp.server``).
    threads: the number of cores to use (default: all this process may use). One server for each core with
        one thread is faster than one server with many threads, which wait for each other in a busy loop.
    context: tokens of prompt and text together (default: 2048, or the context of the model).
    form: "chat" uses the chat template of the weights; "text" lays out requests with examples as one document
        to continue, and uses a template, if there is one, only for instructions; "auto" is "chat" for weights
        with a template. Without a template every request is text, and "chat" is refused.

    Sampling is temperature, then top_p, over the 1000 most likely tokens. The weights are loaded at the first
    ``write``. Raises MissingExtraError without xllamacpp; ModelError when the file is missing, damaged, or
    too large for this machine.
    """

    endpoint: Literal["local_model", "remote_llm"] = "local_model"

    def __init__(
        self,
        path: str | Path,
        slots: int | None = None,
        threads: int | None = None,
        context: int | None = None,
        *,
        form: Form = "auto",
        verbose: bool = False,
    ) -> None:
        self._path = Path(path)
        self._header = read_header(self._path)
        if form == "chat" and not self._header.has_chat_template:
            raise ModelError(
                f"{self._path.name} has no chat template: it continues text and cannot chat.",
                hint='Leave form at "auto" in the section [models] of the plan.',
            )
        self._documents = form == "text"
        trained = self._header.number("context_length", _CONTEXT)
        self._context = context or min(_CONTEXT, trained)
        self._threads = threads or cores()
        self._servers, self._slots = _fit(self._path, self._header, slots, self._threads, self._context)
        self._verbose = verbose
        self._scheduler: SlotScheduler | None = None

    @property
    def name(self) -> str:
        mark = MARK if self._documents and self._header.has_chat_template else ""
        return f"llamacpp:{self._path.stem}@{file_digest(self._path)[:12]}{mark}"

    @property
    def slots(self) -> int:
        """The number of texts written at once."""
        return self._servers * self._slots

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        """Replies in the order of the requests; ``on_reply`` runs in the calling thread as each is done.

        A request that fails gives a Reply with finish "error". Raises ModelError when the server is lost.
        """
        replies = [Reply("", "error", error="not written")] * len(requests)
        if not requests:
            return replies
        try:
            for index, reply in self._loaded().work(requests):
                replies[index] = reply
                if on_reply is not None:
                    on_reply(index, reply)
        except ServerGoneError as error:
            self.close()
            raise ModelError(
                "The local model stopped answering.",
                hint="Run the same command again; it continues where it stopped.",
            ) from error
        return replies

    def close(self) -> None:
        """Free the weights; a later ``write`` loads them again."""
        if self._scheduler is not None:
            self._release()
            self._scheduler = None

    def _loaded(self) -> SlotScheduler:
        if self._scheduler is None:
            state = tempfile.TemporaryDirectory(prefix="rpsg-", ignore_cleanup_errors=True)
            servers: list[LlamaServer] = []
            self._release = weakref.finalize(self, _release, servers, state)
            try:
                servers += [self._start(Path(state.name)) for _ in range(self._servers)]
            except RpsgError:
                self._release()
                raise
            self._scheduler = SlotScheduler(servers, self._slots, PrefixCache(Path(state.name)))
        return self._scheduler

    def _start(self, state: Path) -> LlamaServer:
        return LlamaServer(
            self._path,
            slots=self._slots,
            context=self._context,
            threads=max(1, self._threads // self._servers),
            chat=self._header.has_chat_template,
            documents=self._documents,
            narrow=_is_narrow(self._header),
            state=state,
            verbose=self._verbose,
        )


def _release(servers: list[LlamaServer], state: tempfile.TemporaryDirectory[str]) -> None:
    for server in servers:
        server.close()
    state.cleanup()


def _fit(path: Path, header: GgufHeader, slots: int | None, threads: int, context: int) -> tuple[int, int]:
    """(servers, slots of each). Defaults are reduced until they fit into memory; explicit numbers are not."""
    servers = min(threads, _MOST_SERVERS, slots or _MOST_SERVERS)
    usual = NARROW if _is_narrow(header) else _SLOTS_PER_SERVER
    each = -(-slots // servers) if slots else usual
    memory = available_memory()
    while memory is not None and _needed(path, header, servers, each, context) > memory:
        if servers > 1:
            servers, each = servers // 2, -(-slots // (servers // 2)) if slots else each
        elif slots is None and each > 1:
            each //= 2
        else:
            needed = _needed(path, header, servers, each, context) >> 20
            raise ModelError(
                f"{path.name} needs about {needed:,} MB of memory, but only {memory >> 20:,} MB are free on "
                "this machine.",
                hint="Use a smaller model, fewer slots or a shorter context.",
            )
    return servers, each


def _is_narrow(header: GgufHeader) -> bool:
    """Whether a text could depend on its batch in steps of 8 tokens and more."""
    return not header.block_types <= _WIDE_FORMATS


def _needed(path: Path, header: GgufHeader, servers: int, slots: int, context: int) -> int:
    cache = header.cache_bytes_per_token(_CACHE_BYTES) * context * slots
    return servers * (path.stat().st_size + cache + _WORKING_MEMORY)
