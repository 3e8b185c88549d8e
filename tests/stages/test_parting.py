"""Donors and voters: nobody is both, and who somebody is depends on nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from rpsg.plan import resolve
from rpsg.records import Document, PrivateCorpus
from rpsg.stages.partition import by_draw, by_list, content_tag, in_shard, listed, parted

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

ROWS = st.lists(
    st.tuples(
        st.text(max_size=5),
        st.none() | st.sampled_from("abc"),
        st.none() | st.sampled_from(["p", "q", "r", ""]),
    ),
    max_size=20,
)
KEYS = st.binary(min_size=32, max_size=32)


def corpus_of(rows: list[tuple[str, str | None, str | None]]) -> PrivateCorpus:
    return PrivateCorpus(tuple(Document(i, text, label, user) for i, (text, label, user) in enumerate(rows)))


@given(ROWS, KEYS, st.floats(0.01, 0.99))
def test_donors_and_voters_never_overlap_and_are_everybody(
    rows: list[tuple[str, str | None, str | None]], key: bytes, share: float
) -> None:
    corpus = corpus_of(rows)
    donors, voters = parted(corpus, by_draw(key, share))
    assert sorted(row.id for row in (*donors, *voters)) == list(range(len(rows)))
    people = [{row.user for row in half if row.user is not None} for half in (donors, voters)]
    assert people[0].isdisjoint(people[1])


@given(ROWS, ROWS, KEYS)
def test_who_somebody_is_depends_on_nobody_else_and_not_on_the_order(
    rows: list[tuple[str, str | None, str | None]],
    others: list[tuple[str, str | None, str | None]],
    key: bytes,
) -> None:
    is_donor = by_draw(key, 0.5)
    alone = {(row.text, row.label, row.user): is_donor(row) for row in corpus_of(rows)}
    donors, voters = parted(corpus_of([*others, *reversed(rows)]), is_donor)
    found = {(row.text, row.label, row.user) for row in donors}
    assert all(alone[row] == (row in found) for row in alone)
    assert not found & {(row.text, row.label, row.user) for row in voters}


def test_a_list_of_donors_may_spell_a_name_as_the_data_do(tmp_path: Path) -> None:
    """The readers of data give 12.0 and a time of midnight one spelling each."""
    names = tmp_path / "donors.txt"
    names.write_text(" anna \n12.0\n\n2024-01-02T00:00:00\n", encoding="utf-8")
    plan = resolve({"method": {"name": "split"}, "split": {"donor_list": str(names)}})
    assert listed(plan) == {"anna", "12", "2024-01-02"}


def test_the_share_of_donors_is_the_one_asked_for() -> None:
    people = [Document(i, "text", None, f"person-{i}") for i in range(4000)]
    drawn = sum(map(by_draw(b"k" * 32, 0.2), people))
    assert 700 < drawn < 900
    assert sum(map(by_draw(b"l" * 32, 0.2), people)) != drawn


def test_a_list_names_donors_and_a_row_of_nobody_is_none() -> None:
    corpus = corpus_of([("a", None, "p"), ("b", None, "q"), ("c", None, None), ("d", None, "p")])
    donors, voters = parted(corpus, by_list(["p", "x"]))
    assert [row.id for row in donors] == [0, 3]
    assert [row.id for row in voters] == [1, 2]


@given(KEYS, st.text(), st.text(), st.none() | st.text(), st.none() | st.text())
def test_a_tag_tells_fields_apart(
    key: bytes, text: str, other: str, label: str | None, user: str | None
) -> None:
    row = Document(3, text, label, user)
    assert content_tag(key, "seed", row) == content_tag(key, "seed", Document(9, text, label, user))
    assert content_tag(key, "seed", row) != content_tag(key, "donor", row)
    if (text, label, user) != (other, label, text):
        assert content_tag(key, "seed", row) != content_tag(key, "seed", Document(3, other, label, text))


def test_rows_that_differ_in_one_field_alone_have_different_tags() -> None:
    rows = [
        Document(0, "a", "b", "c"),
        Document(0, "x", "b", "c"),
        Document(0, "a", "x", "c"),
        Document(0, "a", "b", "x"),
        Document(0, "a", None, "c"),
        Document(0, "a", "", "c"),
        Document(0, "a", "b", None),
        Document(0, "ba", "", "c"),
        Document(0, "a", "", "cb"),
    ]
    assert len({content_tag(b"k" * 32, "bound", row) for row in rows}) == len(rows)
    assert len({content_tag(key * 32, "bound", rows[0]) for key in (b"k", b"l")}) == 2


def test_whether_a_row_of_nobody_is_a_donor_s_depends_on_the_key() -> None:
    row = Document(0, "a text", None, None)
    assert {by_draw(bytes([i]) * 32, 0.5)(row) for i in range(40)} == {True, False}


@given(ROWS, st.uuids(), st.integers(2, 9))
def test_every_row_is_in_one_shard_and_with_it_all_rows_of_its_person(
    rows: list[tuple[str, str | None, str | None]], run: UUID, shards: int
) -> None:
    tests = [in_shard(run.hex, k, shards) for k in range(1, shards + 1)]
    found: dict[str, set[int]] = {}
    for row in corpus_of(rows):
        (where,) = [k for k, is_mine in enumerate(tests, 1) if is_mine(row)]
        if row.user is not None:
            found.setdefault(row.user, set()).add(where)
    assert all(len(places) == 1 for places in found.values())


def test_people_are_spread_over_the_shards_and_differently_in_each_run() -> None:
    people = [Document(i, "text", user=f"p{i}") for i in range(300)]
    first, other = ([row.id for row in people if in_shard(run, 1, 3)(row)] for run in ("a", "b"))
    assert 60 < len(first) < 140
    assert first != other
