"""Columns beside the text: the same values from every format, by rules that look at one row alone."""

from __future__ import annotations

import csv
import datetime as dt
import json
import tomllib
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.storage.workbooks import workbook

from rpsg.errors import DataError, UsageError
from rpsg.plan import DataSection, Plan, resolve
from rpsg.plan.columns import declared
from rpsg.privacy.commitment import commit_to
from rpsg.privacy.private import Private, open_private
from rpsg.records import Document, PrivateCorpus
from rpsg.stages.contributions import bound
from rpsg.storage.readers import check_columns, read_by_rule
from rpsg.storage.readers.beside import reader_of
from rpsg.storage.readers.memory import held

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rpsg.storage.readers import Reading

COLUMNS = ("priority=1|2|3", "opened=2025-01..2025-06", "age=18<65")
ROWS: list[dict[str, Any]] = [
    {"text": "the router is dead", "priority": 1, "opened": dt.date(2025, 1, 31), "age": 17.5},
    {"text": "the app is slow", "priority": 2, "opened": dt.date(2025, 6, 1), "age": 18},
    {"text": "no invoice came", "priority": 3, "opened": dt.date(2025, 2, 28), "age": 65},
]
READ = [
    {"priority": "1", "opened": "2025-01", "age": "under 18"},
    {"priority": "2", "opened": "2025-06", "age": "18 to under 65"},
    {"priority": "3", "opened": "2025-02", "age": "65 or more"},
]


def in_csv(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def in_jsonl(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows), encoding="utf-8")
    return path


def in_parquet(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def in_excel(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "rows.xlsx"
    cells = [
        [value if isinstance(value, int | float) else str(value) for value in row.values()] for row in rows
    ]
    path.write_bytes(workbook({"tickets": [list(rows[0]), *cells]}))
    return path


WRITE: dict[str, Callable[[Path, list[dict[str, Any]]], Path]] = {
    "csv": in_csv,
    "jsonl": in_jsonl,
    "parquet": in_parquet,
    "excel": in_excel,
}


def read(path: Path, **data: Any) -> Reading:
    section = DataSection(path=str(path), **{"columns": COLUMNS, **data})
    check_columns(section)
    return open_private(read_by_rule(section, tells=True))


def values(reading: Reading) -> list[dict[str, str]]:
    return [dict(row.columns) for row in reading.corpus]


@pytest.mark.parametrize("kind", WRITE)
def test_every_format_gives_the_same_values(tmp_path: Path, kind: str) -> None:
    assert values(read(WRITE[kind](tmp_path, ROWS))) == READ


@pytest.mark.parametrize("dates", [str, lambda day: dt.datetime.combine(day, dt.time(23, 59)), pd.Timestamp])
def test_a_data_frame_gives_them_too(dates: Callable[[dt.date], object]) -> None:
    frame = pd.DataFrame([{**row, "opened": dates(row["opened"])} for row in ROWS])
    with held(frame) as path:
        assert values(read(path)) == READ


def test_the_columns_stand_in_any_order_and_beside_label_and_user(tmp_path: Path) -> None:
    rows = [{"age": row["age"], "kind": "a", **row, "who": f"p{i}"} for i, row in enumerate(ROWS)]
    reading = read(in_csv(tmp_path, rows), label="kind", labels=("a", "b"), user="who")
    assert values(reading) == READ
    assert [(row.label, row.user) for row in reading.corpus] == [("a", "p0"), ("a", "p1"), ("a", "p2")]


@pytest.mark.parametrize(
    ("column", "given", "found"),
    [
        ("d=2025-01..2025-12", "2025-03-31", "2025-03"),
        ("d=2025-01..2025-12", "2025-03-31 10:20:30", "2025-03"),
        ("d=2025-01..2025-12", "2025-03-31T10:20:30.5+02:00", "2025-03"),
        ("d=2025-01..2025-12", "2025/03/31", "2025-03"),
        ("d=2025-01..2025-12", 20250331, "2025-03"),
        ("d=2025-01..2025-12", "31.3.2025", "2025-03"),
        ("d=2025-01..2025-12", "2025-03", "2025-03"),
        ("d=2025-01..2025-12", "03/04/2025", None),
        ("d=2025-01..2025-12", "2025-02-30", None),
        ("d=2025-01..2025-12", "2024-12-31", None),
        ("d=2025-01..2025-12", "2025-03-31 and more than a date", None),
        ("d=2024-Q3..2025-Q2", "2025-01-01", "2025-Q1"),
        ("d=2024-Q3..2025-Q2", "2024-09-30", "2024-Q3"),
        ("d=2020..2025", 2021.0, "2021"),
        ("d=2020..2025", "24.12.2025", "2025"),
        ("d=2025-02-27..2025-03-02", "2025-03-01", "2025-03-01"),
        ("n=0<10.5", "10.5", "10.5 or more"),
        ("n=0<10.5", -3, "under 0"),
        ("n=0<10.5", "1e3", "10.5 or more"),
        ("n=0<10.5", "ten", None),
        ("n=0<10.5", "nan", None),
        ("n=0<10.5", "inf", None),
        ("n=0<10.5", "9" * 5000, None),
        ("b=true|false", True, "true"),
        ("b=5|6", "5.0", "5"),
        ("b=5|6", [5], None),
        ("b=caf\u00e9|bar", "cafe\u0301", "caf\u00e9"),
    ],
)
def test_a_value_is_read_by_a_public_rule(
    tmp_path: Path, column: str, given: object, found: str | None
) -> None:
    name = column.partition("=")[0]
    path = in_jsonl(tmp_path, [{"text": "a text", name: given}])
    reading = read(path, columns=(column,))
    assert [dict(row.columns)[name] for row in reading.corpus] == ([] if found is None else [found])


def test_rows_without_a_declared_value_are_left_out_each_by_itself(tmp_path: Path) -> None:
    odd = [{**ROWS[0], "priority": 9}, {**ROWS[0], "age": None}, {**ROWS[0], "opened": ["2025"]}]
    reading = read(in_jsonl(tmp_path, [*ROWS, *odd]))
    assert values(reading) == READ
    assert {reason: places.first for reason, places in reading.left_out.items()} == {
        "the value of 'priority' is not one of those declared": [4],
        "the value of 'age' is missing": [5],
        "the value of 'opened' is a list or an object": [6],
    }
    assert all("--unlisted other" in hint for hint in reading.hints.values())


def test_or_counted_as_other_and_never_a_reason_to_refuse(tmp_path: Path) -> None:
    odd = [{**ROWS[0], "priority": 9, "age": None}]
    reading = read(in_jsonl(tmp_path, odd), unlisted="other", unusable="refuse")
    assert values(reading) == [{"priority": "other", "opened": "2025-01", "age": "other"}]
    assert sum(places.rows for places in reading.as_other.values()) == 2
    assert not read(in_jsonl(tmp_path, odd), unusable="refuse").corpus.documents


@pytest.mark.parametrize("kind", WRITE)
def test_a_column_that_the_file_does_not_have_is_told_with_the_option(tmp_path: Path, kind: str) -> None:
    rows = [{key: value for key, value in row.items() if key != "age"} for row in ROWS]
    with pytest.raises(DataError, match=r"no column 'age' for .*columns"):
        read(WRITE[kind](tmp_path, rows))


def test_a_folder_of_texts_has_no_columns(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a text")
    with pytest.raises(UsageError, match="no columns"):
        read(tmp_path)


def test_values_that_are_one_and_the_same_in_a_file_are_refused() -> None:
    with pytest.raises(UsageError, match="mean the same value"):
        reader_of(declared("b=5|5.0"))
    with pytest.raises(UsageError, match="mean the same value"):
        check_columns(DataSection(path="nowhere.csv", columns=("b=true|True",)))


# -- what the plan takes ----------------------------------------------------------------------------------

TABLE = """
[data]
text = "text"
[data.columns]
priority = [1, 2, 3]
opened = { from = "2025-01", to = "2025-06" }
age = { edges = [18, 65] }
"""


def test_a_table_and_a_list_declare_the_same() -> None:
    table, listed = resolve(tomllib.loads(TABLE)), resolve({"data": {"columns": COLUMNS}})
    assert table == listed
    assert table.fingerprint() == listed.fingerprint()
    assert resolve(tomllib.loads(table.to_toml())) == table
    assert 'columns = ["priority=1|2|3", "opened=2025-01..2025-06", "age=18<65"]' in table.to_toml()


def test_a_plan_without_columns_is_what_it_was() -> None:
    assert "columns" not in Plan().to_toml()
    assert "columns" not in Plan().written()["data"]


def test_a_later_layer_replaces_the_columns_whatever_its_form() -> None:
    table = {"data": {"columns": {"a": ["x", "y"]}}}
    assert resolve(table, {"data": {"columns": ["b=x|y"]}}).data.columns == ("b=x|y",)
    assert resolve({"data": {"columns": ["b=x|y"]}}, table).data.columns == ("a=x|y",)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (["low|high"], "priority=low|normal|high"),
        (["=low|high"], "name of a column is missing"),
        (["a=low"], "at least two values"),
        (["a=low|low"], "twice"),
        (["a=low||high"], "empty"),
        (["a=x|y", "a=x|z"], "declared twice"),
        (["a=18<9"], "ascending"),
        (["a=2025-06..2025-01"], "earlier one first"),
        (["a=2025-02-30..2025-03-02"], "two dates that exist"),
        (["a=1900..2025"], "more than 60 periods"),
        (["a=" + "|".join(map(str, range(61)))], "more than 60 values"),
        ([f"c{i}=x|y" for i in range(9)], "at most 8"),
        (["text=x|y"], "a release has its own column"),
        (["claim=x|y"], "a release has its own column"),
        (["who=x|y"], "already used"),
        ({"a": ["x|y", "z"]}, "sign |"),
        ({"a": {"from": "2025"}}, "either from and to, or edges"),
        ({"a": 5}, "declared with its values"),
    ],
)
def test_a_wrong_declaration_is_a_sentence(columns: Any, says: str) -> None:
    with pytest.raises(UsageError) as error:
        resolve({"data": {"columns": columns, "user": "who"}})
    assert says in error.value.message
    assert "data.columns" in error.value.message


def test_a_whole_text_is_not_repeated() -> None:
    with pytest.raises(UsageError) as error:
        resolve({"data": {"columns": ["my secret\nillness=a|b"]}})
    assert "secret" not in error.value.message


# -- what rows are taken for ------------------------------------------------------------------------------


def test_rows_that_differ_in_a_column_are_not_the_same_row() -> None:
    """For the commitment, and for the choice among a person's rows, which goes by content."""
    one, other = (Document(0, "a text", None, "p", (("priority", value),)) for value in ("low", "high"))
    nonce = b"n" * 32
    told = {commit_to(Private(PrivateCorpus((row,))), nonce).value for row in (one, other)}
    assert len(told) == 2
    kept = {bound(PrivateCorpus((one, other)), 1, bytes([key]) * 32)[0].columns for key in range(40)}
    assert len(kept) == 2, "each is drawn with some keys"
    for key in range(20):
        in_order, turned = (
            bound(PrivateCorpus(rows), 1, bytes([key]) * 32) for rows in ((one, other), (other, one))
        )
        assert in_order[0].columns == turned[0].columns
