from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.display import printable
from rpsg.errors import MissingExtraError
from rpsg.storage import export
from rpsg.storage.export import (
    ExportFormat,
    SyntheticText,
    neutral,
    same_table,
    write_corpus,
    write_csv,
    write_jsonl,
    write_parquet,
)

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    SyntheticText(0, "A calm, honest review.", "great", {"topic": "tea", "label": "x"}),
    SyntheticText(1, '"Quoted"\nand two lines; süß 🍫', None, {"topic": "nuts"}),
    SyntheticText(2, "=1+1", "poor", {}),
]
FORMULAS = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0=1", "|calc", "%x"),
    *(" =1+1", "   @x", "\ufeff=1", "\u200b=1", "\u00a0=1", "\u3000=1", "\u2060=1", "\x0b=1", "\x1b=1"),
    *(
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff20x",
        " \ufeff\u200b\uff1d1",
        "=cmd|' /C calc'!A0",
        '=HYPERLINK("x")',
    ),
]
texts = st.text(max_size=30)
rows = st.builds(
    SyntheticText,
    st.integers(0, 2**40),
    texts,
    st.none() | st.text(min_size=1, max_size=5),
    st.dictionaries(st.sampled_from(["topic", "tone", "label", "Länge"]), texts, max_size=3),
)


@pytest.mark.parametrize("cell", FORMULAS, ids=ascii)
def test_a_cell_that_would_run_gets_an_apostrophe(tmp_path: Path, cell: str) -> None:
    write_csv(tmp_path / "a.csv", [SyntheticText(0, cell, cell, {"topic": cell})])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        header, row = list(csv.reader(file))
    assert header == ["id", "text", "label", "topic"]
    assert row == ["0", f"'{cell}", f"'{cell}", f"'{cell}"]


@pytest.mark.parametrize("cell", ["", "plain", "a=b", "'=1", "5-1", "ü", "  two", '"=1"', "🍫"], ids=ascii)
def test_a_harmless_cell_stays_as_it_is(cell: str) -> None:
    assert neutral(cell) == cell


@given(st.lists(rows, max_size=4))
def test_jsonl_gives_back_every_row(
    tmp_path_factory: pytest.TempPathFactory, some: list[SyntheticText]
) -> None:
    path = tmp_path_factory.mktemp("x") / "a.jsonl"
    digest = write_jsonl(path, some)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    back = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    assert [SyntheticText(r["id"], r["text"], r.get("label"), r["attributes"]) for r in back] == some


@given(st.lists(rows, max_size=4))
def test_csv_gives_back_every_cell_made_neutral(
    tmp_path_factory: pytest.TempPathFactory, some: list[SyntheticText]
) -> None:
    path = tmp_path_factory.mktemp("x") / "a.csv"
    digest = write_csv(path, some)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    back = list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True))
    assert [r["text"] for r in back] == [neutral(r.text) for r in some]
    assert [int(r["id"]) for r in back] == [r.id for r in some]
    if any(r.label is not None for r in some):
        assert [r["label"] for r in back] == [neutral(r.label or "") for r in some]
    for name in {name for row in some for name in row.attributes}:
        title = "attribute_label" if name == "label" else name
        assert [r[title] for r in back] == [neutral(r.attributes.get(name, "")) for r in some]


def test_every_csv_field_is_quoted_and_lines_end_as_rfc_4180_says(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ROWS[:1])
    content = (tmp_path / "a.csv").read_bytes()
    assert content == (
        b'"id","text","label","attribute_label","topic"\r\n"0","A calm, honest review.","great","x","tea"\r\n'
    )


def test_raw_csv_keeps_the_formula(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ROWS, raw=True)
    assert b'"=1+1"' in (tmp_path / "a.csv").read_bytes()


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    formats: tuple[ExportFormat, ...] = ("jsonl", "csv", "parquet")
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    first, second = (write_corpus(folder, ROWS, formats) for folder in folders)
    assert first == second
    assert set(first) == {"corpus.jsonl", "corpus.csv", "corpus.parquet"}
    for name, digest in first.items():
        assert hashlib.sha256((folders[0] / name).read_bytes()).hexdigest() == digest


def test_jsonl_bytes_are_the_ones_written_down(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [SyntheticText(7, "ü\n", "a", {"t": "x"}), SyntheticText(8, "")])
    expected = (
        '{"attributes":{"t":"x"},"id":7,"label":"a","text":"ü\\n"}\n{"attributes":{},"id":8,"text":""}\n'
    )
    assert (tmp_path / "a.jsonl").read_text(encoding="utf-8") == expected


def test_parquet_gives_back_every_column(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", ROWS)
    table = pq.read_table(tmp_path / "a.parquet").to_pydict()
    assert table["text"] == [row.text for row in ROWS]
    assert table["id"] == [0, 1, 2]
    assert table["label"] == ["great", None, "poor"]
    assert table["attribute_label"] == ["x", None, None]


def test_a_large_parquet_file_is_written_in_groups_of_which_one_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [hashlib.sha256(b"%d" % i).hexdigest() * 9 for i in range(1000)]  # hard to compress
    rows = [SyntheticText(i, text, turns=(("A", text),)) for i, text in enumerate(texts)]
    monkeypatch.setattr(export, "GROUP", 64)
    pieces = list(export._parquet(rows))
    assert len(pieces) == 16 + 1
    assert max(map(len, pieces[:-1])) < sum(map(len, pieces)) / 8, "the last one is the summary of the groups"
    write_parquet(tmp_path / "a.parquet", rows)
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert file.metadata.num_row_groups == 16
    assert file.read().column("text").to_pylist() == [row.text for row in rows]
    assert same_table((tmp_path / "a.parquet").read_bytes(), rows)


def test_parquet_without_pyarrow_writes_nothing_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError):
        write_corpus(tmp_path, ROWS, ("jsonl", "parquet"))
    assert list(tmp_path.iterdir()) == []


def test_an_empty_corpus_is_written_as_headers_only(tmp_path: Path) -> None:
    write_corpus(tmp_path, [], ("jsonl", "csv", "parquet"))
    assert (tmp_path / "corpus.jsonl").read_bytes() == b""
    assert (tmp_path / "corpus.csv").read_bytes() == b'"id","text"\r\n'


def test_half_a_surrogate_pair_does_not_stop_a_release(tmp_path: Path) -> None:
    write_corpus(tmp_path, [SyntheticText(0, "a\ud83d")], ("jsonl", "csv", "parquet"))
    assert json.loads((tmp_path / "corpus.jsonl").read_bytes())["text"] == "a\ufffd"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07x", "]0;titlex"),
        ("\x9b31mred", "31mred"),
        ("a\rb\x08c\x7fd", "abcd"),
        ("abc\u202edef\u2066x\u200f", "abcdefx"),
        ("\ufeffa\u200bb\u2028c", "abc"),
        ("half \ud83d", "half "),
        ("süß 好吃 🍫", "süß 好吃 🍫"),
    ],
    ids=ascii,
)
def test_a_terminal_is_shown_nothing_that_moves_or_hides(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(codec=None)))
def test_what_is_printable_is_so_for_good(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert printable(shown) == shown
    assert all(c.isprintable() or c in "\n\t" or c.isspace() or ord(c) > 0x9F for c in shown)
