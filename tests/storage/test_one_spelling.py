"""One value has one spelling, in every format: a person is one person, however a file writes the id."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import random
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.errors import UsageError
from rpsg.plan import DataSection, resolve
from rpsg.privacy.private import open_private
from rpsg.storage.readers import read_by_rule
from rpsg.storage.readers.columns import Columns
from rpsg.storage.readers.csv import _PhysicalLines
from rpsg.storage.readers.memory import held
from rpsg.storage.readers.rows import DocumentMaker
from rpsg.storage.readers.spelling import MISSING, clean, spelled

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.records import Document

SAME: list[tuple[str, list[Any]]] = [
    ("12", [12, 12.0, "12", "12.0", "12.00", " 12 ", b"12", Decimal(12), Decimal("12.00")]),
    ("0", [0, 0.0, -0.0, "0", "-0.0"]),
    ("10000000000000000000", [10**19, 1e19, "1e+19", "1E+19", "10000000000000000000.0"]),
    ("100000000000000000000000", [10**23, 1e23, "1e+23"]),
    ("true", [True, "true", "True", "TRUE"]),
    ("false", [False, "false", "False"]),
    ("2.5", [2.5, "2.5", Decimal("2.50")]),
    ("caf\u00e9", ["caf\u00e9", "cafe\u0301"]),
    ("00000000-0000-0000-0000-00000000000c", [uuid.UUID(int=12), str(uuid.UUID(int=12))]),
    ("00123", ["00123", '="00123"', ' ="00123" ']),
    ("2024-05-01", [dt.date(2024, 5, 1), "2024-05-01"]),
]
APART = ["012", "12", "12e4", "120000", "1.10", "1.1", "v1.0", "1.0.0", "+12", "12a", "TRue", "=12", '"12"']


@pytest.mark.parametrize(("spelling", "values"), SAME, ids=[spelling for spelling, _ in SAME])
def test_a_value_has_one_spelling_whatever_its_type(spelling: str, values: list[Any]) -> None:
    assert {spelled(value) for value in values} == {spelling}


@given(st.one_of(st.text(max_size=20), st.floats(), st.integers(), st.binary(max_size=6), st.decimals()))
def test_a_spelling_is_its_own_spelling(value: object) -> None:
    found = spelled(value)
    assert found is None or spelled(found) == found


@given(st.one_of(st.text(max_size=20), st.text("naN\0\r\n aA1\x7f", max_size=6)))
def test_a_text_is_kept_as_it_is_cleaned_by_whichever_way_it_is_read(text: str) -> None:
    maker = DocumentMaker("file", "line", Columns("text"))
    kept = [document.text for document in maker.documents([(1, (text, None, None))])]
    says_something = text not in MISSING and any(c.isprintable() and not c.isspace() for c in clean(text))
    assert kept == ([clean(text)] if says_something else [])


def test_ids_that_only_look_alike_stay_apart() -> None:
    assert len({spelled(value) for value in APART}) == len(APART)


@pytest.mark.parametrize(
    "value", [None, math.nan, Decimal("NaN"), "nan", "NaN", "", " \n", "\0", ["a"], {"a": 1}]
)
def test_what_says_nothing_has_no_spelling(value: object) -> None:
    assert spelled(value) is None


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.decimals() | st.binary())
def test_a_spelling_is_spelled_as_it_is(value: Any) -> None:
    once = spelled(value)
    assert once is None or spelled(once) == once


def read(path: Path, **data: Any) -> list[Document]:
    return list(open_private(read_by_rule(DataSection(path=str(path), **data))).corpus)


def test_a_csv_that_a_data_frame_wrote_twice_has_each_person_once(tmp_path: Path) -> None:
    """A column of whole numbers becomes one of floats as soon as a value is missing."""
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["text", "user"], ["tea", "12"], ["oil", "12.0"], ["corn", "13.0"]])
    assert [row.user for row in read(path, user="user")] == ["12", "12", "13"]


def test_numbers_and_text_in_one_json_file_are_the_same_person(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(json.dumps({"text": "tea", "user": user}) + "\n" for user in (1, 1.0, "1", "1.0"))
    )
    assert {row.user for row in read(path, user="user")} == {"1"}


TYPES: dict[str, pa.Array] = {
    "uuids": pa.ExtensionArray.from_storage(
        pa.uuid(), pa.array([uuid.UUID(int=i).bytes for i in (1, 2)], pa.binary(16))
    ),
    "raw bytes of uuids": pa.array([uuid.UUID(int=2**127 + i).bytes for i in (1, 2)], pa.binary(16)),
    "text as bytes": pa.array([b"anna", b"ben"]),
    "decimals": pa.array([Decimal("1.00"), Decimal("2.00")]),
    "whole numbers": pa.array([1, 2], pa.uint8()),
    "nanoseconds": pa.array([1, 2], pa.timestamp("ns", "UTC")),
    "days": pa.array([dt.date(2024, 5, 1), dt.date(2024, 5, 2)]),
    "times": pa.array([1, 2], pa.time64("ns")),
    "durations": pa.array([1, 2], pa.duration("ns")),
    "days in a year too far": pa.array([2**31 - 1, 1], pa.date32()),
    "a time beyond all years": pa.array([2**62, 1], pa.timestamp("us")),
    "categories of nanoseconds": pa.array([1, 2], pa.timestamp("ns")).dictionary_encode(),
    "categories": pa.array(["anna", "ben"]).dictionary_encode(),
    "half floats": pa.array([1.0, 2.0], pa.float16()),
    "truths": pa.array([True, False]),
    "text views": pa.array(["anna", "ben"], pa.string_view()),
    "large bytes": pa.array([b"anna", b"ben"], pa.large_binary()),
    "wide decimals": pa.array([Decimal("1.00"), Decimal("2.00")], pa.decimal256(40, 2)),
    "one JSON value each": pa.ExtensionArray.from_storage(pa.json_(), pa.array(['"anna"', '"ben"'])),
}


@pytest.mark.parametrize("users", TYPES.values(), ids=TYPES)
def test_people_are_told_apart_whatever_type_the_column_has(tmp_path: Path, users: pa.Array) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["tea", "oil"], "user": users}), path)
    assert len({row.user for row in read(path, user="user")}) == 2


def test_lists_and_objects_are_nobody() -> None:
    days = pa.array([[2**31 - 1], None], pa.list_(pa.date32()))
    with held(pa.table({"text": ["tea", "oil"], "user": days})) as path:
        reading = open_private(read_by_rule(DataSection(path=str(path), user="user"), tells=True))
    assert {reason: places.first for reason, places in reading.left_out.items()} == {
        "the entry in the user column is a list or an object": [1],
        "the user is missing": [2],
    }


def test_a_label_comes_out_as_it_was_declared(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": "tea", "label": v}) + "\n" for v in (5, "5", True, "Yes\t")))
    found = read(path, label="label", labels=("5.0", "True", "Yes"))
    assert [row.label for row in found] == ["5.0", "5.0", "True", "Yes"]


def test_two_declared_labels_with_one_spelling_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "tea", "label": 5}')
    with pytest.raises(UsageError, match="mean the same value"):
        read(path, label="label", labels=("5", "5.0"))


def test_a_found_label_has_no_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "tea", "label": "\x1b[31mhot\r\ntea\x07"}))
    assert [row.label for row in read(path, label="label")] == ["[31mhot tea"]


def test_a_label_that_is_missing_though_labels_are_declared_has_a_rule(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"text": "tea", "label": label} for label in ("good", None, "bad", "unheard-of")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data: dict[str, Any] = {"label": "label", "labels": ("good", "bad")}
    assert [row.label for row in read(path, **data)] == ["good", "bad"]
    assert [row.label for row in read(path, unlisted="other", **data)] == ["good", "other", "bad", "other"]


#: A label that is missing, as each format writes it, between two that are there.
MISSING_LABELS: dict[str, tuple[str, bytes]] = {
    "an empty cell of CSV": ("a.csv", b"text,label\ntea,good\noil,\ncorn,bad\n"),
    "quotes with nothing between": ("a.csv", b'text,label\ntea,good\noil,""\ncorn,bad\n'),
    "blanks between tabs": ("a.tsv", b"text\tlabel\ntea\tgood\noil\t  \ncorn\tbad\n"),
    "NaN of a data frame": ("a.csv", b"text,label\ntea,good\noil,nan\ncorn,bad\n"),
    "a NUL": ("a.csv", b"text,label\ntea,good\noil,\0\ncorn,bad\n"),
    "a bare NaN": (
        "a.jsonl",
        b'{"text":"tea","label":"good"}\n{"text":"oil","label":NaN}\n{"text":"corn","label":"bad"}',
    ),
    "no key": (
        "a.jsonl",
        b'{"text":"tea","label":"good"}\n{"text":"oil"}\n{"text":"corn","label":"bad"}',
    ),
    "null of Parquet": ("a.parquet", b""),
}


@pytest.mark.parametrize(("name", "content"), MISSING_LABELS.values(), ids=MISSING_LABELS)
def test_a_missing_label_is_missing_in_every_format_and_has_a_rule(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    if not content:
        pq.write_table(pa.table({"text": ["tea", "oil", "corn"], "label": ["good", None, "bad"]}), path)
    data: dict[str, Any] = {"path": str(path), "label": "label", "labels": ("good", "bad")}
    reading = open_private(read_by_rule(DataSection(**data), tells=True))
    assert [row.label for row in reading.corpus] == ["good", "bad"]
    assert list(reading.left_out) == ["the label is missing"]
    other = open_private(read_by_rule(DataSection(**data, unlisted="other"), tells=True))
    assert [row.label for row in other.corpus] == ["good", "other", "bad"]


def test_other_is_one_more_label_and_goes_only_with_declared_ones() -> None:
    declared = {"label": "label", "labels": ("a", "b")}
    assert resolve({"data": declared}).data.label_values == ("a", "b")
    assert resolve({"data": {**declared, "unlisted": "other"}}).data.label_values == ("a", "b", "other")
    own = {"label": "label", "labels": ("a", "other"), "unlisted": "other"}
    assert resolve({"data": own}).data.label_values == ("a", "other")
    with pytest.raises(UsageError, match="needs declared labels"):
        resolve({"data": {"label": "label", "unlisted": "other"}})


def ends_of_rows(written: list[str], separator: str) -> list[int]:
    """The line where each row ends; a negative one where the parser gives up."""
    reader, ends = csv.reader(iter(written), delimiter=separator, strict=True), []
    try:
        while next(reader, None) is not None:
            ends.append(reader.line_num)
    except csv.Error:
        ends.append(-reader.line_num)
    return ends


def test_the_skeleton_of_a_row_ends_where_the_row_ends() -> None:
    """What the CSV parser is given of an over-long row leads it the same way as the row itself."""
    rng = random.Random(0)
    for _ in range(5_000):
        written = [
            "".join(rng.choices('"ab,;\t|^', k=rng.randint(0, 9))) + "\n" for _ in range(rng.randint(1, 4))
        ]
        skeleton = [_PhysicalLines._skeleton(line.encode()).decode() for line in written]
        for separator in ",;\t|^":
            assert ends_of_rows(written, separator) == ends_of_rows(skeleton, separator)
