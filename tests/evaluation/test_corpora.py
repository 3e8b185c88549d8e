"""Corpora are split by person and drawn by chance, the same way every time."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from rpsg.errors import DataError
from rpsg.evaluation.corpora import Rows, drawn, halves, read_rows, without_people
from rpsg.storage.readers.columns import Columns

if TYPE_CHECKING:
    from pathlib import Path


def rows(count: int, people: int | None = None) -> Rows:
    users = None if people is None else tuple(f"p{i % people}" for i in range(count))
    return Rows(tuple(f"text {i}" for i in range(count)), users=users)


def test_no_person_is_in_both_halves() -> None:
    first, second = halves(rows(103, people=17), seed=0)
    assert not set(first.users or ()) & set(second.users or ())
    assert sorted([*first.texts, *second.texts]) == sorted(rows(103).texts)
    assert abs(len(first) - len(second)) < 20


def test_without_persons_rows_are_split_evenly() -> None:
    first, second = halves(rows(101), seed=0)
    assert {len(first), len(second)} == {50, 51}


def test_a_person_with_nearly_all_rows_leaves_the_others_a_half() -> None:
    uneven = Rows(tuple(f"t{i}" for i in range(50)), users=("p",) * 49 + ("q",))
    for seed in range(8):
        first, second = halves(uneven, seed)
        assert len(first) + len(second) == 50
        assert len(first)
        assert len(second)


def test_one_person_cannot_be_split() -> None:
    with pytest.raises(DataError, match="one person's"):
        halves(rows(10, people=1), seed=0)


def test_one_row_alone_is_too_few_to_split() -> None:
    for people in (None, 1):
        with pytest.raises(DataError, match="At least two real texts"):
            halves(rows(1, people), seed=0)


def test_another_seed_splits_otherwise() -> None:
    assert halves(rows(40), 1)[0] == halves(rows(40), 1)[0] != halves(rows(40), 2)[0]


def test_draws_are_without_repeats_in_the_order_of_the_file() -> None:
    some = drawn(rows(50), 20, 0, "test")
    places = [int(text.split()[1]) for text in some.texts]
    assert places == sorted(set(places))
    assert len(places) == 20
    assert drawn(rows(5), 20, 0, "test") == rows(5)


def test_people_of_the_held_out_texts_leave_the_others() -> None:
    left = without_people(rows(30, people=10), Rows(("x",), users=("p3",)))
    assert Counter(left.users)["p3"] == 0
    assert len(left) == 27


def test_rows_without_text_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "real.jsonl"
    file.write_text("".join(json.dumps({"t": t, "l": "a"}) + "\n" for t in ("one", "", " ", "two")))
    found = read_rows(file, Columns("t", "l"))
    assert found.texts == ("one", "two")
    assert found.labels == ("a", "a")


def test_a_file_without_any_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "real.jsonl"
    file.write_text('{"t": ""}\n')
    with pytest.raises(DataError, match="no text"):
        read_rows(file, Columns("t"))
