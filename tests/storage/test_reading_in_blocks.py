"""Files are read in blocks of many lines; where a block ends changes no row."""

from __future__ import annotations

import gc
import json
import re
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpsg.errors import DataError
from rpsg.plan import DataSection
from rpsg.privacy.private import open_private
from rpsg.storage.readers import check_columns, read_by_rule, read_corpus
from rpsg.storage.readers import rows as rows_of_files
from rpsg.storage.readers import text as lines_of_text
from rpsg.storage.readers.source import Source

CONTENT = st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", "ü".encode(), b"\xff", b"\x0b"]), min_size=1)
#: After a line feed, and after a return that no other line end follows.
LINE = re.compile(rb"(?<=\n)(?!\Z)|(?<=\r)(?![\r\n]|\Z)")


@settings(deadline=None)
@given(CONTENT, st.integers(1, 9), st.integers(1, 9))
def test_lines_are_the_same_wherever_blocks_end(pieces: list[bytes], block: int, most: int) -> None:
    content = b"".join(pieces)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_of_text, "BLOCK", block)
        patch.setattr(lines_of_text, "MAX_LINE_BYTES", most)
        file = Path(folder, "rows.csv")
        file.write_bytes(content)
        found, texts = list[tuple[bytes, int]](), list[bytes]()
        for part in lines_of_text.line_blocks(Source(file), lambda _: b""):
            found += part.lines
            assert part.texts is None or part.size == sum(map(len, map(str.encode, part.texts)))
            texts += (
                [line for line, _ in found[len(texts) :]]
                if part.texts is None
                else map(str.encode, part.texts)
            )
    wanted = LINE.split(content)
    assert texts == [line for line, _ in found]
    assert [size for _, size in found] == [len(line) for line in wanted]
    assert [line for line, size in found if size <= most] == [line for line in wanted if len(line) <= most]


def test_one_row_with_many_returns_takes_no_more_memory_than_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its lines would be an object of its own if all of them were held at once."""
    monkeypatch.setattr(lines_of_text, "BLOCK", 1 << 12)
    file = tmp_path / "rows.csv"
    size = 400_000
    file.write_bytes(b'text\nplain\n"' + b"a\r" * (size // 2) + b'"\nplain\n')
    tracemalloc.start()
    try:
        blocks = lines_of_text.line_blocks(Source(file), lambda _: b"")
        lines = sum(1 for block in blocks for _ in block.lines)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert lines == size // 2 + 4
    assert most < size


@pytest.mark.parametrize("block", range(1, 12))
def test_a_row_over_the_limit_breaks_no_other_wherever_a_block_divides_its_letters(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_of_text, "BLOCK", block)
    monkeypatch.setattr(lines_of_text, "MAX_LINE_BYTES", 40)
    file = tmp_path / "rows.csv"
    file.write_text('text\nfirst\n"' + 'é""日本""' * 9 + '"\nlast\n', "utf-8")
    reading = open_private(read_by_rule(DataSection(path=str(file)), tells=True))
    assert [row.text for row in reading.corpus] == ["first", "last"]
    assert {reason: rows.first for reason, rows in reading.left_out.items()} == {"the row is too long": [3]}


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "ü", "日", "\n"]), max_size=20)), st.integers(1, 60))
def test_a_row_is_too_long_by_its_own_bytes_wherever_blocks_end(rows: list[list[str]], block: int) -> None:
    """The limit is for all lines of a row together, and what came before it in its block does not count."""
    written = [f'"-{"".join(row)}"\n' for row in rows]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_of_text, "BLOCK", block)
        patch.setattr(lines_of_text, "MAX_LINE_BYTES", 24)
        file = Path(folder, "rows.csv")
        file.write_text("text\nplain\n" + "".join(written), "utf-8")
        reading = open_private(read_by_rule(DataSection(path=str(file)), tells=True))
    fits = [row[1:-2] for row in written if len(row.encode()) <= 24]
    texts = [text for text in fits if 4 * len(text) <= 24 or len(text.encode()) <= 24]
    assert [row.text for row in reading.corpus] == ["plain", *texts]
    assert reading.rows == len(rows) + 1


def test_a_byte_that_is_not_text_is_found_before_a_run_even_far_from_the_start_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit on the size of a row is not for all rows together."""
    monkeypatch.setattr(lines_of_text, "MAX_LINE_BYTES", 40)
    file = tmp_path / "rows.csv"
    file.write_bytes(b"text\n" + b"a plain row\n" * 9 + b"a caf\xe9 row\n")
    with pytest.raises(DataError, match="line 11: the byte at offset 118"):
        check_columns(DataSection(path=str(file)))


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 18])
def test_rows_of_several_lines_keep_their_numbers_and_texts(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_of_text, "BLOCK", block)
    file = tmp_path / "rows.csv"
    file.write_bytes('text,user\r\n"Süß,\r\nund ""gut""",p1\r\n\r\n,p2\nplain,p3'.encode())
    reading = open_private(read_by_rule(DataSection(path=str(file), user="user"), tells=True))
    assert [(row.text, row.user) for row in reading.corpus] == [('Süß,\nund "gut"', "p1"), ("plain", "p3")]
    assert {reason: rows.first for reason, rows in reading.left_out.items()} == {
        "the text is missing or empty": [5]
    }


@pytest.mark.parametrize("order", [1, -1])
def test_a_label_that_is_cleaned_to_that_of_a_missing_one_decides_nothing_for_others(
    tmp_path: Path, order: int
) -> None:
    """A control character is taken out of a label, and "nan" is none: each row by itself."""
    file = tmp_path / "rows.jsonl"
    rows = [{"text": "odd", "label": "\x7fnan"}, {"text": "none", "label": "nan"}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows[::order]), "utf-8")
    reading = open_private(read_by_rule(DataSection(path=str(file), label="label")))
    assert [row.text for row in reading.corpus] == ["odd"]


def test_people_are_the_same_however_few_names_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_of_files, "MOST_NAMES", 2)
    file = tmp_path / "rows.csv"
    users = ["1", "1.0", "a", "b", " a", "01", "1", "b "]
    file.write_text("text,user\n" + "".join(f"plain,{user}\n" for user in users), "utf-8")
    found = open_private(read_by_rule(DataSection(path=str(file), user="user"))).corpus
    assert [row.user for row in found] == ["1", "1", "a", "b", "a", "01", "1", "b"]


def test_cycles_are_searched_for_again_after_reading(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "a"}\n{"text": ["b"]}\n', "utf-8")
    with pytest.raises(DataError):
        read_corpus(file)
    assert gc.isenabled()
