"""A causal model whose last layers are fine-tuned on a corpus, to see which other texts it then finds likely.

Only the last layers are trained. The states that the layers below compute for a text never change, so they
are computed once for each text and kept; otherwise each pass would run the whole model, forwards and
backwards. The model must be a language model already: an encoder's head would be new, and a few dozen texts
are too few to train one.
"""

from __future__ import annotations

import math
from copy import copy, deepcopy
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from rpsg.errors import ModelError
from rpsg.models.transformers.batching import one_thread_each, padded
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

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rpsg.protocols import Endpoint

    Told = Callable[[float], object]

#: The number of first tokens of a text that are used, including the beginning-of-text token.
LONGEST = 128
#: The number of layers that are trained, and the number of texts per step.
TRAINED, BATCH = 3, 4
#: Training takes at least this many passes over the corpus and this many steps, but at most ``MOST`` passes.
PASSES, STEPS, MOST = 3, 60, 10
#: Steps until the full learning rate is reached, and the mean loss per token, in nats, below which training
#: ends.
WARM_UP, KNOWN = 10, 1.0
#: At most this many bytes of the lower layers' states are kept; for further texts the lower layers run again.
MOST_KEPT = 1 << 29
#: The largest difference in log-probability between the two parts and the whole model that rounding can
#: cause.
CLOSE = 1e-2


class LastLayers:
    """The model to train. Its weights are loaded at the first use, once for all corpora.

    name: a name of the catalogue, a GGUF file, a folder of weights, or OWNER/REPO of a hub that was
    downloaded before. Raises MissingExtraError without the packages; ModelError when weights are missing,
    damaged, in a form that could run code, or too large for this machine.
    """

    endpoint: Endpoint = "local_model"

    def __init__(self, name: str | Path, *, rate: float = 1e-3, trained: int = TRAINED) -> None:
        import_transformers()
        self._weights = find_weights(str(name))
        refuse_too_large(self._weights, BYTES["float32"], extra=MOST_KEPT)
        self._rate, self._trained = rate, trained
        self._divided: DividedModel | None = None

    @property
    def name(self) -> str:
        return f"last-layers:{self._weights.identity}:{self._trained}-{self._rate:g}"

    def train(self, texts: Sequence[str], seed: int, told: Told | None = None) -> LastLayersScorer:
        """A scorer trained on ``texts``, or on nothing; ``seed`` decides their order.

        ``told`` is called with the share of the work that is done.

        Raises:
            ModelError: the model cannot be loaded, or is of a kind that cannot be divided between layers.
        """
        with one_thread_each():
            divided = self._divided = self._divided or self._load()
            rows = [row for row in map(divided.tokens, texts) if len(row) > 1]
            upper = divided.upper_copy()
            if rows:
                passes = min(max(PASSES, math.ceil(STEPS / math.ceil(len(rows) / BATCH))), MOST)
                rounds = passes + 1  # the first pass runs the lower layers only
                say = told or float
                for number, row in enumerate(rows, start=1):
                    divided.below(row)
                    say(number / len(rows) / rounds)
                self._fit(
                    divided, upper, rows, passes, seed, lambda share: say((1 + passes * share) / rounds)
                )
        digest = sha256("\0".join(texts).encode(errors="surrogatepass")).hexdigest()
        return LastLayersScorer(divided, upper, f"{self.name}@{digest[:12]}")

    def _load(self) -> DividedModel:
        tokenizer = load_tokenizer(self._weights)
        model = load_model(self._weights, "causal", "float32", best_device())
        model.requires_grad_(False)  # noqa: FBT003  # torch's own signature
        refused = ModelError(
            f"The layers of {self._weights.label} cannot be run one by one.",
            hint="Use a causal model built like Llama, for example: smollm2-135m",
        )
        try:
            divided = DividedModel.of(model, tokenizer, self._trained)
            is_whole = divided.is_close_to(model)
        except (AttributeError, TypeError, KeyError) as error:  # parts that this kind of model lacks
            raise refused from error
        if not is_whole:
            raise refused
        return divided

    def _fit(
        self,
        divided: DividedModel,
        upper: Any,
        rows: Sequence[list[int]],
        passes: int,
        seed: int,
        told: Told,
    ) -> None:
        torch = import_torch()
        upper.layers.requires_grad_(True)  # noqa: FBT003  # torch's own signature
        optimiser = torch.optim.AdamW(upper.layers.parameters(), lr=self._rate, weight_decay=0.0)
        order = torch.Generator().manual_seed(seed)
        # The softmax of training has only the words of the corpus. Over all words it would be half of the
        # work.
        words = torch.tensor(sorted({token for row in rows for token in row[1:]}))
        step = 0
        for own in range(passes):
            total = 0.0
            drawn = torch.randperm(len(rows), generator=order).tolist()
            for start in range(0, len(drawn), BATCH):
                part = drawn[start : start + BATCH]
                step += 1
                for group in optimiser.param_groups:
                    group["lr"] = self._rate * min(1.0, step / WARM_UP)
                loss = divided.loss(upper, [rows[i] for i in part], words)
                loss.backward()
                optimiser.step()
                optimiser.zero_grad()
                total += loss.item() * len(part)
                told((own + (start + len(part)) / len(rows)) / passes)
            if total / len(rows) < KNOWN:
                break
        upper.layers.requires_grad_(False)  # noqa: FBT003  # torch's own signature


@dataclass
class DividedModel:
    """A model in two parts: ``lower`` turns a text into states; ``upper`` and ``head`` turn the states into
    words.
    """

    tokenizer: Any
    start: int | None
    lower: Any
    upper: Any
    head: Any
    kept: dict[tuple[int, ...], Any] = field(default_factory=dict)
    room: int = 0

    @classmethod
    def of(cls, model: Any, tokenizer: Any, trained: int) -> DividedModel:
        """The two parts of a model. The upper part has the last ``trained`` layers, or all if there are
        fewer.
        """
        base = model.base_model
        place = max(0, len(base.layers) - trained)
        start = tokenizer.bos_token_id
        start = tokenizer.eos_token_id if start is None else start
        lower, upper = _part(base, slice(place)), _part(base, slice(place, None))
        lower.norm = import_torch().nn.Identity()
        return cls(tokenizer, start, lower, upper, model.get_output_embeddings(), room=MOST_KEPT)

    def tokens(self, text: str) -> list[int]:
        """The beginning-of-text token, if the model has one, and the first tokens of the text."""
        found = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return [*(() if self.start is None else (self.start,)), *found][:LONGEST]

    def below(self, row: list[int]) -> Any:
        """The states of the tokens after the lower layers; shape (tokens, width)."""
        torch = import_torch()
        known = self.kept.get(tuple(row))
        if known is not None:
            return known
        with torch.no_grad():
            ids = torch.tensor([row], device=self.lower.device)
            found = self.lower(input_ids=ids, use_cache=False).last_hidden_state[0]
        size = found.numel() * found.element_size()
        if size <= self.room:
            self.room -= size
            self.kept[tuple(row)] = found
        return found

    def upper_copy(self) -> Any:
        """A copy of the untrained upper part, to be trained."""
        made = _part(self.upper, slice(None))
        made.layers = deepcopy(self.upper.layers)
        return made

    def loss(self, upper: Any, rows: Sequence[list[int]], words: Any) -> Any:
        """The mean of -log p(token | those before it) over the tokens of all rows, among ``words`` alone."""
        torch = import_torch()
        below = torch.nn.utils.rnn.pad_sequence([self.below(row) for row in rows], batch_first=True)
        ids, mask = padded(rows, below.shape[1], below.device)
        states = upper(inputs_embeds=below, attention_mask=mask, use_cache=False).last_hidden_state
        real = mask[:, 1:].bool()
        bias = None if self.head.bias is None else self.head.bias[words]
        said = torch.nn.functional.linear(states[:, :-1][real], self.head.weight[words], bias)
        right = torch.searchsorted(words.to(ids.device), ids[:, 1:][real])
        return torch.nn.functional.cross_entropy(said, right)

    def scores(self, upper: Any, row: list[int]) -> Any:
        """Log-probabilities of the tokens after the first, each among all tokens; shape (tokens - 1,)."""
        torch = import_torch()
        states = upper(inputs_embeds=self.below(row)[None], use_cache=False).last_hidden_state[0, :-1]
        said = torch.log_softmax(self.head(states), dim=-1)
        return said.gather(1, torch.tensor(row[1:], device=said.device)[:, None])[:, 0]

    def is_close_to(self, model: Any) -> bool:
        """Whether the two parts together give what the model gives: not every architecture can be divided."""
        torch = import_torch()
        row = [*range(2, 10)]
        with torch.inference_mode():
            ids = torch.tensor([row], device=model.device)
            logits = model(input_ids=ids, use_cache=False).logits[0, :-1].float()
            whole = torch.log_softmax(logits, dim=-1).gather(1, ids[0, 1:, None])[:, 0]
            return bool((self.scores(self.upper, row) - whole).abs().max() < CLOSE)


def _part(base: Any, layers: slice) -> Any:
    """The model with only some of its layers. Everything else is shared with the original."""
    part = copy(base)
    part.__dict__["_modules"] = dict(base.named_children())
    part.layers = base.layers[layers]
    part.config = copy(base.config)
    part.config.num_hidden_layers = len(part.layers)
    if getattr(base.config, "layer_types", None):
        part.config.layer_types = base.config.layer_types[layers]
    return part


class LastLayersScorer:
    """The trained model. A text's scores depend on the first tokens of that text alone."""

    endpoint: Endpoint = "local_model"

    def __init__(self, divided: DividedModel, upper: Any, name: str) -> None:
        self._divided, self._upper, self.name = divided, upper, name

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        """For each text the natural-log probability of each of its first tokens; none for an empty text."""
        rows = [self._divided.tokens(text) for text in texts]
        with import_torch().no_grad(), one_thread_each():
            return [self._divided.scores(self._upper, row).tolist() if len(row) > 1 else [] for row in rows]
