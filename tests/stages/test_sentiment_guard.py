"""The sentiment guard: windows, majorities, and who is written again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.models.fake import FakeEmbedder
from rpsg.stages.sentiment_guard import Attempt, Sentiment, guarded, judge, windows

if TYPE_CHECKING:
    from collections.abc import Sequence


class Moody:
    """Hears "yes", "no" or else nothing in a text; with ``sure`` it also tells how surely."""

    name, endpoint, values = "moody", "local_model", ("positive", "mixed", "negative")

    def classify(self, texts: Sequence[str], embeddings: object) -> list[str]:
        return ["positive" if "yes" in t else "negative" if "no" in t else "mixed" for t in texts]


class SurelyMoody(Moody):
    def confidences(self, texts: Sequence[str], embeddings: object) -> list[float]:
        return [min(1.0, len(text) / 1000) for text in texts]


@given(st.text(max_size=3000))
def test_windows_cover_the_text_and_are_no_wider_than_allowed(text: str) -> None:
    parts = windows(text)
    assert all(len(part) <= 512 for part in parts)
    assert parts[0] == text[:512]
    assert parts[-1] == text[-512:]
    assert sum(map(len, parts)) >= len(text)


def test_most_windows_decide_and_their_share_is_how_sure() -> None:
    text = "no " * 171 + "yes " * 250
    (sentiment,) = judge([text], Moody(), FakeEmbedder())  # type: ignore[arg-type]  # a plain class
    assert sentiment.value == "positive"
    assert sentiment.confidence == pytest.approx(3 / 4)


def test_a_classifier_that_says_how_sure_it_is_is_believed() -> None:
    found = judge(["yes " * 25, "no"], SurelyMoody(), FakeEmbedder())  # type: ignore[arg-type]  # a plain class
    assert found == [Sentiment("positive", 0.1), Sentiment("negative", 0.002)]


def test_nobody_is_judged_without_texts() -> None:
    assert judge([], Moody(), FakeEmbedder()) == []  # type: ignore[arg-type]  # a plain class


def run(
    answers: dict[int, list[str]], targets: Sequence[str], attempts: int = 4
) -> tuple[list[str], list[list[int]]]:
    asked: list[list[int]] = []

    def write(places: Sequence[int], attempt: int) -> list[Attempt]:
        asked.append(list(places))
        texts = [answers[place][attempt] for place in places]
        return [Attempt(text, "" if text else "failed") for text in texts]

    def sentiments(texts: Sequence[str]) -> list[Sentiment]:
        return [Sentiment(text.split()[0], float(text.split()[1])) for text in texts]

    found = guarded(targets, write, sentiments, attempts)
    return [made.text or made.problem for made, _ in found], asked


def test_texts_that_miss_are_written_again_together_one_call_an_attempt() -> None:
    answers = {0: ["good 0.9"], 1: ["bad 0.9", "good 0.6"], 2: ["bad 0.5", "bad 0.6", "good 0.1"]}
    texts, asked = run(answers, ["good", "good", "good"])
    assert texts == ["good 0.9", "good 0.6", "good 0.1"]
    assert asked == [[0, 1, 2], [1, 2], [2]]


def test_the_surest_of_any_mood_stays_when_none_matches() -> None:
    texts, asked = run({0: ["bad 0.5", "bad 0.9", "bad 0.7", "bad 0.1"]}, ["good"])
    assert texts == ["bad 0.9"]
    assert len(asked) == 4


def test_a_text_that_failed_is_written_again_and_its_place_stays_empty_in_the_end() -> None:
    assert run({0: ["", "good 0.9"], 1: ["", ""]}, ["good", ""], attempts=2)[0] == ["good 0.9", "failed"]


def test_without_a_target_the_first_usable_text_is_taken() -> None:
    texts, asked = run({0: ["", "bad 0.2"]}, [""])
    assert (texts, len(asked)) == (["bad 0.2"], 2)


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_nothing_is_asked_more_often_than_allowed(attempts: int) -> None:
    assert len(run({0: ["bad 0.5"] * 4}, ["good"], attempts)[1]) == attempts


def test_the_default_sentiment_says_how_sure_it_is_of_what_it_says() -> None:
    import numpy as np

    from rpsg.models.sentiment import EmbeddingSentiment
    from rpsg.stages.sentiment_guard import Confident

    probe = EmbeddingSentiment()
    rows = np.random.default_rng(0).standard_normal((50, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    sure = probe.confidences(["text"] * 50, rows)
    assert isinstance(probe, Confident)
    assert all(1 / 3 <= value <= 1 for value in sure)
    assert probe.confidences(["text"], rows[:1]) == sure[:1]
    assert probe.confidences(["text"] * 50, 100 * rows) >= sure
