"""One person changes a histogram by no more than the sensitivity its noise was made for.

The real stages make the row cells of random data with and without a person; the real counting counts them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rpsg.errors import PrivacyError
from rpsg.models.fake import FakeClassifier, FakeEmbedder
from rpsg.privacy.histogram import Query, RowCells, clean_histogram
from rpsg.privacy.private import Private, open_private
from rpsg.protocols import Silent
from rpsg.records import Document, PrivateCorpus
from rpsg.stages.annotate import annotate, describe
from rpsg.stages.cards import card_row_cells, cells
from rpsg.stages.contributions import People
from rpsg.stages.keyphrases import phrase_items
from rpsg.stages.votes import vote_row_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack

WORDS = ["green", "tea", "dark", "coffee", "corn", "crisps", "olive", "biscuits", "castle", "window"]
rows = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
        st.sampled_from(["food", "drink", None]),
    ),
    min_size=1,
    max_size=24,
)
Row = tuple[str, str, str | None]
quickly = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
EMBEDDER = FakeEmbedder(8)


def people(data: Sequence[Row], c: int) -> People:
    documents = tuple(Document(i, text, label, user) for i, (user, text, label) in enumerate(data))
    return People(
        lambda: Private(PrivateCorpus(documents)),
        max_records=c,
        key=b"k" * 32,
        embedder=EMBEDDER,
        progress=Silent(),
    )


def without(data: Sequence[Row], user: str) -> list[Row]:
    return [row for row in data if row[0] != user]


def moved(query: Query, whole: Private[RowCells], fewer: Private[RowCells]) -> int:
    change = clean_histogram(query, open_private(whole)) - clean_histogram(query, open_private(fewer))
    return int(change @ change)


@quickly
@given(rows, st.sampled_from("abcd"), st.integers(1, 3))
def test_of_the_cards(tiny: Pack, data: list[Row], user: str, c: int) -> None:
    pack = tiny.with_label(("food", "drink"))
    query = Query("cards", "", cells(pack), "S2_one_cell", 1.0, k=len(pack.marginals), c=c)

    def row_cells(these: Sequence[Row]) -> Private[RowCells]:
        who = people(these, c)
        traits = annotate(who, pack, describe(pack, EMBEDDER), FakeClassifier())
        return card_row_cells(traits, who.units, pack)

    assert moved(query, row_cells(data), row_cells(without(data, user))) <= query.sensitivity2("add_remove")


@quickly
@given(rows, st.sampled_from("abcd"), st.integers(1, 3), st.integers(1, 3), st.booleans(), st.integers(1, 9))
def test_of_the_votes(
    tiny: Pack, data: list[Row], user: str, c: int, k: int, labelled: bool, candidates: int
) -> None:
    """With duplicate candidates, fewer candidates than votes, empty texts, and rows of several labels."""
    pool = EMBEDDER.embed([WORDS[i // 2] for i in range(candidates)])
    query = Query("votes", "", candidates, "S4_k_votes", 1.0, k=k, c=c)

    def row_cells(these: Sequence[Row]) -> Private[RowCells]:
        who = people(these, c)
        traits = annotate(
            who,
            tiny.with_label(("food", "drink")),
            describe(tiny.with_label(("food", "drink")), EMBEDDER),
            FakeClassifier(),
        )
        return vote_row_cells(
            who.embeddings,
            who.units,
            pool,
            votes=k,
            hub_correction=0.5,
            labels=traits.map(lambda values: values["label"]) if labelled else None,
            candidate_labels=np.arange(candidates) % 2 if labelled else None,
        )

    assert moved(query, row_cells(data), row_cells(without(data, user))) <= query.sensitivity2("add_remove")


@quickly
@given(rows, st.sampled_from("abcd"), st.integers(1, 3), st.integers(1, 4))
def test_of_the_keyphrases(tiny: Pack, data: list[Row], user: str, c: int, k: int) -> None:
    topics = tiny.attribute("topic").values

    def counted(these: Sequence[Row]) -> dict[str, int]:
        who = people(these, c)
        traits = annotate(who, tiny, describe(tiny, EMBEDDER), FakeClassifier())
        counts: dict[str, int] = {}
        for items in open_private(
            phrase_items(who.rows, traits, "topic", topics, per_person=k, key=b"k" * 32)
        ):
            assert len(set(items)) == len(items) <= k
            for item in items:
                counts[item] = counts.get(item, 0) + 1
        return counts

    whole, fewer = counted(data), counted(without(data, user))
    change = [whole.get(item, 0) - fewer.get(item, 0) for item in whole.keys() | fewer.keys()]
    assert sum(x * x for x in change) <= k


def test_the_bound_is_reached_so_the_property_is_not_empty(tiny: Pack) -> None:
    data: list[Row] = [("a", "green tea", "drink")] * 3
    who, query = people(data, 3), Query("cards", "", cells(tiny), "S2_one_cell", 1.0, k=2, c=3)
    row_cells = card_row_cells(
        annotate(who, tiny, describe(tiny, EMBEDDER), FakeClassifier()), who.units, tiny
    )
    counts = clean_histogram(query, open_private(row_cells))
    assert int(counts @ counts) == query.sensitivity2("add_remove") == 18


def test_rows_that_were_not_bounded_are_refused(tiny: Pack) -> None:
    data: list[Row] = [("a", "green tea", "drink")] * 3
    who, query = people(data, 3), Query("cards", "", cells(tiny), "S2_one_cell", 1.0, k=2, c=2)
    row_cells = card_row_cells(
        annotate(who, tiny, describe(tiny, EMBEDDER), FakeClassifier()), who.units, tiny
    )
    with pytest.raises(PrivacyError, match="contribution rule"):
        clean_histogram(query, open_private(row_cells))
