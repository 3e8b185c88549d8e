"""A causal language model trained by DP-SGD (Abadi et al., 2016), with whole people in place of examples.

In each step every person takes part with the same probability, decided by the operating system's random
numbers. The gradients of a person's texts are added up and clipped. The sum over people gets Gaussian noise
and is divided by the expected number of people, never by the real one. A step without anybody is noise alone.

The noise is floating point, from a generator of torch with a secret seed. No privacy claim can rest on such
noise.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rpsg.errors import ModelError, RunError
from rpsg.models.transformers.clipped_gradients import (
    GRADIENTS,
    ClippedGradients,
    TokenSequence,
    import_opacus,
)
from rpsg.models.transformers.generation import GrowingText, write_tile
from rpsg.models.transformers.lora import add_adapters, merge, set_state, state_of
from rpsg.models.transformers.prompts import Prompt, tiles_of
from rpsg.models.transformers.weights import (
    BYTES,
    best_device,
    find_weights,
    import_torch,
    import_transformers,
    load_model,
    load_tokenizer,
    refuse_too_large,
)
from rpsg.models.transformers.writer import ROWS
from rpsg.protocols import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from rpsg.protocols import Endpoint, OnReply, Request

    People = npt.NDArray[np.int64]

#: Weights, sums of gradients, gradients, and the two moments of the optimiser.
TRAINING_COPIES = 5
DECAY = 0.01
RATES = {"lora": 1e-3, "full": 1e-4}


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """A private text, the control codes before it, and its person. Only the text is learnt, not the codes."""

    codes: str
    text: str
    person: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained, in public numbers; ``batch`` is the expected number of people in a step."""

    tuning: Literal["lora", "full"] = "lora"
    rank: int = 8
    steps: int = 200
    batch: int = 64
    clip: float = 1.0
    learning_rate: float | None = None
    tokens: int = 192
    seed: int = 0


class Trainer:
    """Weights that can be trained, by a name as for ``find_weights`` or ``transformers:NAME``.

    It takes the writer's place until there is a trained one, and writes nothing itself. ``threads`` are the
    cores that a step uses; by default all. On a busy machine one core is much faster than two, which wait for
    each other.

    Raises:
        MissingExtraError: torch, transformers or Opacus is not installed.
        ModelError: weights are missing, damaged, in a form that could run code, or too large to be trained.
    """

    endpoint: Endpoint = "local_model"

    def __init__(self, name: str | Path, recipe: Recipe, *, threads: int | None = None) -> None:
        import_transformers()
        import_opacus()
        self._weights = find_weights(str(name).removeprefix("transformers:"))
        copies = 1 if recipe.tuning == "lora" else TRAINING_COPIES
        refuse_too_large(self._weights, BYTES["float32"] * copies, GRADIENTS)
        self._recipe, self._threads = recipe, threads

    @property
    def name(self) -> str:
        return f"dp-trained:{self._weights.identity}:{self._recipe.tuning}"

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:  # noqa: ARG002  # refused
        raise RunError("This writer must be trained before it can write, and has not been.")

    def train(
        self,
        examples: Sequence[TrainingExample],
        rate: float,
        noise: float,
        tell: Callable[[int], None] | None = None,
    ) -> TrainedModel:
        """A model trained on ``examples``.

        Args:
            examples: the texts of all people.
            rate: the probability with which each person takes part in a step.
            noise: the noise multiplier: standard deviation divided by clipping length.
            tell: called with the number of each finished step, from 0.
        """
        recipe = self._recipe
        model, tokenizer = self._prepared()
        rows = [tokens_of(tokenizer, example, recipe.tokens) for example in examples]
        people = np.unique([example.person for example in examples], return_inverse=True)[1]
        with using(self._threads), without_dropout(model):
            fit(model, rows, people, recipe, rate, noise, tell or (lambda _: None))
        state = state_of(model)
        merge(model)
        return TrainedModel(model.eval(), tokenizer, self.name, state, self._threads)

    def restored(self, state: bytes) -> TrainedModel:
        """The trained model, from the bytes that ``TrainedModel.kept`` returned."""
        from safetensors.torch import load  # comes with transformers

        model, tokenizer = self._prepared()
        set_state(model, load(state))
        merge(model)
        return TrainedModel(model.eval(), tokenizer, self.name, {}, self._threads)

    def _prepared(self) -> tuple[Any, Any]:
        model = load_model(self._weights, "causal", "float32", best_device())
        tokenizer = load_tokenizer(self._weights)
        if tokenizer.eos_token_id is None:
            raise ModelError(
                f"{self._weights.label} has no token for the end of a text, so it cannot learn where to end "
                "one.",
                hint="Use another --writer.",
            )
        model.requires_grad_(True)  # noqa: FBT003  # torch's own signature
        if self._recipe.tuning == "lora":
            add_adapters(model, self._recipe.rank, self._recipe.seed)
        return model, tokenizer


class TrainedModel:
    """Writes texts from control codes: a request has one message, the codes that come before the text."""

    endpoint: Endpoint = "local_model"

    def __init__(
        self, model: Any, tokenizer: Any, name: str, state: dict[str, Any], threads: int | None = None
    ) -> None:
        self.model, self._tokenizer, self.name, self._state = model, tokenizer, name, state
        self._threads = threads

    def kept(self) -> bytes:
        """The adapters that were trained, as bytes."""
        from safetensors.torch import save  # comes with transformers

        return bytes(save(self._state))

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        """Replies in the order of the requests; ``on_reply`` is called as each one is finished."""
        rows, ends = ROWS.get(best_device(), ROWS["cpu"]), frozenset({self._tokenizer.eos_token_id})
        longest = int(getattr(self.model.config.get_text_config(), "max_position_embeddings", 2048))
        replies = [Reply("", "error", error="no answer")] * len(requests)

        def land(text: GrowingText) -> None:
            replies[text.prompt.index] = text.reply or replies[text.prompt.index]
            if on_reply is not None:
                on_reply(text.prompt.index, replies[text.prompt.index])

        prompts = [
            Prompt(i, request, _codes(self._tokenizer, request.messages[0].content))
            for i, request in enumerate(requests)
        ]
        for tile in tiles_of(prompts, rows):
            texts = [
                GrowingText(p, self._tokenizer, ends, min(p.request.max_tokens, longest - p.width))
                for p in tile
            ]
            with using(self._threads):
                write_tile(self.model, texts, rows, land, lambda: False)
        return replies


def tokens_of(tokenizer: Any, example: TrainingExample, most: int) -> TokenSequence:
    """The tokens of an example, at most ``most``. A truncated one has no end-of-text token."""
    codes = _codes(tokenizer, example.codes)[: most - 1]
    text = tokenizer(example.text, add_special_tokens=False, verbose=False)["input_ids"]
    return TokenSequence([*codes, *text, tokenizer.eos_token_id][:most], len(codes))


def _codes(tokenizer: Any, codes: str) -> list[int]:
    begin = "" if tokenizer.bos_token is None else str(tokenizer.bos_token)
    found: list[int] = tokenizer(f"{begin}{codes}", add_special_tokens=False, verbose=False)["input_ids"]
    return found


@contextmanager
def using(threads: int | None) -> Iterator[None]:
    """Within this context torch uses this number of cores for a step; None changes nothing."""
    torch = import_torch()
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def without_dropout(model: Any) -> Iterator[None]:
    """Within this context the model is in training mode with every dropout switched off; afterwards it can
    generate.
    """
    dropouts = [(m, m.p) for m in model.modules() if isinstance(m, import_torch().nn.Dropout)]
    model.train()
    try:
        for layer, _ in dropouts:
            layer.p = 0.0
        yield
    finally:
        for layer, share in dropouts:
            layer.p = share
        model.eval()


def fit(
    model: Any,
    rows: Sequence[TokenSequence],
    people: People,
    recipe: Recipe,
    rate: float,
    noise: float,
    tell: Callable[[int], None],
) -> None:
    """Train the model's trainable weights in place; ``people`` numbers the person of each row from 0."""
    torch = import_torch()
    weights = [p for p in model.parameters() if p.requires_grad]
    speed = recipe.learning_rate or RATES[recipe.tuning]
    optimiser = torch.optim.AdamW(weights, lr=speed, weight_decay=DECAY)
    generator = torch.Generator(model.device).manual_seed(int.from_bytes(os.urandom(8)) >> 1)
    count = int(people.max()) + 1 if len(people) else 0
    held: list[list[TokenSequence]] = [[] for _ in range(count)]
    for row, person in zip(rows, people, strict=True):
        held[person].append(row)
    gradients = ClippedGradients(model, weights, recipe.clip)
    try:
        for step in range(recipe.steps):
            sums = gradients.of([held[i] for i in drawn(count, rate)])
            for weight, total in zip(weights, sums, strict=True):
                drawn_noise = torch.randn(total.shape, generator=generator, device=total.device)
                weight.grad = (total + noise * recipe.clip * drawn_noise) / recipe.batch
            optimiser.step()
            tell(step)
    finally:
        gradients.close()


def drawn(people: int, rate: float) -> list[int]:
    """The people of one step: each with probability ``rate``, by the operating system's random numbers."""
    lots = np.frombuffer(os.urandom(8 * people), dtype=np.uint64) >> np.uint64(11)
    return [int(i) for i in np.flatnonzero(lots < rate * 2.0**53)]
