"""Files that RPSG does not read, recognized by their first bytes: what such a file is, and what to do with
it.

A byte that is not UTF-8 suggests another encoding, but trying one would only hide what such a file is.
"""

from __future__ import annotations

import codecs

_TABLE = "Give a table of the texts: .csv, .jsonl or .xlsx."
_PAGE = (
    "If it is a table for Excel, open it there and save it as .xlsx or .csv. If not, download the file "
    "again: a page to sign in may have come in its place."
)
#: The first bytes of files that RPSG does not read, in lower case, what such a file is, and what to do.
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"%pdf-", "a PDF file", _TABLE),
    (b"{\\rtf", "a document of a word processor", _TABLE),
    (b"sqlite format 3\0", "an SQLite database", "Export the table: sqlite3 -header -csv FILE 'select ...'"),
    (
        b"arrow1\0",
        "an Arrow (Feather) file",
        "Write it as Parquet, or give the data frame to rpsg in Python.",
    ),
    (b"\x80\x04\x95", "a pickle, which can run programs", "Write the data frame as Parquet or .csv."),
    (b"\x80\x05\x95", "a pickle, which can run programs", "Write the data frame as Parquet or .csv."),
    (b"version https://git-lfs", "the pointer to a file in Git LFS", "Get the file itself: git lfs pull"),
    (b"<!doctype html", "a web page", _PAGE),
    (b"<html", "a web page", _PAGE),
    (b"<table", "a web page", _PAGE),
)


def named_by_start(start: bytes) -> tuple[str, str] | None:
    """The kind of a file that begins with these bytes, and what to do; None if it is not known."""
    small = start.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    return next(((what, hint) for sign, what, hint in _OTHERS if small.startswith(sign)), None)
