"""The n-gram model gives probabilities, and its likeliest word is the likeliest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.conftest import sentences

from rpsg.evaluation.inputs import UnavailableError
from rpsg.evaluation.metrics.language_model import LANGUAGE, fit, foretell
from rpsg.textstats.words import Tokens, encode, word_marks

if TYPE_CHECKING:
    from tests.evaluation.conftest import Measured

TEXTS = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12), min_size=1, max_size=8)
CONTEXT = st.lists(st.sampled_from("abcde"), max_size=3)


def chances(train: list[list[str]], context: list[str]) -> tuple[list[float], int]:
    """The probability of each known word after ``context``, and the word called likeliest."""
    numbered = encode([*train, context, list("abcde")])
    learnt = fit(numbered.split(len(train))[0])
    _, rest = numbered.split(len(train))
    before = rest.codes[: len(context)]
    found = []
    for word in range(numbered.size):
        test = Tokens(np.append(before, word), np.array([len(context) + 1]), numbered.size)
        chance, likeliest = foretell(learnt, test)
        found.append(float(chance[-1]))
    return found, int(likeliest[-1])


@given(TEXTS, CONTEXT)
@settings(max_examples=80, deadline=None)
def test_probabilities_of_seen_words_and_the_rest_of_the_language_are_one(
    train: list[list[str]], context: list[str]
) -> None:
    found, _ = chances(train, context)
    unseen = 5 - len({word for text in train for word in text})
    seen = len(found) - unseen
    least = min(found)
    assert all(chance > 0 for chance in found)
    assert sum(found) + (LANGUAGE - seen - unseen) * least == pytest.approx(1.0, abs=1e-9)


@given(TEXTS, CONTEXT)
@settings(max_examples=80, deadline=None)
def test_the_word_called_likeliest_has_the_highest_probability(
    train: list[list[str]], context: list[str]
) -> None:
    found, likeliest = chances(train, context)
    assert found[likeliest] == pytest.approx(max(found))


def test_a_text_learnt_by_heart_is_foretold() -> None:
    text = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    numbered = encode([text] * 50 + [text])
    train, test = numbered.split(50)
    chance, likeliest = foretell(fit(train), test)
    assert likeliest.tolist() == test.codes.tolist()
    assert chance.min() > 0.8


def test_more_training_text_foretells_better(measured: Measured) -> None:
    real, much = sentences(150, seed=1), sentences(400, seed=2)
    few = measured("perplexity", much[:20], real).value
    many = measured("perplexity", much, real).value
    assert few is not None
    assert many is not None
    assert many < few


def test_the_model_is_called_what_it_is(measured: Measured) -> None:
    found = measured("next_word_accuracy", sentences(20), sentences(20, seed=1))
    assert "from scratch" in found.model


def test_words_and_marks_are_tokens() -> None:
    assert word_marks("It's cold, isn't it?") == ["it's", "cold", ",", "isn't", "it", "?"]


def test_perplexity_is_the_exponential_of_the_surprise(measured: Measured) -> None:
    corpus, real = sentences(60), sentences(30, seed=1)
    numbered = encode(word_marks(text) for text in (*corpus, *real))
    train, test = numbered.split(60)
    chance, _ = foretell(fit(train), test)
    wanted = math.exp(-float(np.log(chance).mean()))
    assert measured("perplexity", corpus, real).value == pytest.approx(wanted)


def of_words(size: int, *texts: list[int]) -> Tokens:
    """Texts of numbered words, as if ``size`` different words were known."""
    return Tokens(np.concatenate(texts), np.array([len(text) for text in texts]), size)


@pytest.mark.parametrize("size", [LANGUAGE - 1, LANGUAGE, LANGUAGE + 1, 3 * LANGUAGE])
def test_however_many_words_are_known_their_chances_never_sum_to_more_than_one(size: int) -> None:
    """At the first place of a text: each word once, and the rest of the language if there is any."""
    learnt = fit(of_words(size, [0, 1, 2, 0], [1, 3], [size - 1]))
    chance, _ = foretell(learnt, Tokens(np.arange(size), np.ones(size, np.int64), size))
    rest = max(LANGUAGE - size, 0) * chance.min()
    assert chance.sum() + rest == pytest.approx(1.0, abs=1e-9)


MOST = 2**21 - 2  # and one more for what stands before a text: (2^21 - 1)^3 is below 2^63


def test_a_trigram_of_the_last_words_fits_into_its_key() -> None:
    text = [MOST - 3, MOST - 2, MOST - 1]
    tokens = of_words(MOST, text, text, text)
    chance, likeliest = foretell(fit(tokens), tokens)
    assert likeliest.tolist() == tokens.codes.tolist()
    assert chance.min() > 0.5


def test_more_words_than_a_key_can_hold_are_refused() -> None:
    tokens = of_words(MOST + 1, [0, 1, 2])
    with pytest.raises(UnavailableError, match="too many different words"):
        fit(tokens)
