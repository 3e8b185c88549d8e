"""Packed files, workbooks and Parquet are told by their bytes, whatever their name; of text the name decides.

Under a name of JSON Lines this holds only if no line is an object, so that no row decides about the others.
"""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import io
import lzma
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.storage.tables import JSONL, ROWS, pairs, table
from tests.storage.workbooks import workbook

from rpsg.errors import DataError
from rpsg.plan import DataSection
from rpsg.storage.readers import check_columns, header_of, source

if TYPE_CHECKING:
    from pathlib import Path

TEXTS, USERS = zip(*ROWS, strict=True)
NAMES = ("a.csv", "a.jsonl", "a.ndjson", "a.json", "a.txt", "a.tsv", "a.xlsx", "a.parquet", "a.data", "a")


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": TEXTS, "user": USERS}), file)
    return file.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_parquet_is_read_under_any_name(tmp_path: Path, name: str) -> None:
    (path := tmp_path / name).write_bytes(parquet())
    assert pairs(path) == ROWS
    assert header_of(path) == ["text", "user"]
    check_columns(DataSection(path=str(path), user="user"))


@pytest.mark.skipif(importlib.util.find_spec("python_calamine") is None, reason="the extra excel is missing")
@pytest.mark.parametrize("name", NAMES)
def test_a_workbook_is_read_under_any_name(tmp_path: Path, name: str) -> None:
    (path := tmp_path / name).write_bytes(workbook({"one": [("text", "user"), *ROWS]}))
    assert pairs(path) == ROWS
    check_columns(DataSection(path=str(path), user="user"))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a.jsonl.gz", "a.data"])
def test_packed_json_lines_are_read_under_any_name(tmp_path: Path, name: str, pack: object) -> None:
    assert callable(pack)
    (path := tmp_path / name).write_bytes(pack(JSONL.encode()))
    assert pairs(path) == ROWS
    assert header_of(path) == ["text", "user"]
    check_columns(DataSection(path=str(path), user="user"))
    assert pairs(path, format="jsonl") == ROWS


def test_a_packed_file_in_another_encoding_is_read(tmp_path: Path) -> None:
    (path := tmp_path / "a.jsonl").write_bytes(gzip.compress(JSONL.encode("utf-16")))
    assert pairs(path, encoding="utf-16") == ROWS
    with pytest.raises(DataError, match="is saved as UTF-16"):
        pairs(path)


def test_declared_json_lines_that_are_none_are_refused(tmp_path: Path) -> None:
    (path := tmp_path / "a.jsonl").write_bytes(parquet())
    for form in ("jsonl", "csv", "txt"):
        with pytest.raises(DataError, match=f"is a Parquet file, not {form}"):
            pairs(path, format=form)


def test_parquet_from_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    source._standard_input.cache_clear()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(parquet())))
    with pytest.raises(DataError, match="is a Parquet file, not jsonl"):
        pairs("-", format="jsonl")
    source._standard_input.cache_clear()


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize(
    "first",
    [
        b"PAR1",
        b"PK\x03\x04",
        b"\xd0\xcf\x11\xe0",
        b"BZh9",
        b"\x28\xb5\x2f\xfd\0",
        gzip.compress(b"a", mtime=0),
    ],
)
def test_a_row_that_begins_like_another_kind_of_file_decides_nothing(
    tmp_path: Path, first: bytes, end: str
) -> None:
    (path := tmp_path / "a.jsonl").write_bytes(first + end.encode() + JSONL.replace("\n", end).encode())
    assert pairs(path) == ROWS
    (path := tmp_path / "b.jsonl").write_bytes(first + end.encode() + b"\xef\xbb\xbf" + JSONL[-60:].encode())
    assert pairs(path) == ROWS[-1:] or len(pairs(path)) == 1


def test_a_table_of_one_txt_file_is_read_as_its_error_says(tmp_path: Path) -> None:
    (path := tmp_path / "a.txt").write_text(table("|"))
    with pytest.raises(DataError) as refused:
        pairs(path)
    assert "add --format csv" in refused.value.hint
    assert pairs(path, format="csv") == ROWS
