"""A cell, a key or a name in memory that no file could have costs its own row at most."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from rpsg.errors import DataError
from rpsg.plan import DataSection
from rpsg.privacy.private import open_private
from rpsg.storage.readers import check_columns, read_by_rule
from rpsg.storage.readers.memory import held

ROW: dict[str, Any] = {"text": "tea", "user": 12, "label": "good"}


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(np.array(["good", "bad"]), id="an array"),
        pytest.param(np.array([]), id="an empty array"),
        pytest.param(10**5000, id="a long integer"),
        pytest.param(Decimal("1e5000"), id="a large number"),
        pytest.param(Decimal("1e-999999999"), id="a tiny number"),
    ],
)
@pytest.mark.parametrize("column", ["text", "label", "user"])
def test_a_cell_that_has_no_spelling_costs_its_own_row_alone(odd: object, column: str) -> None:
    rows = [ROW, {**ROW, column: odd}]
    with held(rows) as path:
        data = DataSection(path=str(path), user="user", label="label")
        reading = open_private(read_by_rule(data, tells=True))
    assert [row.text for row in reading.corpus] == ["tea"]
    assert sum(noted.rows for noted in reading.left_out.values()) == 1


def test_turns_that_pandas_holds_as_arrays_are_a_conversation() -> None:
    turns = [{"speaker": "Doctor", "text": "Any pain?"}, {"speaker": "Patient", "text": "No."}]
    with held([{"talk": np.array(turns, dtype=object)}]) as path:
        reading = open_private(read_by_rule(DataSection(path=str(path), text="talk"), tells=True))
    assert [row.text for row in reading.corpus] == ["Doctor: Any pain?\nPatient: No."]


class Mood(enum.StrEnum):
    GOOD = "good"


class Odd(float, enum.Enum):
    TWELVE = 12.0


def test_a_value_of_a_class_of_ones_own_is_the_plain_value_that_it_holds() -> None:
    rows = [{"text": Mood.GOOD, "user": Odd.TWELVE, "label": Mood.GOOD}, {**ROW, "user": 12}]
    with held(rows) as path:
        data = DataSection(path=str(path), user="user", label="label")
        reading = open_private(read_by_rule(data, tells=True))
    assert [(row.text, row.user, row.label) for row in reading.corpus] == [
        ("good", "12", "good"),
        ("tea", "12", "good"),
    ]
    assert {type(row.text) for row in reading.corpus} == {str}


def test_keys_of_rows_are_not_named_and_one_odd_key_decides_nothing() -> None:
    rows = [{"text": "tea"}, {"text": "oil", "hiv_status": "yes", 5: "x", "5": "y"}]
    with held(rows) as path:
        with pytest.raises(DataError) as caught:
            check_columns(DataSection(path=str(path), text="txt"))
        assert "hiv_status" not in caught.value.sentences
        check_columns(DataSection(path=str(path), text="5"))
        assert len(open_private(read_by_rule(DataSection(path=str(path)))).corpus) == 2


def test_a_column_that_a_data_frame_calls_by_a_number_is_read_by_its_digits() -> None:
    rows: list[dict[Any, Any]] = [{0: "p1", "text": "tea"}, {0: "p2", "text": "oil"}]
    pandas = pytest.importorskip("pandas", reason="pandas comes with the tools of development")
    frame = pandas.DataFrame(rows)
    with held(frame) as path:
        reading = open_private(read_by_rule(DataSection(path=str(path), user="0"), tells=True))
    assert [row.user for row in reading.corpus] == ["p1", "p2"]
