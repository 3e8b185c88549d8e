"""Repetition is found by sorting hashes, and is what comparing every pair of runs finds."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpsg.textstats import repeats as repeating
from rpsg.textstats.repeats import hashed_runs, repeats
from rpsg.textstats.words import encode

TEXTS = st.lists(
    st.lists(st.sampled_from(["tea", "cup", "hot"]), max_size=24).map(" ".join), min_size=1, max_size=8
)


def runs(text: str, length: int) -> list[tuple[str, ...]]:
    words = text.split()
    return [tuple(words[i : i + length]) for i in range(len(words) - length + 1)]


@pytest.mark.parametrize("at_once", [1, 7, 1 << 19])
@given(texts=TEXTS)
@settings(max_examples=100, deadline=None)
def test_every_text_is_judged_as_by_comparing_all_runs(at_once: int, texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeating, "AT_ONCE", at_once)
        itself, another = repeats(texts)
    for i, text in enumerate(texts):
        grams = Counter(runs(text, 4))
        assert itself[i] == (grams.total() - len(grams) > 0.1 * grams.total())
        others = {run for j, other in enumerate(texts) if j != i for run in runs(other, 8)}
        assert another[i] == any(run in others for run in runs(text, 8))


def test_case_and_marks_do_not_hide_a_repetition() -> None:
    one = "We had the best tea of our whole lives there."
    _, another = repeats(
        [one, f"Yes: {one.upper().replace(' ', ', ')}", "Nothing of the kind was said here."]
    )
    assert another.tolist() == [True, True, False]


def test_seven_words_in_common_are_chance() -> None:
    _, another = repeats(["we had the best tea of our lives", "we had the best tea of our dreams"])
    assert not another.any()


def test_no_texts_and_texts_without_words_repeat_nothing() -> None:
    for texts in ([], ["", "?!"]):
        itself, another = repeats(texts)
        assert itself.tolist() == another.tolist() == [False] * len(texts)


def test_different_runs_have_different_hashes() -> None:
    rng = random.Random(0)
    tokens = encode([rng.choices("abcdefgh", k=40_000)])
    found, _ = hashed_runs(tokens, 8)
    exact, _, _ = tokens.ngrams(8)
    assert len(np.unique(found)) == len(np.unique(exact))
