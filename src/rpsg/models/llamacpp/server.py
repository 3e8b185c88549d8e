"""One llama.cpp server inside this process: requests, and slot caches saved to and loaded from files.

A request must give the same text alone and in any batch, or a run is not reproducible. llama.cpp computes
attention over an F16 or F32 cache in tiles whose sums depend on how prompts were batched; over other types it
works row by row, so the result does not depend on the batch. It does so with flash attention and a BF16
cache, which is also the fastest (Q8_0 is 20 % slower).

Weights matter too. Tensors of Q4_1 give the same bits at any batch width. For others (seen with Q5_0 and the
K formats) llama.cpp uses another kernel from 8 tokens a step on, and yet another for repacked weights: such a
model runs with ``narrow`` steps of at most 7 tokens, and without repacking.

A slot's cache can be saved to a file and loaded into another slot, so the examples at the head of a prompt
are computed once and not once for each slot. That needs the server's HTTP port, on the loopback interface
only; a random key keeps out other users of the machine.
"""

from __future__ import annotations

import atexit
import http.client
import json
import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rpsg.errors import ModelError, needed
from rpsg.machine.signals import signals_later
from rpsg.models.documents import document_of, is_document
from rpsg.protocols import Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rpsg.protocols import Request

# Top-k before top-p: sorting the whole vocabulary would cost 15 % of the speed.
TOP_K = 1000
# llama.cpp takes the largest 32-bit number for a random seed.
_SEEDS = 0xFFFFFFFF
# The largest number of tokens in a step for which results were measured to equal those of single-token steps.
NARROW = 7


class ServerGoneError(Exception):
    """The server no longer answers; no further request can succeed."""


class LlamaServer:
    """Writes ``slots`` texts at a time, of ``context`` tokens each, on ``threads`` cores.

    ``chat``: the weights have a chat template. ``documents``: requests that are documents do not use that
    template.

    Raises MissingExtraError without xllamacpp, ModelError when the weights cannot be loaded.
    """

    def __init__(
        self,
        path: Path,
        *,
        slots: int,
        context: int,
        threads: int,
        chat: bool,
        narrow: bool,
        state: Path,
        verbose: bool,
        documents: bool = False,
    ) -> None:
        self._key = secrets.token_urlsafe(24)
        self._chat = chat
        self._documents = documents
        parameters = _parameters(path, slots, context, threads, state, verbose=verbose)
        parameters.api_keys = [self._key]
        if narrow:
            parameters.n_ubatch = NARROW
            parameters.no_extra_bufts = True
        self._server: Any = start(
            parameters,
            lambda error: ModelError(
                f"llama.cpp could not load {path.name}: {error}",
                hint="Check the file with: rpsg models check; or use fewer slots or a shorter context.",
            ),
        )
        address = urlsplit(str(self._server.listening_address))
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 0

    def reply(self, request: Request, slot: int, stopped: Callable[[], bool]) -> Reply:
        """The reply to ``request`` in ``slot``; cut short with finish "error" once ``stopped()``.

        Raises ServerGoneError when the server is lost.
        """
        if (server := self._server) is None:  # closed while this request waited for its prompt
            return Reply("", "error", error="the writer was stopped")
        answer = _Answer(stopped, request.begins)
        chat = self._chat and not (self._documents and is_document(request))
        ask = server.handle_chat_completions if chat else server.handle_completions
        try:
            ask(_payload(request, slot, chat=chat), answer.take)
        except (ValueError, RuntimeError, TypeError) as error:
            return Reply("", "error", error=f"llama.cpp: {error}")
        return answer.reply()

    def save(self, slot: int, name: str) -> bool:
        """Save the cache of ``slot`` to the file ``name`` of the state folder; True if that worked."""
        return self._slot(slot, "save", name)

    def restore(self, slot: int, name: str) -> bool:
        """Load ``slot`` from a file; True if that worked, otherwise the prompt is computed as usual."""
        return self._slot(slot, "restore", name)

    def close(self) -> None:
        if self._server is not None:
            stop(self._server)
        self._server = None

    def _slot(self, slot: int, action: str, name: str) -> bool:
        try:
            self._post(f"/slots/{slot}?action={action}", {"filename": name})
        except (OSError, http.client.HTTPException):
            return False  # costs only time: the prompt is then computed in this slot
        return True

    def _post(self, path: str, body: dict[str, Any]) -> bytes:
        """The answer to a request by HTTP. Raises OSError unless it is 200."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=120)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        try:
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            told = answer.read()
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise OSError(f"{path}: {answer.status}")
        return told


class _Answer:
    """Collects one streamed answer. Streaming lets Ctrl-C stop it at the next token."""

    def __init__(self, stopped: Callable[[], bool], begins: str) -> None:
        self._stopped = stopped
        self._pieces = [begins]  # the stream does not repeat the prefilled beginning
        self._finish = ""
        self._error: dict[str, Any] | None = None
        self._usage: dict[str, int] = {}

    def take(self, chunk: Any) -> bool:
        """Add one chunk; True makes the server stop."""
        for part in chunk if isinstance(chunk, list) else [chunk]:
            self._add(part)
        return self._stopped()

    def _add(self, part: dict[str, Any]) -> None:
        if "error" in part:
            self._error = part["error"]
        self._usage = part.get("usage") or self._usage
        for choice in part.get("choices") or []:
            self._pieces.append((choice.get("delta") or choice).get("content") or choice.get("text") or "")
            self._finish = choice.get("finish_reason") or self._finish

    def reply(self) -> Reply:
        if self._error is not None:
            if self._error.get("type") == "unavailable_error":
                raise ServerGoneError(str(self._error.get("message", "")))
            return Reply("", "error", error=f"llama.cpp: {self._error.get('message', 'refused')}")
        if not self._finish:
            return Reply("", "error", error="interrupted" if self._stopped() else "no answer")
        return Reply(
            "".join(self._pieces),
            "length" if self._finish == "length" else "stop",
            prompt_tokens=self._usage.get("prompt_tokens", 0),
            completion_tokens=self._usage.get("completion_tokens", 0),
        )


def _payload(request: Request, slot: int, *, chat: bool) -> dict[str, Any]:
    """The request as the server's parameters. Every sampler is listed, so that no default is added."""
    if not chat:
        request = document_of(request)
    payload: dict[str, Any] = {
        "max_tokens": request.max_tokens,
        "seed": request.seed % _SEEDS,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": TOP_K,
        "min_p": 0.0,
        "repeat_penalty": 1.0,
        "samplers": ["top_k", "temperature", "top_p"],
        "stop": list(request.stop),
        "id_slot": slot,
        "cache_prompt": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if chat:
        messages = [{"role": m.role, "content": m.content} for m in request.messages]
        begun = [{"role": "assistant", "content": request.begins}] if request.begins else []
        payload["messages"] = messages + begun
        payload["chat_template_kwargs"] = {"enable_thinking": False}
    else:
        payload["prompt"] = request.messages[0].content
    return payload


def basic_parameters(path: Path) -> Any:
    """The parameters that all servers of this package have in common. Raises MissingExtraError."""
    with needed("local", "xllamacpp"):
        import xllamacpp
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_gpu_layers = 0
    parameters.cache_ram_mib = 0
    parameters.fit_params = False
    parameters.ui = False
    parameters.port = 0
    parameters.verbosity = -1
    return parameters


def _parameters(path: Path, slots: int, context: int, threads: int, state: Path, *, verbose: bool) -> Any:
    parameters = basic_parameters(path)
    import xllamacpp

    parameters.n_parallel = slots
    parameters.n_ctx = context * slots
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
    parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_BF16
    parameters.kv_unified = False
    # Otherwise a slot loaded from a file lacks the tokens outside the sliding window (of Gemma, for example),
    # and the whole prompt is computed again.
    parameters.swa_full = True
    parameters.slot_save_path = f"{state}/"
    parameters.n_threads_http = 2
    if verbose:
        parameters.verbosity = 3
    return parameters


#: Every server that was started and not yet stopped, and the time of its start. If Ctrl-C interrupts the
#: caller, no other reference to its server is left. Without this one, the server would be destroyed at once.
#: That could be before its threads run, which would then never end, or while Python itself ends.
_OPEN: dict[Any, float] = {}
_MOMENT = 1.0


def start(parameters: Any, failed: Callable[[Exception], ModelError]) -> Any:
    """A server with these parameters. An error in loading the weights is raised as ``failed`` makes it."""
    import xllamacpp

    try:
        with signals_later():
            server = xllamacpp.Server(parameters)
            _OPEN[server] = time.monotonic()
    except (RuntimeError, ValueError, MemoryError) as error:
        raise failed(error) from error
    return server


def stop(server: Any) -> None:
    """Remove this module's reference to a server, so that its weights are freed when the caller drops its
    own.
    """
    started = _OPEN.pop(server, 0.0)
    time.sleep(max(0.0, started + _MOMENT - time.monotonic()))


@atexit.register
def _stop_all() -> None:
    for server in tuple(_OPEN):
        stop(server)
