"""A file that a run cannot read is told by the plan, with a way out; a single row never decides."""

from __future__ import annotations

import gzip
import os
import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.storage.tables import JSONL, ROWS, pairs, read, table

from rpsg.errors import DataError
from rpsg.plan import DataSection
from rpsg.storage.readers import check_columns, read_by_rule

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.csv", None, "does not exist"),
        ("a.csv", b"body,user\nfine,u\n", "no column 'text'"),
        ("a.jsonl", b'{"body": "fine"}\n', "no column 'text'"),
        ("a.csv", b"text,user\nfine,u\nd\xe9\xe7u,u\n", "is not UTF-8"),
        ("a.parquet", b"PAR1 and no more", "not a complete Parquet file"),
        ("empty.csv", b"", "is empty"),
        ("a.csv", b"text,user\n", "has no rows"),
        ("a.csv", b"sep=,\ntext,user\n\n", "has no rows"),
        ("a.json", b'[{"text": "fine"}]', "is one JSON array"),
        ("a.json", b'[\n{"text":\n"fine"}\n]', "is one JSON array"),
        ("C:\\notes.csv", None, "does not exist"),
    ],
)
def test_what_a_run_cannot_read_is_known_from_its_header(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=says) as planned:
        check_columns(DataSection(path=str(path)))
    with pytest.raises(DataError) as run:
        read_by_rule(DataSection(path=str(path)))
    assert (run.value.message, run.value.hint) == (planned.value.message, planned.value.hint)


@pytest.mark.parametrize("header", [",text,user", "text,user,", "text,user"])
def test_a_column_without_a_name_does_not_hide_the_others(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n0,fine,u\n")
    with pytest.raises(DataError, match="no column 'txt'") as refused:
        check_columns(DataSection(path=str(path), text="txt"))
    assert "Did you mean text?" in refused.value.hint


def fifo(path: Path) -> None:
    os.mkfifo(path)


def to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere.csv")


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", table(","))


#: How a file comes about, and what is said of it.
ODD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a pipe": ("a.csv", fifo, "is not a file"),
    "a link to nowhere": ("a.csv", to_nowhere, "does not exist"),
    "an archive": ("a.csv.zip", zipped, "is an archive"),
    "a packed file of no bytes": ("a.csv.gz", lambda path: path.write_bytes(b""), "is empty"),
    "nothing, packed": ("a.csv.gz", lambda path: path.write_bytes(gzip.compress(b"")), "is empty"),
    "a folder of other files": ("a", lambda path: path.mkdir(), "txt"),
    "one column twice": (
        "a.csv",
        lambda path: path.write_text("text,text\na,b\n"),
        "2 columns called 'text'",
    ),
    "two encodings": (
        "a.csv",
        lambda path: path.write_bytes(b"text\ncaf\xc3\xa9\ncaf\xe9\n"),
        "line 3: the byte",
    ),
    "UTF-16 without a mark": (
        "a.csv",
        lambda path: path.write_bytes("text\nfine\n".encode("utf-16-le")),
        "there is a NUL byte",
    ),
    "an archive that is called a table": ("a.csv", zipped, "is an archive"),
    "JSON Lines of another encoding": (
        "a.jsonl",
        lambda path: path.write_bytes(b'{"text": "caf\xe9"}\n' * 3),
        "has no usable row",
    ),
    "one text": ("a.txt", lambda path: path.write_text("text\tuser\na\tb\n"), "is a single .txt file"),
    "no header": (
        "a.csv",
        lambda path: path.write_text('"It came late, and cold.",u1\n' * 3),
        "no column 'text'",
    ),
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_file_is_told_by_the_plan_with_a_way_out(tmp_path: Path, what: str) -> None:
    name, make, says = ODD[what]
    make(tmp_path / name)
    with pytest.raises(DataError) as planned:
        check_columns(DataSection(path=str(tmp_path / name)))
    assert says in planned.value.message
    assert planned.value.hint
    assert "came late" not in planned.value.message + planned.value.hint, "a first row is not shown"


def test_a_row_that_is_none_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("// export of 2024\n" + JSONL + '{"text": ["a", "list"], "user": "u"}\n')
    assert pairs(path) == ROWS


@pytest.mark.parametrize("first", ["{text: broken}", "// export of 2024", "caf\xe9", '"a", "b"'])
def test_the_first_row_does_not_decide_what_a_file_without_a_telling_name_is(
    tmp_path: Path, first: str
) -> None:
    path = tmp_path / "export"
    path.write_bytes(first.encode("latin-1") + b"\n" + JSONL.encode())
    assert pairs(path) == ROWS


def test_a_file_of_which_neither_name_nor_any_line_says_what_it_is_needs_its_format(tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.write_text(table(","))
    with pytest.raises(DataError, match="neither the name nor the content") as refused:
        check_columns(DataSection(path=str(path)))
    assert "--format jsonl|csv" in refused.value.hint
    assert pairs(path, format="csv") == ROWS


def test_an_array_is_told_by_a_check_too(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[\n {"text": "It came late."},\n {"text": "And cold."}\n]')
    with pytest.raises(DataError, match="is one JSON array"):
        read(path)


def test_a_file_without_a_usable_row_says_that_case_counts_if_labels_are_declared(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,kind\nIt came late.,food\n")
    with pytest.raises(DataError, match="has no usable row") as refused:
        read_by_rule(DataSection(path=str(path), label="kind", labels=["Food", "Drink"]))
    assert "check how they are written: case counts" in refused.value.hint
    path.write_text("text\n \n")
    with pytest.raises(DataError, match="has no usable row") as refused:
        read_by_rule(DataSection(path=str(path)))
    assert "case counts" not in refused.value.hint
