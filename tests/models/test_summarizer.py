"""Summaries and surrogates by transformers, on tiny models with random weights that a test makes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("torch", reason="torch is a package of gigabytes; the extra hf brings it")
pytest.importorskip("transformers", reason="as torch")

SOURCE = "the tea was good and warm but coffee made of old beans tasted bitter"
WORDS = f"{SOURCE} we sent it back again".split()


def tokenizer_in(folder: Path, *, bert: bool = False) -> int:
    """A tokenizer of single words beside the weights; gives the size of its vocabulary."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = {word: i for i, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    single = "<s> $A </s>"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single, special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names: dict[str, Any] = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
    }
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    return len(words)


@pytest.fixture(scope="module")
def bart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bart_in(tmp_path_factory.mktemp("bart"))


def bart_in(folder: Path) -> Path:
    """A model that sums up, with random weights."""
    import torch
    from transformers import BartConfig, BartForConditionalGeneration

    size = tokenizer_in(folder)
    layers = {"encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "d_model": 16}
    tokens = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = BartForConditionalGeneration(
            BartConfig(vocab_size=size, max_position_embeddings=64, **layers, **heads, **tokens)
        )
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import BertConfig, BertLMHeadModel

    folder = tmp_path_factory.mktemp("bert")
    size = tokenizer_in(folder)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = BertLMHeadModel(
            BertConfig(
                vocab_size=size,
                hidden_size=16,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=32,
                max_position_embeddings=64,
                is_decoder=True,
            )
        )
    model.save_pretrained(folder)
    return folder


def summaries(folder: Path, texts: list[str], **how: Any) -> list[list[str]]:
    from rpsg.models.transformers.summarizer import Seq2SeqSummarizer

    settings = {"count": 5, "least": 6, "most": 12, "sampled": False, "seed": 0, **how}
    return Seq2SeqSummarizer(folder).summarize(texts, **settings)


def test_five_different_summaries_of_the_length_asked_for_come_out(bart: Path) -> None:
    (found,) = summaries(bart, [SOURCE])
    assert len(set(found)) == 5
    assert all(6 <= len(text.split()) <= 12 for text in found)


@pytest.mark.parametrize("sampled", [False, True])
def test_a_summary_depends_on_its_own_text_alone(bart: Path, sampled: bool) -> None:
    others = ["we sent it back again", SOURCE, "old beans"]
    assert summaries(bart, others, sampled=sampled)[1] == summaries(bart, [SOURCE], sampled=sampled)[0]


def test_samples_go_by_the_seed(bart: Path) -> None:
    assert summaries(bart, [SOURCE], sampled=True) == summaries(bart, [SOURCE], sampled=True)
    assert summaries(bart, [SOURCE], sampled=True) != summaries(bart, [SOURCE], sampled=True, seed=1)


def test_one_group_without_diversity_is_beam_search_as_transformers_has_it(bart: Path) -> None:
    import torch
    from transformers import AutoModelForSeq2SeqLM

    from rpsg.models.transformers.beams import Search
    from rpsg.models.transformers.summarizer import Seq2SeqSummarizer

    plain = Seq2SeqSummarizer(bart, search=Search(beams=4, groups=1, diversity=0.0))
    (ours,) = plain.summarize([SOURCE], count=4, least=6, most=12, sampled=False, seed=0)
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(bart), plain._load()[1]
    with torch.inference_mode():
        theirs = model.generate(
            torch.tensor([tokenizer(SOURCE)["input_ids"]]),
            num_beams=4,
            num_return_sequences=4,
            min_new_tokens=6,
            max_new_tokens=12,
            early_stopping=True,
            do_sample=False,
        )
    told = [tokenizer.decode(row, skip_special_tokens=True).strip() for row in theirs]
    assert ours[0] == told[0]


def test_groups_that_pay_for_repeats_begin_otherwise(bart: Path) -> None:
    from rpsg.models.transformers.beams import Search
    from rpsg.models.transformers.summarizer import Seq2SeqSummarizer

    def beginnings(diversity: float) -> int:
        search = Search(beams=4, groups=4, diversity=diversity)
        found = Seq2SeqSummarizer(bart, search=search).summarize(
            [SOURCE], count=4, least=6, most=12, sampled=False, seed=0
        )
        return len({text.split()[0] for text in found[0]})

    assert beginnings(50.0) >= 3  # a first token may be a special one, which no text shows
    assert beginnings(0.0) == 1


def test_a_run_that_may_not_come_again_is_known() -> None:
    from rpsg.models.transformers.beams import repeated

    assert repeated([1, 2, 3, 1, 2], 3) == {3}
    assert repeated([1, 2, 3], 3) == set()
    assert repeated([1, 1], 1) == {1}
    assert repeated([1, 2], 0) == set()


def test_weights_that_are_a_pickle_are_refused(bart: Path, tmp_path: Path) -> None:
    from rpsg.models.transformers.surrogate import FineTuned

    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"no")
    with pytest.raises(ModelError, match="pickle"):
        FineTuned(tmp_path)


def trained(folder: Path, **how: Any) -> Any:
    from rpsg.models.transformers.surrogate import FineTuned

    settings = {"epochs": 8, "rate": 0.02, "batch": 4, "accumulate": 1, **how}
    return FineTuned(folder, **settings).train(["the tea was good", "the tea was warm"] * 4, 7)


def test_a_trained_surrogate_finds_what_it_was_shown_likelier(bert: Path) -> None:
    scorer = trained(bert)
    shown, strange = scorer.score(["the tea was good", "beans back it sent"])
    assert sum(shown) / len(shown) > sum(strange) / len(strange) + 1


def test_a_score_depends_neither_on_company_nor_on_padding(bert: Path) -> None:
    scorer = trained(bert, epochs=1)
    alone = scorer.score(["the tea was good"])[0]
    assert scorer.score(["old beans", "the tea was good", SOURCE])[1] == alone
    import torch

    from rpsg.models.transformers.surrogate import log_probabilities

    ids = torch.tensor([[0, 4, 5, 6, 7, 2, 1, 1, 1]])
    mask = (ids != 1).long()
    with torch.inference_mode():
        padded = log_probabilities(scorer._model, ids, mask)[0, :5].tolist()
    assert padded == pytest.approx(alone, abs=1e-5)


def test_the_labels_are_shifted_and_nobody_sees_ahead(bert: Path) -> None:
    """A token's score does not change with those that come after it."""
    scorer = trained(bert, epochs=1)
    long, short = scorer.score(["the tea was good and warm", "the tea was good but old"])
    assert long[:4] == pytest.approx(short[:4], abs=1e-6)
    assert long[4] != pytest.approx(short[4], abs=1e-3)


def test_the_same_texts_and_seed_train_the_same_surrogate_and_leave_the_dice_alone(bert: Path) -> None:
    import torch

    before = torch.random.get_rng_state()
    first, second = trained(bert, epochs=2), trained(bert, epochs=2)
    assert first.score([SOURCE]) == second.score([SOURCE])
    assert first.name == second.name
    assert torch.equal(before, torch.random.get_rng_state())


def test_of_an_empty_text_the_end_alone_is_scored(bert: Path) -> None:
    (end,) = trained(bert, epochs=1).score([""])
    assert len(end) == 1
    assert math.isfinite(end[0])


def test_a_text_without_tokens_has_no_score() -> None:
    from rpsg.models.fake import FakeScorer
    from rpsg.stages.surrogate import mean_nll

    nothing, written = mean_nll(FakeScorer(), ["", "the tea"])
    assert math.isnan(nothing)
    assert math.isfinite(written)
