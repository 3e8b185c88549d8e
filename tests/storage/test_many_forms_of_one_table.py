"""One table in the many forms that programs write has the same rows, and the plan finds its columns."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import io
import json
import lzma
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.storage.tables import JSONL, ROWS, pairs, read, table
from tests.storage.workbooks import workbook

from rpsg.errors import DataError
from rpsg.plan import DataSection
from rpsg.storage.readers import check_columns, header_of
from rpsg.storage.readers.columns import Columns

if TYPE_CHECKING:
    from pathlib import Path

MARK = b"\xef\xbb\xbf"
#: By kind: what it is, the name of the file, its bytes, and what has to be declared.
FORMS: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "separated by carets": ("a.csv", table("^").encode(), {}),
    "separated by tildes": ("a.csv", table("~").encode(), {}),
    "separated by broken bars": ("a.csv", table("\xa6").encode(), {}),
    "separated by the sign of Hive": ("a.csv", table("\x01").encode(), {}),
    "separated by unit separators": ("a.csv", table("\x1f").encode(), {}),
    "separated by tabs though it is called .csv": ("a.csv", table("\t").encode(), {}),
    "separated by commas though it is called .tsv": ("a.tsv", table(",").encode(), {}),
    "separated by semicolons though it is called .tsv": ("a.tsv", table(";").encode(), {}),
    "separated by bars, compressed": ("a.csv.gz", gzip.compress(table("|").encode()), {}),
    "separated by bars, in UTF-16": ("a.csv", table("|").encode("utf-16"), {"encoding": "utf-16"}),
    "separated by bars, declared as CSV": ("export", table("|").encode(), {"format": "csv"}),
    "a line that names the tab": ("a.csv", ("sep=\t\n" + table("\t")).encode(), {}),
    "a line that names a colon": ("a.csv", ("sep=:\n" + table(":")).encode(), {}),
    "a line in capitals that names the separator": ("a.csv", ("SEP=;\n" + table(";")).encode(), {}),
    "a mark before the line that names the separator": (
        "a.csv",
        MARK + ("sep=;\r\n" + table(";", "\r\n")).encode(),
        {},
    ),
    "a line that names the separator, in UTF-16": (
        "a.csv",
        ("sep=;\n" + table(";")).encode("utf-16"),
        {"encoding": "utf-16"},
    ),
    "lone returns, compressed": ("a.csv.gz", gzip.compress(table(",", "\r").encode()), {}),
    "lone returns between tabs": ("a.tsv", table("\t", "\r").encode(), {}),
    "lone returns after a mark": ("a.csv", MARK + table(",", "\r").encode(), {}),
    "lone returns below the separator": ("a.csv", ("sep=;\r" + table(";", "\r")).encode(), {}),
    "lone returns in JSON Lines, compressed": (
        "a.jsonl.gz",
        gzip.compress(JSONL.replace("\n", "\r").encode()),
        {},
    ),
    "lone returns and line feeds mixed": ("a.csv", table(",").replace("\n", "\r", 2).encode(), {}),
    "a mark in front of each row of JSON Lines": (
        "a.jsonl",
        b"".join(MARK + line for line in JSONL.encode().splitlines(keepends=True)),
        {},
    ),
    "a mark in front of a row of CSV": (
        "a.csv",
        table(",").replace('"It', '\ufeff"It').encode(),
        {},
    ),
    "a mark in compressed JSON Lines": ("a.jsonl.gz", gzip.compress(MARK + JSONL.encode()), {}),
    "a mark and a declared encoding": ("a.csv", MARK + table(",").encode(), {"encoding": "utf-8"}),
    "a mark between tabs": ("a.tsv", MARK + table("\t").encode(), {}),
    "a mark before the first row, a blank line, and another": (
        "a.jsonl",
        MARK + b"\n" + MARK + JSONL.encode(),
        {},
    ),
    "bzip2 that is called .jsonl.bz2": ("a.jsonl.bz2", bz2.compress(JSONL.encode()), {}),
    "xz that is called .csv": ("a.csv", lzma.compress(table(",").encode()), {}),
    "gzip in two members": (
        "a.jsonl.gz",
        gzip.compress(JSONL.encode()[:60]) + gzip.compress(JSONL.encode()[60:]),
        {},
    ),
    "gzip that is called .tsv": ("a.tsv", gzip.compress(table("\t").encode()), {}),
    "gzip of UTF-16": ("a.csv.gz", gzip.compress(table(",").encode("utf-16")), {"encoding": "utf-16"}),
    "gzip with zeros behind it, as tar pads it": (
        "a.csv.gz",
        gzip.compress(table(",").encode()) + bytes(64),
        {},
    ),
    "UTF-16 without a mark, declared": ("a.csv", table(",").encode("utf-16-le"), {"encoding": "utf-16-le"}),
    "UTF-16 in JSON Lines": ("a.jsonl", JSONL.encode("utf-16"), {"encoding": "utf-16"}),
    "UTF-32": ("a.csv", table(",").encode("utf-32"), {"encoding": "utf-32"}),
    "a NUL in the middle of a text": ("a.csv", table(",").replace("late", "la\0te").encode(), {}),
    "a NUL between tabs": ("a.tsv", table("\t").replace("late", "la\0te").encode(), {}),
    "a NUL in compressed CSV": ("a.csv.gz", gzip.compress(table(",").replace("u2", "u\x002").encode()), {}),
    "a NUL in an id": ("a.csv", table(",").replace("u1", "u\x001").encode(), {}),
    "NULs that fill up the file": ("a.csv", table(",").encode() + bytes(64), {}),
    "an escaped NUL in JSON": ("a.jsonl", JSONL.replace("late", "la\\u0000te").encode(), {}),
    "the sign of DOS for the end of a file": ("a.csv", table(",").encode() + b"\x1a", {}),
    "a header with a hard blank": ("a.csv", table(",").replace('"text"', '"text\xa0"').encode(), {}),
    "a header with a character that nobody sees": (
        "a.csv",
        table(",").replace('"text"', '"\u200btext"').encode(),
        {},
    ),
}


@pytest.mark.parametrize(("name", "content", "options"), FORMS.values(), ids=FORMS)
def test_a_table_has_the_same_rows(
    tmp_path: Path, name: str, content: bytes, options: dict[str, str]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    data: dict[str, Any] = dict(options)
    assert pairs(path, **data) == ROWS
    check_columns(DataSection(path=str(path), user="user", **data))


def test_a_sign_in_the_name_of_a_column_does_not_separate_columns(tmp_path: Path) -> None:
    """Only signs that no name holds are tried; with others a mistyped name would find half of a column."""
    path = tmp_path / "a.csv"
    for header in ("my-text", "my text", "my.text", "my/text", "my_text", "my:text"):
        path.write_text(f"{header},user\nfine,u\n")
        with pytest.raises(DataError, match="no column 'text'"):
            check_columns(DataSection(path=str(path)))


def test_a_header_with_a_line_end_is_named_in_one_line(tmp_path: Path) -> None:
    """Surveys have questions in their headers, with the line ends that somebody typed there."""
    name = "What would you\nchange  at caf\u0065\u0301?"
    csv, excel = tmp_path / "a.csv", tmp_path / "a.xlsx"
    csv.write_text(f'Answers of May;\n"{name}";user\nfine;u\n')
    excel.write_bytes(workbook({"Answers": [(name, "user"), ("fine", "u")]}))
    last = tmp_path / "a.tsv"
    last.write_text(f'Answers of 5" pipes\nuser\t"{name}"\nu\tfine\n')
    paths = [csv, last, *([excel] if importlib.util.find_spec("python_calamine") else [])]
    for path in paths:
        for asked in (name.replace("\n", " "), "What would you change at caf\xe9?"):
            data = DataSection(path=str(path), text=asked, user="user")
            check_columns(data)
            assert [row.text for row in read(path, text=asked, user="user")] == ["fine"]
        assert set(header_of(path, columns=Columns(asked))) == {"What would you change at caf\xe9?", "user"}


def parquet(**columns: pa.Array) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def test_texts_that_parquet_holds_as_bytes_are_read_as_they_are(tmp_path: Path) -> None:
    """So Hive and Impala write them. One that is not UTF-8 costs its own row alone."""
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet(text=pa.array([b"12.0\nfine", "th\xe9".encode("latin-1"), b"tea"])))
    check_columns(DataSection(path=str(path)))
    assert [row.text for row in read(path)] == ["12.0\nfine", "tea"]


EXCEL = pytest.mark.skipif(
    not importlib.util.find_spec("python_calamine"), reason="the extra excel is not installed"
)
#: What a run would refuse, and in which words.
NOT_READ: dict[str, tuple[str, bytes, str]] = {
    "Parquet without rows": (
        "a.parquet",
        parquet(text=pa.array([], pa.string()), user=pa.array([], pa.string())),
        "has no rows",
    ),
    "Parquet with numbers as texts": (
        "a.parquet",
        parquet(text=pa.array([1, 2]), user=pa.array(["a", "b"])),
        "holds int64, not strings",
    ),
    "Parquet with nothing as texts": (
        "a.parquet",
        parquet(text=pa.nulls(2), user=pa.array(["a", "b"])),
        "holds null, not strings",
    ),
    "Parquet without the column": ("a.parquet", parquet(user=pa.array(["a"])), "no column 'text'"),
    "CSV without rows, compressed": ("a.csv.gz", gzip.compress(b"text,user\n"), "has no rows"),
    "a table with another separator": ("a.csv", b'"text":"user"\n"fine":"u"\n', "is not valid CSV"),
    "one object of JSON with columns": (
        "a.json",
        json.dumps({"text": {"0": "fine", "1": "cold"}, "user": {"0": "u", "1": "v"}}).encode(),
        "is one JSON object",
    ),
    "one object of JSON with rows": (
        "a.json",
        json.dumps({"data": [{"text": "fine", "user": "u"}]}).encode(),
        "is one JSON object",
    ),
}
SHEETS: dict[str, tuple[str, bytes, str]] = {
    "a sheet without rows": ("a.xlsx", workbook({"S": [("text", "user"), ()]}), "has no rows"),
    "a workbook with nothing in it": ("a.xlsx", workbook({"S": []}), "is empty"),
    "a workbook without the column": ("a.xlsx", workbook({"S": [("body",), ("a",)]}), "no column 'text'"),
}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        *(pytest.param(*case, id=what) for what, case in NOT_READ.items()),
        *(pytest.param(*case, id=what, marks=EXCEL) for what, case in SHEETS.items()),
    ],
)
def test_what_a_run_refuses_the_plan_refuses_in_the_same_words(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    data = DataSection(path=str(path), user="user")
    with pytest.raises(DataError, match=says) as planned:
        check_columns(data)
    with pytest.raises(DataError) as ran:
        pairs(path)
    assert (ran.value.message, ran.value.hint.partition(" Columns in")[0]) == (
        planned.value.message,
        planned.value.hint.partition(" Columns in")[0],
    )


@EXCEL
def test_the_plan_finds_the_columns_in_whichever_sheet_a_run_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook({"Notes": [("nothing",), ("here",)], "Answers": [("text", "user"), *ROWS]}))
    check_columns(DataSection(path=str(path), user="user"))
    assert pairs(path) == ROWS


@EXCEL
def test_a_number_in_the_header_of_a_sheet_is_named_by_its_digits(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook({"S": [("text", 2024.0), ("fine", "u")]}))
    assert [row.user for row in read(path, user="2024")] == ["u"]


#: The first bytes of files that are no table, and what is said of them.
OTHERS: dict[str, tuple[bytes, str, str]] = {
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "is a PDF file", "Give a table"),
    "a database": (b"SQLite format 3\0" + bytes(84), "is an SQLite database", "sqlite3 -header -csv"),
    "a Feather file": (b"ARROW1\0\0" + bytes(60), "is an Arrow (Feather) file", "as Parquet"),
    "a pickle": (b"\x80\x04\x95" + bytes(60), "is a pickle", "as Parquet or .csv"),
    "a page that calls itself a table": (b"<html><table><tr><td>text", "is a web page", "save it as .xlsx"),
    "a page to sign in": (b"\n<!DOCTYPE html>\n<html>", "is a web page", "sign-in page"),
    "a page of a word processor": (
        b"{\\rtf1\\ansi text}",
        "is a document of a word processor",
        "Give a table",
    ),
    "a pointer of Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "is the pointer to a file in Git LFS",
        "git lfs pull",
    ),
    "gzip in gzip": (gzip.compress(gzip.compress(b"text\nfine\n")), "is compressed more than once", "Unpack"),
    "a workbook in gzip": (gzip.compress(b"PK\x03\x04"), "is compressed more than once", "Unpack"),
}


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.xls", "a.pq"])
@pytest.mark.parametrize("what", OTHERS)
def test_a_file_that_is_no_table_is_called_what_it_is(tmp_path: Path, what: str, name: str) -> None:
    content, says, hint = OTHERS[what]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        check_columns(DataSection(path=str(path)))
    if gzip.compress(b"")[:2] == content[:2] and name in {"a.xls", "a.pq"}:
        says, hint = "is compressed", "gunzip"
    assert says in refused.value.message
    assert hint in refused.value.hint
    assert "--encoding" not in refused.value.hint, "another encoding would only hide what it is"


@pytest.mark.parametrize("what", OTHERS)
def test_so_it_is_without_a_telling_name_and_if_it_is_called_json_lines(tmp_path: Path, what: str) -> None:
    content, says, _ = OTHERS[what]
    for name in ("export", "a.jsonl"):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError) as refused:
            check_columns(DataSection(path=str(path)))
        expected = says if name == "export" or content[:2] != b"\x1f\x8b" else "is compressed"
        assert expected in refused.value.message
    path.write_bytes(content.split(b"\n")[0] + b"\n" + JSONL.encode())
    if content[:2] != b"\x1f\x8b":
        assert pairs(path) == ROWS, "a single row of that kind decides nothing"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz"])
def test_json_lines_that_are_called_a_table_are_told_with_their_format(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(JSONL.encode()) if "gz" in name else JSONL.encode())
    with pytest.raises(DataError, match="is JSON") as refused:
        check_columns(DataSection(path=str(path)))
    assert "--format jsonl" in refused.value.hint


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.ndjson"])
def test_a_file_of_wide_characters_is_told_with_its_encoding(
    tmp_path: Path, encoding: str, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes((JSONL if "json" in name else table("\t")).encode(encoding))
    with pytest.raises(DataError) as refused:
        check_columns(DataSection(path=str(path), user="user"))
    assert f"--encoding {encoding}" in refused.value.hint
    assert pairs(path, encoding=encoding) == ROWS
