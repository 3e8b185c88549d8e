"""The neural loop is transformers' own: its loss of labels, its schedule, single texts where ours pads."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.evaluation.sides import KINDS, sides_of

from rpsg.stages.rng import stream

torch = pytest.importorskip("torch", reason="needs the extra 'hf'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'hf'")

from rpsg.evaluation.metrics.fine_tuning import FineTuning, train_and_test  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SEED = 5
TRAINED = FineTuning(epochs=2, learning_rate=3e-3, weight_decay=0.1, batch=16, tokens=24)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=KINDS)
def texts(request: pytest.FixtureRequest) -> tuple[Sequence[str], Sequence[str]]:
    """Some to learn from, not a multiple of the batch, and some to foretell."""
    sides = sides_of(request.param)
    return sides.corpus.texts[:40], sides.real.texts[:20]


@pytest.fixture
def weights(texts: tuple[Sequence[str], Sequence[str]], tmp_path: Path) -> Path:
    """A small GPT-2 without dropout that knows the words of the texts it is to learn from."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = pre_tokenizers.Whitespace()
    known = sorted({piece for text in texts[0] for piece, _ in pieces.pre_tokenize_str(text)})
    numbered = {word: i for i, word in enumerate(["[PAD]", "[UNK]", *known])}
    words = Tokenizer(models.WordLevel(numbered, unk_token="[UNK]"))
    words.pre_tokenizer = pieces
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]")
    fast.save_pretrained(tmp_path)
    none = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    size = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, "vocab_size": len(numbered)}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.GPT2LMHeadModel(transformers.GPT2Config(**size, **none, **ends)).save_pretrained(
            tmp_path
        )
    return tmp_path


def trained(weights: Path, texts: Sequence[str], how: FineTuning) -> tuple[Any, Any]:
    """transformers' loss of labels, with -100 for padding, its linear schedule, AdamW, slopes cut."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(weights)
    model = transformers.AutoModelForCausalLM.from_pretrained(weights).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay)
    steps = how.epochs * math.ceil(len(texts) / how.batch)
    schedule = transformers.get_linear_schedule_with_warmup(optimiser, 0, steps)
    for epoch in range(how.epochs):
        order = stream(SEED, "language model", epoch).permutation(len(texts))
        for start in range(0, len(texts), how.batch):
            batch = tokenizer(
                [texts[i] for i in order[start : start + how.batch]],
                padding=True,
                truncation=True,
                max_length=how.tokens,
                return_tensors="pt",
            )
            labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
            asked = {name: batch[name] for name in ("input_ids", "attention_mask")}
            model(**asked, labels=labels).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
    return model.eval(), tokenizer


def foretold(model: Any, tokenizer: Any, text: str, most: int) -> tuple[int, int, float]:
    """Positions, those foretold rightly, and the summed loss of one text alone."""
    ids = tokenizer(text, truncation=True, max_length=most, return_tensors="pt")["input_ids"]
    if ids.shape[1] < 2:
        return 0, 0, 0.0
    with torch.no_grad():
        found = model(input_ids=ids, labels=ids)
    right = sum(int(scores.argmax()) == int(ids[0, i + 1]) for i, scores in enumerate(found.logits[0, :-1]))
    return ids.shape[1] - 1, right, float(found.loss) * (ids.shape[1] - 1)


@pytest.mark.parametrize("how", [FineTuning(epochs=0, tokens=24), TRAINED], ids=["untrained", "trained"])
def test_every_text_has_the_loss_and_hits_of_transformers(
    how: FineTuning, weights: Path, texts: tuple[Sequence[str], Sequence[str]]
) -> None:
    model, tokenizer = trained(weights, texts[0], how)
    wanted = np.array([foretold(model, tokenizer, text, how.tokens) for text in texts[1]])
    found = train_and_test(str(weights), texts[0], texts[1], SEED, how)
    assert found.positions.tolist() == wanted[:, 0].tolist()
    assert found.surprise == pytest.approx(wanted[:, 2], rel=1e-4)
    assert np.abs(found.right - wanted[:, 1]).sum() <= 1  # a tie to the last digit may fall either way
    assert how.epochs == 0 or found.right.sum() > 0
