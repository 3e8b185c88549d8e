"""Rows that cannot be used, or are unlike all others, in every format, and files with one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Rows

#: What a line, a row or a file of these tests may have at most, in bytes.
LIMIT = 4096
TEXT, USER, LABEL = "an ordinary review of corn crisps", "somebody new", "food"
LONG = "tea " * LIMIT


def row(**changes: Any) -> bytes:
    """A row of a JSON Lines file; a value that is ``...`` leaves its key out."""
    values = {"text": TEXT, "user": USER, "label": LABEL, **changes}
    return json.dumps({k: v for k, v in values.items() if v is not ...}).encode()


JSONL: dict[str, bytes] = {
    "no text": row(text=...),
    "a text that is null": row(text=None),
    "a text that is not a number": row(text=float("nan")),
    "an empty text": row(text=""),
    "a text of control characters": row(text="\x07\x1b\x00"),
    "a text of half a character": row(text="\ud83d"),
    "a text that is a number": row(text=12),
    "a text that is true": row(text=True),
    "a text that is a list": row(text=["tea"]),
    "a text that is an object": row(text={"tea": 1}),
    "no user": row(user=...),
    "a user that is null": row(user=None),
    "a user of blanks": row(user="  "),
    "a user that is a number": row(user=12.5),
    "a user that is false": row(user=False),
    "a user that is a list": row(user=["a"]),
    "no label": row(label=...),
    "a label that is null": row(label=None),
    "a label that is not declared": row(label="unheard-of"),
    "a label that is a number": row(label=5),
    "a label that is an object": row(label={"food": 1}),
    "a key twice": b'{"text": "tea", "text": "oil", "user": "x", "label": "food"}',
    "no JSON": b'{"text": "tea"',
    "two objects": row() + b" " + row(),
    "a list": b'["tea"]',
    "a string": b'"tea"',
    "deep nesting": b"[" * 3000,
    "a huge number": b'{"text": "tea", "user": ' + b"9" * 4000 + b"9" * 50 + b"}",
    "bytes that are not UTF-8": b'{"text": "caf\xe9", "user": "x", "label": "food"}',
    "a line in UTF-16": '{"text": "tea"}'.encode("utf-16"),
    "a NUL": b'{"text": "te\x00a", "user": "x", "label": "food"}',
    "a second byte-order mark": b"\xef\xbb\xbf" + row(),
    "an over-long line": row(text=LONG),
    "an over-long line that is no JSON": b"[" + b" " * 4 * LIMIT,
}
CSV: dict[str, bytes] = {
    "no text": b",somebody new,food",
    "a text of blanks": b'" \t ",somebody new,food',
    "a text of control characters": b"\x07\x1b,somebody new,food",
    "a NUL in the text": b"te\x00a,somebody new,food",
    "no user": b"tea,,food",
    "no label": b"tea,somebody new,",
    "a label that is not declared": b"tea,somebody new,unheard-of",
    "a label that is a number": b"tea,somebody new,5",
    "too few fields": b"tea,somebody new",
    "too many fields": b"tea,somebody new,food,drink",
    "one field": b"tea",
    "an over-long text": LONG.encode() + b",somebody new,food",
    "an over-long text in quotes": b'"' + LONG.encode() + b'",somebody new,food',
    "an over-long text of many lines with quotes": b'"'
    + b'tea, ""oil""\r\n' * LIMIT
    + b'",somebody new,food',
    "an over-long label": b"tea,somebody new," + LONG.encode(),
}
PARQUET: dict[str, tuple[bytes | None, ...]] = {
    "no text": (None, b"x", b"food"),
    "an empty text": (b"", b"x", b"food"),
    "a text of control characters": (b"\x07", b"x", b"food"),
    "bytes that are not UTF-8": (b"caf\xe9", b"x", b"food"),
    "an over-long text": (LONG.encode(), b"x", b"food"),
    "no user": (b"tea", None, b"food"),
    "a user that is not UTF-8": (b"tea", b"\xff", b"food"),
    "no label": (b"tea", b"x", None),
    "a label that is not declared": (b"tea", b"x", b"unheard-of"),
}
TXT: dict[str, bytes | Path] = {
    "an empty file": b"",
    "a file of control characters": b"\x07\x1b",
    "bytes that are not UTF-8": b"caf\xe9",
    "a NUL": b"te\x00a",
    "an over-long file": LONG.encode(),
    "a link to nowhere": Path("nowhere"),
    "a link that cannot be followed": Path("n" * 300),
}


def in_jsonl(folder: Path, rows: Rows, extra: bytes | None) -> Path:
    written = [*([] if extra is None else [extra]), *(json.dumps(r).encode() for r in rows)]
    (path := folder / "data.jsonl").write_bytes(b"\n".join(written))
    return path


def in_csv(folder: Path, rows: Rows, extra: bytes | None) -> Path:
    written = [b"text,user,label", *([] if extra is None else [extra])]
    written += [f"{r['text']},{r['user']},{r['label']}".encode() for r in rows]
    (path := folder / "data.csv").write_bytes(b"\n".join(written))
    return path


def in_parquet(folder: Path, rows: Rows, extra: tuple[bytes | None, ...] | None) -> Path:
    columns = {}
    for place, name in enumerate(("text", "user", "label")):
        values = [*([] if extra is None else [extra[place]]), *(r[name].encode() for r in rows)]
        held = pa.array(values, pa.binary())
        columns[name] = pa.Array.from_buffers(pa.string(), len(values), held.buffers())
    pq.write_table(pa.table(columns), path := folder / "data.parquet")
    return path


def in_txt(folder: Path, rows: Rows, extra: bytes | Path | None) -> Path:
    (path := folder / "texts").mkdir()
    for i, r in enumerate(rows):
        (path / f"{i:04}.txt").write_text(r["text"])
    if isinstance(extra, bytes):
        (path / "0.txt").write_bytes(extra)
    elif extra is not None:
        (path / "0.txt").symlink_to(path / extra)
    return path


WRITE: dict[str, Callable[[Path, Rows, Any], Path]] = {
    "jsonl": in_jsonl,
    "csv": in_csv,
    "parquet": in_parquet,
    "txt": in_txt,
}
NOTHING: dict[str, Any] = {"jsonl": None, "csv": None, "parquet": None, "txt": None}
CASES = [
    *(("jsonl", name, extra) for name, extra in JSONL.items()),
    *(("csv", name, extra) for name, extra in CSV.items()),
    *(("parquet", name, extra) for name, extra in PARQUET.items()),
    *(("txt", name, extra) for name, extra in TXT.items()),
]
