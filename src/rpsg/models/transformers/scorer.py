"""Log-probabilities of given text under a language model, token by token.

For tokens x_1 ... x_n the scores are log p(x_i | start, x_1 ... x_{i-1}), i = 1 ... n, in nats. ``start`` is
the tokenizer's beginning-of-text token, or, without one, its end-of-text token, which separated texts in
training. So the first token is scored too, and n tokens give n numbers.

A text longer than the window is split into windows that overlap by half; a token is scored in the first
window that contains it, so with at least half a window of context.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from rpsg.errors import ModelError
from rpsg.models.hardware import cores
from rpsg.models.transformers.batching import in_lanes, padded
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

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rpsg.protocols import Endpoint

_WINDOW = 1024
_STEP = 32
# Windows per batch. One window on a CPU: several are no faster (measured), and need padding.
_ROWS = {"cpu": 1, "cuda": 16}


@dataclass(frozen=True, slots=True)
class _Window:
    """Some tokens of text ``index``, up to position ``end``; the last ``wanted`` of them are scored."""

    index: int
    end: int
    ids: list[int]
    wanted: int


class TransformersScorer:
    """Log-probabilities of given text by transformers; a text's scores depend on that text only.

    name: a folder of weights, a GGUF file, or OWNER/REPO of a hub that was downloaded before.
    rows: windows per batch (default: 1 on a CPU, 16 on an accelerator). With several, windows are padded on
        the right and the scores differ from those of single windows by up to 1e-4.
    window: the maximum number of tokens of a window (default: 1024, or the context of the model).

    The weights are loaded at the first ``score``. Raises MissingExtraError without the packages; ModelError
    when weights are missing, damaged, in a form that could run code, or too large for this machine.
    """

    endpoint: Endpoint = "local_model"

    def __init__(
        self,
        name: str | Path,
        *,
        threads: int | None = None,
        rows: int | None = None,
        window: int = _WINDOW,
        precision: Precision = "float32",
    ) -> None:
        import_transformers()
        self._weights = find_weights(str(name))
        refuse_too_large(self._weights, BYTES[precision])
        self._precision = precision
        self._device = best_device()
        self._lanes = (threads or cores()) if self._device == "cpu" else 1
        self._rows = rows or _ROWS.get(self._device, 1)
        self._window = window
        self._loaded: tuple[Any, Any, int] | None = None
        self._loading = threading.Lock()

    @property
    def name(self) -> str:
        kind = "" if self._precision == "float32" else f":{self._precision}"
        window = "" if self._window == _WINDOW else f":window-{self._window}"
        return f"transformers:{self._weights.identity}{kind}{window}"

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        """For each text the natural-log probability of each of its tokens; none for an empty text."""
        if not texts:
            return []
        model, _, start = self._load()
        size = self._size(model)
        cut = [_windows(index, ids, start, size) for index, ids in enumerate(self._tokens(texts))]
        batches = _batches(list(chain.from_iterable(cut)), self._rows)
        done = in_lanes(lambda batch: _scores(model, batch), batches, self._lanes)
        found: list[dict[int, list[float]]] = [{} for _ in texts]
        for window, values in zip(chain.from_iterable(batches), chain.from_iterable(done), strict=True):
            found[window.index][window.end] = values
        return [[value for end in sorted(own) for value in own[end]] for own in found]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of scores of each text, from the tokenizer alone."""
        return [len(ids) for ids in self._tokens(texts)]

    def close(self) -> None:
        """Free the weights; a later ``score`` loads them again."""
        self._loaded = None

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        tokenizer = self._load()[1]
        return [tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] for text in texts]

    def _load(self) -> tuple[Any, Any, int]:
        with self._loading:
            if self._loaded is None:
                tokenizer = load_tokenizer(self._weights)
                start = tokenizer.bos_token_id
                start = tokenizer.eos_token_id if start is None else start
                if start is None:
                    raise ModelError(
                        f"{self._weights.label} has no token for the beginning or the end of a text.",
                        hint="Use a causal language model as scorer.",
                    )
                model = load_model(self._weights, "causal", self._precision, self._device)
                self._loaded = model, tokenizer, start
        return self._loaded

    def _size(self, model: Any) -> int:
        made_for = int(getattr(model.config.get_text_config(), "max_position_embeddings", _WINDOW))
        return max(2, min(self._window, made_for))


def _windows(index: int, ids: list[int], start: int, size: int) -> list[_Window]:
    """The windows of one text; each has ``size`` tokens with its start, and every token is scored once."""
    whole = [start, *ids]
    if len(whole) <= size:
        return [_Window(index, len(whole), whole, len(ids))] if ids else []
    windows = [_Window(index, size, whole[:size], size - 1)]
    end = size
    while end < len(whole):
        following = min(end + max(1, size // 2), len(whole))
        windows.append(_Window(index, following, whole[following - size : following], following - end))
        end = following
    return windows


def _batches(windows: list[_Window], rows: int) -> list[list[_Window]]:
    """Batches of similar length, for little padding. The longest come first, so that a lack of memory shows
    at once.
    """
    ordered = sorted(windows, key=lambda window: -len(window.ids))
    return [ordered[start : start + rows] for start in range(0, len(ordered), rows)]


def _scores(model: Any, windows: Sequence[_Window]) -> list[list[float]]:
    """The scores of the wanted tokens of each window."""
    torch = import_torch()
    longest = max(len(window.ids) for window in windows)
    width = longest if len(windows) == 1 else -(-longest // _STEP) * _STEP  # a single window is not padded
    ids, mask = padded([window.ids for window in windows], width, model.device)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    found = []
    for row, window in enumerate(windows):
        last = len(window.ids)
        first = last - window.wanted
        # The output at position i predicts the token at position i + 1.
        said = torch.log_softmax(logits[row, first - 1 : last - 1].double(), dim=-1)
        values = said.gather(1, ids[row, first:last, None])[:, 0]
        found.append([min(value, 0.0) for value in values.tolist()])
    return found
