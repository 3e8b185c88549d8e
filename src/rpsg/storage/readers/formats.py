"""Which format a source has: by its first bytes before its name."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Literal, cast, get_args

from rpsg.arguments import shown
from rpsg.errors import DataError, UsageError
from rpsg.storage.readers import memory
from rpsg.storage.readers.source import PACKED_SUFFIXES, Source, codec_of
from rpsg.storage.readers.text import cannot_open

if TYPE_CHECKING:
    from collections.abc import Collection

    from rpsg.storage.readers.columns import Columns

Format = Literal["jsonl", "csv", "tsv", "txt", "parquet", "excel"]
Kind = Literal["jsonl", "csv", "tsv", "txt", "parquet", "excel", "memory"]

_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
}


def format_of(source: Source, chosen: Format | None) -> Kind:
    """How to read a source: as was chosen, or as its first bytes or its name say; errors as of a read."""
    path = source.path
    if memory.is_held(path):
        return "memory"
    if source.encoding:
        codec_of(source.encoding)
    if chosen is not None and chosen not in get_args(Format):
        raise UsageError(
            f"There is no format {chosen!r}.", hint=f"Choose one of {', '.join(get_args(Format))}."
        )
    if path.is_dir() and chosen in {None, "txt"}:
        return "txt"
    if not source.is_stdin and not path.is_file():
        problem = "is not a file" if path.exists() else "does not exist"
        raise DataError(f"{shown(path)} {problem}.", hint="Check the path (ls -l shows what is there).")
    if chosen == "txt" or (chosen is None and path.suffix.lower() == ".txt"):
        raise DataError(
            f"{path} is one .txt file; a folder of them was expected.",
            hint="Give the folder (one document a file), or make it a .jsonl file with one object a line.",
        )
    return chosen or _told(source)


def _told(source: Source) -> Format:
    """The format that the first bytes show, or else the name."""
    suffixes = [suffix.lower() for suffix in source.path.suffixes]
    if suffixes and suffixes[-1] in PACKED_SUFFIXES:
        suffixes.pop()
    named = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    try:
        shows = source.kind()
        packed = source.is_packed()
    except OSError as error:
        raise cannot_open(source.called, error) from error
    file = quote(source.path.name)
    if packed and named in {"parquet", "excel"}:
        raise DataError(f"{source.called} is compressed.", hint=f"Unpack it first: gunzip -k {file}")
    if shows == "parquet" and source.is_stdin:
        raise DataError("A Parquet file cannot be read from standard input.", hint="Give its path.")
    if shows in {"parquet", "excel"}:
        if suffixes[-1:] == [".zip"]:
            raise DataError(f"{source.called} is an archive.", hint=f"Unpack it first: unzip {file}")
        return cast("Format", shows)
    if named is None and shows is None:
        raise DataError(
            f"{source.called}: neither the name nor the content says what kind of file it is.",
            hint=f"Say it with --format {'|'.join(get_args(Format))}.",
        )
    return named or "jsonl"


def check_options(kind: Kind, columns: Columns, labels: Collection[str] | None) -> None:
    """Raise UsageError unless the options fit the format."""
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
