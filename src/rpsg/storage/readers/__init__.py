"""Reads the private corpus: JSON Lines, CSV, TSV, Excel, Parquet, a folder of .txt files, or rows in memory.

A single row never stops a run: a row that cannot be used is left out by a rule that depends on that row
alone, and the number of such rows stays in the private folder. A file that is missing, lacks a column or has
no usable row does stop the run, and every claim mentions this. Only the operator sees the message, which says
where the fault is and quotes nothing.
"""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.errors import UsageError
from rpsg.hardening import forbid_core_dumps
from rpsg.privacy.private import Private
from rpsg.records import PrivateCorpus
from rpsg.storage.readers import csv as delimited
from rpsg.storage.readers import excel, folder, jsonl, memory, parquet
from rpsg.storage.readers.beside import by_spelling, reader_of
from rpsg.storage.readers.columns import Columns, check_header
from rpsg.storage.readers.formats import Format, Kind, kind_of
from rpsg.storage.readers.rows import DocumentMaker, Fault, Reading, Row, Rules
from rpsg.storage.readers.source import Source
from rpsg.storage.readers.text import no_rows, no_usable_row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from rpsg.plan import Column, DataSection
    from rpsg.records import Document

__all__ = [
    "Format",
    "Reading",
    "Rules",
    "check_columns",
    "check_readable",
    "each_by_rule",
    "header_of",
    "read_by_rule",
    "read_corpus",
    "read_strictly",
]

_UNITS = {"txt": folder.UNIT, "parquet": "row", "excel": "row", "memory": "row"}
#: The formats whose rows never have half of a surrogate pair.
_DECODED = ("csv", "tsv", "jsonl")
#: The most row numbers that are kept for each reason.
_FIRST, _EVERY = 20, sys.maxsize


def read_corpus(
    path: Path | str,
    *,
    text: str = "text",
    label: str | None = None,
    user: str | None = None,
    format: Format | None = None,  # noqa: A002 -- the word the user types
    labels: Collection[str] | None = None,
    beside: Sequence[Column] = (),
    encoding: str = "",
) -> Private[PrivateCorpus]:
    """Read every row of ``path`` that has a text into memory, as one private value that is never released.

    Args:
        path: a file, or a folder of .txt files (one document each, no columns).
        text: the column with the text.
        label: the column with the label, if any.
        user: the column that says whose row it is, if any.
        format: how to read it, if neither its name nor its content says so.
        labels: every label that may occur; any other in the file is a fault.
        beside: the columns beside the text; a value that is not declared is "other".
        encoding: of a text file that is not UTF-8, such as "cp1252".

    Raises:
        DataError: the file or a row cannot be read; the error says where and what to do, and never quotes the
            file.
        UsageError: the options do not fit together.
        MissingExtraError: Parquet without pyarrow, Excel without python-calamine.
    """
    columns = Columns(text, label, user, tuple(column.name for column in beside))
    source = Source(Path(path), encoding, format)
    return read_strictly(source, columns, format, labels, beside).map(lambda reading: reading.corpus)


def read_strictly(
    source: Source,
    columns: Columns,
    chosen: Format | None = None,
    labels: Collection[str] | None = None,
    beside: Sequence[Column] = (),
) -> Private[Reading]:
    """As ``read_corpus``, with the number of rows that were left out because they have no text."""
    return Private(_read(source, columns, chosen, labels, beside))


def check_readable(path: Path | str, format: Format | None = None) -> None:  # noqa: A002 -- as above
    """Check that there is something to read, by its first bytes; raises the errors of ``read_corpus``."""
    kind_of(Source(Path(path), format=format), format)


def check_columns(data: DataSection) -> None:
    """Check that a run can read the file: its header, and that the bytes are text of its encoding.

    No row is parsed, except in JSON Lines, which has the names of columns only in its rows. The errors are
    the same as those of a run.

    Raises:
        DataError: there is no such file or column, or its bytes are not text.
        UsageError: the options do not fit together.
        MissingExtraError: a package for this format is not installed.
    """
    source = Source(Path(data.path), data.encoding, data.format)
    columns = columns_of(data)
    for column in data.declared_columns:
        reader_of(column)  # raises an error for declared values that would be the same in a file
    kind = kind_of(source, data.format)
    _check_options(kind, columns, data.labels or None)
    if kind == "jsonl":
        jsonl.check_columns(source, columns)
    elif kind == "txt":
        next(folder.read_rows(source.path, source.encoding))
    elif kind == "memory":
        memory.check_columns(source.path, columns)
    elif kind == "parquet":
        parquet.check_columns(source.path, columns)
    elif kind == "excel":
        excel.check_columns(source, columns)
    else:
        header = _header(source, kind, columns)
        check_header(source.called, header, columns.in_header, may_be_title=True)
        delimited.check_lines(source)


def columns_of(data: DataSection) -> Columns:
    """The names of all columns that the plan reads."""
    return Columns(data.text, data.label, data.user, tuple(c.name for c in data.declared_columns))


def header_of(
    path: Path | str, encoding: str = "", kind: Format | None = None, columns: Columns | None = None
) -> list[str]:
    """The names of the columns, for the operator; of JSON Lines, the keys of the first object.

    ``columns`` finds a header below a title. DataError: there is none, or it cannot be read.
    """
    source = Source(Path(path), encoding, kind)
    return _header(source, kind_of(source, kind), columns)


def _header(source: Source, kind: Kind, columns: Columns | None = None) -> list[str]:
    match kind:
        case "csv" | "tsv":
            return delimited.header_of(source, separator="\t" if kind == "tsv" else None, columns=columns)
        case "parquet":
            return parquet.header_of(source.path)
        case "excel":
            return excel.header_of(source, columns)
        case "memory":
            return memory.header_of(source.path)
        case "jsonl":
            return jsonl.header_of(source)
        case "txt":
            return []


def read_by_rule(data: DataSection, rules: Rules | None = None, *, tells: bool = False) -> Private[Reading]:
    """Read a plan's corpus by its rules, or by other rules; rows that cannot be used are counted by reason.

    ``tells`` is for reads whose result only the operator sees: errors may name keys of rows, the number of
    every row that is left out is kept, and a file without a usable row is not an error.

    Raises:
        DataError: the file cannot be read, or the rule refuses a row.
        UsageError: the options do not fit together.
        MissingExtraError: Parquet without pyarrow, Excel without python-calamine.
    """
    return Private(data).map(  # inside ``Private``, because an unexpected error could quote a row
        lambda named: _read(
            Source(Path(named.path), named.encoding, named.format),
            columns_of(named),
            named.format,
            named.labels or None,
            named.declared_columns,
            rules or Rules(named.unusable, named.unlisted),
            tells=tells,
        )
    )


def each_by_rule(data: DataSection) -> Iterator[Document]:
    """The rows that ``read_by_rule`` would keep, one after the other, only to be used inside ``Private``.

    A file without a usable row is not an error: with several sites, an error would tell the others about this
    one.

    Raises:
        DataError, UsageError, MissingExtraError: as ``read_by_rule``; some are raised only at the first row.
    """
    source, rules = Source(Path(data.path), data.encoding, data.format), Rules(data.unusable, data.unlisted)
    labels, beside = data.labels or None, data.declared_columns
    maker, rows = _opened(source, columns_of(data), data.format, labels, beside, rules)
    return maker.documents(rows)


def _read(
    source: Source,
    columns: Columns,
    chosen: Format | None,
    labels: Collection[str] | None,
    beside: Sequence[Column] = (),
    rules: Rules | None = None,
    *,
    tells: bool = False,
) -> Reading:
    maker, rows = _opened(source, columns, chosen, labels, beside, rules, tells=tells)
    with _no_search_for_cycles():
        documents = tuple(maker.documents(rows))
    if not maker.rows:
        raise no_rows(_called(source))
    if not documents and rules is not None and not tells:
        path = None if memory.is_held(source.path) else source.path
        raise no_usable_row(_called(source), path, declared=labels is not None or bool(beside))
    return Reading(
        PrivateCorpus(documents), maker.unit, maker.rows, maker.left_out, maker.as_other, maker.hints
    )


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Switch off the search for reference cycles: rows have none, and it would take a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _called(source: Source) -> str:
    return memory.CALLED if memory.is_held(source.path) else source.called


def _check_options(kind: Kind, columns: Columns, labels: Collection[str] | None) -> None:
    if kind == "txt" and len(columns.wanted()) > 1:
        raise UsageError(
            "A folder of .txt files has no columns for labels or users.",
            hint="Leave --label, --user and --columns out, or give a .jsonl file with these columns.",
        )
    if labels is not None and columns.label is None:
        raise UsageError(
            "Labels are declared, but no column is named to read them from.",
            hint="Name the column with --label, or leave the declared labels out.",
        )


def _opened(
    source: Source,
    columns: Columns,
    chosen: Format | None,
    labels: Collection[str] | None,
    beside: Sequence[Column],
    rules: Rules | None,
    *,
    tells: bool = False,
) -> tuple[DocumentMaker, Iterator[Row | Fault]]:
    """The rows of a file, and what makes documents of them."""
    forbid_core_dumps()  # called here, because every private text of a file comes through this function
    kind = kind_of(source, chosen)
    _check_options(kind, columns, labels)
    declared = by_spelling(labels) if labels is not None else None
    unit, listed = _UNITS.get(kind, "line"), _EVERY if tells else _FIRST
    more = tuple(map(reader_of, beside))
    maker = DocumentMaker(_called(source), unit, columns, declared, more, rules, listed, kind in _DECODED)
    told = tells or rules is None
    return maker, _rows(source, kind, columns, strict=rules is None, tells=told)


def _rows(
    source: Source, kind: Kind, columns: Columns, *, strict: bool, tells: bool
) -> Iterator[Row | Fault]:
    match kind:
        case "jsonl":
            return jsonl.read_rows(source, columns, strict=strict, tells=tells)
        case "csv" | "tsv":
            return delimited.read_rows(source, columns, separator="\t" if kind == "tsv" else None)
        case "txt":
            return folder.read_rows(source.path, source.encoding)
        case "parquet":
            return parquet.read_rows(source.path, columns)
        case "excel":
            return excel.read_rows(source, columns)
        case "memory":
            return memory.read_rows(source.path, columns)
