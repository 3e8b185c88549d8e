"""A neural model is trained on the corpus and never sees what it is to foretell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.evaluation.conftest import GARDEN, HARBOUR, sentences

from rpsg.errors import ModelError

torch = pytest.importorskip("torch", reason="needs the extra 'hf'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'hf'")

from rpsg.evaluation.metrics.fine_tuning import FineTuning, causal_model, refuse_looking_ahead, train_and_test  # noqa: E402
from rpsg.models.transformers.weights import find_weights  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ".", *GARDEN, *HARBOUR]
QUICK = FineTuning(epochs=4, learning_rate=1e-2, batch=8, tokens=16)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny matrices are slower with two threads, and much slower on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with random weights, as a folder of a hub has one."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("tiny-bert")
    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    fast.save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.BertForMaskedLM(config).save_pretrained(folder)
    return folder


def test_a_bert_becomes_causal_by_its_mask(bert: Path) -> None:
    model, _ = causal_model(find_weights(str(bert)))
    ids = torch.tensor([[2, 6, 7, 8, 9, 10]])
    changed = ids.clone()
    changed[0, 4:] = 12
    with torch.no_grad():
        first, second = (model.eval()(input_ids=i).logits for i in (ids, changed))
    assert torch.allclose(first[:, :4], second[:, :4], atol=1e-6)
    assert not torch.allclose(first[:, 4:], second[:, 4:], atol=1e-4)


def test_a_model_that_looks_ahead_is_refused(bert: Path) -> None:
    sees_all = transformers.BertForMaskedLM.from_pretrained(bert)
    with pytest.raises(ModelError, match="sees the words that it is to predict"):
        refuse_looking_ahead(sees_all, "tiny")


def accuracy(bert: Path, train: list[str], test: list[str], **how: Any) -> float:
    found = train_and_test(str(bert), train, test, 0, QUICK)
    assert "tiny-bert" in found.model
    return float(found.right.sum() / found.positions.sum())


def test_training_on_the_same_language_foretells_better(bert: Path) -> None:
    test = sentences(32, GARDEN, seed=9)
    own, foreign = (accuracy(bert, sentences(64, w, seed=1), test) for w in (GARDEN, HARBOUR))
    assert own > foreign + 0.1


def test_the_same_seed_gives_the_same_figures(bert: Path) -> None:
    texts = sentences(24, seed=1)
    quick = FineTuning(epochs=1, batch=8, tokens=16)
    first, again = (train_and_test(str(bert), texts, texts, 3, quick) for _ in range(2))
    assert first.surprise.tolist() == again.surprise.tolist()
    assert first.right.tolist() == again.right.tolist()


def test_padding_changes_no_figure(bert: Path) -> None:
    texts = [*sentences(8, seed=1, most=6), *sentences(8, seed=2, most=18)]
    untrained = FineTuning(epochs=0, tokens=32)
    padded = train_and_test(str(bert), texts, texts, 0, untrained)
    alone = [train_and_test(str(bert), texts, [text], 0, untrained) for text in texts]
    assert padded.positions.tolist() == [float(one.positions[0]) for one in alone]
    assert padded.surprise.tolist() == pytest.approx([float(one.surprise[0]) for one in alone], rel=1e-4)


def test_figures_come_from_the_command_s_metric(bert: Path) -> None:
    from rpsg.evaluation.inputs import Inputs, Texts
    from rpsg.evaluation.metrics.language_model import perplexity
    from rpsg.evaluation.models import EvaluationModels
    from rpsg.models.fake import FakeEmbedder

    models = EvaluationModels(FakeEmbedder(), language_model=str(bert))
    texts = sentences(20, seed=1)
    found = perplexity(Inputs(Texts(texts, models), Texts(texts, models), models))
    assert found.value is not None
    assert 1 < found.value < 2 * len(VOCABULARY)
    assert "fine-tuned 3 epochs" in found.model
