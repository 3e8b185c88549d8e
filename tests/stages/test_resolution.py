"""What each stage will be able to see, in words."""

from __future__ import annotations

from rpsg.domains import find_pack
from rpsg.methods.budget import strict_budget
from rpsg.methods.strict_plan import resolutions
from rpsg.plan import Plan

PACK = find_pack("reviews")


def lines(n: int) -> list[str]:
    return list(resolutions(PACK, n, strict_budget(Plan(), PACK)))


def test_each_stage_says_what_few_people_let_it_see() -> None:
    size, cards, sketch = lines(150)
    assert "to within about 20 either way" in size
    counted = (
        "A group of the attribute topic can be told apart from noise if more than 13 people (8.5% of 150)"
    )
    assert counted in cards
    assert "mean of the vectors of 150 people, each of length at most 1. An entry" in sketch
    assert "will be known to within 0.038 either way" in sketch


def test_with_more_people_values_are_told_from_noise_and_rarer_ones() -> None:
    _, cards, sketch = lines(1500)
    assert "A value of topic can be told apart from noise if more than 13 people (0.9% of 1,500)" in cards
    assert "within 0.0038 either way" in sketch
