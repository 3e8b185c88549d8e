"""Which kind of file it is: by its first bytes, by its name, or by what was declared."""

from __future__ import annotations

from shlex import quote
from typing import Literal, cast, get_args

from rpsg.errors import DataError, UsageError
from rpsg.storage.readers import jsonl, memory
from rpsg.storage.readers.columns import nameable
from rpsg.storage.readers.encodings import codec_of, wide_encoding
from rpsg.storage.readers.separators import SEPARATORS, names_of
from rpsg.storage.readers.source import PACKED_SUFFIXES, Source
from rpsg.storage.readers.text import cannot_open, no_file

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


def kind_of(source: Source, chosen: Format | None) -> Kind:
    """The kind of a file, or the one that was ``chosen``.

    Raises:
        DataError: there is no such file, or nothing says what it is.
        UsageError: there is no such format or encoding.
    """
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
        raise no_file(path)
    if source.is_stdin and chosen in {"txt", "parquet"}:
        raise _not_from_standard_input(chosen)
    kind = chosen or _told(source)
    if chosen in {"jsonl", "csv", "tsv", "txt"} and (shows := _shown(source)) is not None:
        what = {"parquet": "a Parquet file", "excel": "an Excel workbook"}[shows]
        raise DataError(f"{source.called} is {what}, not {chosen}.", hint="Leave --format out.")
    if kind == "txt":
        raise _one_text(source)
    if kind != "jsonl":  # it begins with a row
        _check_other(source)
    return kind


def _check_other(source: Source) -> None:
    """Raise DataError for a file whose first bytes show a kind of file that RPSG does not read."""
    try:
        found = source.is_other()
    except OSError as error:
        raise cannot_open(source.called, error) from error
    if found is not None:
        raise DataError(f"{source.called} is {found[0]}.", hint=found[1])


def _shown(source: Source) -> str | None:
    try:
        return source.kind()
    except OSError as error:
        raise cannot_open(source.called, error) from error


def _told(source: Source) -> Format:
    """The format that the first bytes show; else that of the name; else JSON Lines if any line is
    an object.
    """
    suffixes = _suffixes(source)
    named = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    shows = _shown(source)
    packed = source.is_packed()
    file = quote(source.path.name)
    if packed and named in {"parquet", "excel"}:
        raise DataError(f"{source.called} is compressed.", hint=f"Unpack it first: gunzip -k {file}")
    if shows == "parquet" and source.is_stdin:
        raise _not_from_standard_input("parquet")
    if shows in {"parquet", "excel"}:
        if suffixes[-1:] == [".zip"]:
            raise DataError(f"{source.called} is an archive.", hint=f"Unpack it first: unzip {file}")
        return cast("Format", shows)
    if suffixes[-1:] == [".txt"]:
        raise _one_text(source)
    if named is None and not jsonl.has_objects(source):
        _check_other(source)
        raise DataError(
            f"{source.called}: neither the name nor the content says what kind of file it is.",
            hint=f"If it is a plan, give it with --config {file}"
            if suffixes[-1:] == [".toml"]
            else _name_its_format(source),
        )
    return named or "jsonl"


def _suffixes(source: Source) -> list[str]:
    """The endings of the name, without that of a packed file."""
    suffixes = [suffix.lower() for suffix in source.path.suffixes]
    return suffixes[:-1] if suffixes and suffixes[-1] in PACKED_SUFFIXES else suffixes


def _one_text(source: Source) -> DataError:
    """The error of a file that by its name, or as declared, holds one text: what its first line looks like,
    and how to read it.
    """
    _check_other(source)
    start = source.start()
    line = start.decode(wide_encoding(start) or source.encoding or "utf-8-sig", "replace").lstrip()
    line = line.splitlines()[0] if line else ""
    sign = max(SEPARATORS, key=line.count)
    if jsonl.OBJECT.match(line):
        looks, form = "JSON", "jsonl"
    elif sign in line and nameable(names_of([line], sign)):
        looks, form = f"a table in which {SEPARATORS[sign]} separate the columns", "csv"
    else:
        looks, form = "", "csv"
    hint = f"It looks like {looks}: add" if looks else "If it is a table, add"
    named = quote(f"{source.path.stem}.{form}")
    return DataError(
        f"{source.path} is a single .txt file, but a folder of .txt files was expected.",
        hint=f"{hint} --format {form} to rpsg check, plan or run, or call it {named}. If it is one text, "
        "give the folder, with one document in each file.",
    )


def _name_its_format(source: Source) -> str:
    """What to do about a file of an unknown kind. Not every command has the option --format."""
    if source.is_stdin:
        return (
            "If it is a table, name its format: --format csv (or tsv). rpsg evaluate and rpsg audit have no "
            "such option: save it as a file with the right ending, such as .csv, and give its path."
        )
    return (
        "Give the file a name with the right ending (.jsonl, .csv, .tsv, .parquet or .xlsx), or name its "
        "format for rpsg plan, check and run: --format jsonl|csv|tsv|parquet|excel"
    )


def _not_from_standard_input(chosen: Format) -> DataError:
    if chosen == "txt":
        return DataError("A folder of .txt files cannot be read from standard input.", hint="Give its path.")
    return DataError("A Parquet file cannot be read from standard input.", hint="Give its path.")
