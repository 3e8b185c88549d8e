"""The private corpus comes in here: JSON Lines, CSV, TSV, Parquet or a folder of .txt files.

What may stop a run. A message here reaches only the operator's terminal, before any mechanism has run
and before anything is released; it names a place in the file and never what is there. Wrong columns are
found in the header, before a row is read. A broken file (bad encoding, bad JSON, ragged rows, undeclared
labels, missing users) stops the run at its first fault. What a person wrote in the text never does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from rpsg.dumps import forbid_core_dumps
from rpsg.errors import DataError, UsageError
from rpsg.given import shown
from rpsg.privacy.private import Private
from rpsg.records import Corpus
from rpsg.store.readers import delimited, folder, jsonl, parquet
from rpsg.store.readers.columns import Columns
from rpsg.store.readers.rows import DocumentMaker, Row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["Format", "check_place", "read_corpus"]

Format = Literal["jsonl", "csv", "tsv", "txt", "parquet"]

_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_PACKED = {".gz": "gunzip -k", ".bz2": "bunzip2 -k", ".xz": "unxz -k", ".zst": "unzstd", ".zip": "unzip"}
_UNITS = {"txt": "file number", "parquet": "row"}


def read_corpus(
    path: Path | str,
    *,
    text: str = "text",
    label: str | None = None,
    user: str | None = None,
    format: Format | None = None,  # noqa: A002 -- the word the user types
    labels: Collection[str] | None = None,
) -> Private[Corpus]:
    """Read every row of ``path`` into memory, as one private value.

    Args:
        path: a file, or a folder of .txt files (one document each, no columns).
        text: the column with the text.
        label: the column with the label, if any.
        user: the column that says whose row it is, if any.
        format: how to read it, if the name does not end in .jsonl, .csv, .tsv or .parquet.
        labels: every label that may occur; another one in the file is a fault.

    Raises:
        DataError: the file cannot be read; says where and what to do, never what the file holds.
        UsageError: the options do not fit together.
        MissingExtraError: Parquet without pyarrow.
    """
    forbid_core_dumps()  # here, as every private text of a file comes through this door
    return Private(_read(Path(path), Columns(text, label, user), format, labels))


def check_place(path: Path | str, format: Format | None = None) -> None:  # noqa: A002 -- as above
    """See that there is something to read; raises as ``read_corpus`` does, and opens nothing."""
    _format(Path(path), format)


def _read(path: Path, columns: Columns, chosen: Format | None, labels: Collection[str] | None) -> Corpus:
    kind = _format(path, chosen)
    _check_options(kind, columns, labels)
    declared = frozenset(labels) if labels is not None else None
    maker = DocumentMaker(path, _UNITS.get(kind, "line"), columns, declared)
    corpus = Corpus(tuple(maker.documents(_rows(path, kind, columns))))
    if not len(corpus):
        raise DataError(f"{path} has no rows.", hint="Give a file with at least one row under the header.")
    return corpus


def _format(path: Path, chosen: Format | None) -> Format:
    if chosen is not None and chosen not in get_args(Format):
        raise UsageError(
            f"There is no format {chosen!r}.", hint=f"Choose one of {', '.join(get_args(Format))}."
        )
    if path.is_dir() and chosen in {None, "txt"}:
        return "txt"
    if not path.is_file():
        problem = "is not a file" if path.exists() else "does not exist"
        raise DataError(f"{shown(path)} {problem}.", hint="Check the path (ls -l shows what is there).")
    if chosen == "txt" or (chosen is None and path.suffix.lower() == ".txt"):
        raise DataError(
            f"{path} is one .txt file; a folder of them was expected.",
            hint="Give the folder (one document a file), or make it a .jsonl file with one object a line.",
        )
    return chosen or _by_suffix(path)


def _by_suffix(path: Path) -> Format:
    suffix = path.suffix.lower()
    if suffix in _PACKED:
        raise DataError(f"{path} is compressed.", hint=f"Unpack it first: {_PACKED[suffix]} {path.name}")
    if suffix not in _SUFFIXES:
        raise DataError(
            f"{path}: the name does not say what kind of file it is.",
            hint=f"Say it with --format {'|'.join(get_args(Format))}.",
        )
    return _SUFFIXES[suffix]


def _check_options(kind: Format, columns: Columns, labels: Collection[str] | None) -> None:
    if kind == "txt" and (columns.label is not None or columns.user is not None):
        raise UsageError(
            "A folder of .txt files has no columns for labels or users.",
            hint="Leave --label and --user out, or give a .jsonl file with these columns.",
        )
    if labels is not None and columns.label is None:
        raise UsageError(
            "Labels are declared, and no column is given to read them from.",
            hint="Name the column with --label, or leave the declared labels out.",
        )


def _rows(path: Path, kind: Format, columns: Columns) -> Iterator[Row]:
    match kind:
        case "jsonl":
            return jsonl.read_rows(path, columns)
        case "csv":
            return delimited.read_rows(path, columns)
        case "tsv":
            return delimited.read_rows(path, columns, separator="\t")
        case "txt":
            return folder.read_rows(path)
        case "parquet":
            return parquet.read_rows(path, columns)
