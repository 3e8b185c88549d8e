"""Next-word prediction by a fine-tuned neural language model, with PyTorch and transformers.

Settings of the AUG-PE and RPSG evaluations: a small model (theirs is ``prajjwal1/bert-small``) is trained as
a causal language model on the corpus, three epochs, learning rate 3e-4, weight decay .01, batches of 32, and
tested on real texts. Accuracy counts all positions that are not padding. A BERT is causal only through its
mask, so a check before training makes sure that changing a word does not change the predictions before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.errors import ModelError
from rpsg.evaluation.inputs import Tested, UnavailableError
from rpsg.models.transformers.weights import (
    find_weights,
    import_torch,
    load_model,
    load_tokenizer,
    refuse_too_large,
)
from rpsg.stages.rng import stream, text_seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.models.transformers.weights import Weights

BYTES_TO_TRAIN = 16  # weights, gradients and two moments, four bytes each
IGNORED = -100
TESTED_AT_ONCE = 8  # logits of a whole vocabulary for each token: large batches would take gigabytes


@dataclass(frozen=True, slots=True)
class FineTuning:
    """Hyperparameters; texts are cut at ``tokens``."""

    epochs: int = 3
    learning_rate: float = 3e-4
    weight_decay: float = 0.01
    batch: int = 32
    tokens: int = 128


def train_and_test(
    name: str, train: Sequence[str], test: Sequence[str], seed: int, training: FineTuning | None = None
) -> Tested:
    """Fine-tune the weights called ``name`` on ``train``, test on ``test``.

    Raises MissingExtraError without the packages, ModelError if the weights are missing or do not make a
    causal model, UnavailableError if no text has two tokens.
    """
    how, torch = training or FineTuning(), import_torch()
    weights = find_weights(name)
    refuse_too_large(weights, BYTES_TO_TRAIN)
    with torch.random.fork_rng():
        torch.manual_seed(text_seed(seed, "language model"))  # the new head's first weights, and dropout
        model, tokenizer = causal_model(weights)
        learn, test_ids = (
            [list(tokenizer(text, truncation=True, max_length=how.tokens)["input_ids"]) for text in texts]
            for texts in (train, test)
        )
        if not any(len(ids) > 1 for ids in learn) or not any(len(ids) > 1 for ids in test_ids):
            raise UnavailableError("No text has two tokens.")
        _train(model, learn, how, seed)
        positions, right, surprise = _test(model, test_ids)
    about = f"{weights.identity}, fine-tuned {how.epochs} epochs, {how.tokens} tokens a text"
    return Tested(positions, right, surprise, about)


def causal_model(weights: Weights) -> tuple[Any, Any]:
    """Model and tokenizer; ModelError if the model sees later tokens."""
    tokenizer = load_tokenizer(weights)
    model = load_model(weights, "decoder", "float32", "cpu")
    refuse_looking_ahead(model, weights.label)
    return model, tokenizer


def refuse_looking_ahead(model: Any, label: str) -> None:
    """ModelError if changing the last token changes the logits before it."""
    torch = import_torch()
    ids = torch.arange(5, 13)[None] % model.config.vocab_size
    other = ids.clone()
    other[0, -1] = (ids[0, -1] + 1) % model.config.vocab_size
    model.eval()
    with torch.no_grad():
        first, second = (model(input_ids=i, attention_mask=torch.ones_like(i)).logits for i in (ids, other))
    if not torch.allclose(first[:, :-1], second[:, :-1], atol=1e-4):
        raise ModelError(
            f"{label} sees the words that it is to predict, so its figures would mean nothing.",
            hint="Use a causal language model, such as SmolLM2, or a BERT.",
        )


def _train(model: Any, texts: Sequence[Sequence[int]], how: FineTuning, seed: int) -> None:
    """AdamW with a learning rate that falls to zero; gradients are clipped to norm one."""
    torch = import_torch()
    model.train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay)
    steps = max(1, how.epochs * -(-len(texts) // how.batch))
    falling = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(0.0, 1 - step / steps))
    for epoch in range(how.epochs):
        order = stream(seed, "language model", epoch).permutation(len(texts))
        for ids, mask in _batches([texts[i] for i in order], how.batch):
            logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1]
            wanted = ids[:, 1:].masked_fill(mask[:, 1:] == 0, IGNORED)
            if not bool((wanted != IGNORED).any()):
                continue
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            falling.step()
            optimiser.zero_grad()


def _test(model: Any, texts: Sequence[Sequence[int]]) -> tuple[Any, Any, Any]:
    """For each text: the number of positions, of those predicted correctly, and the sum of -log
    probability.
    """
    torch = import_torch()
    model.eval()
    found: list[Any] = []
    with torch.no_grad():
        for ids, mask in _batches(texts, TESTED_AT_ONCE):
            logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1]
            wanted, counts = ids[:, 1:], mask[:, 1:]
            surprise = torch.nn.functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="none")
            right = (logits.argmax(-1) == wanted) * counts
            found.append(torch.stack([counts.sum(1), right.sum(1), (surprise * counts).sum(1)], 1))
    positions, right, surprise = np.asarray(torch.cat(found).double().numpy()).T
    return positions, right, surprise


def _batches(texts: Sequence[Sequence[int]], size: int) -> Iterator[tuple[Any, Any]]:
    """(ids, mask) of ``size`` texts, padded on the right."""
    torch = import_torch()
    for start in range(0, len(texts), size):
        block = texts[start : start + size]
        longest = max(2, *(len(ids) for ids in block))
        ids = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in block])
        mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in block])
        yield ids, mask
