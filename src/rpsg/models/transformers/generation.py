"""Writes the texts of prompts: sampling, and batched generation steps.

A request must give the same text alone and in any batch. The sums of a matrix product depend on its shape and
not on the content of other rows (measured: the bits are the same for every order of the rows, and differ
between one row and two). So a step always has the same number of rows: unused rows repeat the first text and
are ignored. In a step as wide as a prompt the number of rows does not affect the cache, but it affects the
scores of the last token, so the last token of a prompt is a step of its own, with the fixed number of rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.disk.json_text import as_kept
from rpsg.models.transformers.batching import padded
from rpsg.models.transformers.weights import import_torch, state_name
from rpsg.protocols import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from rpsg.models.transformers.prompts import Prompt

# Top-k before top-p, as for llama.cpp.
TOP_K = 1000
# Tokens before a text that are decoded with it, because they affect how its first token is spelt.
_LEAD = 8


class GrowingText:
    """The text of one prompt; ``room`` is the maximum number of tokens.

    The random stream depends on the request's seed only, so a text does not depend on its batch.
    """

    def __init__(self, prompt: Prompt, tokenizer: Any, ends: frozenset[int], room: int) -> None:
        self.prompt = prompt
        self.ids: list[int] = []
        self.reply: Reply | None = None
        self._random = np.random.Generator(np.random.PCG64(prompt.request.seed))
        self._tokenizer = tokenizer
        self._ends = ends
        self._room = room
        self._lead = prompt.ids[-_LEAD:]
        self._lead_text = self._decode([])

    def take(self, values: npt.NDArray[np.float32], tokens: npt.NDArray[np.int64]) -> None:
        """Choose the next token among ``tokens``, whose scores ``values`` are in descending order."""
        if not np.isfinite(values[0]):
            self.reply = Reply("", "error", error="transformers: the model gave no numbers")
            return
        token = int(tokens[draw(values, self.prompt.request, self._random)])
        self.ids.append(token)
        if token in self._ends:
            self._end(self._text(self.ids[:-1]), complete=True)
        else:
            self._look_for_stop()

    def _look_for_stop(self) -> None:
        full = len(self.ids) >= self._room
        if not full and not self.prompt.request.stop:
            return
        text = self._text(self.ids)
        found = [start for stop in self.prompt.request.stop if (start := text.find(stop)) >= 0]
        if found:
            self._end(text[: min(found)], complete=True)
        elif full:
            self._end(text.rstrip("\ufffd"), complete=False)

    def _end(self, text: str, *, complete: bool) -> None:
        self.reply = Reply(
            as_kept(self.prompt.request.begins + text),
            "stop" if complete else "length",
            prompt_tokens=len(self.prompt.ids),
            completion_tokens=len(self.ids),
        )

    def _text(self, ids: list[int]) -> str:
        """The tokens as text, decoded after the prompt's last ones, or some would lose a leading space."""
        return self._decode(ids)[len(self._lead_text) :]

    def _decode(self, ids: list[int]) -> str:
        decoded: str = self._tokenizer.decode(
            self._lead + ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return decoded


def draw(values: npt.NDArray[np.float32], request: Any, random: np.random.Generator) -> int:
    """The index of the token drawn from ``values`` (descending): temperature, then ``top_p``."""
    if request.temperature <= 0:
        return 0
    scaled = values.astype(np.float64) / request.temperature
    weights = np.exp(scaled - scaled[0])
    sums = np.cumsum(weights)
    last = int(np.searchsorted(sums, request.top_p * sums[-1]))
    kept = sums[: min(last, len(sums) - 1) + 1]
    return min(int(np.searchsorted(kept, random.random() * kept[-1], side="right")), len(kept) - 1)


def write_tile(
    model: Any,
    texts: Sequence[GrowingText],
    rows: int,
    land: Callable[[GrowingText], None],
    stopped: Callable[[], bool],
) -> None:
    """Write ``texts``, of one width, in a batch of ``rows``; ``land`` is called with each as it ends.

    Stops at the next token once ``stopped()``; ``land`` is then not called for the unfinished texts.
    """
    torch = import_torch()
    with torch.inference_mode():
        tile = _Tile(torch, model, texts, rows)
        while not stopped():
            for text, (values, tokens) in zip(texts, tile.best(), strict=False):
                if text.reply is None:
                    text.take(values, tokens)
                    if text.reply is not None:
                        land(text)
            if all(text.reply is not None for text in texts):
                return
            tile.step([text.ids[-1] for text in texts])


class _Tile:
    """The cache of the model for a batch of unfinished texts."""

    def __init__(self, torch: Any, model: Any, texts: Sequence[GrowingText], rows: int) -> None:
        self._torch = torch
        self._model = model
        self._fill = [*range(len(texts)), *([0] * (rows - len(texts)))]
        prompts = [text.prompt for text in texts]
        self._name, self._cache = state_name(model), None
        self._cache, seen = self._begin(prompts[0].beginning, len(prompts))
        rest = [prompt.ids[prompt.shared : -1] for prompt in prompts]
        ids, mask = padded(rest, prompts[0].width, model.device, left=True)
        positions = seen.shape[1] + mask.cumsum(1) - 1
        mask = torch.cat([seen, mask], dim=1)
        self._cache = self._forward(ids, mask, positions.clamp(min=0))[self._name]
        index = torch.tensor(self._fill, device=model.device)
        self._cache.batch_select_indices(index)
        self._mask, self._positions = mask[index], positions[index][:, -1:]
        self.step([prompt.ids[-1] for prompt in prompts])

    def _begin(self, tokens: tuple[int, ...], rows: int) -> tuple[Any, Any]:
        """The cache of the model after ``tokens`` for each of ``rows``, and the mask of these tokens."""
        torch = self._torch
        seen = torch.ones((rows, len(tokens)), dtype=torch.long, device=self._model.device)
        if not tokens:
            return None, seen
        ids = torch.tensor([tokens], device=self._model.device)
        cache = self._forward(ids, seen[:1], seen[:1].cumsum(1) - 1)[self._name]
        cache.batch_repeat_interleave(rows)
        return cache, seen

    def _forward(self, ids: Any, mask: Any, positions: Any) -> Any:
        return self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            use_cache=True,
            logits_to_keep=1,
            **{self._name: self._cache},
        )

    def best(self) -> list[tuple[Any, Any]]:
        """For each row the highest scores in descending order, and their tokens."""
        top = self._torch.topk(self._scores.float(), min(TOP_K, self._scores.shape[-1]), dim=-1)
        return list(zip(top.values.cpu().numpy(), top.indices.cpu().numpy(), strict=True))

    def step(self, chosen: Sequence[int]) -> None:
        """Append one token to each row."""
        torch = self._torch
        ids = torch.tensor([[chosen[row]] for row in self._fill], device=self._mask.device)
        self._mask = torch.cat([self._mask, torch.ones_like(ids)], dim=1)
        self._positions = self._positions + 1
        out = self._forward(ids, self._mask, self._positions)
        self._cache, self._scores = out[self._name], out.logits[:, -1]
