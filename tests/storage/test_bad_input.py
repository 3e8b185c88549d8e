"""Every way an input file can be wrong ends in a sentence that says where, and never what the file holds."""

from __future__ import annotations

import gzip
import json
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rpsg.errors import DataError, MissingExtraError, RpsgError, UsageError
from rpsg.plan import DataSection
from rpsg.privacy.private import open_private
from rpsg.storage import readers
from rpsg.storage.readers import read_corpus
from rpsg.storage.readers import text as lines
from rpsg.storage.readers.columns import Columns
from rpsg.storage.readers.source import Source

MARKER = "ZQXMARKER"
GOOD = json.dumps({"text": f"fine {MARKER}", "label": "a", "user": f"u{MARKER}"})


def refused(path: Path, says: str, hint: str, error: type[RpsgError] = DataError, **options: Any) -> None:
    """Reading must end in ``error``, with both sentences, and with the marker nowhere in it or behind it."""
    with pytest.raises(error) as caught:
        read_corpus(path, **options)
    assert re.search(says, caught.value.message), caught.value.message
    assert re.search(hint, caught.value.hint), caught.value.hint
    told: BaseException | None = caught.value
    while told is not None:
        assert MARKER not in str(told)
        assert MARKER not in repr(told.__dict__)
        assert not isinstance(told, UnicodeError | json.JSONDecodeError)
        told = told.__context__


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def make(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


File = Callable[[str, str | bytes], Path]

JSONL_FAULTS = [
    (
        "misspelt column",
        '{"Text_": "%s"}',
        "no column 'text'",
        r"Did you mean Text_\? Give it with --text 'Text_'",
    ),
    ("missing column", '{"review": "%s"}', "no column 'text'", r"Columns in the file: review\."),
    ("keys that are no names", '{"%s and more of a story": 1}', "no column", "may be the row of a person"),
    ("invalid JSON", GOOD + '\n{"text": "%s"', "line 2: this is not valid JSON", "jq -c"),
    ("two values on a line", '{"text": "%s"} {}', "line 1: this is not valid JSON", "one whole object"),
    ("a huge number", GOOD + '\n{"text": ' + "9" * 5000 + "}", "line 2: this is not valid JSON", "object"),
    ("deep nesting", GOOD + "\n" + "[" * 100_000, "line 2: the JSON is nested too deeply", "by the hundred"),
    ("duplicate keys", '{"text": "a", "text": "%s"}', "line 1: a key occurs twice", "Remove one"),
    ("a string", GOOD + '\n"%s"', "line 2: this is not an object", "one object"),
    ("a list later on", GOOD + '\n["%s"]', "line 2: this is not an object", "one object"),
    ("a JSON array file", '[{"text": "%s"}]', "JSON array", r"jq -c '\.\[\]'"),
    ("a pretty-printed array", '[\n  {"text": "%s"}\n]', "line 1: this is a JSON array", r"jq -c '\.\[\]'"),
    (
        "text is a list",
        '{"text": ["%s"]}',
        "line 1: the text is a list or an object",
        "'text' must hold text, or turns,",
    ),
    ("text is an object", '{"text": {"a": "%s"}}', "line 1: the text is a list or an object", "every row"),
    (
        "a later row without the key",
        GOOD + '\n{"other": "%s"}',
        "line 2: .* no key 'text'",
        "remove the line",
    ),
    ("only blank lines", "\n  \n", "has no rows", "at least one row"),
]


@pytest.mark.parametrize(
    ("content", "says", "hint"), [f[1:] for f in JSONL_FAULTS], ids=[f[0] for f in JSONL_FAULTS]
)
def test_a_faulty_jsonl_file_is_refused_by_its_line(file: File, content: str, says: str, hint: str) -> None:
    refused(file("reviews.jsonl", content.replace("%s", MARKER)), says, hint)


CSV_FAULTS = [
    ("misspelt column", "id,Text,label\n1,%s,a\n", "no column 'text'", r"Did you mean Text\?"),
    ("missing column", "id,body\n1,%s\n", "no column 'text'", "Columns in the file: id, body"),
    ("no header", "1,%s went to the market and came home,a\n", "no column", "may be the row of a person"),
    ("the column twice", "text,text\n%s,%s\n", "2 columns called 'text'", "Rename"),
    ("header only", "id,text\n", "has no rows", "at least one row"),
    (
        "too few fields",
        "id,text,label\n1,%s,a\n2,%s\n",
        "line 3: the row has 2 fields; the header has 3",
        "commas",
    ),
    ("too many fields", "id;text\n1;%s;x\n", "line 2: the row has 3 fields; the header has 2", "semicolons"),
    ("one field", "id\ttext\n%s\n", "line 2: the row has 1 field; the header has 2", "tabs"),
    ("ragged after a long field", 'id,text\n1,"a\nb"\n%s\n', "line 4: the row has 1 field", "double quotes"),
    ("an open quote", 'id,text\n1,a\n2,"%s\n3,b\n', "row that begins on line 3 is not valid CSV", "quote"),
    ("text after a quote", 'id,text\n1,"a"%s\n', "row that begins on line 2 is not valid CSV", "twice"),
    ("with spaces", 'id, text\n1, "great" book %s\n', "row that begins on line 2 is not valid CSV", "twice"),
]


@pytest.mark.parametrize(
    ("content", "says", "hint"), [f[1:] for f in CSV_FAULTS], ids=[f[0] for f in CSV_FAULTS]
)
def test_a_faulty_csv_file_is_refused_by_its_line(file: File, content: str, says: str, hint: str) -> None:
    refused(file("reviews.csv", content.replace("%s", MARKER)), says, hint)


@pytest.mark.parametrize("name", ["empty.jsonl", "empty.csv", "empty.tsv"])
def test_an_empty_file_is_refused(file: File, name: str) -> None:
    refused(file(name, ""), "is empty", "at least one row")


def test_a_byte_that_is_not_utf8_is_named_by_line_and_offset(file: File) -> None:
    path = file("latin.csv", b"id,text\n1,ok\n2,caf\xe9 " + MARKER.encode())
    refused(path, r"line 3: the byte at offset 18 ", "--encoding cp1252")
    assert path.read_bytes()[18] == 0xE9


def test_a_utf16_file_with_a_mark_is_recognised(file: File) -> None:
    refused(
        file("wide.csv", f"text\n{MARKER}\n".encode("utf-16")), "line 1: .* not UTF-8", "--encoding utf-16"
    )


def test_a_nul_byte_is_refused_by_its_line(file: File) -> None:
    refused(file("nul.csv", f"te\0xt\n{MARKER}\n"), "line 1: there is a NUL byte", "UTF-16")
    refused(
        file("nul.jsonl", f'{GOOD}\n{{"text": "{MARKER}\0"}}\n'), "line 2: this is not valid JSON", "object"
    )


def test_a_nul_in_a_cell_of_a_csv_file_is_taken_out(file: File) -> None:
    """It stands between the characters of one text; a file in UTF-16 is told by its header."""
    found = readers._read(Source(file("nul.csv", "text\nok\na\0b\n")), Columns("text"), "csv", None).corpus
    assert [row.text for row in found] == ["ok", "ab"]


def test_a_line_over_the_limit_is_refused_by_its_line(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 1 << 20)
    long = json.dumps({"text": MARKER * (1 << 18)})
    refused(
        file("long.jsonl", f"{GOOD}\n{long}\n"), "line 2: the line is longer than 1 MiB", "one row per line"
    )


def test_a_csv_field_over_the_limit_is_refused_by_its_line(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 1 << 20)
    content = 'text\nok\n"' + f"{MARKER}\n" * (1 << 18) + '"\n'
    refused(file("long.csv", content), "line 3: the row is longer than 1 MiB", "quote")


def test_an_undeclared_label_is_named_by_its_line_only(file: File) -> None:
    path = file("labels.jsonl", f'{GOOD}\n{{"text": "{MARKER}", "label": "zz{MARKER}"}}\n')
    says, hint = "line 2: the label is not one of those declared", r"Declared: a, b\."
    refused(path, says, hint, label="label", labels=["b", "a"])
    refused(path, says, r'Declared: "Food, drink", a\.', label="label", labels=["a", "Food, drink"])


@pytest.mark.parametrize("value", ['""', "null", '" "', "NaN"])
def test_a_missing_label_is_said_to_be_missing(file: File, value: str) -> None:
    path = file("labels.jsonl", f'{GOOD}\n{{"text": "{MARKER}", "label": {value}}}\n')
    refused(path, "line 2: the label is missing", "Fill in 'label'", label="label", labels=["b", "a"])


def test_a_label_that_is_a_list_is_refused(file: File) -> None:
    path = file("labels.jsonl", f'{{"text": "x", "label": ["{MARKER}"]}}')
    refused(path, "line 1: the label is a list or an object", "short name", label="label")


@pytest.mark.parametrize("value", ["null", '""', '"  "', "NaN"])
def test_a_missing_user_is_named_by_its_line(file: File, value: str) -> None:
    path = file("users.jsonl", f'{GOOD}\n{{"text": "{MARKER}", "user": {value}}}\n')
    refused(path, "line 2: the user is missing", "leave --user out", user="user")


def test_a_missing_user_in_csv_is_named_by_its_line(file: File) -> None:
    refused(file("u.csv", f"text,user\n{MARKER},\n"), "line 2: the user is missing", "every row", user="user")


def test_columns_are_checked_before_a_row_is_read(file: File) -> None:
    broken_later = f'text,user\n"{MARKER}\n'
    refused(file("a.csv", broken_later), "no column 'person' for --user", "--user", user="person")


def test_a_missing_label_or_user_column_names_its_own_option(file: File) -> None:
    path = file("a.jsonl", '{"text": "x", "labels": "a", "user id": "u"}')
    refused(path, "'label' for --label", "Give it with --label 'labels'", label="label")
    refused(path, "'userid' for --user", "Give it with --user 'user id'", user="userid")


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "none.csv", "does not exist", "ls")


def test_a_name_that_says_nothing_asks_for_the_format(file: File) -> None:
    refused(file("data.bin", "x"), "neither the name nor the content says", "--format jsonl|csv")
    assert len(readers._read(Source(file("data", "text\nx\n")), Columns("text"), "csv", None).corpus) == 1


def test_a_plan_in_the_place_of_the_data_is_recognized_by_its_name(file: File) -> None:
    refused(file("t.toml", "[data]\n"), "neither the name nor the content says", "--config t.toml")


def test_an_archive_is_refused_with_the_command_that_unpacks_it(file: File) -> None:
    with zipfile.ZipFile(path := file("two files.zip", ""), "w") as archive:
        archive.writestr("a.csv", MARKER)
    refused(path, "is an archive", "unzip 'two files.zip'")


def test_what_was_packed_in_a_way_that_is_not_read_is_refused(file: File) -> None:
    refused(file("a.csv", b"\x28\xb5\x2f\xfd\x04\x00" + MARKER.encode()), "compressed with zstd", "unzstd")
    packed = gzip.compress(b"PAR1")
    refused(file("a.parquet.gz", packed), "is compressed", "gunzip -k a.parquet.gz")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (gzip.compress(gzip.compress(GOOD.encode())), "compressed more than once"),
        (gzip.compress(b"%PDF-1.4 " + MARKER.encode()), "a PDF file"),
        (b"PAR1 " + MARKER.encode() + b" PAR1", "not a complete Parquet file"),
        (b"PK\x03\x04 " + MARKER.encode(), "not a complete Excel workbook"),
        (b"\x28\xb5\x2f\xfd\x04\x00" + MARKER.encode(), "compressed with zstd"),
        (gzip.compress(GOOD.encode() * 50_000, mtime=0)[:-200], "compressed, but damaged"),
    ],
)
def test_a_name_that_says_json_lines_does_not_hide_what_cannot_be_read(
    file: File, content: bytes, what: str
) -> None:
    pytest.importorskip("python_calamine", reason="the extra excel is not installed")
    data = DataSection(path=str(file("a.jsonl", content)))
    for reads in (readers.check_columns, readers.read_by_rule):
        with pytest.raises(DataError, match=what) as caught:
            reads(data)
        assert MARKER not in str(caught.value)


def test_a_row_that_is_nested_too_deeply_harms_no_other(file: File) -> None:
    deep = '{"text": ' + "[" * 100_000 + "]" * 100_000 + "}"
    data = DataSection(path=str(file("a.jsonl", f"{GOOD}\n{deep}\n{GOOD}\n")))
    assert len(open_private(readers.read_by_rule(data)).corpus) == 2


def test_a_packed_file_that_is_cut_off_is_refused(file: File) -> None:
    whole = gzip.compress(GOOD.encode() * 50_000, mtime=0)
    refused(file("a.jsonl.gz", whole[:-200]), "compressed, but damaged or incomplete", "copy the file again")


def test_an_encoding_that_does_not_exist_is_refused(file: File) -> None:
    refused(file("a.csv", "text\nx\n"), "no encoding 'cp12525'", "cp1252", UsageError, encoding="cp12525")
    refused(file("a.csv", "text\nx\n"), "no encoding 'base64'", "cp1252", UsageError, encoding="base64")


def test_a_file_that_is_not_in_its_encoding_is_refused(file: File) -> None:
    cp1252 = f'{{"text": "fine"}}\n{{"text": "{MARKER} \x81"}}\n'.encode("latin-1")
    refused(
        file("a.jsonl", cp1252),
        "line 2: the line has a byte .* the encoding cp1252",
        "--encoding",
        encoding="cp1252",
    )
    refused(file("b.csv", f"text\n{MARKER}\n"), "not in the encoding utf-16", "--encoding", encoding="utf-16")


def test_a_workbook_that_is_none_is_refused(file: File) -> None:
    pytest.importorskip("python_calamine", reason="the extra excel is not installed")
    refused(
        file("a.xlsx", b"PK\x03\x04 " + MARKER.encode()), "not a complete Excel workbook", "save it again"
    )


def test_a_workbook_without_its_package_names_the_extra(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    refused(file("a.csv", b"PK\x03\x04"), "python-calamine", r"rpsg\[excel\]", MissingExtraError)


def test_an_unknown_format_is_a_usage_error(file: File) -> None:
    refused(file("a.csv", "text\nx\n"), "no format 'xls'", "jsonl, csv", UsageError, format="xls")


def test_declared_labels_without_a_label_column_are_a_usage_error(file: File) -> None:
    refused(file("a.csv", "text\nx\n"), "no column is named", "--label", UsageError, labels=["a"])


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (MARKER, r"If it is a table, add --format csv .* give the folder"),
        (f"Dear {MARKER}, I write | as, you, know", "If it is a table"),
        (f"text|user\n{MARKER}|u\n", r"vertical bars separate the columns: add --format csv .* a\.csv"),
        (f"text\tuser\n{MARKER}\tu\n".encode("utf-16"), "tabs separate the columns: add --format csv"),
        (f"\n{GOOD}\n", r"looks like JSON: add --format jsonl .* call it a\.jsonl"),
        (gzip.compress(f"text;user\n{MARKER};u\n".encode()), "semicolons separate"),
    ],
)
def test_one_txt_file_is_refused_and_the_hint_says_what_it_looks_like(
    file: File, content: str | bytes, hint: str
) -> None:
    refused(file("a.txt", content), "a single .txt file", hint)


def test_a_folder_has_no_columns(file: File, tmp_path: Path) -> None:
    file("a.txt", "x")
    refused(tmp_path, "no columns", "Leave --label", UsageError, label="label")


def test_a_folder_read_as_csv_is_refused(file: File, tmp_path: Path) -> None:
    file("a.txt", "x")
    refused(tmp_path, "is not a file", "path", format="csv")


def test_a_txt_file_at_fault_is_named_by_its_number_and_never_by_its_name(file: File, tmp_path: Path) -> None:
    file("a.txt", "fine")
    (tmp_path / f"b{MARKER}.txt").symlink_to(tmp_path / "nowhere")
    refused(tmp_path, "file number 2 by name: it cannot be read", "count the .txt files")
    (tmp_path / f"b{MARKER}.txt").unlink()
    file(f"b{MARKER}.txt", b"\xff" + MARKER.encode())
    refused(tmp_path, "file number 2 by name: it is not text of the declared encoding", "--encoding cp1252")
    file(f"b{MARKER}.txt", MARKER + "\0")
    refused(tmp_path, "file number 2 by name: it is not text of the declared encoding", "--encoding cp1252")


def test_a_txt_file_over_the_limit_is_named_by_its_number(
    file: File, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 1 << 20)
    file(f"{MARKER}.txt", MARKER * (1 << 18))
    refused(tmp_path, "file number 1 by name: it is longer than 1 MiB", "count the .txt files")


def test_a_parquet_file_that_is_none_is_refused(file: File) -> None:
    refused(file("a.parquet", MARKER), "not a complete Parquet file", "jsonl")


def test_parquet_columns_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"body": [MARKER], "stars": [5]}), path)
    refused(path, "no column 'text'", "Columns in the file: body, stars")
    refused(path, "'stars' holds int64, not strings", "--text", text="stars")


def test_parquet_rows_are_named_by_number(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x", MARKER], "user": ["u", None]}), path)
    refused(path, "row 2: the user is missing", "every row", user="user")


def test_parquet_text_that_is_not_utf8_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    raw = pa.array([MARKER.encode() + b"\xff"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 1, raw.buffers())
    pq.write_table(pa.table({"text": text}), path)
    refused(path, "row 1: a value is not UTF-8 text", "Write the row again")


def test_parquet_without_pyarrow_names_the_extra(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(file("a.parquet", MARKER), "pyarrow", r"rpsg\[parquet\]", MissingExtraError)
