"""Some texts written side by side, in a shape that is always the same.

A request must give the same text alone and in any batch. Sums of a matrix product depend on the shape of
the product, not on what stands in the other rows (measured: bits are the same for every order of the rows,
and differ between one row and two). So a step always has the same number of rows: places that are free
repeat the first text, and nobody reads them. A prompt is padded on the left to a width that its own length
decides, and only prompts of one width stand together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.models.transformers.loading import import_torch, state_name
from rpsg.models.transformers.sampling_text import TOP_K

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpsg.models.transformers.prompts import Prompt
    from rpsg.models.transformers.sampling_text import GrowingText


def tiles_of(prompts: Sequence[Prompt], rows: int) -> list[list[Prompt]]:
    """The prompts in groups of ``rows`` at most: of one width, those that may grow longest first."""
    ordered = sorted(prompts, key=lambda prompt: (-prompt.width, -prompt.request.max_tokens))
    tiles: list[list[Prompt]] = []
    for prompt in ordered:
        if tiles and len(tiles[-1]) < rows and tiles[-1][0].width == prompt.width:
            tiles[-1].append(prompt)
        else:
            tiles.append([prompt])
    return tiles


def write_tile(
    model: Any,
    texts: Sequence[GrowingText],
    rows: int,
    land: Callable[[GrowingText], None],
    stopped: Callable[[], bool],
) -> None:
    """Write ``texts``, of one width, in ``rows`` places; ``land`` is called with each as it ends.

    Stops at the next token once ``stopped()``; texts that did not end are then never told.
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
    """The state of the model in the middle of some texts."""

    def __init__(self, torch: Any, model: Any, texts: Sequence[GrowingText], rows: int) -> None:
        self._torch = torch
        self._model = model
        self._fill = [*range(len(texts)), *([0] * (rows - len(texts)))]
        ids, mask = _padded(torch, model.device, [text.prompt for text in texts])
        places = (mask.cumsum(1) - 1).clamp(min=0)
        out = model(input_ids=ids, attention_mask=mask, position_ids=places, use_cache=True, logits_to_keep=1)
        # Prompts are so wide that the number of their rows makes no difference: only texts are filled up.
        index = torch.tensor(self._fill, device=model.device)
        self._name = state_name(model)
        self._cache = out[self._name]
        self._cache.batch_select_indices(index)
        self._mask, self._places = mask[index], places[index][:, -1:]
        self._scores = out.logits[:, -1][index]

    def best(self) -> list[tuple[Any, Any]]:
        """For each row the highest scores in falling order, and their tokens."""
        top = self._torch.topk(self._scores.float(), min(TOP_K, self._scores.shape[-1]), dim=-1)
        return list(zip(top.values.cpu().numpy(), top.indices.cpu().numpy(), strict=True))

    def step(self, chosen: Sequence[int]) -> None:
        """Go on by one token in each row."""
        torch = self._torch
        ids = torch.tensor([[chosen[row]] for row in self._fill], device=self._mask.device)
        self._mask = torch.cat([self._mask, torch.ones_like(ids)], dim=1)
        self._places = self._places + 1
        out = self._model(
            input_ids=ids,
            attention_mask=self._mask,
            position_ids=self._places,
            use_cache=True,
            **{self._name: self._cache},
        )
        self._scores = out.logits[:, -1]


def _padded(torch: Any, device: Any, prompts: Sequence[Prompt]) -> tuple[Any, Any]:
    """Tokens and mask, shape (prompts, width), padded on the left."""
    width = prompts[0].width
    ids = torch.zeros((len(prompts), width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt.ids) :] = torch.tensor(prompt.ids)
        mask[row, width - len(prompt.ids) :] = 1
    return ids.to(device), mask.to(device)
