"""Byte-order marks and NUL bytes inside a file are no part of a text, and no reason to refuse the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rpsg.errors import DataError
from rpsg.plan import DataSection
from rpsg.privacy.private import open_private
from rpsg.storage.readers import check_columns, read_by_rule

MARK = "\ufeff"
HEADER, FIRST, SECOND = "text,user\n", "fine,u\n", "good,v\n"
ONE, OTHER = '{"text": "fine", "user": "u"}', '{"text": "good", "user": "v"}'

MARKS: dict[str, tuple[str, bytes, dict[str, Any]]] = {
    "before a row of JSON Lines": ("a.jsonl", f"{ONE}\n{MARK}{OTHER}\n".encode(), {}),
    "before each row of JSON Lines": ("a.jsonl", f"{MARK}{ONE}\n{MARK}{OTHER}\n".encode(), {}),
    "on a line of its own": ("a.jsonl", f"{ONE}\n{MARK}\n{OTHER}\n".encode(), {}),
    "after a return alone": ("a.jsonl", f"{MARK}{ONE}\r{MARK}{OTHER}\r".encode(), {}),
    "before a row of a table": ("a.csv", f"{HEADER}{FIRST}{MARK}{SECOND}".encode(), {}),
    "before a quoted row": ("a.csv", f'{HEADER}{FIRST}{MARK}"good",v\n'.encode(), {}),
    "before a second header": ("a.csv", f"{MARK}{HEADER}{FIRST}{MARK}{HEADER}{SECOND}".encode(), {}),
    "before a second header with tabs": (
        "a.tsv",
        f"{HEADER}{FIRST}{MARK}{HEADER}{SECOND}".replace(",", "\t").encode(),
        {},
    ),
    "at the end": ("a.csv", f"{HEADER}{FIRST}{SECOND}{MARK}".encode(), {}),
    "of a second file in UTF-16": (
        "a.csv",
        (HEADER + FIRST).encode("utf-16") + SECOND.encode("utf-16"),
        {"encoding": "utf-16"},
    ),
}
NULS: dict[str, tuple[str, bytes]] = {
    "in a cell": ("a.csv", b"text,user\nfi\0ne,u\ngood,v\n"),
    "in a quoted cell": ("a.csv", b'text,user\n"fi\0ne",u\ngood,v\n'),
    "in an id": ("a.csv", b"text,user\nfine,u\0\ngood,v\n"),
    "between tabs": ("a.tsv", b"text\tuser\nfine\0\tu\ngood\tv\n"),
    "several in one cell": ("a.csv", b"text,user\n\0f\0i\0n\0e\0,u\ngood,v\n"),
    "as cells of a row without a text": ("a.csv", b"text,user\nfine,u\n\0,\0\ngood,v\n"),
    "as an escape of JSON": (
        "a.jsonl",
        b'{"text": "fi\\u0000ne", "user": "u"}\n{"text": "good", "user": "v\\u0000"}\n',
    ),
}


def found(path: Path, **options: Any) -> list[tuple[str, str | None]]:
    data = DataSection(path=str(path), user="user", **options)
    check_columns(data)
    return [(row.text, row.user) for row in open_private(read_by_rule(data)).corpus]


@pytest.mark.parametrize(("name", "content", "options"), MARKS.values(), ids=MARKS)
def test_a_mark_inside_a_file_is_no_part_of_a_row(
    tmp_path: Path, name: str, content: bytes, options: dict[str, Any]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert found(path, **options) == [("fine", "u"), ("good", "v")]


@pytest.mark.parametrize(("name", "content"), NULS.values(), ids=NULS)
def test_a_nul_byte_is_no_part_of_a_text_or_an_id(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert found(path) == [("fine", "u"), ("good", "v")]


def test_nor_is_one_in_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["fi\0ne", "good"], "user": ["u\0", "v"]}), path)
    assert found(path) == [("fine", "u"), ("good", "v")]


def test_one_in_a_header_or_in_a_file_of_a_folder_is_a_sign_of_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"te\0xt,user\nfine,u\n")
    with pytest.raises(DataError, match="line 1: there is a NUL byte"):
        found(tmp_path / "a.csv")
    for name, content in (("a.txt", b"fi\0ne"), ("b.txt", b"good")):
        (tmp_path / name).write_bytes(content)
    reading = open_private(read_by_rule(DataSection(path=str(tmp_path)), tells=True))
    assert [row.text for row in reading.corpus] == ["good"]
    assert [rows.first for rows in reading.left_out.values()] == [[1]]


def test_the_page_about_the_data_says_so() -> None:
    page = (Path(__file__).parents[2] / "docs" / "getting-started.md").read_text("utf-8")
    assert "NUL characters** inside a text, a label or an id are removed" in page
