"""One text while it is written: its own random stream, its tokens, and where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.protocols import Reply

if TYPE_CHECKING:
    import numpy.typing as npt

    from rpsg.models.transformers.prompts import Prompt

# Kept candidates before the nucleus is cut, as for llama.cpp.
TOP_K = 1000
# Tokens before a text that decide how its first one is spelt.
_LEAD = 8


class GrowingText:
    """The text of one prompt; ``room`` is how many tokens it may have.

    The random stream depends on the request's seed only, so a text does not depend on its company.
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
        """Choose the next token among ``tokens``, whose scores ``values`` are in falling order."""
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
        found = [place for stop in self.prompt.request.stop if (place := text.find(stop)) >= 0]
        if found:
            self._end(text[: min(found)], complete=True)
        elif full:
            self._end(text.rstrip("\ufffd"), complete=False)

    def _end(self, text: str, *, complete: bool) -> None:
        self.reply = Reply(
            self.prompt.request.begins + text,
            "stop" if complete else "length",
            prompt_tokens=len(self.prompt.ids),
            completion_tokens=len(self.ids),
        )

    def _text(self, ids: list[int]) -> str:
        """The tokens as text. Behind the prompt's last ones: alone, some would lose their leading space."""
        return self._decode(ids)[len(self._lead_text) :]

    def _decode(self, ids: list[int]) -> str:
        decoded: str = self._tokenizer.decode(
            self._lead + ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return decoded


def draw(values: npt.NDArray[np.float32], request: Any, random: np.random.Generator) -> int:
    """The place of the chosen score in ``values`` (falling): temperature, then the nucleus of ``top_p``."""
    if request.temperature <= 0:
        return 0
    scaled = values.astype(np.float64) / request.temperature
    weights = np.exp(scaled - scaled[0])
    sums = np.cumsum(weights)
    last = int(np.searchsorted(sums, request.top_p * sums[-1]))
    kept = sums[: min(last, len(sums) - 1) + 1]
    return min(int(np.searchsorted(kept, random.random() * kept[-1], side="right")), len(kept) - 1)
