"""The history of candidates is read as it was written, and equal parts of it are in memory once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rpsg.errors import RunError
from rpsg.records import Candidate, Card, Drop, Pool
from rpsg.release.history import as_read, read_history, write_history

if TYPE_CHECKING:
    from pathlib import Path


def test_candidates_share_equal_cards_and_reasons(tmp_path: Path) -> None:
    def card(number: int) -> Card:
        return Card({"topic": "tea" if number % 2 else "oil"}, ("a phrase",) if number % 3 == 0 else ())

    pool = Pool(
        tuple(
            Candidate(
                i, "", card(i), scores={"sketch": i / 7}, dropped=Drop("scrub", "empty") if i % 2 else None
            )
            for i in range(12)
        )
    )
    write_history(tmp_path / "candidates.jsonl", pool)
    found = read_history(tmp_path / "candidates.jsonl", {})
    assert found == pool
    assert len({id(candidate.card) for candidate in found}) == 4
    assert len({id(candidate.dropped) for candidate in found if candidate.dropped}) == 1


def test_a_pool_in_memory_is_what_would_be_read_of_it(tmp_path: Path) -> None:
    """Else the words of a release would be others than those that its verification writes."""
    pool = Pool(
        (
            Candidate(
                0, "a text", Card({"topic": "tea", "length": "short"}), scores={"votes": 3.0, "a": -1.5}
            ),
            Candidate(4, "half \ud83d of a pair", Card({"topic": "oil"}, ("leaf",)), parent=0),
            Candidate(5, "dropped", Card({}), scores={"nll": float("inf")}, dropped=Drop("scrub", "empty")),
        )
    )
    write_history(tmp_path / "candidates.jsonl", pool)
    texts = {0: "a text", 4: "half \ufffd of a pair"}
    found, read = as_read(pool), read_history(tmp_path / "candidates.jsonl", texts)
    assert found == read
    for one, other in zip(found, read, strict=True):  # their order decides the order of words on a page
        assert [*one.card.values] == [*other.card.values]
        assert [*one.scores] == [*other.scores]
    assert found.candidates[0].text is pool.candidates[0].text


def test_a_card_that_is_none_makes_the_file_a_damaged_one(tmp_path: Path) -> None:
    file = tmp_path / "candidates.jsonl"
    file.write_text('{"id": 0, "card": {"topic": ["tea"]}}\n', "utf-8")
    with pytest.raises(RunError, match="is damaged"):
        read_history(file, {})
