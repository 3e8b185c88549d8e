"""The writer that runs weights with transformers."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from rpsg.errors import ModelError
from rpsg.models.documents import MARK
from rpsg.models.hardware import cores
from rpsg.models.transformers.batching import one_thread_each
from rpsg.models.transformers.generation import GrowingText, write_tile
from rpsg.models.transformers.prompts import Prompt, has_template, prompt_of, tiles_of
from rpsg.models.transformers.weights import (
    BYTES,
    Precision,
    best_device,
    find_weights,
    import_torch,
    import_transformers,
    load_model,
    load_tokenizer,
    refuse_too_large,
)
from rpsg.protocols import Reply

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from rpsg.models.documents import Form
    from rpsg.protocols import Endpoint, OnReply, Request

# The batch size of a step. Not a setting: the last bits of a step, and so texts, may depend on it.
ROWS = {"cpu": 16, "cuda": 32}
_CONTEXT = 2048

Landed = SimpleQueue[tuple[int, Reply] | BaseException]


class TransformersWriter:
    """Texts from weights by transformers; the same request gives the same text, alone or in any batch.

    name: a folder of weights, a GGUF file, or OWNER/REPO of a hub that was downloaded before.
    slots: the number of texts written at once, rounded up to whole steps of 16 (on an accelerator, of 32); by
        default one step for each core, or fewer if memory does not suffice.
    threads: the number of cores to use (default: all this process may use).
    context: tokens of prompt and text together (default: 2048, or the context of the model).
    form: as for ``LlamaCppWriter``.

    That a text does not depend on its batch was measured for float32 on x86 processors, bit for bit, with
    models of the families Llama, Mistral and Gemma. The last bit of a step may differ in two cases: with
    GPT-2, and when memory runs out, because the batch is then written again in two halves.

    Sampling is temperature, then top_p, over the 1000 most likely tokens. The weights are loaded at the first
    ``write``. Raises MissingExtraError without the packages; ModelError when weights are missing, damaged, in
    a form that could run code, or too large for this machine.
    """

    endpoint: Endpoint = "local_model"

    def __init__(
        self,
        name: str | Path,
        slots: int | None = None,
        threads: int | None = None,
        context: int | None = None,
        *,
        precision: Precision = "float32",
        form: Form = "auto",
    ) -> None:
        import_transformers()
        self._weights = find_weights(str(name))
        self._precision = precision
        self._form = form
        self._device = best_device()
        self._rows = ROWS.get(self._device, ROWS["cpu"])
        self._lanes = _lanes(self._device, threads or cores(), slots, self._rows)
        self._context = context
        self._reserve(self._weights.cache_bytes_per_token(BYTES[precision]) * (context or _CONTEXT))
        self._loaded: tuple[Any, Any] | None = None
        self._loading = threading.Lock()

    def _reserve(self, cache: int) -> None:
        """Use fewer cores until the weights and ``cache`` bytes for each text fit; ModelError if none do."""
        while True:
            try:
                return refuse_too_large(self._weights, BYTES[self._precision], cache * self.slots)
            except ModelError:
                if self._lanes == 1:
                    raise
                self._lanes -= 1

    @property
    def name(self) -> str:
        kind = "" if self._precision == "float32" else f":{self._precision}"
        return f"transformers:{self._weights.identity}{kind}{MARK if self._form == 'text' else ''}"

    @property
    def slots(self) -> int:
        """The number of texts written at once."""
        return self._lanes * self._rows

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        """Replies in the order of the requests; ``on_reply`` runs in the calling thread as each is done.

        A request that fails gives a Reply with finish "error". Leaving early, by an error or Ctrl-C, stops
        all texts at their next token.
        """
        replies = [Reply("", "error", error="not written")] * len(requests)
        if not requests:
            return replies
        with closing(self._work(requests)) as work:
            for index, reply in work:
                replies[index] = reply
                if on_reply is not None:
                    on_reply(index, reply)
        return replies

    def close(self) -> None:
        """Free the weights; a later ``write`` loads them again."""
        self._loaded = None

    def _load(self) -> tuple[Any, Any]:
        with self._loading:
            if self._loaded is None:
                tokenizer = load_tokenizer(self._weights)
                if self._form == "chat" and not has_template(tokenizer):
                    raise ModelError(
                        f"{self._weights.label} has no chat template: it continues text and cannot chat.",
                        hint='Leave form at "auto" in the section [models] of the plan.',
                    )
                self._loaded = load_model(self._weights, "causal", self._precision, self._device), tokenizer
        return self._loaded

    def _work(self, requests: Sequence[Request]) -> Generator[tuple[int, Reply]]:
        model, tokenizer = self._load()
        landed: Landed = SimpleQueue()
        documents = self._form == "text"
        prompts = [
            undivided(prompt_of(i, request, tokenizer, documents=documents), _window(model))
            for i, request in enumerate(requests)
        ]
        fitting = [prompt for prompt in prompts if 0 < len(prompt.ids) < self._room(model)]
        for prompt in prompts:
            if not prompt.ids:
                landed.put((prompt.index, Reply("", "error", error="transformers: the prompt is empty")))
            elif len(prompt.ids) >= self._room(model):
                landed.put((prompt.index, _too_long(self._room(model))))
        line = deque(tiles_of(fitting, self._rows))
        stopped = threading.Event()
        with one_thread_each(), ThreadPoolExecutor(self._lanes) as pool:
            for _ in range(self._lanes):
                pool.submit(self._lane, line, landed, stopped)
            try:
                for _ in requests:
                    if isinstance(item := landed.get(), BaseException):
                        raise item
                    yield item
            finally:
                stopped.set()

    def _lane(self, line: deque[list[Prompt]], landed: Landed, stopped: threading.Event) -> None:
        """The work of one core: write one group of texts after the other until none is left."""
        while not stopped.is_set():
            try:
                prompts = line.popleft()
            except IndexError:
                return
            try:
                self._tile(prompts, self._rows, landed, stopped)
            except BaseException as error:  # noqa: BLE001 - it is raised again, in the caller's thread
                landed.put(error)
                return

    def _tile(self, prompts: list[Prompt], rows: int, landed: Landed, stopped: threading.Event) -> None:
        """Write one group of texts, repeatedly divided in halves if memory does not suffice."""
        model, tokenizer = self._load()
        ends = ends_of(model, tokenizer)
        told: set[int] = set()

        def land(text: GrowingText) -> None:
            told.add(text.prompt.index)
            landed.put((text.prompt.index, text.reply or Reply("", "error", error="no answer")))

        try:
            room = self._room(model)
            texts = [
                GrowingText(p, tokenizer, ends, min(p.request.max_tokens, room - len(p.ids))) for p in prompts
            ]
            write_tile(model, texts, rows, land, stopped.is_set)
        except (MemoryError, RuntimeError) as error:
            if not _is_memory(error):
                raise
        else:
            return
        left = [prompt for prompt in prompts if prompt.index not in told]
        if rows == 1:
            for prompt in left:
                landed.put((prompt.index, Reply("", "error", error="transformers: memory ran out")))
            return
        for half in tiles_of(left, rows // 2):
            self._tile(half, rows // 2, landed, stopped)

    def _room(self, model: Any) -> int:
        made_for = int(getattr(model.config.get_text_config(), "max_position_embeddings", _CONTEXT))
        return min(self._context or _CONTEXT, made_for)


def _window(model: Any) -> int | None:
    """How many earlier tokens some layers of the model see; None if there is no limit."""
    found = getattr(model.config.get_text_config(), "sliding_window", None)
    return found if isinstance(found, int) else None


def undivided(prompt: Prompt, window: int | None) -> Prompt:
    """The prompt; computed in one piece if its text could reach beyond the window.

    Between the pieces of a prompt is padding, which would use up places of the window.
    """
    if window is None or len(prompt.ids) + prompt.width + prompt.request.max_tokens <= window:
        return prompt
    return replace(prompt, shared=0)


def _too_long(context: int) -> Reply:
    return Reply(
        "", "error", error=f"transformers: the prompt does not fit into a context of {context} tokens"
    )


def _lanes(device: str, threads: int, slots: int | None, rows: int) -> int:
    if device != "cpu":
        return 1
    return threads if slots is None else min(threads, -(-slots // rows))


def ends_of(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a text: those of the model and that of the tokenizer."""
    known = getattr(model.generation_config, "eos_token_id", None)
    many = known if isinstance(known, list) else [known]
    return frozenset(token for token in [*many, tokenizer.eos_token_id] if token is not None)


def _is_memory(error: Exception) -> bool:
    """Whether memory ran out: on a CPU torch has no separate error for that."""
    out_of_memory = import_torch().OutOfMemoryError
    return isinstance(error, (MemoryError, out_of_memory)) or "can't allocate memory" in str(error)
