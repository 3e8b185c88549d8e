"""Files as spreadsheets, databases and shells write them are read, and mean the same in each form."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import io
import lzma
import math
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.storage.tables import JSONL, ROWS, pairs, read, table
from tests.storage.workbooks import workbook

from rpsg.errors import DataError
from rpsg.plan import DataSection
from rpsg.privacy.private import open_private
from rpsg.storage.readers import check_columns, header_of, read_by_rule, read_corpus, source
from rpsg.storage.readers import text as lines_of_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


WAYS: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "vertical bars": ("a.csv", table("|").encode(), {}),
    "a line that names the separator": ("a.csv", ("sep=;\r\n" + table(";", "\r\n")).encode(), {}),
    "that line between quotes": ("a.csv", ('"sep=^"\n' + table("^")).encode(), {}),
    "lone returns": ("a.csv", table(",", "\r").encode(), {}),
    "lone returns between objects": ("a.jsonl", JSONL.replace("\n", "\r").encode(), {}),
    "gzip": ("a.jsonl.gz", gzip.compress(JSONL.encode()), {}),
    "gzip that is called .csv": ("a.csv", gzip.compress(table(",").encode()), {}),
    "bzip2": ("a.csv.bz2", bz2.compress(table(",").encode()), {}),
    "xz without a name for it": ("a", lzma.compress(JSONL.encode()), {}),
    "a title above the header": ("a.csv", ("Complaints 2024,,\n,,\n" + table(",")).encode(), {}),
    "a title with another separator": ("a.csv", ("Complaints, 2024\n" + table(";")).encode(), {}),
    "a title with one quote": ("a.csv", ('Pipes of 5" and more\n' + table(",")).encode(), {}),
    "a space after each separator": ("a.csv", table(", ").encode(), {}),
    "a space after each separator of a header without quotes": (
        "a.csv",
        table(", ").replace('"text", "user"', "text, user").encode(),
        {},
    ),
    "a title, and a space after each separator": ("a.csv", ("Complaints\n" + table("; ")).encode(), {}),
    "a separator at the end of each row": (
        "a.csv",
        table(",").replace("\n", ",\n").replace("user,", "user").encode(),
        {},
    ),
    "UTF-16 with a mark": ("a.csv", table(",").encode("utf-16"), {"encoding": "utf-16"}),
    "UTF-16 with a mark and lone returns": (
        "a.csv",
        table(",", "\r").encode("utf-16"),
        {"encoding": "utf-16"},
    ),
}


@pytest.mark.parametrize(("name", "content", "options"), WAYS.values(), ids=WAYS)
def test_the_same_rows_are_read(tmp_path: Path, name: str, content: bytes, options: dict[str, str]) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert pairs(path, **options) == ROWS
    assert header_of(path, options.get("encoding", "")) == ["text", "user"]
    check_columns(DataSection(path=str(path), user="user", **options))


def test_files_that_were_joined_with_marks_and_headers_are_read_once_each(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"".join(b"\xef\xbb\xbf" + table(",").encode() for _ in range(2)))
    assert pairs(path) == ROWS * 2
    lines = tmp_path / "a.jsonl"
    lines.write_bytes(b"".join(b"\xef\xbb\xbf" + JSONL.encode() for _ in range(2)))
    assert pairs(lines) == ROWS * 2


def test_a_row_that_repeats_the_header_is_left_out_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table(",") + table(","))
    reading = open_private(read_by_rule(DataSection(path=str(path)), tells=True))
    assert {why: places.first for why, places in reading.left_out.items()} == {
        "the row repeats the header": [5]
    }


def test_a_line_that_names_the_separator_counts_as_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sep=;\ntext;user\nfine;u\nfine;\n")
    reading = open_private(read_by_rule(DataSection(path=str(path), user="user"), tells=True))
    assert {why: places.first for why, places in reading.left_out.items()} == {"the user is missing": [4]}


def test_windows_letters_are_read_with_their_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text;user\ndéçu \u2013 12 €;u0\n".encode("cp1252"))
    with pytest.raises(DataError) as refused:
        pairs(path)
    assert "--encoding cp1252" in refused.value.hint
    assert pairs(path, encoding="cp1252") == [("déçu \u2013 12 €", "u0")]


def test_a_byte_that_its_encoding_lacks_spoils_only_its_own_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "caf\xe9"}\n{"text": "\x81"}\n{"text": "th\xe9"}\n')
    assert [row.text for row in read(path, encoding="cp1252")] == ["café", "thé"]


def test_a_folder_of_texts_has_an_encoding_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("déçu".encode("cp1252"))
    assert [row.text for row in read(tmp_path, encoding="cp1252")] == ["déçu"]


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    def pipe(content: bytes) -> None:
        source._standard_input.cache_clear()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    yield pipe
    source._standard_input.cache_clear()


def test_standard_input_is_read_more_than_once(piped: Callable[[bytes], None]) -> None:
    piped(gzip.compress(JSONL.encode()))
    check_columns(DataSection(path="-", user="user"))
    assert pairs("-") == ROWS


def test_a_table_on_standard_input_needs_its_format(piped: Callable[[bytes], None]) -> None:
    piped(table(",").encode())
    with pytest.raises(DataError, match="standard input: neither the name nor the content") as refused:
        pairs("-")
    assert "--format csv" in refused.value.hint
    assert "give its path" in refused.value.hint, "rpsg evaluate and rpsg audit have no --format"
    assert pairs("-", format="csv") == ROWS


@pytest.mark.parametrize("kind", ["txt", "parquet"])
def test_what_cannot_come_from_standard_input_is_not_looked_for_as_a_file(
    piped: Callable[[bytes], None], kind: str
) -> None:
    piped(table(",").encode())
    with pytest.raises(DataError, match="cannot be read from standard input") as refused:
        pairs("-", format=kind)
    assert refused.value.hint == "Give its path."


def test_the_command_that_splits_an_array_names_a_file_if_there_is_none(
    piped: Callable[[bytes], None],
) -> None:
    piped(b'[{"text": "a"},\n{"text": "b"}]')
    with pytest.raises(DataError, match="one JSON array") as refused:
        pairs("-")
    assert refused.value.hint.endswith("FILE > notes.jsonl")


def test_closed_standard_input_is_called_closed(
    piped: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(b"")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="Standard input is closed"):
        pairs("-")


EXCEL = pytest.mark.skipif(
    not importlib.util.find_spec("python_calamine"),
    reason="the extra excel is not installed",
)


@EXCEL
@pytest.mark.parametrize("name", ["a.xlsx", "a.csv"])
def test_a_workbook_is_read_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    rows = [(), ("text", "user", "stars"), (ROWS[0][0], 12, True), (), (ROWS[1][0], "12", 2.5)]
    path.write_bytes(workbook({"Notes": [("nothing",)], "Answers": rows, "Empty": []}))
    assert pairs(path) == [(ROWS[0][0], "12"), (ROWS[1][0], "12")]
    assert [row.label for row in read(path, label="stars")] == ["true", "2.5"]


@EXCEL
def test_two_sheets_with_the_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook({name: [("text",), ("fine",)] for name in ("One", "Two")}))
    with pytest.raises(DataError, match="2 sheets have these columns"):
        read(path)


@EXCEL
def test_a_workbook_without_the_column_lists_those_of_its_first_sheet(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook({"One": [("body", "user"), ("fine", "u")]}))
    with pytest.raises(DataError, match="no column 'text'") as refused:
        read(path)
    assert "Columns in the file: body, user." in refused.value.hint


def everywhere(folder: Path, values: list[Any]) -> dict[str, list[str | None]]:
    """The users that one column of values has in each format, as a data frame writes it there."""
    texts = [f"text {n}" for n in range(len(values))]
    number = [None if v is None else float(v) for v in values]
    plain = ["" if v is None else str(float(v)) for v in values]
    nan = ["nan" if v is None else str(float(v)) for v in values]
    bare = ["NaN" if v is None else repr(float(v)) for v in values]
    files: dict[str, bytes] = {
        "a.csv": ("text,user\n" + "".join(f"{t},{v}\n" for t, v in zip(texts, plain, strict=True))).encode(),
        "nan.csv": ("text,user\n" + "".join(f"{t},{v}\n" for t, v in zip(texts, nan, strict=True))).encode(),
        "a.jsonl": "".join(
            f'{{"text": "{t}", "user": {v}}}\n' for t, v in zip(texts, bare, strict=True)
        ).encode(),
        "nan.jsonl": "".join(
            f'{{"text": "{t}", "user": "{v}"}}\n' for t, v in zip(texts, nan, strict=True)
        ).encode(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    floats = pa.array([math.nan if v is None else v for v in number], pa.float64())
    pq.write_table(pa.table({"text": texts, "user": floats}), folder / "a.parquet")
    wholes = pa.array([None if v is None else int(v) for v in values])
    pq.write_table(pa.table({"text": texts, "user": wholes}), folder / "whole.parquet")
    names = [*files, "a.parquet", "whole.parquet"]
    return {name: [row.user for row in read(folder / name, user="user")] for name in names}


def test_a_missing_number_is_missing_in_every_format(tmp_path: Path) -> None:
    found = everywhere(tmp_path, [12, None, 13])
    assert set(map(tuple, found.values())) == {("12", "13")}
    assert len(found) == 6


@pytest.mark.parametrize("value", ["nan", "NaN"])
def test_a_text_that_is_a_missing_number_is_no_text(tmp_path: Path, value: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"text\n{value}\nA nan bread.\n")
    assert [row.text for row in read(path)] == ["A nan bread."]


@pytest.mark.parametrize(
    ("first", "second"), [("1.23456E+11", "1.23457E+11"), ("2024-01-02", "2024-01-03"), ("007", "7x")]
)
def test_ids_of_spreadsheets_are_ids(tmp_path: Path, first: str, second: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"text,user\nfine,{first}\ngood,{second}\nbad,{first}\n")
    users = [user for _, user in pairs(path)]
    assert users[0] == users[2] != users[1]


def test_marks_of_a_web_page_are_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('text,user\n"<p>fine &amp; good</p>",u\n')
    assert pairs(path) == [("<p>fine &amp; good</p>", "u")]


def test_a_path_of_windows_is_told_with_slashes(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        check_columns(DataSection(path=f"{tmp_path}\\my notes.csv"))
    assert f"'{tmp_path}/my notes.csv'" in refused.value.hint


def test_more_fields_than_columns_are_a_fault_unless_they_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,user\nfine,u,,\nfine, and good,u\n")
    reading = open_private(read_by_rule(DataSection(path=str(path), user="user"), tells=True))
    assert [row.text for row in reading.corpus] == ["fine"]
    assert {why: places.first for why, places in reading.left_out.items()} == {
        "the number of fields in the row is not that of the header": [3]
    }


def test_the_columns_of_json_lines_may_be_in_any_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1}\n\n{"text": "fine"}\n{"user": "u"}\n')
    check_columns(DataSection(path=str(path), user="user"))
    with pytest.raises(DataError, match="no column 'label'"):
        check_columns(DataSection(path=str(path), label="label"))


def test_a_return_alone_ends_a_line_in_the_middle_of_a_table_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'text,user\r\ntea one,a\noil two,b\rsalt three,c\r\n"a quoted\rtext",d\n')
    found = open_private(read_corpus(path, user="user")).documents
    assert [row.user for row in found] == ["a", "b", "c", "d"]
    assert found[3].text.split() == ["a", "quoted", "text"]


def test_an_over_long_row_before_a_return_alone_leaves_the_rows_after_it_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row is part of the size of another; else one person would decide what is read of the others."""
    monkeypatch.setattr(lines_of_text, "MAX_LINE_BYTES", 100)
    path = tmp_path / "a.csv"
    others = b"\r".join(b"%s number %d,u%d" % (b"tea" * 10, i, i) for i in range(9))
    path.write_bytes(b"text,user\n" + b"x" * 250 + b",long\r" + others + b"\n")
    found = open_private(read_by_rule(DataSection(path=str(path), user="user"))).corpus
    assert [row.user for row in found] == [f"u{i}" for i in range(9)]
    assert [row.text for row in found] == [f"{'tea' * 10} number {i}" for i in range(9)]


def test_how_the_first_line_ends_decides_nothing_about_the_others(tmp_path: Path) -> None:
    """The first line of JSON Lines is somebody's row."""
    others = b'{"text": "tea",\r"user": "a"}\n{"text": "oil", "user": "b"}\r{"text": "salt", "user": "c"}\n'
    found = []
    for name, first in (("with.jsonl", b'{"text": "first", "user": "d"}\r'), ("without.jsonl", b"")):
        path = tmp_path / name
        path.write_bytes(first + others)
        rows = open_private(read_by_rule(DataSection(path=str(path), user="user"))).corpus
        found.append([row.user for row in rows])
    assert found == [["d", "b", "c"], ["b", "c"]]


@pytest.mark.parametrize("limit", range(12, 40))
def test_a_return_at_the_end_of_a_piece_ends_a_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(lines_of_text, "MAX_LINE_BYTES", limit)
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,user\r" + b"".join(b"tea %d,u%d\r" % (i, i) for i in range(20)))
    found = open_private(read_by_rule(DataSection(path=str(path), user="user"))).corpus
    assert [row.user for row in found] == [f"u{i}" for i in range(20)]


@pytest.mark.timeout(60)
def test_a_row_of_many_returns_does_not_take_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'text,user\nfine,a\n"' + b"\rx" * 1_000_000 + b'",b\n')
    found = open_private(read_corpus(path, user="user")).documents
    assert [row.user for row in found] == ["a", "b"]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_file_that_mixes_encodings_is_said_to_mix_them(tmp_path: Path, name: str) -> None:
    """With another encoding the lines in UTF-8 would be read as something else, without a word."""
    rows = {"a.csv": '"{}"', "a.jsonl": '{{"text": "{}"}}'}[name]
    lines = [rows.format(text) for text in ("thé vert", "café noir")]
    path = tmp_path / name
    head = b"text\n" if name == "a.csv" else b""
    path.write_bytes(head + lines[0].encode() + b"\n" + lines[1].encode("cp1252") + b"\n")
    with pytest.raises(DataError, match="is not UTF-8, although earlier lines are") as caught:
        read_corpus(path)
    assert "mixes two encodings" in caught.value.hint
    assert "--encoding" not in caught.value.hint
