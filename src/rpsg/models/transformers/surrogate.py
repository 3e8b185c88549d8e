"""The paper's surrogate: a small model fine-tuned as a causal language model on the synthetic variants.

The paper uses BERT-small with a causal mask; any causal model will do. A text's score is the log-probability
of each token given those before it, without padding and one text at a time: the published code had one loss
for a batch of 32, counted its padding, and did not shift the labels.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

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
    from collections.abc import Sequence
    from pathlib import Path

    from rpsg.protocols import Endpoint

LONGEST = 512
TRAINING_COPIES = 4  # weights, gradients and the two moments of the optimiser


class FineTuned:
    """The model to train and the training settings, by default those of the paper.

    name: a folder of weights, or OWNER/REPO of a hub that was downloaded before. Raises MissingExtraError
    without the packages; ModelError when weights are missing, damaged, in a form that could run code, or too
    large to be trained on this machine.
    """

    endpoint: Endpoint = "local_model"

    def __init__(
        self,
        name: str | Path,
        *,
        epochs: int = 3,
        rate: float = 4e-4,
        decay: float = 0.01,
        batch: int = 32,
        accumulate: int = 2,
    ) -> None:
        import_transformers()
        self._weights = find_weights(str(name))
        refuse_too_large(self._weights, BYTES["float32"] * TRAINING_COPIES)
        self._epochs, self._rate, self._decay = epochs, rate, decay
        self._batch, self._accumulate = batch, accumulate

    @property
    def name(self) -> str:
        how = (self._epochs, self._rate, self._decay, self._batch, self._accumulate)
        return f"fine-tuned:{self._weights.identity}:{'-'.join(f'{value:g}' for value in how)}"

    def train(self, texts: Sequence[str], seed: int) -> FineTunedScorer:
        """A scorer trained on ``texts``; ``seed`` decides their order and the dropout."""
        torch = import_torch()
        tokenizer = load_tokenizer(self._weights)
        rows = [ids for ids in map(_tokens(tokenizer), texts) if len(ids) > 1]
        devices = list(range(torch.cuda.device_count()))
        with torch.random.fork_rng(devices=devices), one_thread_each():
            # Dropout and new heads use the global random state only. The previous state is restored.
            torch.manual_seed(seed)
            model = load_model(self._weights, "decoder", "float32", best_device())
            self._fit(model, rows)
        digest = sha256("\0".join(texts).encode(errors="surrogatepass")).hexdigest()
        return FineTunedScorer(model.eval(), tokenizer, f"{self.name}@{digest[:12]}")

    def _fit(self, model: Any, rows: Sequence[list[int]]) -> None:
        torch = import_torch()
        optimiser = torch.optim.AdamW(model.parameters(), lr=self._rate, weight_decay=self._decay)
        model.train()
        for _ in range(self._epochs):
            order = torch.randperm(len(rows)).tolist()
            parts = [order[i : i + self._batch] for i in range(0, len(order), self._batch)]
            for number, part in enumerate(parts, start=1):
                loss = -mean_log_probability(model, [rows[i] for i in part])
                (loss / self._accumulate).backward()
                if number % self._accumulate == 0 or number == len(parts):
                    optimiser.step()
                    optimiser.zero_grad()


def _tokens(tokenizer: Any) -> Any:
    return lambda text: tokenizer(text, truncation=True, max_length=LONGEST, verbose=False)["input_ids"]


def mean_log_probability(model: Any, rows: Sequence[list[int]]) -> Any:
    """The mean of log p(token | those before it) over all tokens except the first of each row."""
    ids, mask = padded(rows, max(map(len, rows)), model.device)
    scores = log_probabilities(model, ids, mask)
    real = mask[:, 1:].float()
    return (scores * real).sum() / real.sum()


def log_probabilities(model: Any, ids: Any, mask: Any) -> Any:
    """Log-probabilities log p(ids[:, i] | ids[:, :i]) for i >= 1, shape (rows, width - 1)."""
    torch = import_torch()
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
    return torch.log_softmax(logits, dim=-1).gather(2, ids[:, 1:, None])[..., 0]


class FineTunedScorer:
    """The trained surrogate. A text's scores depend on that text alone."""

    endpoint: Endpoint = "local_model"

    def __init__(self, model: Any, tokenizer: Any, name: str) -> None:
        self._model, self._tokenizer, self.name = model, tokenizer, name

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        """For each text the natural-log probability of each of its tokens; none for an empty text."""
        torch = import_torch()
        with torch.inference_mode(), one_thread_each():
            return [self._score(_tokens(self._tokenizer)(text)) for text in texts]

    def _score(self, row: list[int]) -> list[float]:
        if len(row) < 2:
            return []
        torch = import_torch()
        ids = torch.tensor([row], device=self._model.device)
        found: list[float] = log_probabilities(self._model, ids, torch.ones_like(ids))[0].tolist()
        return found
