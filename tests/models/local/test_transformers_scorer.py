"""The transformers scorer against the definition, computed one token at a time; its windows; its padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("transformers", reason="needs the extra hf")

from tests.models.local.tiny import causal_folder, character_tokenizer

from rpsg.errors import ModelError
from rpsg.models.transformers.scorer import TransformersScorer

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["The tea was good.", "x", "Two cans came dented and one had leaked. " * 3, "", "We liked it"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return causal_folder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def scorer(folder: Path) -> TransformersScorer:
    return TransformersScorer(folder)


def one_by_one(scorer: TransformersScorer, text: str, window: int = 10_000) -> list[float]:
    """log p(token | start, those before) from a reading of the model for each token alone."""
    import torch

    model, tokenizer, start = scorer._load()
    ids = [start, *tokenizer(text, add_special_tokens=False)["input_ids"]]
    found = []
    for place in range(1, len(ids)):
        before = ids[max(0, place - window) : place]
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([before])).logits[0, -1].double()
        found.append(float(torch.log_softmax(logits, -1)[ids[place]]))
    return found


def close(one: list[float], two: list[float]) -> bool:
    return one == pytest.approx(two, abs=1e-4)


def test_each_token_is_scored_given_those_before_it(scorer: TransformersScorer) -> None:
    """A score shifted by one place would fail here."""
    for text, scores in zip(TEXTS, scorer.score(TEXTS), strict=True):
        assert close(scores, one_by_one(scorer, text))


def test_scores_do_not_depend_on_batch_and_padding(scorer: TransformersScorer, folder: Path) -> None:
    alone = scorer.score(TEXTS)
    for rows in (2, 5):
        together = TransformersScorer(folder, rows=rows).score(TEXTS)
        assert [len(s) for s in together] == [len(s) for s in alone]
        assert all(close(one, two) for one, two in zip(together, alone, strict=True))
        assert TransformersScorer(folder, rows=rows).name == scorer.name


def test_every_token_gets_a_score_and_can_be_counted(scorer: TransformersScorer) -> None:
    assert scorer.count_tokens(TEXTS) == [len(s) for s in scorer.score(TEXTS)] == [len(t) for t in TEXTS]


@pytest.mark.parametrize("window", [8, 16, 50])
def test_a_long_text_is_read_in_windows_that_overlap(
    folder: Path, scorer: TransformersScorer, window: int
) -> None:
    narrow = TransformersScorer(folder, window=window)
    text = TEXTS[2]
    scores, whole = narrow.score([text])[0], scorer.score([text])[0]
    assert len(scores) == len(text)
    assert close(scores[: window - 1], whole[: window - 1])
    assert narrow.name != scorer.name


def test_in_a_window_a_token_is_scored_after_half_of_it_at_least(folder: Path) -> None:
    narrow = TransformersScorer(folder, window=8)
    text = "abcdefghijklmnopqrst"
    scores = narrow.score([text])[0]
    # The first window ends at token 7, the next ones bring four tokens each.
    last = one_by_one(narrow, text[12:])[4:]
    model, tokenizer, _ = narrow._load()
    assert len(scores) == 20
    assert close(scores[-1:], _after(model, tokenizer, text[12:19], text[19]))
    assert len(last) == 4


def _after(model: Any, tokenizer: Any, before: str, token: str) -> list[float]:
    import torch

    ids = tokenizer(before + token, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids[:-1]])).logits[0, -1].double()
    return [float(torch.log_softmax(logits, -1)[ids[-1]])]


def test_without_a_mark_of_a_beginning_the_mark_of_an_end_stands_before(tmp_path: Path) -> None:
    folder = causal_folder(tmp_path)
    tokenizer = character_tokenizer()
    tokenizer.bos_token = None
    tokenizer.save_pretrained(folder)
    scorer = TransformersScorer(folder)
    assert scorer._load()[2] == 2
    assert close(scorer.score(["tea"])[0], one_by_one(scorer, "tea"))


def test_without_any_mark_a_model_cannot_score(tmp_path: Path) -> None:
    folder = causal_folder(tmp_path)
    tokenizer = character_tokenizer()
    tokenizer.bos_token = tokenizer.eos_token = None
    tokenizer.save_pretrained(folder)
    with pytest.raises(ModelError, match="no token for the beginning"):
        TransformersScorer(folder).score(["tea"])
