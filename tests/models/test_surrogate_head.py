"""A surrogate from weights without a head for words, as an encoder for sentences has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch", reason="torch is a package of gigabytes; the extra hf brings it")
pytest.importorskip("transformers", reason="as torch")

from tests.models.test_summarizer import tokenizer_in

from rpsg.models.transformers.surrogate import FineTuned

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["the tea was good", "the tea was warm"] * 4


@pytest.fixture(scope="module")
def headless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("headless")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=tokenizer_in(folder), max_position_embeddings=32, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        BertModel(config).save_pretrained(folder)
    return folder


def test_its_new_head_comes_from_the_seed_too(headless: Path) -> None:
    first, second, other = (FineTuned(headless).train(TEXTS, seed) for seed in (7, 7, 8))
    assert first.score(TEXTS[:1]) == second.score(TEXTS[:1])
    assert first.score(TEXTS[:1]) != other.score(TEXTS[:1])


def test_training_leaves_the_caller_s_random_numbers_alone(headless: Path) -> None:
    import torch

    before = torch.random.get_rng_state()
    FineTuned(headless).train(TEXTS, 7)
    assert torch.equal(torch.random.get_rng_state(), before)
