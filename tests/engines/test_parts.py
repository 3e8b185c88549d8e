"""An exact sum is the same however people are divided, and nobody moves it by more than the rule allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpsg.domains import read_pack
from rpsg.engines.local import LocalEngine
from rpsg.errors import PrivacyError
from rpsg.methods.questions import CardCounts, Headcount, SketchSum
from rpsg.models.fake import FakeClassifier, FakeEmbedder
from rpsg.privacy.exact_sums import LARGEST_SUM, ExactSum, exact_sum, together
from rpsg.privacy.histogram import Query, RowCells
from rpsg.privacy.mechanisms import clean_answer, noisy_histogram
from rpsg.privacy.private import Private
from rpsg.protocols import Silent
from rpsg.records import Document, PrivateCorpus
from rpsg.stages.annotate import describe
from rpsg.stages.cards import cells
from rpsg.stages.contributions import People
from rpsg.stages.sketch import LENGTH, Features
from rpsg.testing.lab import TINY, invented
from rpsg.testing.noise import FixedNoise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.engines.base import Question

PACK = read_pack(TINY).with_label(("food", "drink"))
EMBEDDER, SENTIMENT = FakeEmbedder(), FakeClassifier()
LANDMARKS = describe(PACK, EMBEDDER)
DRAFTS = [row["text"] for row in invented(40, seed=9)]
FEATURES = Features.fit(EMBEDDER.embed(DRAFTS), DRAFTS, 6, 8, "en")
MOST = 3
ROWS = [Document(i, r["text"], r["label"], r["user"]) for i, r in enumerate(invented(36, people=12))]
CARD_GROUPS = len(PACK.marginals)


@dataclass(frozen=True)
class Asked:
    """A question with its query, and who is asked."""

    query: Query
    question: Question

    def total(self, *parts: Sequence[Document]) -> np.ndarray[Any, Any]:
        engine = LocalEngine([people(part) for part in parts], SENTIMENT)
        return clean_answer(self.query, engine.exact_sum(self.query, self.question))


def people(rows: Sequence[Document]) -> People:
    corpus = Private(PrivateCorpus(tuple(rows)))
    return People(lambda: corpus, max_records=MOST, key=b"k" * 32, embedder=EMBEDDER, progress=Silent())


SKETCH = SketchSum(PACK, FEATURES, LANDMARKS.get(PACK.marginals[0][0]), "label")
QUESTIONS = {
    "people": Asked(Query("size", "people", 1, "S1_unit_count", 1.0), Headcount()),
    "cards": Asked(
        Query("cards", "cards", cells(PACK), "S2_one_cell", 1.0, k=CARD_GROUPS, c=MOST),
        CardCounts(PACK, LANDMARKS),
    ),
    "sketch": Asked(
        Query("sketch", "a sum", 2 * FEATURES.dim, "S6_bounded_vector", 1.0, w=LENGTH, c=MOST), SKETCH
    ),
}
every_question = pytest.mark.parametrize("asked", QUESTIONS.values(), ids=QUESTIONS)
divisions = st.lists(st.integers(0, 4), min_size=12, max_size=12)


def divided(rows: Sequence[Document], part_of: Sequence[int]) -> list[list[Document]]:
    """The rows in five parts, of which some may be empty, by person."""
    number = {f"person-{i}": part for i, part in enumerate(part_of)}
    return [[row for row in rows if number[str(row.user)] == part] for part in range(5)]


@every_question
@given(part_of=divisions)
@settings(max_examples=8, deadline=None)
def test_the_sum_is_the_same_however_people_are_divided(asked: Asked, part_of: list[int]) -> None:
    whole = asked.total(ROWS)
    assert np.any(whole)
    assert np.array_equal(asked.total(*divided(ROWS, part_of)), whole)


@every_question
@given(part_of=divisions, who=st.integers(0, 11))
@settings(max_examples=8, deadline=None)
def test_nobody_moves_the_sum_of_all_parts_by_more_than_the_rule_says(
    asked: Asked, part_of: list[int], who: int
) -> None:
    rest = [row for row in ROWS if row.user != f"person-{who}"]
    moved = asked.total(*divided(ROWS, part_of)) - asked.total(*divided(rest, part_of))
    assert 0 < int(moved @ moved) <= asked.query.sensitivity2("add_remove")


def test_somebody_in_two_parts_would_count_twice() -> None:
    """Why people are divided by person: nothing can find it out afterwards."""
    asked = QUESTIONS["people"]
    assert asked.total(ROWS, [row for row in ROWS if row.user == "person-0"]) == asked.total(ROWS) + 1


def test_a_part_that_breaks_the_rule_stops_the_sum() -> None:
    query = QUESTIONS["people"].query
    twice = Private(RowCells(np.zeros(2, np.int64), np.zeros((2, 1), np.int64)))
    with pytest.raises(PrivacyError, match="broke its contribution rule"):
        exact_sum(query, twice)


@pytest.mark.parametrize(
    "held",
    [
        ExactSum(Query("size", "other people", 1, "S1_unit_count", 1.0), np.ones(1, np.int64)),
        ExactSum(QUESTIONS["people"].query, np.ones(2, np.int64)),
        ExactSum(QUESTIONS["people"].query, np.ones(1, np.float64)),
        ExactSum(QUESTIONS["people"].query, np.full(1, LARGEST_SUM + 1)),
    ],
    ids=["another query", "another size", "no whole numbers", "too large to be added"],
)
def test_an_exact_sum_that_does_not_answer_the_query_gets_no_noise(held: ExactSum) -> None:
    query = QUESTIONS["people"].query
    with pytest.raises(PrivacyError):
        noisy_histogram(query, Private(held), FixedNoise())
    with pytest.raises(PrivacyError):
        together(query, [Private(held)])


def test_too_large_sums_are_refused_and_not_wrapped_around() -> None:
    query = QUESTIONS["people"].query
    half = Private(ExactSum(query, np.full(1, LARGEST_SUM)))
    with pytest.raises(PrivacyError):
        together(query, [half, half, half])
    assert clean_answer(query, together(query, [half])) == LARGEST_SUM
