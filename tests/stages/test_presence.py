"""Which value a text has, and whether a noisy count is more than noise."""

from __future__ import annotations

import pytest

from rpsg.domains import Attribute
from rpsg.stages.resolution import counted, is_measured, is_seen, value_of

LENGTH = Attribute(name="length", kind="words", values=("short", "long"), edges=(3,), words=(2, 6))
TOPIC = Attribute(name="topic", kind="nearest", values=("tea", "salt"))


@pytest.mark.parametrize(("text", "wanted"), [("", "short"), ("a b", "short"), ("a b c", "long")])
def test_a_length_is_that_of_the_text_whatever_its_card_says(text: str, wanted: str) -> None:
    assert is_measured(LENGTH)
    assert value_of(LENGTH, text, {"length": "long"}) == wanted


def test_any_other_value_is_what_the_card_asked_for() -> None:
    assert not is_measured(TOPIC)
    assert value_of(TOPIC, "salt and more salt", {"topic": "tea"}) == "tea"
    assert value_of(TOPIC, "salt and more salt", {}) is None


def test_a_count_within_its_noise_is_not_seen() -> None:
    assert [is_seen(count, 10.0) for count in (-30, 0, 19.6, 19.7)] == [False, False, False, True]


def test_counts_below_zero_are_nobody() -> None:
    assert counted([30, -5, 12]) == 42
    assert counted([-5, -3]) == 1
