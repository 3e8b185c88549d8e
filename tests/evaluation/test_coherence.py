"""Coherence is what a text's own beginning tells of its end, judged by a reader whose rules are known."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rpsg import registry
from rpsg.errors import ModelError, PrivacyError
from rpsg.evaluation.inputs import Inputs, Texts, UnavailableError
from rpsg.evaluation.metrics.coherence import MOST, halves, judge
from rpsg.evaluation.models import EvaluationModels
from rpsg.evaluation.runner import find_metric, measure
from rpsg.models.download import locate
from rpsg.models.fake import FakeEmbedder, FakeScorer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.measures import Measure

TOPICS = "abcdefghijklmnop"


class Reader:
    """A judge by two rules: a word is likelier the more words of its topic (first letter) stood before,
    and likelier when its number follows that of the word before. Two tokens a word, one for a short one.
    """

    name = "reader"
    endpoint = "local_model"

    def __init__(self) -> None:
        self.read: list[str] = []

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        self.read += texts
        return [[value for part in self._words(text.split()) for value in part] for text in texts]

    def _words(self, words: Sequence[str]) -> list[list[float]]:
        found = []
        for i, word in enumerate(words):
            share = sum(other[0] == word[0] for other in words[:i]) / max(i, 1)
            score = -6.0 + 3.0 * share + 1.5 * follows(words, i)
            parts = self.count_tokens([word])[0]
            found.append([score / parts] * parts)
        return found

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [sum(1 if len(word) < 3 else 2 for word in text.split()) for text in texts]


def follows(words: Sequence[str], i: int) -> bool:
    here, before = (word.strip(".")[1:] for word in (words[i], words[i - 1]))
    return i > 0 and here.isdigit() and before.isdigit() and int(here) == int(before) + 1


def stories(count: int = 40) -> list[str]:
    """Each about one topic, its words in order."""
    return [
        " ".join(f"{TOPICS[i % 16]}{n}" + ("." if n % 8 == 7 else "") for n in range(i, i + 25))
        for i in range(count)
    ]


def joined(texts: Sequence[str]) -> list[str]:
    cut = [found for text in texts if (found := halves(text)) is not None]
    return [" ".join((*a.first, *b.second)) for a, b in zip(cut, (*cut[7:], *cut[:7]), strict=True)]


def inputs(texts: Sequence[str], reader: object, *, seed: int = 0) -> Inputs:
    models = EvaluationModels(FakeEmbedder())
    models.__dict__["judge"] = reader
    return Inputs(Texts(texts, models), None, models, seed=seed)


def asked(name: str, texts: Sequence[str]) -> Measure:
    found: Measure = registry.find("metrics", name)(inputs(texts, Reader()))
    return found


def test_halves_of_different_texts_have_no_coherence_and_own_ones_have() -> None:
    real, planted = asked("coherence", stories()), asked("coherence", joined(stories()))
    assert real.value is not None
    assert planted.value is not None
    assert real.value > 1
    assert abs(planted.value) < real.value / 10


def test_shuffled_words_have_no_order_and_their_own_order_has() -> None:
    rng = random.Random(1)
    loose = [" ".join(rng.sample(text.split(), 25)) for text in stories()]
    loose = [f"{' '.join(text.split()[:12])}. {' '.join(text.split()[12:])}" for text in loose]
    real, planted = asked("word_order", stories()), asked("word_order", loose)
    assert real.value is not None
    assert planted.value is not None
    assert real.value > 1
    assert abs(planted.value) < 0.2


def test_repeating_the_beginning_gains_nothing() -> None:
    same = [" ".join([*(f"{TOPICS[i % 16]}{n}" for n in range(11)), "end."] * 2) for i in range(30)]
    assert asked("coherence", same).value == 0


def by_hand(texts: Sequence[str], reader: Reader) -> list[float]:
    """The same, word by word; the others' first halves are those of the next texts."""
    cut = [halves(text) for text in texts]
    values = []
    for here, there in zip(cut, (*cut[1:], cut[0]), strict=True):
        assert here is not None
        assert there is not None
        gain = 0.0
        for i, word in enumerate(here.second):
            bare = word.strip(".")
            if bare in {other.strip(".") for other in here.first}:
                continue
            own, swapped = (
                sum(reader._words([*first, *here.second[: i + 1]])[-1]) for first in (here.first, there.first)
            )
            gain += own - swapped
        values.append(gain / len(here.second))
    return values


def test_each_text_s_value_is_the_one_of_adding_word_by_word() -> None:
    texts = [*stories(20), *joined(stories(20))]
    order = [str(text) for text in np.array(texts)[_order_of(texts)]]
    found = judge(inputs(texts, Reader())).context
    assert found == pytest.approx(by_hand(order, Reader()))


def _order_of(texts: Sequence[str]) -> list[int]:
    """The order in which the judge was given the texts."""
    reader = Reader()
    judge(inputs(texts, reader))
    return [list(texts).index(text) for text in reader.read[: len(texts)]]


def test_at_most_a_hundred_texts_are_read() -> None:
    reader = Reader()
    found = judge(inputs(stories(3 * MOST), reader))
    assert len(found.context) == MOST
    assert len(reader.read) == 3 * MOST


def test_texts_without_two_halves_are_left_out_and_told_of() -> None:
    found = asked("coherence", [*stories(20), "too short.", "a1 " * 30])
    assert found.details == {"texts read": 20, "left out": 2}


def test_too_few_texts_are_a_reason() -> None:
    with pytest.raises(UnavailableError, match="too few texts"):
        asked("coherence", ["too short."] * 30)


def test_tokens_that_do_not_fit_words_are_a_reason() -> None:
    class Loose(Reader):
        def score(self, texts: Sequence[str]) -> list[list[float]]:
            return [[-1.0] * 5 for _ in texts]

    with pytest.raises(UnavailableError, match="do not end where words end"):
        judge(inputs(stories(), Loose()))


def test_a_text_is_cut_at_the_sentence_s_end_nearest_its_middle_and_markup_is_no_word() -> None:
    found = halves("one two three four five six. seven eight<br /><br />nine ten. a b c d e f g h i.")
    assert found is not None
    assert found.first[-1] == "ten."
    assert halves("word " * 40) is None
    assert halves("") is None


def test_the_figure_is_public_and_names_its_judge() -> None:
    found = measure("coherence", find_metric("coherence"), inputs(stories(), Reader()))
    assert not found.internal
    assert found.model.startswith("reader; ")
    assert found.higher_is_better is True


@pytest.mark.parametrize("name", ["coherence", "word_order"])
def test_without_weights_there_is_a_reason_and_no_value(name: str) -> None:
    models = EvaluationModels(FakeEmbedder())
    found = measure(name, find_metric(name), Inputs(Texts(stories(), models), None, models))
    assert found.value is None
    assert found.reason


def test_the_judge_is_the_language_model_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[str] = []

    def scorer(name: str, **_: object) -> Reader:
        asked_for.append(name)
        return Reader()

    monkeypatch.setattr(registry, "scorer", scorer)
    for name in ("ngram", "smollm2-135m", "owner/name"):
        assert isinstance(EvaluationModels(FakeEmbedder(), language_model=name).judge, Reader)
    assert asked_for == ["smollm2-135m", "smollm2-135m", "transformers:owner/name"]


def test_a_judge_elsewhere_or_one_that_cannot_count_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away(Reader):
        endpoint = "remote_llm"

    monkeypatch.setattr(registry, "scorer", lambda _, **__: Away())
    with pytest.raises(PrivacyError, match="on this machine only"):
        _ = EvaluationModels(FakeEmbedder()).judge
    monkeypatch.setattr(registry, "scorer", lambda _, **__: FakeScorer())
    with pytest.raises(ModelError, match="cannot count"):
        _ = EvaluationModels(FakeEmbedder()).judge


@pytest.mark.weights
def test_the_default_judge_tells_shuffled_words_from_reviews() -> None:
    pytest.importorskip("torch", reason="the judge is asked through PyTorch")
    import json

    lines = (locate("amazon-reviews") / "test.jsonl").read_text("utf-8").splitlines()
    texts = [text for line in lines if 25 <= len((text := json.loads(line)["text"]).split()) <= 40]
    real = [text for text in texts if halves(text)][:10]
    rng = random.Random(0)
    loose = [" ".join(rng.sample(words := text.split(), len(words))) for text in real]
    loose = [f"{' '.join(text.split()[:12])}. {' '.join(text.split()[12:])}" for text in loose]
    models = EvaluationModels(FakeEmbedder())
    both = [judge(Inputs(Texts(side, models), None, models)).order for side in (real, loose)]
    assert min(both[0]) > max(both[1])
    assert math.isfinite(float(both[0].sum()))
