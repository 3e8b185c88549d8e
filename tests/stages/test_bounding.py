"""Step 1: at most c rows of a person take part, chosen without a look at anybody else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.errors import PrivacyError
from rpsg.models.fake import FakeEmbedder
from rpsg.pipeline.people import nobody
from rpsg.privacy.private import Private, open_private
from rpsg.protocols import Silent
from rpsg.records import Document, PrivateCorpus
from rpsg.stages import contributions
from rpsg.stages.contributions import People, bound, unit_numbers
from rpsg.stages.partition import content_tag

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from tests.conftest import Lab


KEY = b"k" * 32
users = st.lists(st.sampled_from([*"abcde", None]), max_size=30)


def corpus(owners: Sequence[str | None]) -> PrivateCorpus:
    return PrivateCorpus(tuple(Document(i, f"text {i}", user=owner) for i, owner in enumerate(owners)))


def corpus_of(rows: Sequence[tuple[str, str]]) -> PrivateCorpus:
    return PrivateCorpus(tuple(Document(i, text, user=user) for i, (user, text) in enumerate(rows)))


@given(users, st.integers(1, 4))
def test_a_person_keeps_as_many_rows_as_allowed_and_no_more(owners: list[str | None], c: int) -> None:
    kept = Counter(row.user for row in bound(corpus(owners), c, KEY))
    for owner, rows in Counter(owners).items():
        assert kept[owner] == (rows if owner is None else min(rows, c))


@given(users, st.integers(1, 4), st.sampled_from("abcde"))
def test_taking_a_person_away_takes_only_that_person_s_rows_away(
    owners: list[str | None], c: int, gone: str
) -> None:
    whole = corpus(owners)
    without = PrivateCorpus(tuple(row for row in whole if row.user != gone))
    assert bound(without, c, KEY) == tuple(row for row in bound(whole, c, KEY) if row.user != gone)


@given(users, st.integers(1, 4))
def test_the_same_key_keeps_the_same_rows_in_file_order(owners: list[str | None], c: int) -> None:
    kept = bound(corpus(owners), c, KEY)
    assert kept == bound(corpus(owners), c, KEY)
    assert [row.id for row in kept] == sorted(row.id for row in kept)


def test_another_key_keeps_other_rows_and_each_row_has_its_chance() -> None:
    mine = corpus(["a"] * 4)
    kept = Counter(bound(mine, 1, bytes([i]) * 32)[0].id for i in range(200))
    assert set(kept) == {0, 1, 2, 3}
    assert min(kept.values()) > 25


def test_the_choice_does_not_look_at_the_text() -> None:
    """Each of five rows has the same chance, however long it is: chi-square over keys, 4 degrees."""
    longer = PrivateCorpus(tuple(Document(i, "x" * 1000 * i, user="a") for i in range(5)))
    kept = Counter(row.id for i in range(1000) for row in bound(longer, 2, i.to_bytes(32, "big")))
    assert kept.total() == 2000
    assert sum((kept[i] - 400) ** 2 / 400 for i in range(5)) < 23.5


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("pqrst")), max_size=24),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_file_plays_no_part(
    rows: list[tuple[str, str]], c: int, dice: random.Random
) -> None:
    """With several rows a person, some of them equal."""
    mixed = dice.sample(rows, len(rows))
    kept = [
        sorted((row.user or "", row.text) for row in bound(corpus_of(these), c, KEY))
        for these in (rows, mixed)
    ]
    assert kept[0] == kept[1]


def test_equal_rows_of_a_person_count_each_for_itself() -> None:
    kept = Counter(
        row.text
        for i in range(400)
        for row in bound(corpus_of([("a", "same")] * 3 + [("a", "other")]), 1, i.to_bytes(32, "big"))
    )
    assert 70 < kept["other"] < 130
    assert kept.total() == 400


def test_without_a_bound_every_row_takes_part() -> None:
    whole = corpus(["a", "a", None, "a"])
    assert bound(whole, None, KEY) == whole.documents


@given(users)
def test_rows_share_a_number_when_they_share_a_person(owners: list[str | None]) -> None:
    numbers = unit_numbers(corpus(owners).documents)
    for i, one in enumerate(owners):
        for j, other in enumerate(owners):
            same = i == j or (one is not None and one == other)
            assert (numbers[i] == numbers[j]) == same


@given(users)
def test_people_whose_hashes_are_equal_are_still_different_people(owners: list[str | None]) -> None:
    class Unlucky(str):
        """A name with the hash of all others."""

        __slots__ = ()

        def __hash__(self) -> int:
            return 7

    rows = corpus(owners).documents
    unlucky = tuple(replace(row, user=None if row.user is None else Unlucky(row.user)) for row in rows)
    assert unit_numbers(unlucky).tolist() == unit_numbers(rows).tolist()


def people(owners: Sequence[str | None], key: bytes = KEY) -> People:
    return People(
        lambda: Private(corpus(owners)), max_records=1, key=key, embedder=FakeEmbedder(), progress=Silent()
    )


def test_the_rows_that_take_part_follow_from_the_secret_key_of_the_run() -> None:
    kept = {open_private(people(["a"] * 4, key=bytes([i]) * 32).rows)[0].id for i in range(60)}
    assert kept == {0, 1, 2, 3}


def test_people_who_must_not_be_read_say_why(lab: Lab) -> None:
    absent = nobody(lab.tools(), Silent(), "A replay asked for private data.")
    for use in ("rows", "units", "embeddings"):
        with pytest.raises(PrivacyError, match="A replay asked for private data"):
            getattr(absent, use)


class Meter(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[int | None] = []

    def start(self, stage: str, total: int | None = None) -> None:
        self.told.append(total)

    def advance(self, n: int = 1, *, tokens: int = 0) -> None:
        self.told.append(n)


@pytest.mark.parametrize("rows", [1, 7, 130, 300, 2000])
def test_the_progress_of_embedding_has_ten_equal_steps_however_many_rows_there_are(rows: int) -> None:
    meter = Meter()
    those = People(
        lambda: Private(corpus([None] * rows)),
        max_records=1,
        key=KEY,
        embedder=FakeEmbedder(),
        progress=meter,
    )
    open_private(those.embeddings)
    assert meter.told == [100, *[10] * 10]


def test_no_order_is_drawn_for_people_who_keep_all_of_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most people of a large file have one row: hashing all of them would be most of the work."""
    drawn: list[str | None] = []

    def counted(key: bytes, purpose: str, row: Document) -> bytes:
        drawn.append(row.user)
        return content_tag(key, purpose, row)

    monkeypatch.setattr(contributions, "content_tag", counted)
    assert len(bound(corpus(["a", "b", "b", "c", "c", "c", None]), 2, KEY)) == 6
    assert drawn == ["c", "c", "c"]
