"""What a whole file becomes: one Document a row, and no text can stop the run."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rpsg.records import Document
from rpsg.storage.readers import _read
from rpsg.storage.readers.columns import Columns
from rpsg.storage.readers.source import Source
from rpsg.storage.readers.spelling import clean

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    Document(0, "Crunchy, and not too sweet.", "great", "u1"),
    Document(1, 'He said "no";\nI said yes.', "poor", "u2"),
    Document(2, "Süß — 好吃 🍫", "great", "u1"),
]
TEXT = Columns("text")
COLUMNS = Columns("text", "label", "user")


def read(path: Path, columns: Columns = TEXT, **options: Any) -> list[Document]:
    source = Source(path, options.get("encoding", ""))
    return list(_read(source, columns, options.get("format"), options.get("labels")).corpus)


def csv_text(separator: str, line_end: str = "\n") -> str:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=separator, lineterminator=line_end)
    writer.writerows([("user", "text", "label"), *((d.user, d.text, d.label) for d in ROWS)])
    return buffer.getvalue()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv_reads_with_any_separator_line_end_and_mark(
    tmp_path: Path, separator: str, line_end: str, mark: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((mark + csv_text(separator, line_end)).encode())
    assert read(path, COLUMNS) == ROWS


def test_tsv_takes_tabs_even_where_commas_are_more(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("text\ta,b,c\nyes, sir\t1,2,3\n")
    assert [d.text for d in read(path)] == ["yes, sir"]


def test_the_separator_is_the_one_that_finds_the_wanted_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text;a, b, c, d\nyes, sir;1\n")
    assert [d.text for d in read(path)] == ["yes, sir"]


def test_header_names_are_taken_without_the_spaces_around_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id, text\n1,x\n")
    assert [d.text for d in read(path)] == ["x"]


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,n\n\nx,1\n\n")
    (tmp_path / "a.jsonl").write_text('\n{"text": "x"}\n\n')
    assert [d.text for d in read(tmp_path / "a.csv")] == ["x"]
    assert [d.text for d in read(tmp_path / "a.jsonl")] == ["x"]


def test_a_csv_field_may_be_longer_than_the_csv_module_likes(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "x" * 1_000_000 + "\n")
    assert len(read(path)[0].text) == 1_000_000
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json"])
def test_jsonl_reads(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("\n".join(json.dumps({"text": d.text, "label": d.label, "user": d.user}) for d in ROWS))
    assert read(path, COLUMNS, labels=["great", "poor"]) == ROWS


def test_parquet_reads_across_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rpsg.storage.readers.parquet.BATCH_ROWS", 2)
    path = tmp_path / "a.parquet"
    labels = pa.array([d.label for d in ROWS]).dictionary_encode()
    pq.write_table(
        pa.table(
            {"n": [1, 2, 3], "user": [d.user for d in ROWS], "label": labels, "text": [d.text for d in ROWS]}
        ),
        path,
    )
    assert read(path, COLUMNS) == ROWS


def test_a_folder_reads_in_the_order_of_names(tmp_path: Path) -> None:
    for name, content in {"b.txt": "two", "a.TXT": "\ufeffone", "c.md": "no", ".d.txt": "no"}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "e.txt").mkdir()
    assert read(tmp_path) == [Document(0, "one"), Document(1, "two")]


@pytest.mark.parametrize(
    "value", ["null", '""', '" \\n\\t"', "NaN", '"\\u0000"', '"\\u0007\\u001b"', '"\\r\\n"', '"\\u00a0"']
)
def test_an_empty_text_is_left_out(tmp_path: Path, value: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"text": "x"}}\n{{"text": {value}}}\n{{"text": "y"}}\n')
    assert read(path) == [Document(0, "x"), Document(1, "y")]


def test_an_empty_text_is_left_out_in_every_format(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,n\n,1\nx,2\n")
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a.txt").touch()
    (tmp_path / "f" / "b.txt").write_text("x")
    pq.write_table(pa.table({"text": pa.array([None, "x"], pa.string())}), tmp_path / "a.parquet")
    for name in ("a.csv", "f", "a.parquet"):
        assert read(tmp_path / name) == [Document(0, "x")]


def test_labels_and_users_are_told_apart_by_their_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    values = ["5", "5.0", '"5"', '" 5 "', "true", "2.5", "null"]
    path.write_text("\n".join(f'{{"text": "x", "label": {value}, "user": 7}}' for value in values))
    assert [d.label for d in read(path, COLUMNS)] == ["5", "5", "5", "5", "true", "2.5", None]
    assert {d.user for d in read(path, COLUMNS)} == {"7"}


def test_equal_labels_share_one_string(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x", "label": "a long label"}\n' * 2)
    first, second = read(path, Columns("text", "label"))
    assert first.label is second.label


def test_half_a_surrogate_pair_becomes_a_replacement_character(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a\\ud83dz \\ud83c\\udf6b"}')
    assert read(path)[0].text == "a\ufffdz 🍫"


@given(st.text(st.characters(codec=None)))
def test_every_text_comes_out_clean_and_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean(text)
    once.encode()
    assert not set(once) & {"\0", "\r"}
    assert once == "" or not once.isspace()
    assert clean(once) == once


@given(st.lists(st.text(), min_size=1, max_size=5))
@example(["NaN"])
@example(["nan", "nan is a kind of bread"])
def test_what_was_written_as_jsonl_is_read_back_except_blank_and_missing_texts(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "a.jsonl"
    path.write_text(
        "\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in texts), encoding="utf-8"
    )
    assert [d.text for d in read(path)] == [
        clean(t) for t in texts if any(c.isprintable() and c != " " for c in t) and t not in {"nan", "NaN"}
    ]
