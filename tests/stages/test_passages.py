"""Long records are cut at sentence ends by a public rule; the bound is then on passages."""

from __future__ import annotations

from collections import Counter
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.records import Document, PrivateCorpus
from rpsg.stages.contributions import bound, passages, unit_numbers

KEY = b"k" * 32
SENTENCE = "One two three four five six seven eight nine ten."
texts = st.lists(st.sampled_from(["a", "bb", "end.", "why?", "\n", "x" * 30]), max_size=120).map(" ".join)


def words(text: str) -> int:
    return len(text.split())


@given(texts, st.integers(0, 20))
def test_every_word_is_in_one_passage_in_its_place(text: str, size: int) -> None:
    assert " ".join(passages(text, size)).split() == text.split()


@given(texts, st.integers(1, 20))
def test_no_passage_is_empty_or_twice_as_long_as_asked_for(text: str, size: int) -> None:
    found = passages(text, size)
    if len(found) > 1:
        assert all(0 < words(part) <= 3 * size for part in found)
    else:
        assert found == (text,)


def test_a_text_up_to_half_again_as_long_stays_as_it_is() -> None:
    assert passages("  " + SENTENCE * 2, 14) == ("  " + SENTENCE * 2,)
    assert len(passages(" ".join([SENTENCE] * 3), 20)) == 2


def test_passages_end_where_a_sentence_ends() -> None:
    found = passages(" ".join([SENTENCE] * 20), 48)
    assert [words(part) for part in found] == [50, 50, 50, 50]
    assert all(part.endswith("ten.") for part in found)
    quoted = " ".join(['She said "yes." Then he left (at last.) And that was all of it'] * 9)
    assert all(part.endswith(('yes."', "last.)", "it")) for part in passages(quoted, 30))


def test_lines_of_a_dialogue_end_passages_too() -> None:
    found = passages("\n".join(["A: so it goes"] * 40), 40)
    assert len(found) == 4
    assert all(part.startswith("A:") and part.endswith("goes") for part in found)


def test_a_text_without_any_sentence_end_is_cut_between_words() -> None:
    assert [words(part) for part in passages("word " * 1000, 250)] == [250] * 4


def test_zero_never_cuts() -> None:
    assert passages("word " * 5000, 0) == ("word " * 5000,)


def test_cutting_takes_time_in_proportion_to_the_length() -> None:
    def seconds(count: int) -> float:
        text = " ".join([SENTENCE] * count)
        start = process_time()
        passages(text, 250)
        return process_time() - start

    assert seconds(40_000) < 40 * max(seconds(4_000), 1e-3)


def long(user: str | None, sentences: int = 30, tag: str = "") -> Document:
    return Document(0, " ".join(f"{tag}{i} {SENTENCE}" for i in range(sentences)), user=user)


@given(
    st.lists(st.tuples(st.sampled_from([*"abc", None]), st.integers(1, 40)), max_size=8), st.integers(1, 4)
)
def test_a_person_keeps_as_many_passages_as_rows_are_allowed_and_a_row_of_nobody_one(
    owners: list[tuple[str | None, int]], c: int
) -> None:
    kept = bound(PrivateCorpus(tuple(long(user, size) for user, size in owners)), c, KEY, 50)
    units = Counter(unit_numbers(kept).tolist())
    assert all(count <= (c if unit >= 0 else 1) for unit, count in units.items())
    assert sum(unit < 0 for unit in units) == sum(user is None for user, _ in owners)
    assert {row.user for row in kept} == {user for user, _ in owners}
    assert all(words(row.text) <= 100 for row in kept)


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 40)), max_size=10),
    st.integers(1, 4),
    st.sampled_from("abcd"),
)
def test_taking_a_person_away_takes_only_that_person_s_passages_away(
    owners: list[tuple[str, int]], c: int, gone: str
) -> None:
    whole = PrivateCorpus(tuple(long(user, size) for user, size in owners))
    without = PrivateCorpus(tuple(row for row in whole if row.user != gone))
    assert bound(without, c, KEY, 50) == tuple(r for r in bound(whole, c, KEY, 50) if r.user != gone)


def test_taking_a_row_of_nobody_away_leaves_equal_rows_as_they_were() -> None:
    same = PrivateCorpus((long(None), long(None), long(None)))
    assert bound(PrivateCorpus(same.documents[1:]), 1, KEY, 50) == bound(same, 1, KEY, 50)[1:]


def test_each_passage_has_its_chance() -> None:
    chosen = Counter(
        bound(PrivateCorpus((long("a", 25),)), 1, i.to_bytes(32, "big"), 50)[0].text for i in range(600)
    )
    assert len(chosen) == 6
    assert sum((count - 100) ** 2 / 100 for count in chosen.values()) < 25


@pytest.mark.parametrize("user", ["a", None])
def test_short_rows_are_chosen_as_if_nothing_could_be_cut(user: str | None) -> None:
    rows = PrivateCorpus(tuple(Document(i, f"text {i}.", "label", user) for i in range(6)))
    assert bound(rows, 2, KEY, 50) == bound(rows, 2, KEY)


def test_a_passage_has_the_label_and_the_user_of_its_row() -> None:
    row = Document(7, long("a").text, "food", "a")
    for part in bound(PrivateCorpus((row,)), 3, KEY, 50):
        assert (part.id, part.label, part.user) == (7, "food", "a")
        assert part.text != row.text
        assert part.text in row.text
